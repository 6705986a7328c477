//! The port through which bases come from registries. Whoever puts the house together says who stands behind it.

use std::error::Error;
use std::fmt;
use std::io::Read;
use std::slice;

use imagewright_model::{ErrorKind, Progress, Stop};
use imagewright_oci::{Descriptor, Digest, Platform, Reference};
use imagewright_store::{Image, ImageRecord, Store, StoreError};
use serde::{Deserialize, Serialize};

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

    /// Reads what the image for `platform` behind `reference` says about itself, and leaves its layers where they are.
    fn inspect(&self, reference: &Reference, platform: &Platform, stop: &Stop) -> Result<Image, RemoteError>;

    /// Whether one of the repositories `places` has the layer just now. A registry that does not answer has it not; it is
    /// not waited for, and not asked again for a while.
    fn has_layer(&self, layer: &Descriptor, places: &[Reference], stop: &Stop) -> bool;

    /// Opens a layer from `offset` on, in the first of the repositories `places` that has it. Reading ends without an error
    /// only when all of it came, and from the beginning, proven; errors of reading hold a [`RemoteError`].
    fn open_layer(
        &self,
        layer: &Descriptor,
        places: &[Reference],
        offset: u64,
        stop: &Stop,
    ) -> Result<Box<dyn Read + Send>, RemoteError>;

    /// Brings layers into the store, each from one of its places.
    fn fetch(
        &self,
        layers: &[(&Descriptor, Vec<Reference>)],
        stop: &Stop,
        progress: &(dyn Fn(&str, Progress) + Sync),
    ) -> Result<(), RemoteError>;
}

/// The facts that tell which image a registry last had under a name.
const FACT: &str = "pulled";

/// Which image a registry last had under a name.
#[derive(Serialize, Deserialize)]
struct Pulled {
    manifest: Digest,
    /// Digits of the manifest it had before: who is killed before the name moves here leaves the name with that one.
    /// Without an algorithm, so that a collection does not keep it.
    before: Option<String>,
}

/// Enters an image of a registry into the store under the name it has there. Its layers are there, or it is noted where
/// they can be had.
pub fn put_pulled(store: &Store, reference: &Reference, image: &Image) -> Result<ImageRecord, StoreError> {
    // A name with a digest is no name of the store's; the tag beside it may have moved on.
    let names = if reference.digest().is_some() { &[] } else { slice::from_ref(reference) };
    note_pulled(store, reference, image.manifest.digest())?;
    store.put_image(&image.manifest, &image.config, names)
}

/// Notes which image a registry has under a name; to be done before the image gets that name here.
fn note_pulled(store: &Store, reference: &Reference, manifest: &Digest) -> Result<(), StoreError> {
    let known = pulled(store, reference)?;
    if known.as_ref().is_some_and(|known| known.manifest == *manifest) {
        return Ok(());
    }
    let before = known.map(|known| known.manifest.hex().to_owned());
    store.put_fact_flushed(FACT, &key(reference), &Pulled { manifest: manifest.clone(), before })
}

/// Whether an image that goes by a name here came from the registry under that name.
pub(crate) fn came_from_registry(
    store: &Store,
    reference: &Reference,
    manifest: &Digest,
) -> Result<bool, StoreError> {
    let known = pulled(store, reference)?;
    Ok(known.is_some_and(|Pulled { manifest: last, before }| {
        last == *manifest || before.is_some_and(|before| before == manifest.hex())
    }))
}

fn pulled(store: &Store, reference: &Reference) -> Result<Option<Pulled>, StoreError> {
    store.get_fact(FACT, &key(reference))
}

fn key(reference: &Reference) -> Digest {
    Digest::of(reference.canonical().as_bytes())
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
