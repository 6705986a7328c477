//! Unpacks a layer into the form overlayfs takes.
//!
//! No symbolic link is ever followed: every directory on the way to an entry is opened by its own name in the one
//! above. A link on the way that stems from the same layer is an error that names the entry. One that stems from a
//! lower layer is not seen here: the entry gets a directory of its own, which hides the link, as in every engine
//! that unpacks for overlayfs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use imagewright_layer::{Entry, EntryKind, LayerError, LayerPath, LayerReader};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, fstatat, futimens, makedev,
    mkdirat, mknodat, utimensat,
};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, linkat, symlinkat, unlinkat};

use super::entry_error::{EntryError, Failure};
use super::metadata::{
    attributes, belongs_in_layer, copy_directory_metadata, descriptor_path, directory_below, mark_opaque,
    open_directory, seconds, set_attributes,
};
use crate::files::remove_tree;

/// Bytes copied at once from a layer to a file.
const COPY_SIZE: usize = 256 << 10;

/// Says which files and hard links of a layer are wanted; everything else always is.
pub(crate) type Wanted = fn(&Entry) -> bool;

/// Unpacks the plain tar `layer` into `upper`, an empty directory that lies on `lowers` (top first): all of it, or only
/// the files that are `wanted`.
///
/// Directories that the layer leaves out look as they do below, or like a new root directory. The stream is
/// read to its end.
pub(crate) fn unpack(
    layer: impl Read,
    upper: &Path,
    lowers: &[PathBuf],
    wanted: Option<Wanted>,
) -> Result<(), EntryError> {
    let open = File::open(upper).map_err(|source| EntryError::Place { entry: LayerPath::root(), source });
    let mut target = Target {
        root: open?.into(),
        lowers,
        parent: None,
        times: BTreeMap::new(),
        buffer: vec![0; COPY_SIZE],
        hides_all: false,
        wanted,
    };
    let root = target.root.try_clone().map_err(Failure::from);
    root.and_then(|root| target.look_as_below(&root, Path::new("")))
        .map_err(|failure| failure.of(&LayerPath::root()))?;
    LayerReader::new(layer).for_each(|entry: Entry, body: &mut dyn Read| target.place(&entry, body))?;
    target.finish()
}

/// A directory that a layer is unpacked into.
struct Target<'a> {
    root: OwnedFd,
    lowers: &'a [PathBuf],
    /// The directory the last entry lay in: the next one most often lies there too.
    parent: Option<(PathBuf, OwnedFd)>,
    /// When each directory was changed; set at the end, because placing something in it changes it.
    times: BTreeMap<PathBuf, i64>,
    buffer: Vec<u8>,
    /// Whether the root directory is opaque.
    hides_all: bool,
    wanted: Option<Wanted>,
}

