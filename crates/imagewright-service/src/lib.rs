//! What a user can do with Imagewright, whatever the front end: one function for each use case.
//!
//! A front end gathers arguments and settings, calls one function here, and renders what comes back. Nothing here
//! prints or looks at the environment.
//!
//! Our own engine and the store are for Linux. What works without them is there on other systems, too, where `desktop`
//! stands in the place of `service`.

mod advice;
mod elsewhere;
mod engines;
mod error;
mod given;
mod logins;
mod report;
mod transport;

pub mod check;
pub mod gateway;
pub mod kernelspec;
pub mod metadata;

#[cfg(target_os = "linux")]
mod ahead;
#[cfg(target_os = "linux")]
mod asked;
#[cfg(target_os = "linux")]
mod base;
#[cfg(target_os = "linux")]
mod build;
#[cfg(target_os = "linux")]
mod conda_list;
#[cfg(target_os = "linux")]
pub mod distribution;
#[cfg(target_os = "linux")]
mod dockerfile;
#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod folder;
#[cfg(target_os = "linux")]
mod gate;
#[cfg(target_os = "linux")]
mod greet;
#[cfg(target_os = "linux")]
mod handed_in;
#[cfg(target_os = "linux")]
mod images;
#[cfg(target_os = "linux")]
mod lock;
#[cfg(target_os = "linux")]
mod look_up;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod registries;
#[cfg(target_os = "linux")]
mod remote_context;
#[cfg(target_os = "linux")]
mod service;
#[cfg(target_os = "linux")]
mod spec_files;
#[cfg(target_os = "linux")]
mod suggest;
#[cfg(target_os = "linux")]
mod taking;
#[cfg(target_os = "linux")]
mod upkeep;
#[cfg(target_os = "linux")]
mod working_folder;

#[cfg(not(target_os = "linux"))]
mod desktop;

#[cfg(not(target_os = "linux"))]
pub use desktop::{Cancel, EngineError, Limits, OnTransfer, Service};
#[cfg(target_os = "linux")]
pub use service::{
    BaseImageRequest, BuildCommand, Cancel, CheckReport, Collected, CollectionRules, EngineError,
    ImageDetails, ImageRecord, Inventory, LayerOrigin, Limits, Machine, OnTransfer, Packages, PlanReport,
    Removed, RunRequest, Service, Tally, Upgrade, read_spec,
};

#[cfg(target_os = "linux")]
pub use facts::{
    ExportedFacts, FactsDetails, FactsExport, FactsFileError, ImportRules, ImportedFacts, make_facts_key,
    read_public_key,
};
#[cfg(target_os = "linux")]
pub use imagewright_facts::PublicKey;

pub use error::ServiceError;
#[cfg(target_os = "linux")]
pub use gate::{Gate, WAIVED};
pub use given::{DockerfileCommand, dockerfile_of, is_remote_context};
#[cfg(target_os = "linux")]
pub use handed_in::Login;
pub use imagewright_docker::Network;
pub use imagewright_registry::{
    Credential, CredentialFiles, KeptIn, RegistryError, RegistrySettings, WebClient, WebError, Welcome,
};
#[cfg(target_os = "linux")]
pub use look_up::Found;
pub use report::BuildReport;
#[cfg(target_os = "linux")]
pub use spec_files::{GivenFile, GivenFileError, ReadFiles, join_specs, read_files};
#[cfg(target_os = "linux")]
pub use suggest::{SuggestCommand, Suggestion, Suggestions};
pub use transport::{Destination, Source, TransportError};
#[cfg(target_os = "linux")]
pub use working_folder::WorkingFolder;
