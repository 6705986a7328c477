//! Collection: frees what no image names and nobody has used for a while.
//!
//! Whoever makes or reads images holds a [`Lease`] meanwhile; a collection waits until there is none and lets none
//! begin until it is done. So it never sees a layer that is written but not yet named.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirEntry, File, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use imagewright_oci::{ChainId, Descriptor, Digest};
use serde::Serialize;
use serde_json::Value;

use crate::files::{Attempt, if_found, open_lock};
use crate::flushing::{self, Trust};
use crate::scratch::remove_snapshot;
use crate::snapshots::chain_of;
use crate::{Store, StoreError, index, origins};

/// The lock between those who use images and a collection.
const LEASE_LOCK: &str = "locks/lease";
/// Larger blobs are no documents that name others.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// Keeps collections away until it is dropped.
#[derive(Debug)]
#[must_use = "a collection may begin when this is dropped"]
pub struct Lease {
    _file: File,
}

/// What a collection may free.
#[derive(Clone, Debug)]
pub struct CollectionRules {
    /// Results of steps, solutions and downloads go when nobody has used them for this long.
    pub unused_for: Duration,
    /// The most the store may hold, in bytes; the least recently used goes first. Images that have a place in the
    /// list always stay.
    pub size_budget: Option<u64>,
    /// Only tell what would go.
    pub dry_run: bool,
}

/// How much of something there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What a collection freed, or would free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Blobs that no image and no remembered step names.
    pub blobs: Tally,
    /// Unpacked layers of no image.
    pub snapshots: Tally,
    /// Remembered steps and solutions.
    pub facts: Tally,
    /// Downloads.
    pub downloads: Tally,
    /// Bytes the store holds afterwards.
    pub remaining: u64,
}

impl Collected {
    /// Bytes freed in all.
    pub fn freed(&self) -> u64 {
        [self.blobs, self.snapshots, self.facts, self.downloads].iter().map(|tally| tally.bytes).sum()
    }
}

impl Store {
    /// Keeps collections away while images are made or read. Where one is going on, calls `on_wait` and waits.
    pub fn lease(&self, on_wait: impl FnOnce()) -> Result<Lease, StoreError> {
        let (path, file) = self.lease_file()?;
        if file.try_lock_shared().is_err() {
            on_wait();
            file.lock_shared().attempt("lock", &path)?;
        }
        Ok(Lease { _file: file })
    }

    /// Frees what `rules` allow. Where images are being made or read, calls `on_wait` and waits for that to end. What would be
    /// freed is told at once: it may count what an image that is being made is about to name.
    pub fn collect(&self, rules: &CollectionRules, on_wait: impl FnOnce()) -> Result<Collected, StoreError> {
        if rules.dry_run {
            let _lease = self.lease(on_wait)?;
            return Collection::survey(self, rules)?.carry_out();
        }
        let (path, file) = self.lease_file()?;
        if file.try_lock().is_err() {
            on_wait();
            file.lock().attempt("lock", &path)?;
        }
        self.sweep_repositories()?;
        Collection::survey(self, rules)?.carry_out()
    }

    fn lease_file(&self) -> Result<(PathBuf, File), StoreError> {
        let path = self.room(LEASE_LOCK);
        let file = open_lock(&path)?;
        Ok((path, file))
    }
}

/// Makes the lock that everybody needs who makes images, reads them or collects.
pub(crate) fn make_lock(store: &Store) -> Result<(), StoreError> {
    store.lease_file().map(|_| ())
}

/// The rooms of the caches in which each entry is a folder for itself.
const WHOLE_FOLDERS: [&str; 2] = ["mounts", "git"];

/// A remembered fact and what it names.
struct Fact {
    path: PathBuf,
    size: u64,
    used: SystemTime,
    names: Vec<Digest>,
}

/// A downloaded file, or a folder that only goes as a whole.
struct Download {
    path: PathBuf,
    is_folder: bool,
    size: u64,
    used: SystemTime,
}

/// Everything there is, and what of it must stay.
struct Collection<'a> {
    store: &'a Store,
    rules: &'a CollectionRules,
    now: SystemTime,
    /// Sizes of all blobs.
    blobs: BTreeMap<Digest, u64>,
    /// Blobs of listed images.
    live: HashSet<Digest>,
    live_chains: HashSet<String>,
    facts: Vec<Fact>,
    downloads: Vec<Download>,
}

