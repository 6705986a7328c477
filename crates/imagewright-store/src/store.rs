//! The store's folder and its rooms.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::collection::entries;
use crate::files::{Attempt, create_directory, remove_tree};
use crate::flushing::{self, Flusher};
use crate::layout::Layout;
use crate::repositories::{BuiltTags, Digesting};
use crate::temporary::Temporary;
use crate::unfinished::Unfinished;
use crate::{StoreError, collection, scratch};

/// The folders of a store that hold more than an image layout does.
const ROOMS: [&str; 9] =
    ["snapshots", "facts", "origins", "repositories", "keys", "locks", "cache", "tools", "tmp"];
/// Rooms whose files keep the owners and set-user-id bits of images: nobody else may reach them.
const PRIVATE_ROOMS: [&str; 3] = ["keys", "snapshots", "tmp"];

/// The content store. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    layout: Layout,
    flusher: Flusher,
    built: BuiltTags,
    digesting: Digesting,
}

impl Store {
    /// Opens the store in `root`, making what is missing, and removes what killed processes left unfinished.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        create_directory(root)?;
        let root = fs::canonicalize(root).attempt("find", root)?;
        Layout::refuse_foreign_folder(&root, &ROOMS)?;
        for room in ROOMS {
            create_directory(&root.join(room))?;
        }
        for room in PRIVATE_ROOMS {
            let path = root.join(room);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
                .attempt("change the mode of", &path)?;
        }
        let layout = Layout::create(&root, Temporary::swept(root.join("tmp"), root.join("locks/sweep")))?;
        // A layout without an index is none for other tools.
        layout.update_index(|_| Ok(()))?;
        let (flusher, built, digesting) = Default::default();
        let store = Self { inner: Arc::new(Inner { root, layout, flusher, built, digesting }) };
        // Made while there is room: on a full disk, a collection must be able to take it.
        collection::make_lock(&store)?;
        scratch::sweep(&store)?;
        Ok(store)
    }

    /// The store's folder, absolute.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The folder for programs that the store's user put there, such as `uv`.
    pub fn tools_dir(&self) -> PathBuf {
        self.room("tools")
    }

    /// A folder for a package manager's downloads, made where it is missing.
    pub fn cache_dir(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.room("cache").join(name);
        create_directory(&path)?;
        Ok(path)
    }

    /// Notes that a folder of a cache is used just now, so that a collection leaves it alone for a while.
    pub fn note_use(&self, folder: &Path) -> Result<(), StoreError> {
        let times = FileTimes::new().set_modified(SystemTime::now());
        File::open(folder).and_then(|open| open.set_times(times)).attempt("date", folder)
    }

    /// A folder for files that are made of downloads and that no one waits to have on disk. It serves one boot of the
    /// machine; those of earlier boots are removed. None where the kernel does not tell boots apart.
    pub fn boot_cache_dir(&self, name: &str) -> Result<Option<PathBuf>, StoreError> {
        let Some(boot) = flushing::boot_id() else { return Ok(None) };
        let room = self.cache_dir(name)?;
        for folder in entries(&room)? {
            if *folder.file_name() != *boot {
                remove_tree(&folder.path())?;
            }
        }
        let path = room.join(boot);
        create_directory(&path)?;
        Ok(Some(path))
    }

    /// A file without a name, for what is read again and then not wanted any more.
    pub fn spool(&self) -> Result<File, StoreError> {
        Ok(Unfinished::nameless(self.inner.layout.temporary().folder())?.into_file())
    }

    /// The folder that snapshots' paths are relative to.
    pub fn snapshots_dir(&self) -> PathBuf {
        self.room("snapshots")
    }

    pub(crate) fn room(&self, name: &str) -> PathBuf {
        self.inner.root.join(name)
    }

    pub(crate) fn flusher(&self) -> &Flusher {
        &self.inner.flusher
    }

    pub(crate) fn built_cache(&self) -> &BuiltTags {
        &self.inner.built
    }

    pub(crate) fn digesting(&self) -> &Digesting {
        &self.inner.digesting
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }
}
