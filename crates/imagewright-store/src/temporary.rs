//! Where unfinished files go, and who may take them for abandoned.
//!
//! In the store every unfinished thing is held: locked by the process that makes it. Whatever is not held was left
//! by a killed process. A thing that was created but is not locked yet looks the same, so creating and sweeping
//! exclude each other by one more lock.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::StoreError;
use crate::files::{Attempt, if_found, open_lock, remove_tree};
use crate::unfinished::Unfinished;

/// How the names of unfinished things begin.
pub(crate) const PREFIX: &str = ".unfinished-";

/// A folder for unfinished files, on the file system they will stay on.
#[derive(Clone, Debug)]
pub(crate) struct Temporary {
    folder: PathBuf,
    /// The lock between those who create here and those who sweep; none where nobody sweeps.
    sweep_lock: Option<PathBuf>,
}

impl Temporary {
    /// A folder that is swept.
    pub(crate) fn swept(folder: PathBuf, sweep_lock: PathBuf) -> Self {
        Self { folder, sweep_lock: Some(sweep_lock) }
    }

    /// A folder of someone else's, in which nothing is swept.
    pub(crate) fn unswept(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), sweep_lock: None }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// An unfinished file, held by this process where it could be swept.
    pub(crate) fn file(&self) -> Result<Unfinished, StoreError> {
        let Some(_creating) = self.begin_creating()? else { return Unfinished::nameless(&self.folder) };
        let file = Unfinished::named(&self.folder)?;
        file.as_file().lock().attempt("lock", file.path())?;
        Ok(file)
    }

    /// An unfinished folder, which the caller is to hold while the returned lock lasts.
    pub(crate) fn folder_to_hold(&self) -> Result<(TempDir, Option<File>), StoreError> {
        let creating = self.begin_creating()?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(&self.folder)
            .attempt("create a folder in", &self.folder)?;
        Ok((folder, creating))
    }

    /// Puts `bytes` at `path` at once or not at all.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.file()?;
        file.write_all(bytes).attempt("write", path)?;
        file.persist(path)
    }

    /// The same, but after a crash of the machine there may be nothing, or an empty file.
    pub(crate) fn write_unflushed(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.file()?;
        file.write_all(bytes).attempt("write", path)?;
        file.persist_unflushed(path)
    }

    /// Puts `bytes` at `path` unless something is there.
    pub(crate) fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.file()?;
        file.write_all(bytes).attempt("write", path)?;
        file.persist_new(path)
    }

    /// Takes a folder from its place at once, and then removes it. What a killed process did not come to remove is
    /// swept. Only one process may do this at a time.
    pub(crate) fn discard(&self, path: &Path) -> Result<(), StoreError> {
        let name = path.file_name().expect("it lies in a folder").to_string_lossy();
        let target = self.folder.join(format!("{PREFIX}{name}"));
        // Nothing here is held, so that a full disk does not matter; instead nothing is swept meanwhile.
        let _creating = self.begin_creating()?;
        remove_tree(&target)?;
        match if_found(fs::rename(path, &target)).attempt("remove", path)? {
            Some(()) => remove_tree(&target),
            None => Ok(()),
        }
    }

    /// While the returned lock lasts nothing is swept.
    pub(crate) fn begin_creating(&self) -> Result<Option<File>, StoreError> {
        let Some(lock) = self.open_sweep_lock()? else { return Ok(None) };
        lock.lock_shared().attempt("lock", &self.folder)?;
        Ok(Some(lock))
    }

    /// While the returned lock lasts nothing is created; none where something is being created just now.
    pub(crate) fn begin_sweeping(&self) -> Result<Option<File>, StoreError> {
        let lock = self.open_sweep_lock()?;
        Ok(lock.filter(|lock| lock.try_lock().is_ok()))
    }

    fn open_sweep_lock(&self) -> Result<Option<File>, StoreError> {
        let Some(path) = &self.sweep_lock else { return Ok(None) };
        open_lock(path).map(Some)
    }
}

/// Whether a name is that of an unfinished thing of ours.
pub(crate) fn is_unfinished(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_all_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let temporary = Temporary::unswept(folder.path());
        temporary.write(&path, b"one").unwrap();
        temporary.write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_discarded_is_gone_with_what_was_left_of_it_before() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, gone) = (folder.path().join("kept"), folder.path().join("gone"));
        let left = folder.path().join(format!("{PREFIX}gone"));
        for path in [&kept, &gone.join("a/b"), &left.join("c")] {
            fs::create_dir_all(path).unwrap();
        }
        let temporary = Temporary::swept(folder.path().to_owned(), folder.path().join("lock"));
        temporary.discard(&gone).unwrap();
        assert!(kept.is_dir() && !gone.exists() && !left.exists());
        temporary.discard(&gone).unwrap();
    }

    #[test]
    fn creating_and_sweeping_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = Temporary::swept(folder.path().to_owned(), folder.path().join("lock"));
        let creating = temporary.begin_creating().unwrap();
        assert!(temporary.begin_sweeping().unwrap().is_none());
        let also = temporary.begin_creating().unwrap();
        drop(creating);
        assert!(temporary.begin_sweeping().unwrap().is_none());
        drop(also);
        assert!(temporary.begin_sweeping().unwrap().is_some());
    }
}
