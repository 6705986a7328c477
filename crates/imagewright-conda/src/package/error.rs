//! What can be wrong with a package.

use std::io;

use imagewright_layer::{LayerError, PathError};
use imagewright_python::zip::ZipError;

use crate::prefix::PrefixError;

/// Why a package cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Its name does not say how it is packed.
    #[error("`{name}` is neither a `.conda` nor a `.tar.bz2` file")]
    Format {
        /// The name.
        name: String,
    },
    /// The zip archive around it is broken.
    #[error("the package is not a whole zip archive")]
    Zip(#[from] ZipError),
    /// Its zip archive holds something else than a package of the second format.
    #[error("the package has {found} members that begin with `{wanted}`, and should have one")]
    Member {
        /// How the name of the member begins.
        wanted: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A tar archive in it is broken, holds what no package does, or could not be written on.
    #[error("an archive of the package is broken")]
    Archive(#[from] LayerError),
    /// It could not be read.
    #[error("could not read the package")]
    Read(#[source] io::Error),
    /// It gets far larger when it is unpacked than any honest package does.
    #[error("the package unpacks to more than {limit} bytes")]
    Bomb {
        /// The limit that follows from its size.
        limit: u64,
    },
    /// A file that tells of it is missing.
    #[error("the package has no `{file}`")]
    NoMetadata {
        /// The file.
        file: &'static str,
    },
    /// A file that tells of it cannot be understood.
    #[error("`{file}` of the package cannot be understood")]
    Metadata {
        /// The file.
        file: String,
        /// What its reader says.
        source: io::Error,
    },
    /// It is another package than its channel says.
    #[error("the file holds the package `{found}`, not `{expected}`")]
    Other {
        /// What the channel says.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// A path in it cannot be placed.
    #[error("`{path}` cannot be placed: {reason}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path in it is none.
    #[error("the package has a path that is none")]
    NoPath(#[from] PathError),
    /// Two of its files come to lie in one place.
    #[error("the package brings `{path}` twice")]
    Twice {
        /// The place.
        path: String,
    },
    /// A file lies below something that is no folder.
    #[error("the package has a file `{inside}` inside `{outside}`, which is no folder")]
    Inside {
        /// The file.
        inside: String,
        /// What is no folder.
        outside: String,
    },
    /// A symbolic link leads out of the prefix.
    #[error("the link `{path}` to `{target}` leads out of the prefix")]
    Link {
        /// The link.
        path: String,
        /// What it says.
        target: String,
    },
    /// Its list of paths and its archive contradict each other.
    #[error("`{path}` is in the archive otherwise than `info/paths.json` says: {reason}")]
    Listed {
        /// The path.
        path: String,
        /// How.
        reason: &'static str,
    },
    /// The path that it was built in cannot be replaced.
    #[error("the prefix in `{path}` cannot be replaced")]
    Prefix {
        /// The file.
        path: String,
        /// Why not.
        source: PrefixError,
    },
    /// It needs a Python, and none is installed.
    #[error("it is a Python package, and no `python` is installed with it")]
    NoPython,
    /// The version of Python is none.
    #[error("`{0}` is not a version of Python")]
    PythonVersion(String),
    /// A temporary file could not be used.
    #[error("could not use a temporary file")]
    Temporary(#[source] io::Error),
}
