//! Owners, modes, times and attributes, and what overlayfs says with them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::time::TimeSpec;

/// The marks of a directory that hides everything below it: the first for overlays of root, the second for those of
/// ordinary users in their own namespace, who cannot set the first.
const OPAQUE: [&str; 2] = ["trusted.overlay.opaque", "user.overlay.opaque"];
/// The bits of a mode that a layer carries.
pub(crate) const MODE_BITS: u32 = 0o7777;

/// Extended attributes by full name.
pub(crate) type Attributes = BTreeMap<OsString, Vec<u8>>;

/// Whether an attribute is overlayfs' own.
pub(crate) fn is_overlay_attribute(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.")
}

/// Whether an attribute is part of a layer.
pub(crate) fn belongs_in_layer(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let is_ours = bytes.starts_with(b"user.")
        || matches!(bytes, b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default");
    is_ours && !is_overlay_attribute(name)
}

/// The attributes of `path`, a symbolic link itself and not what it points at, for which `wanted` holds.
pub(crate) fn attributes(path: &Path, wanted: fn(&OsStr) -> bool) -> io::Result<Attributes> {
    let mut attributes = Attributes::new();
    for name in xattr::list(path)?.filter(|name| wanted(name)) {
        if let Some(value) = xattr::get(path, &name)? {
            attributes.insert(name, value);
        }
    }
    Ok(attributes)
}

/// Sets the attributes of a layer's entry. File systems and kinds of files that know no `user.*` attributes go
/// without; all others are needed.
pub(crate) fn set_attributes(path: &Path, attributes: &Attributes) -> io::Result<()> {
    for (name, value) in attributes.iter().filter(|(name, _)| belongs_in_layer(name)) {
        match xattr::set(path, name, value) {
            Err(error) if name.as_encoded_bytes().starts_with(b"user.") && is_unsupported(&error) => {}
            result => result?,
        }
    }
    Ok(())
}

fn is_unsupported(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|number| matches!(Errno::from_raw(number), Errno::EOPNOTSUPP | Errno::EPERM))
}

/// Whether this is how an upper directory says that a path is removed.
pub(crate) fn is_whiteout(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

/// Whether a directory hides everything below it.
pub fn is_opaque(directory: &Path) -> io::Result<bool> {
    for mark in OPAQUE {
        if xattr::get(directory, mark)?.as_deref() == Some(b"y") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes a directory hide everything below it.
pub(crate) fn mark_opaque(directory: &Path) -> io::Result<()> {
    match xattr::set(directory, OPAQUE[0], b"y") {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            xattr::set(directory, OPAQUE[1], b"y")
        }
        result => result,
    }
}

/// Makes a directory hide nothing.
pub(crate) fn unmark_opaque(directory: &Path) -> io::Result<()> {
    for mark in OPAQUE {
        if xattr::get(directory, mark)?.is_some() {
            xattr::remove(directory, mark)?;
        }
    }
    Ok(())
}

/// What an overlay shows of a directory, apart from its contents and time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Appearance {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) attributes: Attributes,
}

impl Appearance {
    /// That of a root directory nobody said anything about.
    pub(crate) fn plain() -> Self {
        Self { mode: 0o755, uid: 0, gid: 0, attributes: Attributes::new() }
    }

    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(directory)?;
        Ok(Self {
            mode: metadata.mode() & MODE_BITS,
            uid: metadata.uid(),
            gid: metadata.gid(),
            attributes: attributes(directory, belongs_in_layer)?,
        })
    }
}

/// Gives `to` those extended attributes of `from` that are part of a layer.
pub fn copy_attributes(from: &Path, to: &Path) -> io::Result<()> {
    set_attributes(to, &attributes(from, belongs_in_layer)?)
}

/// Gives the directory `to` the owner, mode, attributes and time of `from`.
pub fn copy_directory_metadata(from: &Path, to: &Path) -> io::Result<()> {
    let appearance = Appearance::of(from)?;
    std::os::unix::fs::chown(to, Some(appearance.uid), Some(appearance.gid))?;
    fs::set_permissions(to, fs::Permissions::from_mode(appearance.mode))?;
    set_attributes(to, &appearance.attributes)?;
    File::open(to)?.set_modified(fs::metadata(from)?.modified()?)
}

/// The uppermost directory at `path` that shows through from `lowers` (top first), if that is a directory at all.
///
/// No symbolic link is followed: one on the way hides what lies below, as it does in an overlay.
pub(crate) fn directory_below(lowers: &[PathBuf], path: &Path) -> io::Result<Option<OwnedFd>> {
    for lower in lowers {
        let mut directory = OwnedFd::from(File::open(lower)?);
        let mut hidden_below = false;
        let mut components = path.components();
        loop {
            let Some(component) = components.next() else { return Ok(Some(directory)) };
            let Component::Normal(name) = component else { continue };
            directory = match open_directory(&directory, name) {
                Ok(directory) => directory,
                Err(Errno::ENOENT) => break,
                Err(Errno::ENOTDIR | Errno::ELOOP) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            hidden_below |= is_opaque(&descriptor_path(&directory))?;
        }
        if hidden_below {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Opens the directory `name` in `parent`, but not what a symbolic link of that name points at.
pub(crate) fn open_directory(parent: impl AsFd, name: &OsStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// A path of the very directory that is open, wherever it lies and however long its own path is.
///
/// It ends in `/.`, so that calls that do not follow links look at the directory and not at the link.
pub(crate) fn descriptor_path(directory: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/.", directory.as_raw_fd()))
}

/// A time in whole seconds.
pub(crate) fn seconds(time: i64) -> TimeSpec {
    TimeSpec::new(time, 0)
}
