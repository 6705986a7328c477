//! What a layer holds, found out in one look: every entry with mode and owner, and the texts of the few files that rules
//! read. It is a value that can be filed: one layer is the same in all images.
//!
//! A hostile layer can have entries without number and texts without end, so both are bounded; an index that left something
//! out says so, and rules then cannot tell.

mod entries;
mod indexer;
mod keep;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use entries::Decoder;
pub use indexer::Indexer;

/// The kind of facts that indexes of layers are, each under the digest of its layer. The number grows when more is
/// taken from a layer.
pub const LAYER_INDEX: &str = "layer-index-1";

/// What a layer says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// What is there.
    pub kind: IndexKind,
    /// Permissions with the set-user-id, set-group-id and sticky bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
}

/// What a path becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// A plain file of this many bytes.
    File(u64),
    /// A directory.
    Directory,
    /// A symbolic link, and what it says.
    Symlink(String),
    /// Another name for the file of this path.
    HardLink(String),
    /// A device, a pipe.
    Other,
}

/// What a layer holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerIndex {
    /// The entries, sorted by path, in a form that is short and quickly read.
    entries: String,
    /// Paths that are removed from what lies below.
    removed: Vec<String>,
    /// Folders that are emptied of what lies below.
    opaque: Vec<String>,
    /// Texts by path.
    texts: BTreeMap<String, String>,
    /// Whether nothing was left out.
    is_whole: bool,
}

impl LayerIndex {
    /// The entries by path, sorted. Paths have no slash in front, and what is no UTF-8 in them is replaced.
    pub fn entries(&self) -> impl Iterator<Item = (String, IndexEntry)> + '_ {
        let mut decoder = self.decoder();
        std::iter::from_fn(move || {
            let (_, entry) = decoder.next()?;
            Some((decoder.path().join("/"), entry))
        })
    }

    /// Paths that are removed from what lies below.
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    /// Folders that are emptied of what lies below.
    pub fn opaque(&self) -> &[String] {
        &self.opaque
    }

    /// The texts that were kept, by path.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(crate) fn decoder(&self) -> Decoder<'_> {
        Decoder::new(&self.entries)
    }
}
