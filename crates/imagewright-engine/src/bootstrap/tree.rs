//! Writes the entries of tar archives below a folder, and never outside of it: every path is resolved by the
//! kernel as if the folder were the root (`openat2` with `RESOLVE_IN_ROOT`).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use imagewright_model::ErrorKind;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{Mode, UtimensatFlags, fchmod, futimens, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, LinkatFlags, Uid, UnlinkatFlags, fchown, fchownat, linkat, symlinkat, unlinkat};

/// Why an entry cannot be written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it, the fields are what they name")]
pub enum TreeError {
    /// Its path leads out of the tree.
    #[error("the path `{path}` leads out of the tree")]
    Outside { path: String },
    /// It is of a kind that packages do not have.
    #[error("`{path}` is a {kind}, which packages must not hold", path = path.display())]
    Unsupported { path: PathBuf, kind: &'static str },
    /// The operating system refused it.
    #[error("could not make `{path}`", path = path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The archive cannot be read on.
    #[error("could not read on in the archive")]
    Archive { source: io::Error },
}

impl TreeError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Outside { .. } | Self::Unsupported { .. } | Self::Archive { .. } => ErrorKind::Invalid,
            Self::Write { source, .. } => ErrorKind::of_io(source),
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Write { source, .. } => ErrorKind::io_hint(source),
            _ => None,
        }
    }
}

/// Owner, permissions and time of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: i64,
}

impl Attributes {
    /// Those of what no package describes.
    pub(super) const fn of_root(mode: u32, mtime: i64) -> Self {
        Self { mode, uid: 0, gid: 0, mtime }
    }
}

/// A folder that entries are written into.
pub(super) struct Tree {
    root: OwnedFd,
    /// The folder written into last: entries come folder by folder.
    recent: Option<(PathBuf, OwnedFd)>,
    /// What directories get in the end, when nothing is written into them any more. The first to describe a
    /// directory wins, as with dpkg.
    directories: BTreeMap<PathBuf, Option<Attributes>>,
}

impl Tree {
    pub(super) fn open(folder: &Path) -> Result<Self, TreeError> {
        let wrong = |source| TreeError::Write { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(wrong)?;
        let root = File::open(folder).map_err(wrong)?.into();
        Ok(Self { root, recent: None, directories: BTreeMap::from([(PathBuf::new(), None)]) })
    }

    /// Makes a directory. One that is there stays as it is, also when a symbolic link leads to it.
    pub(super) fn directory(&mut self, path: &Path, attributes: Attributes) -> Result<(), TreeError> {
        let Some(name) = path.file_name() else {
            self.describe(path, attributes);
            return Ok(());
        };
        let parent = self.parent(path)?;
        match mkdirat(parent, name, Mode::from_bits_truncate(0o700)) {
            Ok(()) => self.directories.insert(path.to_owned(), Some(attributes)),
            Err(Errno::EEXIST) => {
                self.resolve(path).map_err(|errno| write_error(path, errno))?;
                self.describe(path, attributes);
                return Ok(());
            }
            Err(errno) => return Err(write_error(path, errno)),
        };
        Ok(())
    }

    /// Makes a file, in place of what was there.
    pub(super) fn file(
        &mut self,
        path: &Path,
        attributes: Attributes,
        body: &mut dyn Read,
    ) -> Result<(), TreeError> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let make =
            |parent: &OwnedFd, name: &OsStr| openat(parent, name, flags, Mode::from_bits_truncate(0o600));
        let mut file = File::from(self.replace(path, make)?);
        copy(path, body, &mut file)?;
        set(&file, attributes).map_err(|errno| write_error(path, errno))
    }

