//! A package: its archive, what it says of itself, and its files as entries of a layer.

mod archive;
mod bounded;
mod entry_point;
mod error;
mod install;
mod metadata;
mod plan;
mod retimed;
#[cfg(test)]
mod tests;

pub use archive::Archive;
pub use error::PackageError;
pub use install::{Installed, Sink};
pub use metadata::Metadata;
pub use plan::{InstalledPython, Place, Plan};

/// The version of what decides which entries a package becomes; part of cache keys.
pub const INSTALL_VERSION: u32 = 1;
