//! What goes wrong with packages of Python: locks, files, wheels.

use std::io;

use imagewright_model::{ErrorKind, SecretUrl};
use imagewright_python::lock::{LockError, NameError};
use imagewright_python::markers::ReportError;
use imagewright_python::wheel::{WheelError, WheelErrorKind};

use super::local::LocalError;
use crate::fetch::FetchError;

/// Why a package cannot become layers.
#[derive(Debug, thiserror::Error)]
pub enum PipError {
    /// A file of a package could not be fetched.
    #[error("`{file}` could not be fetched")]
    Artifact {
        /// Its name.
        file: String,
        /// Why not.
        source: FetchError,
    },
    /// What an index says cannot be understood.
    #[error("`{url}` is no list of packages")]
    Index {
        /// Its address.
        url: SecretUrl,
        /// Why not.
        source: io::Error,
    },
    /// uv does not say which index it asks.
    #[error("uv does not say which package index it asks")]
    NoIndex,
    /// uv asked the interpreter, and the answer is not one.
    #[error("the image's Python cannot get packages")]
    PythonReport {
        /// Why not.
        source: ReportError,
    },
    /// An option names a package that can be none.
    #[error("the options for Python packages name something else")]
    PackageName {
        /// What.
        source: NameError,
    },
    /// A lock does not say what is to be installed here.
    #[error(transparent)]
    Lock {
        /// Where, and why.
        source: Box<LockError>,
    },
    /// A wheel cannot be installed.
    #[error(transparent)]
    Wheel {
        /// Which, and why.
        source: Box<WheelError>,
    },
    /// A file was read while it was fetched, and the transfer broke off.
    #[error("`{file}` could not be read while it was fetched")]
    Broken {
        /// Its name.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A file or folder that the spec names cannot be installed.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A package comes from where nothing can be fetched from.
    #[error("`{package}` comes from {kind}, which cannot be installed from")]
    UnsupportedSource {
        /// The package.
        package: String,
        /// What it comes from.
        kind: String,
    },
    /// A package comes from a repository, and the image has no git.
    #[error("the image has no git, so nothing can be built from `{address}`")]
    NoGit {
        /// The repository.
        address: String,
    },
}

impl PipError {
    /// What a front end tells apart.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Artifact { source, .. } => source.kind(),
            Self::Local(error) => error.kind(),
            Self::Broken { source, .. } => ErrorKind::of_io(source),
            Self::Index { .. } | Self::NoIndex => ErrorKind::Unavailable,
            Self::Wheel { source } if source.kind() == WheelErrorKind::Io => ErrorKind::Machine,
            Self::Wheel { .. }
            | Self::PythonReport { .. }
            | Self::PackageName { .. }
            | Self::UnsupportedSource { .. }
            | Self::NoGit { .. }
            | Self::Lock { .. } => ErrorKind::Invalid,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Artifact { source, .. } => source.hint(),
            Self::Local(error) => error.hint(),
            Self::Broken { source, .. } => ErrorKind::io_hint(source),
            Self::Index { .. } => Some("look at `python.index` and `python.extra-indexes`".to_owned()),
            Self::NoIndex => Some("name one with `python.index`".to_owned()),
            Self::Wheel { source } => source.hint(),
            Self::PythonReport { source } => source.hint(),
            Self::Lock { source } => Some(source.hint()),
            Self::PackageName { .. } => Some("mend `no-binary` and `only-binary`".to_owned()),
            Self::UnsupportedSource { .. } => Some("use an index, an archive or git".to_owned()),
            Self::NoGit { .. } => Some("add git to the apt packages".to_owned()),
        }
    }
}