    /// Makes a symbolic link, in place of what was there. A directory stays, as with dpkg.
    pub(super) fn symlink(
        &mut self,
        path: &Path,
        target: &OsStr,
        attributes: Attributes,
    ) -> Result<(), TreeError> {
        let made = self.replace(path, |parent, name| symlinkat(target, parent, name));
        match made {
            Err(TreeError::Write { source, .. }) if source.kind() == io::ErrorKind::IsADirectory => {
                return Ok(());
            }
            made => made?,
        }
        let (parent, name) = (self.parent(path)?, name_of(path)?);
        let (uid, gid) = owner(attributes);
        let time = time(attributes);
        fchownat(parent, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
            .and_then(|()| utimensat(parent, name, &time, &time, UtimensatFlags::NoFollowSymlink))
            .map_err(|errno| write_error(path, errno))
    }

    /// Makes another name for a file that was written before.
    pub(super) fn hard_link(&mut self, path: &Path, target: &Path) -> Result<(), TreeError> {
        let source = self.parent(target)?.try_clone().map_err(|source| io_error(path, source))?;
        let source_name = name_of(target)?;
        self.replace(path, |parent, name| linkat(&source, source_name, parent, name, LinkatFlags::empty()))
    }

    /// Gives all directories their attributes; `default` to those that no package describes.
    pub(super) fn finish(self, default: Attributes) -> Result<(), TreeError> {
        for (path, attributes) in &self.directories {
            self.open_in_root(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
                .and_then(|directory| set(&directory, attributes.unwrap_or(default)))
                .map_err(|errno| write_error(path, errno))?;
        }
        Ok(())
    }

    /// Describes a directory made before, unless that was done.
    fn describe(&mut self, path: &Path, attributes: Attributes) {
        if let Some(described) = self.directories.get_mut(path) {
            described.get_or_insert(attributes);
        }
    }

    /// Makes something new; what is in its place is removed.
    fn replace<T>(
        &mut self,
        path: &Path,
        make: impl Fn(&OwnedFd, &OsStr) -> nix::Result<T>,
    ) -> Result<T, TreeError> {
        let name = name_of(path)?;
        let parent = self.parent(path)?;
        match make(parent, name) {
            Err(Errno::EEXIST) => unlinkat(parent, name, UnlinkatFlags::NoRemoveDir)
                .and_then(|()| make(parent, name))
                .map_err(|errno| write_error(path, errno)),
            made => made.map_err(|errno| write_error(path, errno)),
        }
    }

    /// The directory that `path` stands in; made where an archive does not mention it.
    fn parent(&mut self, path: &Path) -> Result<&OwnedFd, TreeError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if self.recent.as_ref().is_none_or(|(recent, _)| recent != folder) {
            let opened = match self.resolve(folder) {
                Err(Errno::ENOENT) => {
                    self.make_unmentioned(folder)?;
                    self.resolve(folder)
                }
                opened => opened,
            };
            let opened = opened.map_err(|errno| write_error(folder, errno))?;
            self.recent = Some((folder.to_owned(), opened));
        }
        Ok(&self.recent.as_ref().expect("it was just set").1)
    }

    fn make_unmentioned(&mut self, folder: &Path) -> Result<(), TreeError> {
        let parent = self.parent(folder)?;
        match mkdirat(parent, name_of(folder)?, Mode::from_bits_truncate(0o700)) {
            Ok(()) => {
                self.directories.insert(folder.to_owned(), None);
                Ok(())
            }
            Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(write_error(folder, errno)),
        }
    }

    fn resolve(&self, path: &Path) -> nix::Result<OwnedFd> {
        self.open_in_root(path, OFlag::O_PATH | OFlag::O_DIRECTORY)
    }

    fn open_in_root(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
        openat2(self.root.as_fd(), path, how)
    }
}

/// A path of an archive: `./usr/bin/` becomes `usr/bin`, the root the empty path.
pub(super) fn inside(bytes: &[u8]) -> Result<PathBuf, TreeError> {
    let outside = || TreeError::Outside { path: String::from_utf8_lossy(bytes).into_owned() };
    let mut path = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(bytes)).components() {
        match component {
            Component::Normal(name) if !name.as_bytes().contains(&0) => path.push(name),
            Component::CurDir => {}
            _ => return Err(outside()),
        }
    }
    Ok(path)
}

fn name_of(path: &Path) -> Result<&OsStr, TreeError> {
    path.file_name()
        .ok_or_else(|| TreeError::Unsupported { path: path.to_owned(), kind: "root that is no directory" })
}

/// Owner before permissions: a change of owner clears set-uid.
fn set(file: impl AsFd, attributes: Attributes) -> nix::Result<()> {
    let (uid, gid) = owner(attributes);
    let time = time(attributes);
    fchown(&file, uid, gid)?;
    fchmod(&file, Mode::from_bits_truncate(attributes.mode & 0o7777))?;
    futimens(&file, &time, &time)
}

fn owner(attributes: Attributes) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(attributes.uid)), Some(Gid::from_raw(attributes.gid)))
}

fn time(attributes: Attributes) -> TimeSpec {
    TimeSpec::new(attributes.mtime, 0)
}

/// Copies with errors told apart: those of the archive are not those of the tree.
fn copy(path: &Path, body: &mut dyn Read, file: &mut File) -> Result<(), TreeError> {
    let mut buffer = [0; 64 * 1024];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => file.write_all(&buffer[..count]).map_err(|source| io_error(path, source))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(TreeError::Archive { source }),
        }
    }
}

fn write_error(path: &Path, errno: Errno) -> TreeError {
    io_error(path, errno.into())
}

fn io_error(path: &Path, source: io::Error) -> TreeError {
    TreeError::Write { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_paths_stay_inside() {
        for (text, path) in [("./usr/bin/", "usr/bin"), ("./", ""), ("usr//bin/.", "usr/bin")] {
            assert_eq!(inside(text.as_bytes()).unwrap(), Path::new(path));
        }
        for text in ["/etc/passwd", "../x", "./a/../../x", "a/..", "a\0b"] {
            assert!(inside(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
