//! Registries: pull, push, copy, login, logout. Wires the registry client to the store.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use imagewright_engine::{Cancel, RemoteError, RemoteImages, put_pulled};
use imagewright_model::{ErrorKind, Progress, Stop};
use imagewright_oci::{Descriptor, Digest, Platform, Reference};
use imagewright_registry::transfer::{
    self, BlobSink, ImageSource, PushOptions, Selection, TransferEvent, TransferOptions,
};
use imagewright_registry::{BlobOutcome, Cancel as Watch, Client, GrowingSource, RegistryError};
use imagewright_store::{Image, ImageRecord, Store, StoreError};

use crate::asked::Asked;
use crate::{Service, ServiceError};

/// Told what is happening and how far it has come, from several threads.
pub type OnTransfer<'a> = &'a (dyn Fn(&str, Progress) + Sync);

/// The registry clients and the store they pull into and push from.
#[derive(Clone)]
pub(crate) struct Registries {
    /// Pulls.
    pub(crate) client: Client,
    /// Pushes. Often the same; where it is not, what may be pushed with is never pulled with.
    pub(crate) pusher: Client,
    pub(crate) store: Store,
    /// What registries were asked for lately.
    pub(crate) asked: Asked,
}

impl RemoteImages for Registries {
    fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        stop: &Stop,
        progress: OnTransfer<'_>,
    ) -> Result<ImageRecord, RemoteError> {
        self.pull_image(reference, platform, stop, progress).map_err(|error| RemoteError {
            kind: error.kind(),
            hint: error.hint(),
            error: Box::new(error),
        })
    }

    fn inspect(&self, reference: &Reference, platform: &Platform, stop: &Stop) -> Result<Image, RemoteError> {
        let image = transfer::inspect(&self.client, reference, platform, &Watch::watching(stop))
            .and_then(|image| transfer::refuse_foreign_layers(&image, reference).map(|()| image))
            .map_err(remote)?;
        Ok(Image { manifest: image.manifest, config: image.config })
    }

    fn has_layer(&self, layer: &Descriptor, places: &[Reference], stop: &Stop) -> bool {
        self.asked.has_layer(&self.client, layer, places, stop)
    }

    fn open_layer(
        &self,
        layer: &Descriptor,
        places: &[Reference],
        offset: u64,
        stop: &Stop,
    ) -> Result<Box<dyn Read + Send>, RemoteError> {
        Ok(Box::new(Remote(self.open_elsewhere(layer, places, offset, stop).map_err(remote)?)))
    }

    fn fetch(
        &self,
        layers: &[(&Descriptor, Vec<Reference>)],
        stop: &Stop,
        progress: OnTransfer<'_>,
    ) -> Result<(), RemoteError> {
        let options = TransferOptions { cancel: Watch::watching(stop), ..TransferOptions::default() };
        let on_event = follow("pulling", progress);
        transfer::pull_blobs(&self.client, layers, &StoreSink(&self.store), &options, &on_event)
            .map_err(remote)
    }
}

fn remote(error: RegistryError) -> RemoteError {
    RemoteError { kind: error.kind(), hint: error.hint(), error: Box::new(error) }
}

/// Hands the errors of a registry's reader on in the form that the engine knows.
struct Remote<R>(R);

impl<R: Read> Read for Remote<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match RegistryError::from_read(error) {
            Ok(error) => io::Error::other(remote(error)),
            Err(error) => error,
        })
    }
}

impl Registries {
    /// Opens a layer of a partial image where it is.
    pub(crate) fn open_elsewhere(
        &self,
        layer: &Descriptor,
        places: &[Reference],
        offset: u64,
        stop: &Stop,
    ) -> Result<impl Read + Send + use<>, RegistryError> {
        transfer::open_blob(&self.client, layer, places, offset, &Watch::watching(stop))
    }

    /// Sends one layer of an image that is going to be pushed to `target`.
    pub(crate) fn push_layer(
        &self,
        layer: &Descriptor,
        target: &Reference,
        mount_from: &[Reference],
        stop: &Stop,
    ) -> Result<BlobOutcome, RegistryError> {
        let transfer = TransferOptions { cancel: Watch::watching(stop), ..TransferOptions::default() };
        let options = PushOptions { transfer, mount_from: mount_from.to_vec() };
        transfer::push_blob(&self.pusher, layer, &StoreSource { registries: self, stop }, target, &options)
    }

    /// Whether the repository of `target` has nothing yet. Where that is not known it counts as having something.
    pub(crate) fn is_empty(&self, target: &Reference, stop: &Stop) -> bool {
        match self.pusher.repository(target).cancelled_by(&Watch::watching(stop)).tags() {
            Ok(tags) => tags.is_empty(),
            Err(error) => matches!(error, RegistryError::NotFound { .. }),
        }
    }

    /// Sends a layer to the repository of `target` while it is made.
    pub(crate) fn push_growing(
        &self,
        source: &dyn GrowingSource,
        target: &Reference,
        stop: &Stop,
    ) -> Result<Option<Digest>, RegistryError> {
        self.pusher.repository(target).cancelled_by(&Watch::watching(stop)).upload_growing(source)
    }

    fn pull_image(
        &self,
        reference: &Reference,
        platform: &Platform,
        stop: &Stop,
        progress: OnTransfer<'_>,
    ) -> Result<ImageRecord, ServiceError> {
        let options = TransferOptions { cancel: Watch::watching(stop), ..TransferOptions::default() };
        let pulled = transfer::pull(
            &self.client,
            reference,
            platform,
            &StoreSink(&self.store),
            &options,
            &follow("pulling", progress),
        )?;
        let image = Image { manifest: pulled.manifest, config: pulled.config };
        Ok(put_pulled(&self.store, reference, &image)?)
    }
}

