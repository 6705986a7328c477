//! The registry: who may pull and push what, and what a push does to the catalogue.
//!
//! A repository is an entry's: that of its name, or one that was made for it by a push. What it holds lies in the store under the
//! identity of the entry, so that an entry that gets the name of one that was removed has nothing of that.

mod blobs;
mod error;
mod incoming;
mod listing;
mod manifests;
mod name;
mod open;
mod tokens;
mod upkeep;

use std::sync::OnceLock;

use imagewright_catalog::{Principal, TokenScope};
use imagewright_oci::{Reference, Tag};

pub use blobs::Begun;
pub use error::{Code, DistributionError};
pub use imagewright_oci::{Digest, Index, MediaType};
pub use imagewright_service::distribution::{
    ManifestName, PushedManifest, ServedBlob, StoredManifest, UploadId,
};
pub use incoming::Incoming;
pub use listing::Paged;
pub use manifests::Pulls;
pub use name::RepositoryName;
pub(crate) use open::{Purpose, key_of};
pub use tokens::{Access, Actions, RegistryToken};

/// What is to be said of the registry.
#[derive(Clone, Debug, Default)]
pub struct DistributionSettings {
    /// Host and port by which others reach this server: what images are tagged with. Where nothing is said, the address that it
    /// listens on.
    pub host: Option<String>,
    /// `http` or `https`, where that is known and not to be found out from each request.
    pub scheme: Option<String>,
    /// Whether who has not logged in may pull images that are for all.
    pub anonymous_pull: bool,
}

/// The registry of a server.
#[derive(Debug, Default)]
pub(crate) struct Distribution {
    pub(crate) settings: DistributionSettings,
    /// Where it listens.
    listening: OnceLock<String>,
    /// What tokens are signed with.
    key: OnceLock<[u8; 32]>,
}

impl Distribution {
    pub(crate) fn new(settings: DistributionSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    fn host(&self) -> &str {
        let said = self.settings.host.as_ref().or_else(|| self.listening.get());
        said.map_or("localhost", String::as_str)
    }

    /// What images of a repository are tagged as in the store.
    pub(crate) fn reference(&self, repository: &str, tag: &Tag) -> Option<Reference> {
        format!("{}/{repository}:{tag}", self.host()).parse().ok()
    }
}

impl crate::Server {
    /// What was said of the registry.
    pub fn registry_settings(&self) -> &DistributionSettings {
        &self.distribution.settings
    }

    /// Host and port by which others reach this server.
    pub fn registry_host(&self) -> &str {
        self.distribution.host()
    }

    /// Tells where this server listens, which others reach it by where nothing else was said.
    pub fn listens_at(&self, address: std::net::SocketAddr) {
        // It is told once.
        let _ = self.distribution.listening.set(address.to_string());
    }
}

/// Whoever asks, and for what that is good.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// What the token is for; everything where it is none of the registry's.
    pub scope: Option<Vec<Access>>,
    /// What the personal access token is good for that they come with.
    pub token_scope: TokenScope,
}
