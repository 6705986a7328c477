//! Everything a user can do on Linux, where there are our own engine and a store.

use std::path::Path;

use imagewright_engine::Engine;
use imagewright_model::{BuildSettings, EngineSettings, TrustSettings};
use imagewright_oci::{ContainerConfig, Reference};
use imagewright_registry::Client;
use imagewright_sandbox::Helper;
use imagewright_store::{Lease, Store};

use crate::asked::Asked;
use crate::handed_in::Logins;
use crate::registries::Registries;
use crate::{CredentialFiles, Login, RegistrySettings, ServiceError};

pub use crate::build::{BuildCommand, read_spec};
pub use crate::images::{ImageDetails, Removed};
pub use crate::plan::PlanReport;
pub use crate::registries::OnTransfer;
pub use imagewright_engine::{
    BaseImageRequest, Cancel, EngineError, Inventory, LayerOrigin, Machine, Packages, RunRequest, Upgrade,
};
pub use imagewright_sandbox::Limits;
pub use imagewright_store::{CheckReport, Collected, CollectionRules, ImageRecord, Tally};

/// Everything a user can do, on one store.
pub struct Service {
    pub(crate) engine: Engine,
    pub(crate) registries: Registries,
    pub(crate) registry_settings: RegistrySettings,
    pub(crate) credentials: CredentialFiles,
    pub(crate) engines: EngineSettings,
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
        let registries =
            Registries { pusher: client.clone(), client, store: store.clone(), asked: Asked::default() };
        let remote = Box::new(registries.clone());
        let engine = Engine { store, helper, settings, machine, remote, threads };
        Ok(Self { engine, registries, registry_settings, credentials, engines: EngineSettings::default() })
    }

    /// The same with these logins and no others: `pull` is shown where images come from, `push` where they go to. Neither is ever
    /// used for the other.
    pub fn with_logins(mut self, pull: Vec<Login>, push: Vec<Login>) -> Result<Self, ServiceError> {
        let client =
            |logins| Client::new(self.registry_settings.clone(), self.trust(), Box::new(Logins(logins)));
        let (client, pusher) = (client(pull)?, client(push)?);
        self.registries = Registries { client, pusher, store: self.store().clone(), asked: Asked::default() };
        self.engine.remote = Box::new(self.registries.clone());
        // What else asks registries has no other logins either.
        self.credentials = CredentialFiles::default();
        Ok(self)
    }

    /// The same, with others that may build Dockerfiles.
    pub fn with_engines(self, engines: EngineSettings) -> Self {
        Self { engines, ..self }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.engine.store
    }

    /// Keeps collections away while images are looked at.
    pub(crate) fn lease(&self) -> Result<Lease, ServiceError> {
        Ok(self.store().lease(|| {})?)
    }

    pub(crate) fn trust(&self) -> &TrustSettings {
        &self.engine.settings.trust
    }

    /// What a base sets, where the store has it.
    pub(crate) fn known_base(&self, reference: &Reference) -> Option<ContainerConfig> {
        let record = self.store().resolve(&reference.canonical()).ok()?;
        let image = self.store().image(&record.manifest).ok()?;
        Some(image.config.into_value().config.unwrap_or_default())
    }
}
