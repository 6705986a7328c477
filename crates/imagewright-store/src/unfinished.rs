//! A file that has no name yet, or one by which it is known as unfinished.
//!
//! In the store, unfinished files have names and are swept when their process is gone. In the folders of others nobody
//! sweeps: there the file has no name at all until it is complete, so that a killed process leaves nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;
use tempfile::TempPath;

use crate::StoreError;
use crate::files::{Attempt, parent, sync_directory};
use crate::temporary::PREFIX;

/// The permissions of finished files, before the umask.
const MODE: u32 = 0o644;

/// A file in the making. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Unfinished {
    file: File,
    name: Option<TempPath>,
    folder: PathBuf,
}

impl Unfinished {
    /// A file with a name in `folder`.
    pub(crate) fn named(folder: &Path) -> Result<Self, StoreError> {
        let (file, name) = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(MODE))
            .tempfile_in(folder)
            .attempt("create a file in", folder)?
            .into_parts();
        Ok(Self { file, name: Some(name), folder: folder.to_owned() })
    }

    /// A file without a name, on the file system of `folder`; one with a name where that cannot be.
    pub(crate) fn nameless(folder: &Path) -> Result<Self, StoreError> {
        let flags = OFlag::O_TMPFILE.bits();
        let opened = File::options().read(true).write(true).custom_flags(flags).mode(MODE).open(folder);
        match opened {
            Ok(file) if name_of(&file).exists() => Ok(Self { file, name: None, folder: folder.to_owned() }),
            // Whatever it was, the other way tells or does without.
            _ => Self::named(folder),
        }
    }

    /// The file.
    pub(crate) fn as_file(&self) -> &File {
        &self.file
    }

    /// What errors call it.
    pub(crate) fn path(&self) -> &Path {
        self.name.as_deref().unwrap_or(&self.folder)
    }

    /// The file, which ends with the last of its descriptors.
    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// Flushes it, puts it at `path`, replacing what is there, and makes that survive a crash.
    pub(crate) fn persist(self, path: &Path) -> Result<(), StoreError> {
        self.file.sync_all().attempt("flush", path)?;
        self.persist_unflushed(path)?;
        sync_directory(parent(path))
    }

    /// Puts it at `path`, replacing what is there.
    pub(crate) fn persist_unflushed(self, path: &Path) -> Result<(), StoreError> {
        match self.name {
            Some(name) => name.persist(path).map_err(|error| error.error).attempt("create", path)?,
            None => replace(&self.file, &self.folder, path).attempt("create", path)?,
        }
        Ok(())
    }

    /// The same, unless something is there.
    pub(crate) fn persist_new(self, path: &Path) -> Result<(), StoreError> {
        self.file.sync_all().attempt("flush", path)?;
        let persisted = match self.name {
            Some(name) => name.persist_noclobber(path).map_err(|error| error.error),
            None => link(&self.file, path),
        };
        match persisted {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            persisted => {
                persisted.attempt("create", path)?;
                sync_directory(parent(path))
            }
        }
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Gives a nameless file the name `path`. A name cannot be given twice, so where there is one the file first gets
/// another, and then takes its place.
fn replace(file: &File, folder: &Path, path: &Path) -> io::Result<()> {
    match link(file, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => return linked,
    }
    let beside = tempfile::Builder::new().prefix(PREFIX).make_in(folder, |name| link(file, name))?;
    beside.into_temp_path().persist(path).map_err(|error| error.error)
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(AT_FDCWD, &name_of(file), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?)
}

/// The name by which the kernel knows a file without one.
fn name_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Make = fn(&Path) -> Result<Unfinished, StoreError>;
    const KINDS: [Make; 2] = [Unfinished::named, Unfinished::nameless];

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_replaces_what_is_there_and_leaves_nothing_beside_it() {
        for make in KINDS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            for text in ["one", "two"] {
                let mut file = make(folder.path()).unwrap();
                file.write_all(text.as_bytes()).unwrap();
                file.persist(&path).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
                assert_eq!(names(folder.path()), ["file"]);
            }
            make(folder.path()).unwrap().persist_new(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "two", "a new file replaces nothing");
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7600, 0o600, "its owner reads and writes it");
        }
    }

    #[test]
    fn a_file_that_is_dropped_is_gone() {
        for make in KINDS {
            let folder = tempfile::tempdir().unwrap();
            let mut file = make(folder.path()).unwrap();
            file.write_all(b"half").unwrap();
            drop(file);
            assert!(names(folder.path()).is_empty());
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Unfinished::nameless(Path::new("/no/such/folder")).unwrap_err();
        assert_eq!(error.to_string(), "could not create a file in `/no/such/folder`");
    }
}
