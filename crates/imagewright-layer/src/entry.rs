//! What a layer says about one path.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::LayerPath;

/// One change a layer makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: LayerPath,
    /// What is there.
    pub kind: EntryKind,
    /// Permissions with the set-user-id, set-group-id and sticky bits; at most `0o7777`.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Time of the last change in whole seconds; written as 0 when it is negative.
    pub mtime: i64,
    /// Extended attributes by full name, as `security.capability`.
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
}

impl Entry {
    /// An entry of root's, without extended attributes, changed at the epoch.
    pub fn new(path: LayerPath, kind: EntryKind, mode: u32) -> Self {
        Self { path, kind, mode, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new() }
    }
}

/// What a path becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A plain file.
    File {
        /// Bytes of its contents.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// What the link says; any text, resolved by nobody here.
        target: PathBuf,
    },
    /// Another name for a file of this layer or one below.
    HardLink {
        /// The file's other name.
        target: LayerPath,
    },
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// The path is removed. It is the removed path itself, not that of the `.wh.` file.
    Whiteout,
    /// Everything that lower layers have in this directory is removed; the path is that of the directory.
    OpaqueDirectory,
}
