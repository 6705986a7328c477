//! Folders that stay for later builds: `RUN --mount=type=cache`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use imagewright_dockerfile::{CacheSharing, IgnoreRules, MountKind};
use imagewright_oci::Digest;
use imagewright_sandbox::MountSource;
use imagewright_store::Lock;

use super::source::FilesOf;
use super::stages::Surroundings;
use super::transfer::{Given, transfer};
use super::write::{Look, Writer};
use crate::error::EngineError;
use crate::root_view::RootView;
use crate::step;

/// The folder of caches that commands asked for, among the caches.
const ROOM: &str = "mounts";

/// A cache that a command asked for.
pub(super) struct Cache<'a> {
    surroundings: &'a Surroundings<'a>,
    /// What tells it from others: its name, and what it begins with.
    key: Digest,
    sharing: CacheSharing,
    read_only: bool,
    mode: u32,
    owner: (u32, u32),
    /// What a new one begins with.
    beginning: Option<(&'a FilesOf<'a>, &'a str)>,
}

/// A cache in use.
pub(super) struct UsedCache {
    key: Digest,
    path: PathBuf,
    read_only: bool,
    /// Held until the command has ended.
    _lock: Option<Lock>,
}

impl UsedCache {
    /// Whether it is the one that a mount asks for.
    pub(super) fn is(&self, cache: &Cache<'_>) -> bool {
        self.key == cache.key
    }

    /// The same for a further mount of the command that has it.
    pub(super) fn again(&self, cache: &Cache<'_>) -> Self {
        let (key, path) = (self.key.clone(), self.path.clone());
        Self { key, path, read_only: cache.read_only, _lock: None }
    }

    /// What is mounted.
    pub(super) fn source(&self) -> MountSource {
        MountSource::Directory { path: self.path.clone(), read_only: self.read_only }
    }
}

impl<'a> Cache<'a> {
    /// The cache that a mount asks for; none where it asks for something else.
    pub(super) fn of(
        surroundings: &'a Surroundings<'a>,
        kind: &'a MountKind,
        files: Option<&'a FilesOf<'a>>,
    ) -> Option<Self> {
        let MountKind::Cache { id, source, sharing, read_only, mode, uid, gid, .. } = kind else {
            return None;
        };
        let beginning = files.zip(source.as_deref());
        let key = match beginning {
            None => step::key("cache-mount", id),
            Some((files, path)) => step::key("cache-mount-from", &(id, files.identity(), path)),
        };
        let (sharing, read_only, mode, owner) = (*sharing, *read_only, *mode, (*uid, *gid));
        Some(Self { surroundings, key, sharing, read_only, mode, owner, beginning })
    }

    /// Caches are taken in the order of this, so that no two commands wait for each other.
    pub(super) fn order(&self) -> &str {
        self.key.hex()
    }

    /// Takes it, waiting for its turn, and makes it where it is new.
    pub(super) fn take(&self) -> Result<UsedCache, EngineError> {
        let context = &self.surroundings.context;
        let store = context.site.store;
        let name = |copy: usize| match copy {
            0 => self.key.hex().to_owned(),
            copy => format!("{}-{copy}", self.key.hex()),
        };
        let waiting = || context.report.status("waiting for another build that uses the cache");
        let (name, lock) = match self.sharing {
            CacheSharing::Shared => (name(0), None),
            CacheSharing::Locked => {
                let lock = store.lock(&format!("cache-mount-{}", name(0)), waiting)?;
                (name(0), Some(lock))
            }
            CacheSharing::Private => {
                let mut copy = 0;
                loop {
                    if let Some(lock) = store.try_lock(&format!("cache-mount-{}", name(copy)))? {
                        break (name(copy), Some(lock));
                    }
                    copy += 1;
                }
            }
        };
        let path = store.cache_dir(ROOM)?.join(&name);
        if !path.is_dir() {
            let _making = store.lock(&format!("cache-mount-made-{name}"), waiting)?;
            if !path.is_dir() {
                self.make(&path)?;
            }
        }
        store.note_use(&path)?;
        Ok(UsedCache { key: self.key.clone(), path, read_only: self.read_only, _lock: lock })
    }

    /// Makes it beside its place, so that nobody finds half of what it begins with.
    fn make(&self, path: &Path) -> Result<(), EngineError> {
        let Surroundings { context, origin, .. } = self.surroundings;
        let scratch = context.site.store.scratch(&[])?;
        let room = scratch.room("cache")?;
        if let Some((files, source)) = self.beginning {
            let root = files.open(context.site, context.report)?;
            root.matches(origin, source)?;
            let mut writer = Writer::new(room.clone(), RootView::new(vec![room.clone()]), origin);
            let exclude = IgnoreRules::default();
            let given = Given { owner: None, mode: None, exclude: &exclude, epoch: context.epoch };
            let source = Path::new(source);
            let mut place = PathBuf::new();
            if root.find(source).is_some_and(|(_, metadata)| !metadata.is_dir()) {
                place.push(source.file_name().unwrap_or_default());
            }
            let above = Look { mode: 0o755, uid: 0, gid: 0, time: context.epoch };
            writer.folders(place.parent().unwrap_or(Path::new("")), above)?;
            transfer(&mut writer, &root, origin, source, &place, given)?;
            writer.finish()?;
        }
        chown(&room, Some(self.owner.0), Some(self.owner.1))
            .map_err(EngineError::io("change the owner of", &room))?;
        fs::set_permissions(&room, Permissions::from_mode(self.mode))
            .map_err(EngineError::io("change the mode of", &room))?;
        fs::rename(&room, path).map_err(EngineError::io("keep", path))
    }
}
