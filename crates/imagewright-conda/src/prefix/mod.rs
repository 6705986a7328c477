//! Packages hold the path they were built in; this puts the path they are installed to in its place.
//!
//! What is replaced, and how, is what conda and rattler do: in text every occurrence, in binaries every C string that holds
//! one, padded with zeros to its old length; in UTF-8, UTF-16 and UTF-32. A file is not changed in memory: what is to be
//! changed is found out first ([`Edit`]), and done while the file is read ([`Edited`]).

mod binary;
mod edited;
mod search;
mod shebang;
#[cfg(test)]
mod tests;
mod text;

use std::io;

use imagewright_python::zip::ReadAt;
use rattler_conda_types::package::{FileMode, OffsetEncoding};

pub(crate) use edited::Edited;
pub(crate) use shebang::LONGEST as LONGEST_SHEBANG;

/// A change of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Where it begins.
    pub(crate) at: u64,
    /// How many bytes go.
    pub(crate) length: u64,
    /// What comes in their place.
    pub(crate) replacement: Vec<u8>,
}

/// Why a prefix cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum PrefixError {
    /// The file could not be read.
    #[error("could not read the file")]
    Read(#[source] io::Error),
    /// A binary has no room for the path.
    #[error("`{target}` is longer than `{placeholder}`, for which the file has room")]
    TooLong {
        /// The path that is to be written.
        target: String,
        /// The path that it replaces.
        placeholder: String,
    },
}

/// What has to be changed in a file, in order.
pub(crate) fn edits(
    source: &dyn ReadAt,
    mode: FileMode,
    placeholder: &str,
    target: &str,
) -> Result<Vec<Edit>, PrefixError> {
    if placeholder.is_empty() {
        return Ok(Vec::new());
    }
    let encoded = Encoded::all(placeholder, target);
    match mode {
        FileMode::Text => text::edits(source, &encoded, placeholder, target).map_err(PrefixError::Read),
        FileMode::Binary => binary::edits(source, &encoded).map_err(PrefixError::Read)?.ok_or_else(|| {
            PrefixError::TooLong { target: target.to_owned(), placeholder: placeholder.to_owned() }
        }),
    }
}

/// Both paths in one encoding.
struct Encoded {
    encoding: OffsetEncoding,
    placeholder: Vec<u8>,
    target: Vec<u8>,
}

impl Encoded {
    fn all(placeholder: &str, target: &str) -> Vec<Self> {
        let encoded = |encoding: OffsetEncoding| Self {
            encoding,
            placeholder: encoding.encode(placeholder),
            target: encoding.encode(target),
        };
        OffsetEncoding::DEFINED.into_iter().map(encoded).collect()
    }

    /// Bytes of a character, and of the zero at the end of a C string.
    fn unit(&self) -> u64 {
        self.encoding.code_unit_size() as u64
    }

    fn is_narrow(&self) -> bool {
        self.encoding == OffsetEncoding::Utf8
    }

    fn length(&self) -> u64 {
        self.placeholder.len() as u64
    }
}
