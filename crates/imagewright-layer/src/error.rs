//! What can be wrong with a layer.

use std::io;

use imagewright_oci::{DiffId, Digest};

use crate::{InflateError, PathError};

/// Why a layer could not be read, written or verified. Entries are named as the archive names them.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The stream below failed, or its compression is broken.
    #[error("could not read the layer")]
    Read {
        /// What the stream said.
        source: io::Error,
    },
    /// The stream the layer goes to failed.
    #[error("could not write the layer")]
    Write {
        /// What the stream said.
        source: io::Error,
    },
    /// The contents of a file that goes into the layer could not be read.
    #[error("could not read the contents of `{entry}`")]
    Body {
        /// The entry they belong to.
        entry: String,
        /// What their reader said.
        source: io::Error,
    },
    /// A file did not have as many bytes as its entry says.
    #[error("`{entry}` does not have the {expected} bytes it had when it was listed")]
    BodySize {
        /// The entry.
        entry: String,
        /// The size in the entry.
        expected: u64,
    },
    /// The contents of a file came compressed, and are not what was announced.
    #[error("the compressed contents of `{entry}` are broken")]
    Deflated {
        /// The entry they belong to.
        entry: String,
        /// What is wrong with them.
        source: InflateError,
    },
    /// The contents of a file came compressed, and inflate to other bytes than announced.
    #[error("the contents of `{entry}` have the CRC-32 `{found:08x}`, not `{expected:08x}`")]
    Crc {
        /// The entry they belong to.
        entry: String,
        /// The sum that was announced.
        expected: u32,
        /// The sum of the bytes.
        found: u32,
    },
    /// The archive ends within an entry.
    #[error("the layer ends in the middle of {within}")]
    Truncated {
        /// What was being read.
        within: String,
    },
    /// What stands where a tar header must be is none.
    #[error("byte {offset} of the layer is not the start of a tar header")]
    NotAHeader {
        /// Its offset in the uncompressed layer.
        offset: u64,
    },
    /// A header or a pax record says something it cannot mean.
    #[error("the header of `{entry}` is malformed: {reason}")]
    MalformedHeader {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An entry, or the target of a hard link, has a path no layer may have.
    #[error("an entry of the layer cannot be placed")]
    Path(#[from] PathError),
    /// An entry has a type that image layers do not have.
    #[error("`{entry}` is of tar type `{kind}`, which image layers do not have")]
    Type {
        /// The entry.
        entry: String,
        /// The type byte.
        kind: char,
    },
    /// A file is stored with holes, in one of GNU tar's ways.
    #[error("`{entry}` is stored as a sparse file")]
    Sparse {
        /// The entry.
        entry: String,
    },
    /// A whiteout's name removes nothing, or stands where only a file can.
    #[error("`{entry}` uses the names of whiteouts but is none")]
    Whiteout {
        /// The entry.
        entry: String,
    },
    /// An entry to be written says something a tar of ours cannot.
    #[error("`{entry}` cannot be written to a layer: {reason}")]
    Unrepresentable {
        /// The entry.
        entry: String,
        /// What stands in the way.
        reason: &'static str,
    },
    /// The blob is not the one its descriptor names.
    #[error("layer `{expected}` has the digest `{found}`")]
    Digest {
        /// The digest in the descriptor.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The blob is longer or shorter than its descriptor says.
    #[error("layer `{digest}` has {found} bytes, not {expected}")]
    Size {
        /// The digest in the descriptor.
        digest: Digest,
        /// The size in the descriptor.
        expected: u64,
        /// The number of bytes there are.
        found: u64,
    },
    /// The blob holds another layer than the configuration lists.
    #[error("layer `{digest}` has the diff id `{found}`, not `{expected}`")]
    DiffId {
        /// The digest in the descriptor.
        digest: Digest,
        /// The diff id in the configuration.
        expected: DiffId,
        /// The digest of the uncompressed bytes.
        found: DiffId,
    },
}

impl LayerError {
    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Sparse { .. } => Some("make the archive again without `--sparse`".to_owned()),
            Self::Deflated { .. } | Self::Crc { .. } => {
                Some("fetch the package again: the archive it came in is damaged".to_owned())
            }
            Self::BodySize { .. } => Some("stop what writes to the file, then try again".to_owned()),
            _ => None,
        }
    }
}
