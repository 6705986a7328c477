//! The port through which bases come from registries. Whoever puts the house together says who stands behind it.

use std::error::Error;
use std::fmt;

use imagewright_model::{ErrorKind, Progress, Stop};
use imagewright_oci::{Digest, Platform, Reference};
use imagewright_store::{ImageRecord, Store, StoreError};

/// Brings images from registries into the store.
pub trait RemoteImages: Send + Sync {
    /// Pulls the image for `platform` behind `reference`, under that name, and ends early when `stop` is asked.
    fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        stop: &Stop,
        progress: &(dyn Fn(&str, Progress) + Sync),
    ) -> Result<ImageRecord, RemoteError>;
}

/// The facts that tell which image a registry last had under a name.
const FACT: &str = "pulled";

/// Notes which image a registry has under a name.
pub fn note_pulled(store: &Store, reference: &Reference, manifest: &Digest) -> Result<(), StoreError> {
    store.put_fact(FACT, &Digest::of(reference.canonical().as_bytes()), manifest)
}

/// The image that a registry last had under a name.
pub(crate) fn known_of_registry(store: &Store, reference: &Reference) -> Result<Option<Digest>, StoreError> {
    store.get_fact(FACT, &Digest::of(reference.canonical().as_bytes()))
}

/// Why an image did not come: an error of whoever stands behind the port, with what a front end asks of errors.
#[derive(Debug)]
pub struct RemoteError {
    /// What decides the exit code.
    pub kind: ErrorKind,
    /// What to do about it.
    pub hint: Option<String>,
    /// The error itself.
    pub error: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for RemoteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
