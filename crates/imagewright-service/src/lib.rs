//! What a user can do with Imagewright, whatever the front end: one function for each use case.
//!
//! A front end gathers arguments and settings, calls one function here, and renders what comes back. Nothing here
//! prints or looks at the environment.

mod base;
mod build;
mod error;
mod folder;
mod images;
mod transport;
mod upkeep;

pub use build::{BuildCommand, BuildReport};
pub use error::ServiceError;
pub use images::{ImageDetails, Removed};
pub use transport::{Destination, Source, TransportError};

pub use imagewright_engine::{BaseImageRequest, Cancel, Machine, RunRequest};
pub use imagewright_store::{CheckReport, Collected, CollectionRules, ImageRecord, Tally};

use std::path::Path;

use imagewright_engine::Engine;
use imagewright_model::BuildSettings;
use imagewright_sandbox::Helper;
use imagewright_store::Store;

/// Everything a user can do, on one store.
pub struct Service {
    engine: Engine,
}

impl Service {
    /// Opens the store at `root`, creating it where it is missing.
    pub fn open(
        root: &Path,
        helper: Helper,
        settings: BuildSettings,
        machine: Machine,
    ) -> Result<Self, ServiceError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let store = Store::open(root)?;
        Ok(Self { engine: Engine { store, helper, settings, machine, threads } })
    }

    fn store(&self) -> &Store {
        &self.engine.store
    }
}
