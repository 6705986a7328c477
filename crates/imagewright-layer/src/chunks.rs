//! Chunks of a layer that are compressed once: where they end, and what is known of them.
//!
//! Where a layer changes in part, most of its chunks should be those it had before. So chunks end where entries begin:
//! before and after large files, and before those whose path says so. What is inserted moves the ends around it, and a
//! few entries later they are where they were.

use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

use crate::{Entry, EntryKind};

/// One in so many entries begins a chunk, where the chunk before is long enough.
const ONE_IN: u64 = 4;

/// What is known of chunks that were compressed before, in the same way.
pub trait ChunkMemory: Send + Sync {
    /// The stored form of the chunk whose plain bytes have this digest; none where it is not known.
    fn recall(&self, plain: &Digest) -> Option<Vec<u8>>;
}

/// A chunk of a layer that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChunk {
    /// Digest of its plain bytes.
    pub plain: Digest,
    /// Digest of its stored form.
    pub stored: Digest,
    /// Where that begins in the stored layer.
    pub offset: u64,
    /// How long that is.
    pub length: u64,
}

/// Decides where chunks end.
#[derive(Debug)]
pub(crate) struct Cutter {
    longest: usize,
    /// Whether the entry before was a file longer than a chunk.
    was_large: bool,
}

impl Cutter {
    pub(crate) fn new(longest: usize) -> Self {
        Self { longest, was_large: false }
    }

    /// Whether a chunk of `length` bytes so far ends before this entry.
    pub(crate) fn ends_before(&mut self, entry: &Entry, length: usize) -> bool {
        let is_large = matches!(entry.kind, EntryKind::File { size } if size >= self.longest as u64);
        let after_large = std::mem::replace(&mut self.was_large, is_large);
        let is_long = length >= self.longest / 4;
        length > 0
            && (is_large || after_large || is_long && hash(entry.path.as_bytes()).is_multiple_of(ONE_IN))
    }
}

/// FNV-1a, of 64 bits; its higher bits, because the lowest say little.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step) >> 32
}
