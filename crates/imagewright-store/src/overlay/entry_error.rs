//! What can go wrong with one entry of a layer that is unpacked.

use std::io;
use std::path::PathBuf;

use imagewright_layer::{LayerError, LayerPath};
use imagewright_model::ErrorKind;
use nix::errno::Errno;

use crate::error::layer_error_kind;

/// Why an entry of a layer could not be placed.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The layer itself is wrong.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The system refused.
    #[error("could not place `{entry}`")]
    Place {
        /// The entry.
        entry: LayerPath,
        /// What the system said.
        source: io::Error,
    },
    /// It lies beneath a symbolic link of the same layer.
    #[error("`{entry}` lies beneath `{link}`, which the same layer makes a symbolic link")]
    BeneathLink {
        /// The entry.
        entry: LayerPath,
        /// The link.
        link: PathBuf,
    },
    /// It lies beneath something of the same layer that holds nothing.
    #[error("`{entry}` lies beneath `{parent}`, which is not a directory")]
    BeneathFile {
        /// The entry.
        entry: LayerPath,
        /// What is not a directory.
        parent: PathBuf,
    },
    /// A hard link points at nothing.
    #[error("`{entry}` is a hard link to `{target}`, which the layer does not hold")]
    MissingTarget {
        /// The entry.
        entry: LayerPath,
        /// What it points at.
        target: LayerPath,
    },
}

impl EntryError {
    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Layer(error) => layer_error_kind(error),
            Self::Place { source, .. } => ErrorKind::of_io(source),
            Self::BeneathLink { .. } | Self::BeneathFile { .. } | Self::MissingTarget { .. } => {
                ErrorKind::Invalid
            }
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Layer(error) => error.hint(),
            Self::Place { source, .. } => ErrorKind::io_hint(source),
            Self::BeneathLink { .. } | Self::BeneathFile { .. } | Self::MissingTarget { .. } => None,
        }
    }
}

/// What went wrong with an entry, before its name is added.
pub(super) enum Failure {
    System(Errno),
    Io(io::Error),
    Entry(EntryError),
}

impl Failure {
    /// Whether the system refused for want of privileges.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::System(Errno::EPERM))
    }
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<EntryError> for Failure {
    fn from(error: EntryError) -> Self {
        Self::Entry(error)
    }
}

impl Failure {
    /// Names the entry it happened to.
    pub(super) fn of(self, entry: &LayerPath) -> EntryError {
        match self {
            Self::System(error) => EntryError::Place { entry: entry.clone(), source: error.into() },
            Self::Io(source) => EntryError::Place { entry: entry.clone(), source },
            Self::Entry(error) => error,
        }
    }
}
