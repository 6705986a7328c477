//! One repository of a registry: manifests, blobs, tags, referrers.

mod blobs;
mod listing;
mod manifests;
mod reader;
mod resolve;
mod upload;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::endpoint::Endpoint;
use crate::http::Url;
use crate::patience::patiently;
use crate::settings::Patience;
use crate::{Cancel, RegistryError};

pub use blobs::{BlobOutcome, BlobSource, MountOutcome};
pub use manifests::{FetchedManifest, ManifestName};
pub use reader::BlobReader;
pub use resolve::Resolved;
pub(crate) use resolve::{Parsed, parse_manifest};
pub use upload::{CHUNK_SIZE, GrowingSource, Grown};

/// Where a repository is: a registry or mirror, and its name there.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) repository: String,
}

impl Place {
    /// The address of `rest` below the repository.
    fn url(&self, rest: &str, cancel: &Cancel) -> Result<Url, RegistryError> {
        self.endpoint.url(&format!("/v2/{}/{rest}", self.repository), cancel)
    }
}

/// A mirror, and whether it is still worth asking.
#[derive(Clone)]
struct Mirror {
    place: Place,
    failed: Arc<AtomicBool>,
}

/// A repository of a registry. Cheap to clone and to share between threads.
///
/// Reading looks in the mirrors first; writing goes to the registry itself.
#[derive(Clone)]
pub struct Repository {
    own: Place,
    mirrors: Vec<Mirror>,
    patience: Patience,
    cancel: Cancel,
    /// As people write it, for messages.
    shown: String,
}

impl Repository {
    pub(crate) fn new(own: Place, mirrors: Vec<Place>, patience: Patience, shown: String) -> Self {
        let mirrors = mirrors.into_iter().map(|place| Mirror { place, failed: Arc::default() }).collect();
        Self { own, mirrors, patience, cancel: Cancel::default(), shown }
    }

    /// The same repository, whose transfers stop when `cancel` says so.
    pub fn cancelled_by(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// The same repository, for a question that is not worth waiting for: what fails is tried once more and then given up.
    pub fn without_patience(self) -> Self {
        Self { patience: Patience { tries: 2, ..self.patience }, ..self }
    }

    /// The registry, as in references.
    pub fn registry(&self) -> &str {
        self.own.endpoint.registry()
    }

    /// The name inside the registry.
    pub fn name(&self) -> &str {
        &self.own.repository
    }

    /// Tries with the registry itself until it works or trying cannot help.
    fn patiently<T>(
        &self,
        mut attempt: impl FnMut(&Place) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        patiently(self.patience, &self.cancel, || attempt(&self.own))
    }

    /// Tries once with each mirror, then with the registry itself until it works or trying cannot help.
    fn reading<T>(
        &self,
        mut attempt: impl FnMut(&Place) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        for mirror in self.mirrors.iter().filter(|mirror| !mirror.failed.load(Ordering::Relaxed)) {
            match attempt(&mirror.place) {
                Err(RegistryError::Cancelled) => return Err(RegistryError::Cancelled),
                // What one mirror does not have is no reason to ask it no more.
                Err(RegistryError::NotFound { .. }) => {}
                Err(_) => mirror.failed.store(true, Ordering::Relaxed),
                Ok(value) => return Ok(value),
            }
        }
        self.patiently(attempt)
    }
}