impl<'a> Collection<'a> {
    fn survey(store: &'a Store, rules: &'a CollectionRules) -> Result<Self, StoreError> {
        let (blobs, facts, downloads) = (all_blobs(store)?, all_facts(store)?, all_downloads(store)?);
        let (live, live_chains) = (HashSet::new(), HashSet::new());
        let now = SystemTime::now();
        let mut collection = Self { store, rules, now, blobs, live, live_chains, facts, downloads };
        for (image, _) in index::images(&store.layout().index()?) {
            collection.keep_image(&image);
        }
        collection.live.extend(store.blobs_of_repositories()?);
        // The most recently used last: that is the end where keeping begins.
        collection.facts.sort_by_key(|fact| fact.used);
        collection.downloads.sort_by_key(|download| download.used);
        Ok(collection)
    }

    /// Marks everything of a listed image. What is missing or damaged is for `fsck` to tell.
    fn keep_image(&mut self, image: &Descriptor) {
        self.live.insert(image.digest.clone());
        let Ok(documents) = self.store.image(image) else { return };
        self.live.insert(documents.manifest.config.digest.clone());
        self.live.extend(documents.manifest.layers.iter().map(|layer| layer.digest.clone()));
        let chains = ChainId::stack(&documents.config.rootfs.diff_ids);
        self.live_chains.extend(chains.iter().map(|chain| chain.digest().hex().to_owned()));
    }

