//! Writing records so that nobody ever reads half of one, a crash loses none, and a running Elyra notices.
//!
//! A running Elyra keeps what it read until a file is modified in place or *deleted*; one that is replaced by an atomic rename
//! stays stale for ever. So a changed record is first written beside the old one, which gets a second name; then the old one
//! is deleted, and the new one takes its place. For that moment there is no record. A process that is killed just then
//! leaves both, and whoever opens the folder next puts the old one back: [`Writer::open`].
//!
//! Two of us take turns by an `flock` of the folder, or of a file in it where folders cannot be locked (NFS). Elyra locks nothing; its changes are noticed by the content, which must be
//! what was read before.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::read;
use crate::system::{make_folder, open_folder, own_file, sync_folder};

/// Names that neither Elyra nor anybody else takes for a record: they do not end in `.json`.
const NEW: &str = ".imagewright-new";
const OLD: &str = ".imagewright-old";
const LOCK: &str = ".imagewright-lock";

/// The right to change a folder, until it is dropped.
pub(crate) struct Writer {
    folder: PathBuf,
    directory: File,
    /// Held where the directory itself cannot be locked.
    _lock: Option<File>,
}

/// Why a file was not replaced.
pub(crate) enum NotReplaced {
    /// It is not what it was.
    Changed,
    /// The system said no.
    Io(io::Error),
}

impl From<io::Error> for NotReplaced {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Writer {
    /// Makes the folder where it is missing, waits until nobody else writes to it, and puts right what a process that was
    /// killed left there.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        if !folder.is_dir() {
            folder.parent().map_or(Ok(()), fs::create_dir_all)?;
            match make_folder(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => (),
            }
        }
        let directory = open_folder(folder)?;
        let _lock = match directory.lock() {
            Ok(()) => None,
            Err(_) => {
                let file = own_file().append(true).create(true).open(folder.join(LOCK))?;
                file.lock()?;
                Some(file)
            }
        };
        let writer = Self { folder: folder.to_path_buf(), directory, _lock };
        writer.repair()?;
        Ok(writer)
    }

    /// Writes a file that must not exist yet.
    pub(crate) fn create(&self, file: &str, content: &str) -> io::Result<()> {
        let new = self.write_beside(file, content)?;
        let path = self.folder.join(file);
        let placed = fs::hard_link(&new, &path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links.
            _ if !exists(&path) => fs::rename(&new, &path),
            _ => Err(io::ErrorKind::AlreadyExists.into()),
        });
        remove_if_there(&new)?;
        placed?;
        sync_folder(&self.directory)
    }

    /// Puts `content` in the place of a file that must still hold `expected`, where that is known.
    pub(crate) fn replace(
        &self,
        file: &str,
        content: &str,
        expected: Option<&[u8]>,
    ) -> Result<(), NotReplaced> {
        let path = self.folder.join(file);
        let (new, old) = (self.write_beside(file, content)?, self.beside(file, OLD));
        let mut is_removed = false;
        let replaced = keep(&path, &old).map_err(NotReplaced::Io).and_then(|()| {
            // What is deleted next is what was compared: both names are one file.
            match expected {
                Some(expected) if read::bytes(&path)? != expected => return Err(NotReplaced::Changed),
                _ => fs::remove_file(&path)?,
            }
            is_removed = true;
            Ok(fs::rename(&new, &path)?)
        });
        if replaced.is_err() && is_removed && !exists(&path) {
            fs::rename(&old, &path)?;
        }
        remove_if_there(&new)?;
        remove_if_there(&old)?;
        sync_folder(&self.directory)?;
        replaced
    }

    /// Deletes a file, or a folder in which nothing is.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path)?.is_dir() {
            true => fs::remove_dir(path)?,
            false => fs::remove_file(path)?,
        }
        sync_folder(&self.directory)
    }

    fn beside(&self, file: &str, suffix: &str) -> PathBuf {
        self.folder.join(format!(".{file}{suffix}"))
    }

    fn write_beside(&self, file: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.beside(file, NEW);
        let written = own_file().write(true).create_new(true).open(&path).and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(path),
            Err(error) => {
                remove_if_there(&path)?;
                Err(error)
            }
        }
    }

    /// A record is missing only where both its new and its old content are still there. Where the old one is alone, the
    /// change was done, and somebody has removed the record since.
    fn repair(&self) -> io::Result<()> {
        for file in interrupted(&self.folder)? {
            let (path, new, old) =
                (self.folder.join(&file), self.beside(&file, NEW), self.beside(&file, OLD));
            if !exists(&path) && exists(&new) && exists(&old) {
                fs::rename(&old, &path)?;
                sync_folder(&self.directory)?;
            }
            remove_if_there(&old)?;
            remove_if_there(&new)?;
        }
        Ok(())
    }
}

