//! A wheel as the entries of a layer.
//!
//! What is known from the archive's directory is planned first: where each member goes, which directories that takes,
//! what is made anew. Then the members are written in the order in which they lie in the archive, and `RECORD`, which
//! depends on all of them, last.

mod destination;
mod plan;
mod scheme;
mod script;
mod sink;
mod write;

use imagewright_layer::LayerPath;
use pep440_rs::Version;

use super::{Metadata, Wheel, WheelError};
use crate::zip::ReadAt;

pub use plan::Plan;
pub use scheme::Scheme;
pub use sink::LayerSink;

/// What an installation leaves in the package's metadata, and the time of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallOptions {
    /// Who is said to have installed it, in `INSTALLER`.
    pub installer: String,
    /// Whether there is a `REQUESTED`. uv writes one for every package.
    pub requested: bool,
    /// The JSON text of `direct_url.json`, for a package that does not come from an index.
    pub direct_url: Option<String>,
    /// The time of every entry.
    pub mtime: i64,
}

/// What was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The package's name, normalised.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its package URL.
    pub package_url: String,
    /// What it says about itself.
    pub metadata: Metadata,
    /// Its files, in the order of their entries.
    pub files: Vec<InstalledFile>,
    /// The names of the scripts made for its entry points.
    pub scripts: Vec<String>,
    /// What is unusual about the wheel, each in a sentence.
    pub notes: Vec<String>,
}

/// A file that was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledFile {
    /// Where it is.
    pub path: LayerPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
    /// The SHA-256 of its contents.
    pub sha256: [u8; 32],
}

impl<R: ReadAt> Wheel<R> {
    /// Finds out where everything goes; reads nothing but what opening has read.
    pub fn plan<'a>(
        &'a self,
        scheme: &'a Scheme,
        options: &'a InstallOptions,
    ) -> Result<Plan<'a, R>, WheelError> {
        Plan::new(self, scheme, options)
    }

    /// Writes the entries of the installed wheel to `sink`. The scheme's shared directories are not among them.
    pub fn install(
        &self,
        scheme: &Scheme,
        options: &InstallOptions,
        sink: &mut dyn LayerSink,
    ) -> Result<Installed, WheelError> {
        self.plan(scheme, options)?.write(sink)
    }
}
