//! Locks of Python packages: `pylock.toml` (PEP 751) read, and written.
//!
//! A [`LockFile`] is a document as it was written, for any number of interpreters; [`LockFile::select`] takes from it what
//! is to be installed for one. What it takes is a [`Lock`], which knows exactly one artefact for each package. Fetching,
//! and checking what was fetched, is for others.

mod artifact;
mod direct_url;
mod document;
mod entry;
mod error;
mod formats;
mod hashes;
mod location;
mod select;
mod write;

pub use artifact::{Artifact, FileSource, IdentifiedPackage, Lock, LockedPackage, VcsSource};
pub use direct_url::direct_url;
pub use document::LockFile;
pub use error::{LockError, Place, Problem};
pub use formats::{Formats, NameError, PackageSet};
pub use hashes::{HashAlgorithm, Hashes, HashesError};
pub use location::{Address, Location};
pub use select::{Groups, Selection, Target};
pub use write::write_lock;

#[cfg(test)]
mod tests;
