//! Settings of a build that are the machine's or the user's, never the image's.
//!
//! Nothing here may change what an image holds: two machines with other mirrors, proxies and certificate
//! authorities build the same image. The one exception is said where it stands.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::SecretUrl;

/// What a build takes from the machine it runs on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BuildSettings {
    /// Where Debian packages come from.
    pub apt: AptSettings,
    /// Where conda packages come from.
    pub conda: CondaSettings,
    /// Where Python packages come from.
    pub python: PythonSettings,
    /// Whom to trust and how to get out.
    pub trust: TrustSettings,
}

/// Where Debian packages come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AptSettings {
    /// Archive to fetch from instead of the machine's own apt sources; leaves no trace in the image.
    pub mirror: Option<SecretUrl>,
    /// Archive for security updates, where it is not the mirror.
    pub security_mirror: Option<SecretUrl>,
    /// Keyring that must have signed the archive; default: the distribution's under `/usr/share/keyrings`.
    pub keyring: Option<PathBuf>,
    /// Archive to write into the sources of bootstrapped images; default: what the machine's own sources name.
    /// This one is meant to be in the image.
    pub image_mirror: Option<String>,
    /// Archive for security updates to write into the sources of bootstrapped images.
    pub image_security_mirror: Option<String>,
}

/// Where conda packages come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CondaSettings {
    /// The channels of specs that name none, in order.
    pub channels: Vec<String>,
    /// The address below which channels are that go by a name.
    pub channel_alias: Option<SecretUrl>,
    /// Where channels are had from instead, by their name or the beginning of their address.
    pub mirrors: BTreeMap<String, SecretUrl>,
    /// The address of named channels to write into the books of images. This one is meant to be in the image.
    pub image_channel_alias: Option<String>,
}

/// Where Python packages come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PythonSettings {
    /// The index instead of the default one.
    pub index: Option<SecretUrl>,
    /// Further indexes, asked first.
    #[serde(default)]
    pub extra_indexes: Vec<SecretUrl>,
    /// Folders and pages with distribution files.
    #[serde(default)]
    pub find_links: Vec<SecretUrl>,
    /// The `uv` program to use instead of the one in the store's tools folder or on PATH.
    pub uv: Option<PathBuf>,
}

/// Whom to trust and how to get out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrustSettings {
    /// PEM file of certificate authorities; default: the machine's.
    pub ca_bundle: Option<PathBuf>,
    /// Proxy for plain HTTP.
    pub http_proxy: Option<SecretUrl>,
    /// Proxy for HTTPS.
    pub https_proxy: Option<SecretUrl>,
    /// Hosts to reach without a proxy, comma-separated.
    pub no_proxy: Option<String>,
    /// Whether nothing may be fetched at all. It is asked for build by build, and no setting.
    #[serde(skip)]
    pub offline: bool,
}

/// What is believed that other stores found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FactsSettings {
    /// Public keys whose bundles are taken in: in their short form, or files.
    pub trusted_keys: Vec<String>,
}

/// Who builds Dockerfiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildEngine {
    /// This program.
    #[default]
    Native,
    /// A Docker Engine, by its BuildKit.
    Docker,
    /// A BuildKit daemon.
    BuildKit,
    /// This program where it can, else a daemon that answers.
    Auto,
}

impl fmt::Display for BuildEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Docker => "docker",
            Self::BuildKit => "buildkit",
            Self::Auto => "auto",
        })
    }
}

/// The Docker Engine of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DockerSettings {
    /// Where it listens, as `DOCKER_HOST` has it.
    pub host: Option<String>,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`, where it is reached over TLS.
    pub certificates: Option<PathBuf>,
    /// Whether images that it builds are brought into the store though nothing needs them there; default: they are.
    pub import: Option<bool>,
}

/// A BuildKit daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BuildkitSettings {
    /// Where it listens, as `BUILDKIT_HOST` has it.
    pub host: Option<String>,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`, where it is reached over TLS.
    pub certificates: Option<PathBuf>,
}

/// Who builds Dockerfiles, and where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineSettings {
    /// Who builds.
    pub engine: BuildEngine,
    /// The Docker Engine.
    pub docker: DockerSettings,
    /// The BuildKit daemon.
    pub buildkit: BuildkitSettings,
}