    fn carry_out(mut self) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        let snapshots = self.free_snapshots(&mut collected)?;
        let mut kept = self.live.clone();
        let live: u64 = self.size_of(&kept);
        let budget = self.rules.size_budget.map(|budget| budget.saturating_sub(live + snapshots));
        let mut room = budget;
        for fact in std::mem::take(&mut self.facts).into_iter().rev() {
            let more: HashSet<Digest> =
                fact.names.iter().filter(|name| !kept.contains(*name)).cloned().collect();
            let size = fact.size + self.size_of(&more);
            if self.may_stay(fact.used, size, &mut room) {
                kept.extend(more);
            } else {
                collected.facts.add(fact.size);
                self.remove_file(&fact.path)?;
            }
        }
        for download in std::mem::take(&mut self.downloads).into_iter().rev() {
            if self.may_stay(download.used, download.size, &mut room) {
                collected.remaining += download.size;
            } else {
                collected.downloads.add(download.size);
                self.remove_download(&download)?;
            }
        }
        for (digest, size) in &self.blobs {
            if kept.contains(digest) {
                collected.remaining += size;
            } else {
                collected.blobs.add(*size);
                self.remove_file(&self.store.blob_path(digest))?;
            }
        }
        self.free_origins(&kept)?;
        collected.remaining += snapshots;
        Ok(collected)
    }

    /// Whether something is recent enough and fits; what fits takes its room.
    fn may_stay(&self, used: SystemTime, size: u64, room: &mut Option<u64>) -> bool {
        let idle = self.now.duration_since(used).unwrap_or_default();
        let fits = room.is_none_or(|room| size <= room);
        let stays = idle <= self.rules.unused_for && fits;
        if let Some(room) = room.as_mut().filter(|_| stays) {
            *room -= size;
        }
        stays
    }

    /// Frees unpacked layers of no image, and those that a crash may have damaged. Gives the bytes of those that stay.
    fn free_snapshots(&self, collected: &mut Collected) -> Result<u64, StoreError> {
        let mut staying = 0;
        let folder = self.store.snapshots_dir();
        for entry in entries(&folder)? {
            let size = tree_size(&entry.path())?;
            let is_whole = flushing::trust(&entry.path())? != Trust::Stale;
            if is_whole && self.live_chains.contains(chain_of(&entry.file_name().to_string_lossy())) {
                staying += size;
                continue;
            }
            collected.snapshots.add(size);
            if !self.rules.dry_run {
                remove_snapshot(self.store, &entry.path())?;
            }
        }
        Ok(staying)
    }

    /// Forgets where layers can be had that nothing names any more.
    fn free_origins(&self, kept: &HashSet<Digest>) -> Result<(), StoreError> {
        let kept: HashSet<PathBuf> = kept.iter().map(|digest| self.store.origin_path(digest)).collect();
        for algorithm in entries(&self.store.room(origins::ROOM))? {
            for entry in entries(&algorithm.path())? {
                if !kept.contains(&entry.path()) {
                    self.remove_file(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    fn size_of(&self, digests: &HashSet<Digest>) -> u64 {
        digests.iter().filter_map(|digest| self.blobs.get(digest)).sum()
    }

    fn remove_download(&self, download: &Download) -> Result<(), StoreError> {
        match download.is_folder {
            true if self.rules.dry_run => Ok(()),
            true => self.store.layout().temporary().discard(&download.path),
            false => self.remove_file(&download.path),
        }
    }

    fn remove_file(&self, path: &Path) -> Result<(), StoreError> {
        if self.rules.dry_run {
            return Ok(());
        }
        if_found(fs::remove_file(path)).attempt("remove", path).map(|_| ())
    }
}

fn all_blobs(store: &Store) -> Result<BTreeMap<Digest, u64>, StoreError> {
    let mut blobs = BTreeMap::new();
    for algorithm in entries(&store.room("blobs"))? {
        let name = algorithm.file_name().to_string_lossy().into_owned();
        for blob in entries(&algorithm.path())? {
            // What is no digest is not ours to remove.
            if let Ok(digest) = format!("{name}:{}", blob.file_name().to_string_lossy()).parse() {
                blobs.insert(digest, metadata(&blob)?.len());
            }
        }
    }
    Ok(blobs)
}

fn all_facts(store: &Store) -> Result<Vec<Fact>, StoreError> {
    let mut facts = Vec::new();
    for kind in entries(&store.room("facts"))? {
        for entry in entries(&kind.path())? {
            let (path, metadata) = (entry.path(), metadata(&entry)?);
            let bytes = fs::read(&path).attempt("read", &path)?;
            let mut names = Vec::new();
            digests_in(&serde_json::from_slice(&bytes).unwrap_or(Value::Null), &mut names);
            names_of_documents(store, &mut names);
            facts.push(Fact { path, size: metadata.len(), used: modified(&metadata), names });
        }
    }
    Ok(facts)
}

/// Adds what the documents among `names` name themselves: a manifest its configuration and layers.
fn names_of_documents(store: &Store, names: &mut Vec<Digest>) {
    for position in 0..names.len() {
        let path = store.blob_path(&names[position]);
        let is_small = fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= LARGEST_DOCUMENT);
        let document = is_small.then(|| fs::read(&path).ok()).flatten();
        if let Some(document) = document.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            digests_in(&document, names);
        }
    }
}

pub(crate) fn digests_in(value: &Value, found: &mut Vec<Digest>) {
    match value {
        Value::String(text) => found.extend(text.parse()),
        Value::Array(values) => values.iter().for_each(|value| digests_in(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| digests_in(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Files of the caches that stand for themselves: packages, what was made of them, and package lists. The others belong to programs that
/// keep their own books.
fn all_downloads(store: &Store) -> Result<Vec<Download>, StoreError> {
    let mut downloads = Vec::new();
    let mut folders = ["bootstrap", "conda", "conda-index", "downloads", "names", "wheels"]
        .map(|name| store.room("cache").join(name))
        .to_vec();
    for distribution in entries(&store.room("cache/apt"))? {
        folders.push(distribution.path().join("archives"));
    }
    folders.extend(entries(&store.room("cache/apt-plain"))?.iter().map(DirEntry::path));
    for folder in folders {
        for entry in entries(&folder)? {
            let metadata = metadata(&entry)?;
            if metadata.is_file() {
                let (size, used) = (metadata.len(), modified(&metadata));
                downloads.push(Download { path: entry.path(), is_folder: false, size, used });
            }
        }
    }
    // Caches that commands asked for, and repositories: whoever uses one dates it.
    for room in WHOLE_FOLDERS {
        for entry in entries(&store.room("cache").join(room))? {
            let (size, used) = (tree_size(&entry.path())?, modified(&metadata(&entry)?));
            downloads.push(Download { path: entry.path(), is_folder: true, size, used });
        }
    }
    Ok(downloads)
}

/// The entries of a folder; none where there is no such folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<DirEntry>, StoreError> {
    match if_found(fs::read_dir(folder)).attempt("list", folder)? {
        Some(entries) => entries.map(|entry| entry.attempt("list", folder)).collect(),
        None => Ok(Vec::new()),
    }
}

pub(crate) fn metadata(entry: &DirEntry) -> Result<Metadata, StoreError> {
    entry.metadata().attempt("look at", &entry.path())
}

fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Bytes of the files in a tree.
fn tree_size(path: &Path) -> Result<u64, StoreError> {
    let metadata = fs::symlink_metadata(path).attempt("look at", path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    entries(path)?.iter().map(|entry| tree_size(&entry.path())).sum()
}
