//! Who may do what to a file, by owner, group and mode, as Linux decides it.

use super::{Entry, View};

/// Whoever a container runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Beside `gid`.
    pub(crate) groups: Vec<u32>,
}

/// What somebody may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
    Execute,
}

impl Right {
    fn bit(self) -> u32 {
        match self {
            Self::Read => 4,
            Self::Write => 2,
            Self::Execute => 1,
        }
    }
}

impl User {
    /// What platforms make up that run images under a user of their own: a high number that no image knows, in group 0.
    pub(crate) const ARBITRARY: Self = Self { uid: 1_000_660_000, gid: 0, groups: Vec::new() };

    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    fn has_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether the entry itself lets the user; how to get there is another matter.
    fn is_let(&self, entry: &Entry<'_>, right: Right) -> bool {
        let mode = entry.mode();
        if self.is_root() {
            return right != Right::Execute || entry.is_directory() || mode & 0o111 != 0;
        }
        let shift = match entry {
            entry if entry.uid() == self.uid => 6,
            entry if self.has_group(entry.gid()) => 3,
            _ => 0,
        };
        (mode >> shift) & right.bit() != 0
    }

    /// Whether the user may do this to an entry, and get there.
    pub(crate) fn may(&self, right: Right, entry: &Entry<'_>) -> bool {
        let mut folder = *entry;
        while folder.index != super::ROOT {
            folder = folder.parent();
            if !self.is_let(&folder, Right::Execute) {
                return false;
            }
        }
        self.is_let(entry, right)
    }

    /// Whether the user may put files into a folder.
    pub(crate) fn may_fill(&self, folder: &Entry<'_>) -> bool {
        folder.is_directory() && self.may(Right::Write, folder) && self.may(Right::Execute, folder)
    }

    /// Whether the user may put files where this path is, or make the folder where it is missing.
    pub(crate) fn may_make(&self, view: &View, path: &str) -> bool {
        let mut path = path.trim_end_matches('/');
        loop {
            match view.find(if path.is_empty() { "/" } else { path }) {
                Some(entry) => return self.may_fill(&entry),
                None if view.find_itself(path).is_some() => return false,
                None => path = path.rsplit_once('/').map_or("", |(parent, _)| parent),
            }
        }
    }
}