/// The files whose writing was interrupted, or goes on.
pub(crate) fn interrupted(folder: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let file = name.to_str().and_then(|name| {
            let name = name.strip_prefix('.')?;
            name.strip_suffix(NEW).or_else(|| name.strip_suffix(OLD))
        });
        files.extend(file.filter(|file| file.ends_with(".json")).map(str::to_owned));
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Gives a file a second name; on a file system without hard links, a copy.
fn keep(path: &Path, old: &Path) -> io::Result<()> {
    match fs::hard_link(path, old) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {
            Err(error)
        }
        Err(_) => {
            fs::copy(path, old)?;
            File::open(old)?.sync_all()
        }
        Ok(()) => Ok(()),
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn folders_and_files_belong_to_their_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a/b");
        Writer::open(&folder).unwrap().create("x.json", "1").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("x.json"))), (0o700, 0o600));
    }

    #[test]
    fn nothing_is_overwritten_that_is_not_known() {
        let temp = tempfile::tempdir().unwrap();
        let writer = Writer::open(temp.path()).unwrap();
        writer.create("x.json", "1").unwrap();
        assert_eq!(writer.create("x.json", "2").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::write(temp.path().join("x.json"), "other").unwrap();
        assert!(matches!(writer.replace("x.json", "2", Some(b"1")), Err(NotReplaced::Changed)));
        assert!(writer.replace("x.json", "2", Some(b"other")).is_ok());
        assert_eq!(fs::read_to_string(temp.path().join("x.json")).unwrap(), "2");
        assert_eq!(names(temp.path()), ["x.json"]);
    }

    /// Names of files and what is in them.
    type Files = &'static [(&'static str, &'static str)];

    #[test]
    fn every_point_at_which_a_process_is_killed_is_put_right() {
        // What there is, and what must be there afterwards; `+` is new content, `-` the old.
        let cases: [(Files, Option<&str>); 6] = [
            (&[("x.json", "-"), (".x.json.imagewright-new", "")], Some("-")),
            (
                &[("x.json", "-"), (".x.json.imagewright-new", "+"), (".x.json.imagewright-old", "-")],
                Some("-"),
            ),
            (&[(".x.json.imagewright-new", "+"), (".x.json.imagewright-old", "-")], Some("-")),
            (&[("x.json", "+"), (".x.json.imagewright-old", "-")], Some("+")),
            (&[(".x.json.imagewright-old", "-")], None),
            (&[(".x.json.imagewright-new", "+")], None),
        ];
        for (files, content) in cases {
            let temp = tempfile::tempdir().unwrap();
            for (name, text) in files {
                fs::write(temp.path().join(name), text).unwrap();
            }
            drop(Writer::open(temp.path()).unwrap());
            let found = fs::read_to_string(temp.path().join("x.json")).ok();
            assert_eq!(found.as_deref(), content, "{files:?}");
            assert_eq!(names(temp.path()).len(), usize::from(content.is_some()), "{files:?}");
        }
    }

    #[test]
    fn a_link_is_replaced_and_what_it_points_to_stays() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("elsewhere"), "1").unwrap();
        std::os::unix::fs::symlink("elsewhere", temp.path().join("x.json")).unwrap();
        assert!(Writer::open(temp.path()).unwrap().replace("x.json", "2", Some(b"1")).is_ok());
        assert_eq!(fs::read_to_string(temp.path().join("elsewhere")).unwrap(), "1");
        assert_eq!(fs::read_to_string(temp.path().join("x.json")).unwrap(), "2");
    }
}
