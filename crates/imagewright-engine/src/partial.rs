//! Partial images: the layers of a base stay in its registry until somebody needs their files.
//!
//! A base is named in an image by digests, and those are known without its layers. What Python is like is found out on
//! the few files it needs (`pip::root`), which are picked from the layers as they stream by. Only what works on the
//! whole tree (apt, building what comes as source, `image run`) has the layers brought into the store.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use imagewright_model::Progress;
use imagewright_oci::{Descriptor, Platform, Reference};
use imagewright_store::{Image, ImageRecord, Part, Store, StoreError};

use crate::Engine;
use crate::cancel::Cancel;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::remote::{RemoteError, RemoteImages, put_pulled};
use crate::reporter::StepReporter;
use crate::versions_error::VersionsError;
use crate::workbench::Site;

/// Enters an image of a registry into the store, without its layers. It gets the name it has there.
pub(crate) fn adopt(
    site: Site<'_>,
    reference: &Reference,
    platform: &Platform,
) -> Result<ImageRecord, EngineError> {
    let store = site.store;
    let image = site.remote.inspect(reference, platform, site.cancel.stop()).map_err(EngineError::Remote)?;
    for layer in store.missing_layers(&image) {
        store.note_origin(&layer.digest, reference)?;
    }
    Ok(put_pulled(store, reference, &image)?)
}

/// All files of the image so far, unpacked for an overlay: directories relative to [`Store::snapshots_dir`], top first.
/// Layers that are not in the store are brought there.
pub(crate) fn whole(
    site: Site<'_>,
    draft: &Draft,
    report: &StepReporter<'_>,
) -> Result<Vec<PathBuf>, EngineError> {
    let image = draft.image();
    let output = report.output();
    let fetching = |message: &str, progress: Progress| output.progress(message, progress);
    fetch(site.store, (site.remote, site.outside.offline), &image, site.cancel, &fetching)?;
    let mut unpacking =
        |message: &str, progress: Progress| report.progress(message, progress.done, progress.total);
    Ok(site.store.ensure_snapshot(&image, &mut unpacking)?)
}

/// The files of an image that make up a part, unpacked for an overlay; see [`Store::ensure_part`].
pub(crate) fn part(
    site: Site<'_>,
    draft: &Draft,
    part: Part,
    report: &StepReporter<'_>,
) -> Result<Vec<PathBuf>, EngineError> {
    let failure = Failure::default();
    let mut open = |layer: &Descriptor| {
        let opened = places(site.store, site.outside.offline, layer).and_then(|places| {
            site.remote.open_layer(layer, &places, 0, site.cancel.stop()).map_err(EngineError::Remote)
        });
        match opened {
            Ok(inner) => Ok(Box::new(Watched { inner, failure: failure.clone() }) as Box<dyn Read + Send>),
            Err(error) => Err(failure.keep(error)),
        }
    };
    let mut progress =
        |message: &str, progress: Progress| report.progress(message, progress.done, progress.total);
    let stack = site.store.ensure_part(&draft.image(), part, &mut open, &mut progress);
    stack.map_err(|error| failure.take().unwrap_or_else(|| error.into()))
}

impl Engine {
    /// Brings the layers of an image that were left in a registry.
    pub fn complete(
        &self,
        record: &ImageRecord,
        cancel: &Cancel,
        progress: &(dyn Fn(&str, Progress) + Sync),
    ) -> Result<(), EngineError> {
        let image = self.store.image(&record.manifest)?;
        fetch(&self.store, (&*self.remote, self.settings.trust.offline), &image, cancel, progress)
    }
}

fn fetch(
    store: &Store,
    (remote, offline): (&dyn RemoteImages, bool),
    image: &Image,
    cancel: &Cancel,
    progress: &(dyn Fn(&str, Progress) + Sync),
) -> Result<(), EngineError> {
    let mut missing = Vec::new();
    for layer in store.missing_layers(image) {
        missing.push((layer, places(store, offline, layer)?));
    }
    if !missing.is_empty() {
        remote.fetch(&missing, cancel.stop(), progress).map_err(EngineError::Remote)?;
    }
    Ok(())
}

/// Where a layer can be had.
fn places(store: &Store, offline: bool, layer: &Descriptor) -> Result<Vec<Reference>, EngineError> {
    let places = store.origins(&layer.digest)?;
    let Some(place) = places.first() else {
        return Err(StoreError::BlobMissing { digest: layer.digest.clone() }.into());
    };
    if offline {
        let what = format!("layer `{}` of the base image `{place}` is", layer.digest);
        return Err(VersionsError::Offline { what }.into());
    }
    Ok(places)
}

/// Why layers could not be read, kept beside what the store makes of it.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<EngineError>>>);

impl Failure {
    fn keep(&self, error: EngineError) -> io::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::other("the transfer failed")
    }

    fn take(&self) -> Option<EngineError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A layer on its way.
struct Watched {
    inner: Box<dyn Read + Send>,
    failure: Failure,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.downcast::<RemoteError>() {
            Ok(remote) => self.failure.keep(EngineError::Remote(remote)),
            Err(error) => error,
        })
    }
}