impl Target<'_> {
    fn place(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), EntryError> {
        self.place_inner(entry, body).map_err(|failure| failure.of(&entry.path))
    }

    fn place_inner(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), Failure> {
        let Some(name) = entry.path.file_name() else { return self.place_root(entry) };
        if matches!(entry.kind, EntryKind::File { .. }) && !self.wants(entry) {
            return self.pass_over(entry);
        }
        let parent = self.open_parent(&entry.path, &entry.path)?;
        match &entry.kind {
            EntryKind::File { .. } => self.place_file(parent.as_fd(), name, entry, body)?,
            EntryKind::Directory => self.place_directory(parent.as_fd(), name, entry)?,
            EntryKind::OpaqueDirectory => self.place_opaque(parent.as_fd(), name, entry)?,
            EntryKind::Whiteout => self.place_whiteout(parent.as_fd(), name, entry)?,
            EntryKind::HardLink { target } => self.place_link(parent.as_fd(), name, entry, target)?,
            EntryKind::Symlink { target } => {
                self.replacing(parent.as_fd(), name, || symlinkat(target.as_path(), &parent, name))?;
                set_metadata(parent.as_fd(), name, entry)?;
            }
            EntryKind::CharDevice { major, minor } => {
                let device = makedev((*major).into(), (*minor).into());
                self.place_node(parent.as_fd(), name, entry, SFlag::S_IFCHR, device)?;
            }
            EntryKind::BlockDevice { major, minor } => {
                let device = makedev((*major).into(), (*minor).into());
                self.place_node(parent.as_fd(), name, entry, SFlag::S_IFBLK, device)?;
            }
            EntryKind::Fifo => self.place_node(parent.as_fd(), name, entry, SFlag::S_IFIFO, 0)?,
        }
        self.keep_parent(&entry.path, parent);
        Ok(())
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.wanted.is_none_or(|wanted| wanted(entry))
    }

    /// Leaves out a file that is not wanted, and hides what it replaces.
    fn pass_over(&mut self, entry: &Entry) -> Result<(), Failure> {
        let Some(name) = entry.path.file_name() else { return Ok(()) };
        let parent = self.open_parent(&entry.path, &entry.path)?;
        if stat(parent.as_fd(), name)?.is_some() {
            self.remove(parent.as_fd(), name)?;
        }
        if self.is_below(&entry.path, name)? {
            self.place_whiteout(parent.as_fd(), name, entry)?;
        }
        self.keep_parent(&entry.path, parent);
        Ok(())
    }

    /// Whether a lower layer has something at `path`, which ends with `name`.
    fn is_below(&self, path: &LayerPath, name: &OsStr) -> Result<bool, Failure> {
        let folder = path.as_path().parent().unwrap_or(Path::new(""));
        for lower in self.lowers {
            if let Some(folder) = directory_below(std::slice::from_ref(lower), folder)?
                && stat(&folder, name)?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn place_root(&mut self, entry: &Entry) -> Result<(), Failure> {
        match entry.kind {
            EntryKind::Directory => self.set_directory_metadata(&self.root, entry)?,
            EntryKind::OpaqueDirectory => self.hides_all = true,
            _ => return Err(Errno::EISDIR.into()),
        }
        if entry.kind == EntryKind::Directory {
            self.times.insert(PathBuf::new(), entry.mtime);
        }
        Ok(())
    }

    fn place_file(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        entry: &Entry,
        body: &mut dyn Read,
    ) -> Result<(), Failure> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file =
            self.replacing(parent, name, || openat(parent, name, flags, Mode::S_IRUSR | Mode::S_IWUSR))?;
        let mut file = File::from(file);
        self.copy(body, &mut file)?;
        // Writing and changing the owner both clear set-user-id bits and capabilities: mode and attributes come last.
        fchown(&file, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))?;
        fchmod(&file, Mode::from_bits_truncate(entry.mode))?;
        set_entry_attributes(parent, name, entry)?;
        let time = seconds(entry.mtime);
        Ok(futimens(&file, &time, &time)?)
    }

    fn copy(&mut self, body: &mut dyn Read, file: &mut File) -> Result<(), Failure> {
        loop {
            let mut filled = 0;
            while filled < self.buffer.len() {
                match body.read(&mut self.buffer[filled..]) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(source) => return Err(EntryError::Layer(LayerError::Read { source }).into()),
                }
            }
            if filled == 0 {
                return Ok(());
            }
            file.write_all(&self.buffer[..filled])?;
        }
    }

    fn place_directory(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        entry: &Entry,
    ) -> Result<(), Failure> {
        let directory = self.make_directory(parent, name, entry.path.as_path())?;
        self.set_directory_metadata(&directory, entry)?;
        self.times.insert(entry.path.as_path().to_owned(), entry.mtime);
        Ok(())
    }

    fn place_opaque(&mut self, parent: impl AsFd + Copy, name: &OsStr, entry: &Entry) -> Result<(), Failure> {
        let path = entry.path.as_path();
        let existing = stat(parent, name)?;
        let directory = self.make_directory(parent, name, path)?;
        if !existing.is_some_and(|found| is(&found, SFlag::S_IFDIR)) {
            self.look_as_below(&directory, path)?;
        }
        Ok(mark_opaque(&descriptor_path(&directory))?)
    }

    /// A whiteout speaks of lower layers only, so what this layer itself has at the path stays.
    fn place_whiteout(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        entry: &Entry,
    ) -> Result<(), Failure> {
        match stat(parent, name)? {
            None => Ok(mknodat(parent, name, SFlag::S_IFCHR, Mode::empty(), 0)?),
            Some(found) if is(&found, SFlag::S_IFDIR) => {
                let directory = self.make_directory(parent, name, entry.path.as_path())?;
                Ok(mark_opaque(&descriptor_path(&directory))?)
            }
            Some(_) => Ok(()),
        }
    }

    fn place_link(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        entry: &Entry,
        target: &LayerPath,
    ) -> Result<(), Failure> {
        let missing = || EntryError::MissingTarget { entry: entry.path.clone(), target: target.clone() };
        if *target == entry.path {
            return Err(missing().into());
        }
        let target_name = target.file_name().ok_or_else(missing)?;
        let directory = self.open_parent(target, &entry.path)?;
        let found = stat(directory.as_fd(), target_name)?;
        if found.is_none_or(|found| is(&found, SFlag::S_IFDIR) || is_whiteout(&found)) {
            // Its target may not have been wanted, and nor may it be itself.
            return if self.wants(entry) { Err(missing().into()) } else { self.pass_over(entry) };
        }
        self.replacing(parent, name, || linkat(&directory, target_name, parent, name, AtFlags::empty()))
    }

    /// Makes a node. Ordinary users cannot make those of devices, not even as root of their own namespace: they go
    /// without, and no container misses them, because each gets its own `/dev`.
    fn place_node(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        entry: &Entry,
        kind: SFlag,
        device: u64,
    ) -> Result<(), Failure> {
        match self.replacing(parent, name, || mknodat(parent, name, kind, Mode::empty(), device)) {
            Err(failure) if is_device(kind) && failure.is_refused() => Ok(()),
            made => made.and_then(|()| set_metadata(parent, name, entry)),
        }
    }

    /// Makes something new at a path, in place of what the layer itself had there before.
    fn replacing<T>(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        make: impl Fn() -> nix::Result<T>,
    ) -> Result<T, Failure> {
        match make() {
            Err(Errno::EEXIST) => {
                self.remove(parent, name)?;
                Ok(make()?)
            }
            made => Ok(made?),
        }
    }

    fn remove(&mut self, parent: impl AsFd + Copy, name: &OsStr) -> Result<(), Failure> {
        match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR) => {
                self.parent = None;
                let directory = open_directory(parent, name)?;
                for entry in fs::read_dir(descriptor_path(&directory))? {
                    let path = descriptor_path(&directory).join(entry?.file_name());
                    remove_tree(&path).map_err(io::Error::other)?;
                }
                Ok(unlinkat(parent, name, UnlinkatFlags::RemoveDir)?)
            }
            removed => Ok(removed?),
        }
    }

    /// Opens the directory `name`, made if need be. In place of a whiteout it is opaque.
    fn make_directory(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        path: &Path,
    ) -> Result<OwnedFd, Failure> {
        let Some(found) = stat(parent, name)? else {
            mkdirat(parent, name, Mode::S_IRWXU)?;
            return Ok(open_directory(parent, name)?);
        };
        if is(&found, SFlag::S_IFDIR) {
            return Ok(open_directory(parent, name)?);
        }
        self.remove(parent, name)?;
        self.times.remove(path);
        mkdirat(parent, name, Mode::S_IRWXU)?;
        let directory = open_directory(parent, name)?;
        if is_whiteout(&found) {
            mark_opaque(&descriptor_path(&directory))?;
        }
        Ok(directory)
    }

    /// Opens the directory that `path` lies in, making what is missing on the way. `entry` is named in errors.
    fn open_parent(&mut self, path: &LayerPath, entry: &LayerPath) -> Result<OwnedFd, Failure> {
        let parent = path.as_path().parent().unwrap_or(Path::new(""));
        if let Some((kept, directory)) = self.parent.take()
            && kept == parent
        {
            return Ok(directory);
        }
        let mut directory = self.root.try_clone()?;
        let mut walked = PathBuf::new();
        for name in parent {
            walked.push(name);
            directory = match open_directory(&directory, name) {
                Ok(next) => next,
                Err(Errno::ENOENT) => self.make_missing(directory.as_fd(), name, &walked)?,
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    self.step_over(directory.as_fd(), name, &walked, entry)?
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(directory)
    }

    fn keep_parent(&mut self, path: &LayerPath, directory: OwnedFd) {
        let parent = path.as_path().parent().unwrap_or(Path::new(""));
        self.parent = Some((parent.to_owned(), directory));
    }

    /// Makes a directory that the layer leaves out.
    fn make_missing(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        path: &Path,
    ) -> Result<OwnedFd, Failure> {
        let directory = self.make_directory(parent, name, path)?;
        self.look_as_below(&directory, path)?;
        Ok(directory)
    }

    /// On the way to an entry lies something that is no directory: fine if it is a whiteout, which the entry then
    /// partly takes back.
    fn step_over(
        &mut self,
        parent: impl AsFd + Copy,
        name: &OsStr,
        path: &Path,
        entry: &LayerPath,
    ) -> Result<OwnedFd, Failure> {
        match stat(parent, name)? {
            Some(found) if is_whiteout(&found) => {
                let directory = self.make_directory(parent, name, path)?;
                fchmod(&directory, Mode::from_bits_truncate(0o755))?;
                self.times.insert(path.to_owned(), 0);
                Ok(directory)
            }
            Some(found) if is(&found, SFlag::S_IFLNK) => {
                Err(EntryError::BeneathLink { entry: entry.clone(), link: path.to_owned() }.into())
            }
            _ => Err(EntryError::BeneathFile { entry: entry.clone(), parent: path.to_owned() }.into()),
        }
    }

    /// Gives a directory that the layer says nothing about the metadata of the one below.
    fn look_as_below(&mut self, directory: &OwnedFd, path: &Path) -> Result<(), Failure> {
        let time = match directory_below(self.lowers, path)? {
            Some(below) => {
                let below = descriptor_path(&below);
                copy_directory_metadata(&below, &descriptor_path(directory))?;
                fs::metadata(&below)?.mtime()
            }
            None => {
                fchmod(directory, Mode::from_bits_truncate(0o755))?;
                0
            }
        };
        self.times.insert(path.to_owned(), time);
        Ok(())
    }

    fn set_directory_metadata(&self, directory: &OwnedFd, entry: &Entry) -> Result<(), Failure> {
        fchown(directory, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))?;
        fchmod(directory, Mode::from_bits_truncate(entry.mode))?;
        let path = descriptor_path(directory);
        // What was taken over from below before the layer spoke of the directory.
        for name in attributes(&path, belongs_in_layer)?.keys() {
            xattr::remove(&path, name)?;
        }
        Ok(set_attributes(&path, &entry.xattrs)?)
    }

    fn finish(mut self) -> Result<(), EntryError> {
        let root = LayerPath::root();
        self.hide_all().map_err(|failure| failure.of(&root))?;
        for (path, time) in std::mem::take(&mut self.times) {
            self.set_time(&path, time).map_err(|failure| failure.of(&root))?;
        }
        Ok(())
    }

    fn set_time(&mut self, path: &Path, time: i64) -> Result<(), Failure> {
        let time = seconds(time);
        let mut directory = self.root.try_clone()?;
        for name in path {
            directory = match open_directory(&directory, name) {
                Ok(next) => next,
                // A later entry replaced it.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
        }
        Ok(futimens(&directory, &time, &time)?)
    }

    /// The kernel heeds no opaque mark on a root directory, so what lies in those below is hidden one by one.
    fn hide_all(&mut self) -> Result<(), Failure> {
        if !self.hides_all {
            return Ok(());
        }
        for lower in self.lowers {
            for entry in fs::read_dir(lower)? {
                let name = entry?.file_name();
                let path =
                    LayerPath::root().join(&name).map_err(LayerError::Path).map_err(EntryError::Layer)?;
                let root = self.root.try_clone()?;
                self.place_whiteout(root.as_fd(), &name, &Entry::new(path, EntryKind::Whiteout, 0))?;
            }
        }
        Ok(())
    }
}

fn stat(parent: impl AsFd, name: &OsStr) -> nix::Result<Option<FileStat>> {
    match fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is(found: &FileStat, kind: SFlag) -> bool {
    found.st_mode & SFlag::S_IFMT.bits() == kind.bits()
}

fn is_whiteout(found: &FileStat) -> bool {
    is(found, SFlag::S_IFCHR) && found.st_rdev == 0
}

/// Gives something that is neither file nor directory its metadata.
fn is_device(kind: SFlag) -> bool {
    kind == SFlag::S_IFCHR || kind == SFlag::S_IFBLK
}

fn set_metadata(parent: impl AsFd + Copy, name: &OsStr, entry: &Entry) -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    fchownat(parent, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    if !matches!(entry.kind, EntryKind::Symlink { .. }) {
        fchmodat(parent, name, Mode::from_bits_truncate(entry.mode), FchmodatFlags::FollowSymlink)?;
    }
    set_entry_attributes(parent, name, entry)?;
    let time = seconds(entry.mtime);
    Ok(utimensat(parent, name, &time, &time, UtimensatFlags::NoFollowSymlink)?)
}

fn set_entry_attributes(parent: impl AsFd, name: &OsStr, entry: &Entry) -> Result<(), Failure> {
    if entry.xattrs.is_empty() {
        return Ok(());
    }
    Ok(set_attributes(&descriptor_path(&parent.as_fd()).join(name), &entry.xattrs)?)
}
