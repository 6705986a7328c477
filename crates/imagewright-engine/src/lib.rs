//! Runs a build: bases, bootstrap, apt, conda and pip steps, layers, step cache.
//!
//! A build goes through [`Engine::build`]: the base is found or made (`base`, [`bootstrap`]), each step works on
//! the image so far in a sandbox (`workbench`), what it wrote becomes a layer, and the finished image is put into
//! the store. What was found out on the way is remembered by content (`step`), so that a build asks nobody
//! and does nothing for what has not changed.
//!
//! The engine prints nothing and looks at neither environment nor home: it is told of the machine
//! ([`Machine`]) and of settings, and tells what happens as events.

mod amend;
mod apt;
mod assembly;
mod base;
pub mod bootstrap;
mod bootstrap_step;
mod build;
mod bytecode;
mod cancel;
mod conda;
mod config;
mod docker_daemon;
mod dockerfile;
mod draft;
mod error;
pub mod fetch;
mod host_program;
mod import;
mod inventory;
mod kernel;
mod lock;
mod machine;
mod names;
mod outside;
mod package_layer;
mod parallel;
mod partial;
mod passwd;
mod pip;
mod plan;
mod portable;
mod reach;
mod remote;
mod reporter;
mod root_view;
mod run;
mod step;
mod time;
mod trial;
mod uv;
mod versions_error;
mod workbench;

pub use amend::{AmendRequest, Amendment, SettingChange};
pub use build::{BaseImageRequest, BuildRequest, Built, BuiltFromSpec};
pub use cancel::Cancel;
pub use conda::{CondaError, read_conda_lock};
pub use docker_daemon::DaemonError;
pub use dockerfile::{DockerfileRequest, FetchedContext, StageError, StreamedContext};
pub use error::EngineError;
pub use inventory::{Inventory, LayerOrigin};
pub use kernel::{
    KERNEL_ACCOUNT, KERNEL_LAUNCHER, KernelError, account_line, kernel_launcher_of, kernel_launcher_path,
    wrapper_script,
};
pub use lock::{Upgrade, Versions};
pub use machine::Machine;
pub use names::{FoundNames, ListedName, Match, NamesQuery, Packages};
pub use pip::{LocalError, PipError};
pub use plan::Planned;
pub use portable::{
    DependsOn, ExportRequest, ExportedFacts, FactKind, FactsError, ImportRules, ImportedFacts, KINDS,
};
pub use remote::{RemoteError, RemoteImages, put_pulled};
pub use run::RunRequest;
pub use trial::{TrialEnd, TrialGround, TrialNetwork, TrialRequest, Tried, Underway, Volume, trial_limits};
pub use versions_error::VersionsError;
pub use workbench::LayerWatch;

use imagewright_model::BuildSettings;
use imagewright_oci::{ImageConfig, Manifest};
use imagewright_sandbox::Helper;
use imagewright_store::{Store, StoreError};

/// Builds and runs images in one store.
pub struct Engine {
    /// Where images, layers and caches are.
    pub store: Store,
    /// How to start the sandbox.
    pub helper: Helper,
    /// Mirrors, indexes, trust.
    pub settings: BuildSettings,
    /// What the machine is like.
    pub machine: Machine,
    /// Where images come from that are not in the store.
    pub remote: Box<dyn RemoteImages>,
    /// Threads that compress and unpack.
    pub threads: usize,
}

impl Engine {
    /// What is known of the packages that this program put into an image.
    pub fn inventory(&self, manifest: &Manifest, config: &ImageConfig) -> Result<Inventory, StoreError> {
        inventory::of_image(&self.store, manifest, config)
    }
}
