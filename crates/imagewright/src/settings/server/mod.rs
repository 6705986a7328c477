//! What is set of a server: how it is reached, what it serves, where its secrets are, where people log in.
//!
//! It is read everywhere, as a file of settings may be shared by many machines; what it means is for where servers run.

#[cfg(target_os = "linux")]
mod address;
mod builds;
#[cfg(target_os = "linux")]
mod place;
mod provider;
#[cfg(target_os = "linux")]
mod shown;
#[cfg(target_os = "linux")]
mod vault;

use std::path::PathBuf;

use serde::Deserialize;

use builds::{BuildsSettings, PushTable};
use provider::ProviderSettings;

/// What is set of a server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServerSettings {
    /// What people, nodes and programs reach it by.
    public_address: Option<String>,
    /// Whether a proxy is before it.
    behind_proxy: Option<bool>,
    /// Whether who has not logged in may pull images that are for all.
    anonymous_pull: Option<bool>,
    /// A folder of Elyra's whose runtime images are served.
    pub(crate) elyra_folder: Option<PathBuf>,
    /// The folder of the runtime images that come with Elyra.
    pub(crate) elyra_factory_folder: Option<PathBuf>,
    /// A folder of kernelspecs that an Enterprise Gateway reads.
    pub(crate) kernels_folder: Option<PathBuf>,
    /// Where the key of sealed secrets is: `file:PATH` or `environment:NAME`.
    secrets_key: Option<String>,
    /// Folders with files of secrets.
    secrets_folders: Vec<PathBuf>,
    /// Where people log in.
    oidc: ProviderSettings,
    /// How it builds.
    builds: BuildsSettings,
    /// Where results go to.
    push: PushTable,
}

impl ServerSettings {
    /// Lays this over `lower`, setting by setting.
    pub(super) fn over(self, lower: Self) -> Self {
        Self {
            public_address: self.public_address.or(lower.public_address),
            behind_proxy: self.behind_proxy.or(lower.behind_proxy),
            anonymous_pull: self.anonymous_pull.or(lower.anonymous_pull),
            elyra_folder: self.elyra_folder.or(lower.elyra_folder),
            elyra_factory_folder: self.elyra_factory_folder.or(lower.elyra_factory_folder),
            kernels_folder: self.kernels_folder.or(lower.kernels_folder),
            secrets_key: self.secrets_key.or(lower.secrets_key),
            secrets_folders: super::first_filled(self.secrets_folders, lower.secrets_folders),
            oidc: self.oidc.over(lower.oidc),
            builds: self.builds.over(lower.builds),
            push: self.push.over(lower.push),
        }
    }
}
