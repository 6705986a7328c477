//! What can be wrong with a wheel.

use std::io;

use imagewright_layer::{LayerError, PathError};

use crate::zip::ZipError;

/// Why a wheel could not be read or installed. Every text names the wheel, and the member where there is one.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// The name of the file is not that of a wheel.
    #[error("`{name}` is not the file name of a wheel: {reason}")]
    FileName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The archive cannot be read.
    #[error("could not read `{wheel}`")]
    Zip {
        /// The wheel's file name.
        wheel: String,
        /// What is wrong with the archive.
        source: ZipError,
    },
    /// The wheel is not built as wheels are.
    #[error("`{wheel}` is malformed: {reason}")]
    Malformed {
        /// The wheel's file name.
        wheel: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The list of its files cannot be read.
    #[error("`RECORD` of `{wheel}` is malformed")]
    Record {
        /// The wheel's file name.
        wheel: String,
        /// What the reader of such lists said.
        source: csv::Error,
    },
    /// The wheel is of a later version of the format.
    #[error("`{wheel}` has the format `{version}` of wheels; 1 is the one that is known")]
    Format {
        /// The wheel's file name.
        wheel: String,
        /// Its `Wheel-Version`.
        version: String,
    },
    /// The wheel holds another package, or another version, than its name says.
    #[error("`{wheel}` holds `{found}`")]
    OtherPackage {
        /// The wheel's file name.
        wheel: String,
        /// The name and version in its metadata.
        found: String,
    },
    /// A member is not the file that `RECORD` lists.
    #[error("member `{member}` of `{wheel}` has the {what} `{found}`, but `RECORD` lists `{listed}`")]
    Mismatch {
        /// The wheel's file name.
        wheel: String,
        /// The member.
        member: String,
        /// What differs.
        what: &'static str,
        /// What the member has.
        found: String,
        /// What `RECORD` says.
        listed: String,
    },
    /// Two files would have one path, or one would lie in the other.
    #[error("`{wheel}` installs both {first} and {second} as `{path}`")]
    Conflict {
        /// The wheel's file name.
        wheel: String,
        /// The first of them.
        first: String,
        /// The second.
        second: String,
        /// Their path in the image.
        path: String,
    },
    /// A script would replace the interpreter.
    #[error("{script} of `{wheel}` has the name `{name}`, which belongs to the interpreter")]
    ReservedScript {
        /// The wheel's file name.
        wheel: String,
        /// Where the script comes from.
        script: String,
        /// Its name.
        name: String,
    },
    /// A file would have a path that no layer may have.
    #[error("member `{member}` of `{wheel}` cannot be placed")]
    Path {
        /// The wheel's file name.
        wheel: String,
        /// The member, or what else makes the file.
        member: String,
        /// What is wrong with the path.
        source: PathError,
    },
    /// A path given by the caller is not absolute.
    #[error("`{path}` is not an absolute path of the image")]
    Scheme {
        /// The path.
        path: String,
    },
    /// The layer did not take an entry.
    #[error("could not write `{entry}` of `{wheel}` to the layer")]
    Layer {
        /// The wheel's file name.
        wheel: String,
        /// The entry.
        entry: String,
        /// What the layer said.
        source: LayerError,
    },
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WheelErrorKind {
    /// The file is not what it must be.
    Invalid,
    /// The file could not be read or the layer not written: the error's source knows why.
    Io,
    /// The caller asked for something that cannot be.
    Usage,
}

impl WheelError {
    /// Whose fault it is.
    pub fn kind(&self) -> WheelErrorKind {
        match self {
            Self::Zip { source: ZipError::Read { .. }, .. }
            | Self::Layer { source: LayerError::Write { .. }, .. } => WheelErrorKind::Io,
            // What a member inflates to is read by the layer, which says so when it is damaged.
            Self::Layer { source: LayerError::Body { source, .. }, .. }
                if source.kind() != io::ErrorKind::InvalidData =>
            {
                WheelErrorKind::Io
            }
            Self::Scheme { .. } => WheelErrorKind::Usage,
            Self::Record { source, .. } if source.is_io_error() => WheelErrorKind::Io,
            Self::FileName { .. }
            | Self::Zip { .. }
            | Self::Malformed { .. }
            | Self::Record { .. }
            | Self::Format { .. }
            | Self::OtherPackage { .. }
            | Self::Mismatch { .. }
            | Self::Conflict { .. }
            | Self::ReservedScript { .. }
            | Self::Path { .. }
            | Self::Layer { .. } => WheelErrorKind::Invalid,
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::FileName { .. } => {
                Some("wheels are called NAME-VERSION-PYTHON-ABI-PLATFORM.whl".to_owned())
            }
            Self::Zip { source, .. } => source.hint(),
            Self::Layer { source, .. } => source.hint(),
            Self::Format { .. } => {
                Some("install a version of the package whose wheels have format 1".to_owned())
            }
            Self::OtherPackage { .. } => Some("give the file the name it was published under".to_owned()),
            Self::Mismatch { .. } => Some(
                "the file was changed after it was built: fetch it again, or tell its publisher".to_owned(),
            ),
            Self::Malformed { .. } | Self::Record { .. } | Self::Path { .. } => {
                Some("tell the package's publisher, or use its source distribution".to_owned())
            }
            Self::Conflict { .. } | Self::ReservedScript { .. } => {
                Some("tell the package's publisher".to_owned())
            }
            Self::Scheme { .. } => None,
        }
    }
}
