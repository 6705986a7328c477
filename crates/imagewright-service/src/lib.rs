//! What a user can do with Imagewright, whatever the front end: one function for each use case.
//!
//! A front end gathers arguments and settings, calls one function here, and renders what comes back. Nothing here
//! prints or looks at the environment.

mod advice;
mod ahead;
mod base;
mod build;
mod dockerfile;
mod elsewhere;
mod engines;
mod error;
mod folder;
mod images;
mod lock;
mod plan;
mod registries;
mod remote_context;
mod transport;
mod upkeep;

pub mod check;
pub mod metadata;

pub use build::{BuildCommand, BuildReport};
pub use dockerfile::{DockerfileCommand, dockerfile_of};
pub use error::ServiceError;
pub use images::{ImageDetails, Removed};
pub use imagewright_docker::Network;
pub use plan::PlanReport;
pub use remote_context::is_remote_context;
pub use transport::{Destination, Source, TransportError};

pub use imagewright_registry::{Credential, CredentialFiles, KeptIn, RegistrySettings, Welcome};
pub use registries::OnTransfer;

pub use imagewright_engine::{
    BaseImageRequest, Cancel, Inventory, LayerOrigin, Machine, RunRequest, Upgrade,
};
pub use imagewright_store::{CheckReport, Collected, CollectionRules, ImageRecord, Tally};

use std::path::Path;

use imagewright_engine::Engine;
use imagewright_model::{BuildSettings, EngineSettings};
use imagewright_registry::Client;
use imagewright_sandbox::Helper;
use imagewright_store::Store;

use registries::Registries;

/// Everything a user can do, on one store.
pub struct Service {
    engine: Engine,
    registries: Registries,
    registry_settings: RegistrySettings,
    credentials: CredentialFiles,
    engines: EngineSettings,
}

impl Service {
    /// Opens the store at `root`, creating it where it is missing.
    pub fn open(
        root: &Path,
        helper: Helper,
        settings: BuildSettings,
        machine: Machine,
        registry_settings: RegistrySettings,
        credentials: CredentialFiles,
    ) -> Result<Self, ServiceError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let store = Store::open(root)?;
        let client = Client::new(registry_settings.clone(), &settings.trust, Box::new(credentials.clone()))?;
        let registries = Registries { client, store: store.clone() };
        let remote = Box::new(registries.clone());
        let engine = Engine { store, helper, settings, machine, remote, threads };
        Ok(Self { engine, registries, registry_settings, credentials, engines: EngineSettings::default() })
    }

    /// The same, with others that may build Dockerfiles.
    pub fn with_engines(self, engines: EngineSettings) -> Self {
        Self { engines, ..self }
    }

    fn store(&self) -> &Store {
        &self.engine.store
    }
}