impl Service {
    /// Pulls an image from its registry and gives it that name in the store.
    pub fn pull_image(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<ImageRecord, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let host = Platform::host();
        self.registries.pull_image(reference, platform.unwrap_or(&host), cancel.stop(), progress)
    }

    /// Pushes an image of the store to `target`, or to where its own name says. Gives the digest of its manifest.
    pub fn push_image(
        &self,
        image: &str,
        target: Option<&Reference>,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<(Reference, Digest), ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let record = self.store().resolve(image)?;
        let target = match target {
            Some(target) => target.clone(),
            None => image.parse()?,
        };
        let documents = self.store().image(&record.manifest)?;
        let options = PushOptions {
            transfer: TransferOptions {
                cancel: Watch::watching(cancel.stop()),
                ..TransferOptions::default()
            },
            mount_from: self.relatives(&documents)?,
        };
        let source = StoreSource { registries: &self.registries, stop: cancel.stop() };
        let pushed = transfer::push(
            &self.registries.pusher,
            &documents.manifest,
            &source,
            &target,
            &options,
            &follow("pushing", progress),
        )?;
        Ok((target, pushed.digest))
    }

    /// Names of images that share layers with this one: a registry may have those layers already.
    fn relatives(&self, own: &Image) -> Result<Vec<Reference>, ServiceError> {
        let bottom = own.config.rootfs.diff_ids.first();
        let mut names = Vec::new();
        for layer in self.store().missing_layers(own) {
            names.extend(self.store().origins(&layer.digest)?);
        }
        names.sort();
        names.dedup();
        for other in self.store().list()? {
            let documents = self.store().image(&other.manifest)?;
            if documents.config.rootfs.diff_ids.first() == bottom {
                names.extend(other.names);
            }
        }
        Ok(names)
    }

    /// Copies an image from one registry to another without keeping it here. Gives the digest of what was copied.
    pub fn copy_image(
        &self,
        from: &Reference,
        to: &Reference,
        platform: Option<&Platform>,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<Digest, ServiceError> {
        let selection = platform.map_or(Selection::All, |platform| Selection::Platform(platform.clone()));
        let options =
            TransferOptions { cancel: Watch::watching(cancel.stop()), ..TransferOptions::default() };
        Ok(transfer::copy(
            &self.registries.client,
            from,
            to,
            &selection,
            &options,
            &follow("copying", progress),
        )?
        .digest)
    }
}

/// Puts pulled blobs into the store.
struct StoreSink<'a>(&'a Store);

impl BlobSink for StoreSink<'_> {
    fn has(&self, blob: &Descriptor) -> io::Result<bool> {
        Ok(self.0.has_blob(&blob.digest))
    }

    fn put(&self, blob: &Descriptor, bytes: &mut dyn Read) -> io::Result<()> {
        let mut writer = self.0.blob_writer().map_err(hidden)?;
        // Of an error in reading the registry client has kept its own account.
        io::copy(bytes, &mut writer).map_err(|source| {
            let path = self.0.blob_path(&blob.digest);
            hidden(StoreError::Io { action: "write", path, source })
        })?;
        writer.commit(&blob.digest).map_err(hidden)
    }
}

/// Hides an error of the store in one of the operating system, and keeps what the kind of error is told by.
fn hidden(error: StoreError) -> io::Error {
    let kind = match (&error, error.kind()) {
        (StoreError::Io { source, .. }, _) => source.kind(),
        (_, ErrorKind::NotFound) => io::ErrorKind::NotFound,
        (_, ErrorKind::Invalid) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Opens blobs of the store to be pushed, and layers of partial images where they are.
struct StoreSource<'a> {
    registries: &'a Registries,
    stop: &'a Stop,
}

impl ImageSource for StoreSource<'_> {
    fn open(&self, blob: &Descriptor, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let store = &self.registries.store;
        if !store.has_blob(&blob.digest) {
            let places = store.origins(&blob.digest).map_err(hidden)?;
            if !places.is_empty() {
                let reader = self.registries.open_elsewhere(blob, &places, offset, self.stop);
                return Ok(Box::new(reader.map_err(io::Error::other)?));
            }
        }
        let mut file: File = store.open_blob(&blob.digest).map_err(hidden)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(file))
    }
}

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Adds up what several connections move.
#[derive(Default)]
struct Meter {
    done: u64,
    total: u64,
    told: Option<Instant>,
}

impl Meter {
    /// Takes an event in; gives the progress where it is time to tell.
    fn take(&mut self, event: &TransferEvent<'_>) -> Option<Progress> {
        match event {
            TransferEvent::Planned { bytes, .. } => self.total = *bytes,
            TransferEvent::Bytes { count, .. } => self.done = self.done.saturating_add_signed(*count),
            // What did not have to move is as good as moved.
            TransferEvent::Done { blob, outcome: BlobOutcome::Existed | BlobOutcome::Mounted } => {
                self.done += blob.size;
            }
            TransferEvent::Done { .. } => {}
        }
        let is_last = self.done >= self.total;
        if !is_last && self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(Progress { done: self.done, total: Some(self.total) })
    }
}

/// Turns the events of a transfer into progress.
pub(crate) fn follow<'a>(
    message: &'a str,
    progress: OnTransfer<'a>,
) -> impl Fn(TransferEvent<'_>) + Sync + 'a {
    let meter = Mutex::new(Meter::default());
    move |event| {
        let told = meter.lock().unwrap_or_else(PoisonError::into_inner).take(&event);
        if let Some(told) = told {
            progress(message, told);
        }
    }
}
