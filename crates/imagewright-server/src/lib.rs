//! What people can do at a server, whatever they come with: one function for each use case.
//!
//! Each asks [`imagewright_catalog::may`] first, does its work in one transaction, and leaves an entry in the audit trail in the
//! same. Work that blocks (registries, builds) is done by [`imagewright_service::Service`] on threads of its own, outside of
//! transactions.

mod attempts;
mod builds;
mod checks;
mod contents;
mod copies;
mod dependents;
pub mod distribution;
mod elyra;
mod error;
mod exchange;
mod groups;
mod images;
mod job;
mod kernelspecs;
mod look_up;
mod oidc;
mod once;
mod passwords;
mod people;
mod principal;
mod pull_secret;
mod registries;
mod runtime_images;
mod secrets;
mod sessions;
mod settings;
mod spec_files;
mod storage;
mod suggest;
mod trail;
mod vault;

use std::sync::Arc;

use imagewright_records::Records;
use imagewright_service::Service;
use imagewright_service::kernelspec::KernelsFolder;
use imagewright_service::metadata::RuntimeImages;
use jiff::Timestamp;

use crate::attempts::Attempts;
use crate::builds::Builds;
use crate::distribution::{Distribution, DistributionSettings};
use crate::oidc::Providers;
use crate::once::{Asked, RunningRequests};
use crate::passwords::Passwords;
use crate::suggest::Missing;

pub use builds::{
    BuildDifference, BuildProgram, BuildSettings, BuildSide, Followed, Follower, LayerDifference, LogLines,
    NewBuild, PackageDifference, PlanRequest, Planned, PushSettings, text_of,
};
pub use checks::{CheckFinding, ImageCheck};
pub use contents::{HeldLayer, HeldPackage, ImageContents, SpaceUse};
pub use dependents::{DependentImages, DependentRuntimeImage, Dependents, RecentPulls};
pub use elyra::ElyraAnswer;
pub use error::ServerError;
pub use exchange::{ExportFormat, ExportRequest, ImportOutcome, StarterRequest};
pub use groups::ImagesOfGroup;
pub use images::{Added, ImageView};
pub use imagewright_records::BuildQuery;
pub use imagewright_service::{GivenFile, ReadFiles, join_specs};
pub use job::carry_out;
pub use kernelspecs::{
    KernelspecArchive, KernelspecList, KernelspecProblem, KernelspecView, MadeKernelspec, NewImageKernelspec,
    SparkStart,
};
pub use oidc::{BegunLogin, Cause, ClaimSettings, OidcError, Provider, ReturnedLogin};
pub use once::Repeatable;
pub use people::PersonView;
pub use principal::{IssuedToken, NewToken};
pub use pull_secret::NewPullSecret;
pub use registries::{Registries, RegistryAnswer, RegistryOutcome, RegistrySecret, RegistryView};
pub use runtime_images::{
    RuntimeImageChange, RuntimeImageList, RuntimeImageOrigin, RuntimeImageSave, RuntimeImageView,
};
pub use secrets::SecretView;
pub use sessions::Session;
pub use settings::{SettingLayer, SettingOrigin, SettingView};
pub use storage::Storage;
pub use suggest::{SuggestRequest, SuggestedKind};
pub use vault::{KeySource, VARIABLE_PREFIX, Vault, VaultError};

/// A server's use cases.
#[derive(Clone)]
pub struct Server {
    records: Records,
    service: Arc<Service>,
    distribution: Arc<Distribution>,
    runtime_images: Option<RuntimeImages>,
    kernels: Option<KernelsFolder>,
    builds: Arc<Builds>,
    clock: fn() -> Timestamp,
    passwords: Passwords,
    vault: Vault,
    attempts: Attempts,
    providers: Providers,
    settings: Arc<[SettingView]>,
    running_requests: RunningRequests,
    missing_names: Missing,
    /// The request that is carried out, where it may come again.
    asked: Option<Arc<Asked>>,
}

impl Server {
    /// On these records and this store.
    pub fn new(records: Records, service: Arc<Service>) -> Self {
        Self {
            records,
            service,
            builds: Arc::new(Builds::new(BuildSettings::default())),
            distribution: Arc::default(),
            runtime_images: None,
            kernels: None,
            clock: Timestamp::now,
            passwords: Passwords::default(),
            vault: Vault::new(KeySource::None),
            attempts: Attempts::default(),
            providers: Providers::default(),
            settings: Arc::default(),
            running_requests: RunningRequests::default(),
            missing_names: Missing::default(),
            asked: None,
        }
    }

    /// The same, building as these settings say.
    #[must_use]
    pub fn with_builds(self, settings: BuildSettings) -> Self {
        Self { builds: Arc::new(Builds::new(settings)), ..self }
    }

    /// The same, with a registry that is reached so.
    #[must_use]
    pub fn with_registry(self, settings: DistributionSettings) -> Self {
        Self { distribution: Arc::new(Distribution::new(settings)), ..self }
    }

    /// The same, with a folder of kernelspecs that a gateway reads.
    #[must_use]
    pub fn with_kernels_folder(self, folder: KernelsFolder) -> Self {
        Self { kernels: Some(folder), ..self }
    }

    /// The same, with runtime images of Elyra's.
    #[must_use]
    pub fn with_runtime_images(self, images: RuntimeImages) -> Self {
        Self { runtime_images: Some(images), ..self }
    }

    /// The same, with a place where secrets are kept.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault, ..self }
    }

    /// The same, at other times.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The records, for what is asked of them directly: whether they answer.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Does what blocks on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Service) -> T + Send + 'static,
    ) -> Result<T, ServerError> {
        let service = Arc::clone(&self.service);
        tokio::task::spawn_blocking(move || work(&service)).await.map_err(ServerError::Panicked)
    }
}
