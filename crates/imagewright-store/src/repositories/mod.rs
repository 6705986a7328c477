//! Repositories of a registry that serves from this store: what each has of the blobs that all share.
//!
//! ```text
//! repositories/<key>/tags/<tag>                    the descriptor that a tag stands for
//! repositories/<key>/manifests/<algorithm>-<hex>   the descriptor of a manifest or index
//! repositories/<key>/blobs/<algorithm>-<hex>       the size of a blob that was pushed here
//! repositories/<key>/uploads/<id>                  what has come of an upload so far
//! ```
//!
//! A repository goes by a key that whoever serves it makes up, and never uses for another one: a name may be given
//! again, and what was pushed under it must not come back then. What images of the list are tagged as is not repeated here.
//!
//! A digest alone opens nothing: a blob is a repository's when it was pushed there, or when a manifest of the
//! repository names it. The first is a file to look for; the second is found out once and noted as the first is.

mod built;
mod care;
mod manifests;
mod uploads;

use std::fmt;
use std::fs::{self, FileTimes};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use imagewright_oci::Digest;

use crate::collection::entries;
use crate::files::{Attempt, create_directory, if_found};
use crate::{Store, StoreError};

pub(crate) use built::BuiltTags;
pub(crate) use care::Fault;
pub(crate) use uploads::Digesting;

pub use manifests::{StoredManifest, document_digests};
pub use uploads::{Upload, UploadId};

/// The room of these folders.
pub(crate) const ROOM: &str = "repositories";
/// How long an upload waits to be gone on with, and a pushed blob for a manifest that names it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// A blob that is asked for is noted as used when that was longer ago than this.
const NOTED_EVERY: Duration = Duration::from_secs(60 * 60);
const LONGEST_KEY: usize = 80;

/// What a repository goes by in the store: lower case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryKey(String);

impl FromStr for RepositoryKey {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !text.is_empty() && text.len() <= LONGEST_KEY && text.bytes().all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(StoreError::RepositoryKey { key: text.to_owned() })
    }
}

impl fmt::Display for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One repository. It need not be there yet.
#[derive(Clone, Debug)]
pub struct Repository {
    store: Store,
    key: RepositoryKey,
}

impl Store {
    /// The repository of a key.
    pub fn repository(&self, key: &RepositoryKey) -> Repository {
        Repository { store: self.clone(), key: key.clone() }
    }

    /// 32 bytes that all who use this store share, and that only its owner can read. `fresh` are kept where there are none.
    pub fn shared_key(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let path = self.room("keys").join(name);
        self.layout().temporary().write_new(&path, &fresh)?;
        let bytes = fs::read(&path).attempt("read", &path)?;
        bytes.try_into().map_err(|_| StoreError::Key { path })
    }

    /// The keys of all repositories.
    pub fn repository_keys(&self) -> Result<Vec<RepositoryKey>, StoreError> {
        let names = entries(&self.room(ROOM))?.into_iter().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.to_str()?.parse().ok()).collect())
    }
}

impl Repository {
    /// The key it goes by.
    pub fn key(&self) -> &RepositoryKey {
        &self.key
    }

    /// Whether a blob was pushed here, and its size. Who asks will use it, so it is kept for another while.
    pub fn blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let path = self.file("blobs", digest);
        let Some(text) = if_found(fs::read_to_string(&path)).attempt("read", &path)? else { return Ok(None) };
        // A crash may have left the name without its contents.
        let Ok(size) = text.parse() else { return Ok(None) };
        if !self.store.has_layer(digest) {
            return Ok(None);
        }
        if age(&path)?.is_none_or(|age| age > NOTED_EVERY) {
            let times = FileTimes::new().set_modified(SystemTime::now());
            if_found(fs::File::open(&path).and_then(|file| file.set_times(times))).attempt("date", &path)?;
        }
        Ok(Some(size))
    }

    /// Notes that a blob of the store is this repository's, too.
    pub fn link_blob(&self, digest: &Digest, size: u64) -> Result<(), StoreError> {
        create_directory(&self.room("blobs"))?;
        let path = self.file("blobs", digest);
        self.store.layout().temporary().write_unflushed(&path, size.to_string().as_bytes())
    }

    /// Forgets that a blob was pushed here; whether it was.
    pub fn unlink_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let path = self.file("blobs", digest);
        Ok(if_found(fs::remove_file(&path)).attempt("remove", &path)?.is_some())
    }

    /// Gives it another key, under which there must be nothing. What is missing is no error.
    pub fn rename(&self, key: &RepositoryKey) -> Result<(), StoreError> {
        let path = self.root();
        let renamed = fs::rename(&path, self.store.repository(key).root());
        if_found(renamed).attempt("rename", &path).map(drop)
    }

    /// Removes it with all tags, manifests and uploads. Blobs stay until they are collected.
    pub fn remove(&self) -> Result<(), StoreError> {
        match self.root().try_exists() {
            Ok(false) => Ok(()),
            _ => self.store.layout().temporary().discard(&self.root()),
        }
    }

    /// Whether nothing has been pushed here for a day.
    pub fn is_idle(&self) -> Result<bool, StoreError> {
        let mut folders = vec![self.root()];
        folders.extend(["tags", "manifests", "blobs", "uploads"].map(|name| self.room(name)));
        for folder in folders {
            if folder.exists() && age(&folder)?.is_none_or(|age| age <= PATIENCE) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn root(&self) -> PathBuf {
        self.store.room(ROOM).join(&self.key.0)
    }

    fn room(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn file(&self, room: &str, digest: &Digest) -> PathBuf {
        self.room(room).join(file_name(digest))
    }
}

fn file_name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm().name(), digest.hex())
}

/// The digest that a file here is named for.
fn digest_of(path: &Path) -> Option<Digest> {
    let (algorithm, hex) = path.file_name()?.to_str()?.split_once('-')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// How long ago something was changed; none where its time lies ahead.
fn age(path: &Path) -> Result<Option<Duration>, StoreError> {
    let Some(metadata) = if_found(fs::metadata(path)).attempt("look at", path)? else { return Ok(None) };
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(SystemTime::now().duration_since(modified).ok())
}
