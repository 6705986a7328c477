//! Files and folders, with errors that say what was done to which path.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Adds to an error of the operating system what was attempted, and on which path.
pub(crate) trait Attempt<T> {
    /// `action` completes the sentence "could not … `path`".
    fn attempt(self, action: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn attempt(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::Io { action, path: path.to_owned(), source: error.into() })
    }
}

/// Turns "there is none" into `None`.
pub(crate) fn if_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a directory and those above it.
pub(crate) fn create_directory(path: &Path) -> Result<(), StoreError> {
    match fs::create_dir_all(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            Err(StoreError::NotAFolder { path: path.to_owned() })
        }
        created => created.attempt("create the folder", path),
    }
}

/// Opens the file of a lock, which lies in a folder of the store's; makes it where it is missing.
pub(crate) fn open_lock(path: &Path) -> Result<File, StoreError> {
    match File::options().create(true).truncate(false).write(true).open(path) {
        // The folder was there when the store was opened.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::Vanished { root: parent(parent(path)).to_owned() })
        }
        opened => opened.attempt("open the lock", path),
    }
}

/// Makes the names in a directory survive a crash.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|directory| directory.sync_all()).attempt("flush the folder", path)
}

/// The folder a path lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removes a file, or a directory with all it holds, however deep; what is gone already is no error.
///
/// Directories are moved up beside their parent before they are emptied, so neither the depth of the tree nor the
/// length of its paths matters, and only one directory is open at a time.
pub(crate) fn remove_tree(path: &Path) -> Result<(), StoreError> {
    remove_tree_inner(path).attempt("remove", path)
}

fn remove_tree_inner(path: &Path) -> io::Result<()> {
    match if_found(fs::symlink_metadata(path))? {
        None => return Ok(()),
        Some(found) if !found.is_dir() => return if_found(fs::remove_file(path)).map(drop),
        Some(_) => {}
    }
    let mut moved = 0_u64;
    let mut remaining = empty_directory(path, path, &mut moved)?;
    while let Some(directory) = remaining.pop() {
        remaining.extend(empty_directory(&directory, path, &mut moved)?);
        if_found(fs::remove_dir(&directory))?;
    }
    if_found(fs::remove_dir(path)).map(drop)
}

/// Removes the files of `directory` and moves its folders into `top`; returns where they are now.
fn empty_directory(directory: &Path, top: &Path, moved: &mut u64) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    let Some(entries) = if_found(fs::read_dir(directory))? else { return Ok(folders) };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            if_found(fs::remove_file(&path))?;
        } else if directory == top {
            folders.push(path);
        } else if let Some(folder) = move_up(&path, top, moved)? {
            folders.push(folder);
        }
    }
    Ok(folders)
}

fn move_up(path: &Path, top: &Path, moved: &mut u64) -> io::Result<Option<PathBuf>> {
    loop {
        let folder = top.join(format!(".remove-{moved}"));
        *moved += 1;
        match fs::rename(path, &folder) {
            Ok(()) => return Ok(Some(folder)),
            Err(error) if is_occupied(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Whether a rename failed because something is there already.
pub(crate) fn is_occupied(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::AlreadyExists | Kind::DirectoryNotEmpty | Kind::NotADirectory | Kind::IsADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_of_any_depth_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir(&top).unwrap();
        // Deeper than a path may be long: built from the inside out.
        for _ in 0..800 {
            let outer = folder.path().join("outer");
            fs::create_dir(&outer).unwrap();
            fs::write(outer.join(".remove-0"), "in the way").unwrap();
            fs::rename(&top, outer.join("inner")).unwrap();
            fs::rename(&outer, &top).unwrap();
        }
        remove_tree(&top).unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn what_is_not_a_directory_is_removed_itself() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        remove_tree(&link).unwrap();
        assert!(fs::symlink_metadata(&link).is_err());
        assert!(outside.join("file").exists());
        remove_tree(&folder.path().join("absent")).unwrap();
    }
}
