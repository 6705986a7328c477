//! Scratch folders: room for a step of a build, held by the process that runs it.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use imagewright_model::ErrorKind;
use imagewright_oci::ChainId;

use crate::files::{Attempt, if_found, is_occupied, remove_tree};
use crate::flushing::{self, Trust};
use crate::overlay::metadata::copy_directory_metadata;
use crate::temporary::is_unfinished;
use crate::{Store, StoreError};

/// The file inside a scratch folder that its owner holds locked.
const HOLD: &str = ".lock";

/// A folder for the upper and work directories of an overlay, on the file system of the snapshots.
///
/// It is removed when this is dropped, or by the next start when the process is killed.
#[derive(Debug)]
pub struct Scratch {
    store: Store,
    folder: PathBuf,
    _hold: File,
}

impl Store {
    /// Makes a scratch folder for a step on top of `below`: snapshots, top first, as [`Store::ensure_snapshot`]
    /// returns them. The upper directory gets the metadata of the root directory below, because an overlay shows
    /// the upper one's.
    pub fn scratch(&self, below: &[PathBuf]) -> Result<Scratch, StoreError> {
        let scratch = Scratch::create(self)?;
        if let Some(top) = below.first() {
            let top = self.snapshots_dir().join(top);
            copy_directory_metadata(&top, &scratch.upper()).attempt("copy the metadata of", &top)?;
        }
        Ok(scratch)
    }
}

impl Scratch {
    fn create(store: &Store) -> Result<Self, StoreError> {
        let (folder, _creating) = store.layout().temporary().folder_to_hold()?;
        let path = folder.path().join(HOLD);
        let hold = File::create(&path).attempt("create", &path)?;
        hold.lock().attempt("lock", &path)?;
        let scratch = Self { store: store.clone(), folder: folder.keep(), _hold: hold };
        fs::create_dir(scratch.snapshot()).attempt("create the folder", &scratch.snapshot())?;
        flushing::mark(&scratch.snapshot())?;
        for directory in [scratch.upper(), scratch.work()] {
            fs::create_dir(&directory).attempt("create the folder", &directory)?;
        }
        let upper = scratch.upper();
        fs::set_permissions(&upper, fs::Permissions::from_mode(0o755))
            .attempt("change the mode of", &upper)?;
        Ok(scratch)
    }

    /// The directory that takes changes.
    pub fn upper(&self) -> PathBuf {
        self.snapshot().join("fs")
    }

    /// The directory the kernel wants beside it.
    pub fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// Another directory beside them, for what goes with the step; `name` is the caller's choice.
    pub fn room(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.folder.join("rooms").join(name);
        fs::create_dir_all(&path).attempt("create the folder", &path)?;
        Ok(path)
    }

    fn snapshot(&self) -> PathBuf {
        self.folder.join("snapshot")
    }

    /// Makes the upper directory the snapshot of `chain`, unless there is one already. It does not wait for the disk:
    /// see `flushing`.
    pub fn commit_as(self, chain: &ChainId) -> Result<(), StoreError> {
        let store = self.store.clone();
        let name = chain.digest().hex();
        let _lock = store.lock_snapshot(name)?;
        self.commit_locked(name)
    }

    /// The same for who holds the lock of the snapshot of this name.
    pub(crate) fn commit_locked(self, name: &str) -> Result<(), StoreError> {
        flushing::finish(&self.snapshot())?;
        let target = self.store.snapshots_dir().join(name);
        if self.store.trust(name)? == Some(Trust::Stale) {
            remove_snapshot(&self.store, &target)?;
        }
        match fs::rename(self.snapshot(), &target) {
            Err(error) if is_occupied(&error) => Ok(()),
            renamed => {
                renamed.attempt("create the snapshot", &target)?;
                self.store.flusher().begin(&target)
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A drop cannot report; what it fails to remove, the next start removes, and reports.
        let _ = remove_held_folder(&self.store, &self.folder);
    }
}

/// Removes a snapshot that nobody uses: first its name, at once, so that half of it is never taken for all.
pub(crate) fn remove_snapshot(store: &Store, snapshot: &Path) -> Result<(), StoreError> {
    store.layout().temporary().discard(snapshot)
}

/// Removes what nobody holds from `tmp/`. Where another process is creating something just now, it does nothing:
/// the next start will.
pub(crate) fn sweep(store: &Store) -> Result<(), StoreError> {
    let temporary = store.layout().temporary();
    let Some(sweeping) = temporary.begin_sweeping()? else { return Ok(()) };
    let mut abandoned = Vec::new();
    for entry in fs::read_dir(temporary.folder()).attempt("list", temporary.folder())? {
        let entry = entry.attempt("list", temporary.folder())?;
        if is_unfinished(&entry.file_name()) {
            abandoned.extend(unless_refused(hold_abandoned(&entry.path()))?.flatten());
        }
    }
    // From here on each folder is held by us, so the slow part hinders nobody.
    drop(sweeping);
    for (folder, _hold) in &abandoned {
        unless_refused(remove_held_folder(store, folder))?;
    }
    Ok(())
}

/// What an ordinary user left from inside a user namespace, only that user can remove from inside one.
fn unless_refused<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Err(error) if error.kind() == ErrorKind::Denied => Ok(None),
        result => result.map(Some),
    }
}

/// Removes `path` if it is an abandoned file or an empty folder; takes hold of it if it is an abandoned folder.
fn hold_abandoned(path: &Path) -> Result<Option<(PathBuf, File)>, StoreError> {
    let is_folder = match if_found(fs::symlink_metadata(path)).attempt("look at", path)? {
        None => return Ok(None),
        Some(found) => found.is_dir(),
    };
    let hold = if is_folder { path.join(HOLD) } else { path.to_owned() };
    let Some(file) = if_found(File::open(&hold)).attempt("open", &hold)? else {
        // The lock is the first thing a folder gets and the last it loses.
        remove_tree(path)?;
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) if is_folder => Ok(Some((path.to_owned(), file))),
        Ok(()) => remove_tree(path).map(|()| None),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(source).attempt("lock", &hold),
    }
}

/// Removes a folder whose lock the caller holds, the lock last.
fn remove_held_folder(store: &Store, folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).attempt("list", folder)? {
        let entry = entry.attempt("list", folder)?;
        if entry.file_name() != HOLD {
            remove_tree(&entry.path())?;
        }
    }
    let _creating = store.layout().temporary().begin_creating()?;
    remove_tree(folder)
}
