//! From a registry into a store.

use std::io::{self, Read};

use imagewright_oci::{Descriptor, Document, ImageConfig, Index, Manifest, Platform, Reference};

use super::workers::in_parallel;
use super::{BlobSink, OnEvent, TransferEvent, TransferOptions, announce, blobs_of};
use crate::{BlobOutcome, BlobReader, Cancel, Client, ManifestName, RegistryError, Repository};

/// The longest image configuration that is read.
const LONGEST_CONFIG: u64 = 8 * 1024 * 1024;

/// An image in a registry, without its layers.
#[derive(Clone, Debug)]
pub struct RemoteImage {
    /// Its manifest.
    pub manifest: Document<Manifest>,
    /// A descriptor of the manifest.
    pub descriptor: Descriptor,
    /// Its configuration.
    pub config: Document<ImageConfig>,
    /// The index it was chosen from, where the name stands for one.
    pub index: Option<Document<Index>>,
}

/// Finds the image for `platform` behind `reference` and reads what it says about itself.
pub fn inspect(
    client: &Client,
    reference: &Reference,
    platform: &Platform,
    cancel: &Cancel,
) -> Result<RemoteImage, RegistryError> {
    let repository = client.repository(reference).cancelled_by(cancel);
    let what = format!("image `{reference}`");
    let resolved = repository.resolve(&ManifestName::of(reference), platform)?;
    let config = fetch_config(&repository, &resolved.manifest.config, &what)?;
    let offered = &config.platform;
    // Old tools leave the platform empty, which tells nothing.
    if !offered.architecture.is_empty() && !platform.accepts(offered) {
        let (platform, offered) = (Box::new(platform.clone()), vec![offered.clone()]);
        return Err(RegistryError::NoPlatform { what, platform, offered });
    }
    Ok(RemoteImage {
        manifest: resolved.manifest,
        descriptor: resolved.descriptor,
        config,
        index: resolved.index,
    })
}

/// Brings the blobs of the image for `platform` behind `reference` into `sink`. The image is complete there when
/// this returns; giving it a name is the caller's business.
pub fn pull(
    client: &Client,
    reference: &Reference,
    platform: &Platform,
    sink: &dyn BlobSink,
    options: &TransferOptions,
    on_event: OnEvent<'_>,
) -> Result<RemoteImage, RegistryError> {
    let image = inspect(client, reference, platform, &options.cancel)?;
    let what = format!("image `{reference}`");
    let blobs = blobs_of([&*image.manifest], &what, options)?;
    let repository = client.repository(reference);
    announce(on_event, &blobs);
    in_parallel(options.connections, &options.cancel, &blobs, |blob, cancel| {
        let outcome = if *blob == &image.manifest.config {
            pull_blob(sink, blob, &mut image.config.bytes(), on_event)?
        } else {
            let reader = repository.clone().cancelled_by(cancel).open_blob(blob, 0);
            pull_verified(sink, blob, reader, on_event)?
        };
        on_event(TransferEvent::Done { blob, outcome });
        Ok(())
    })?;
    Ok(image)
}

/// Brings blobs into `sink`, each from the first of its repositories that has it.
pub fn pull_blobs(
    client: &Client,
    blobs: &[(&Descriptor, Vec<Reference>)],
    sink: &dyn BlobSink,
    options: &TransferOptions,
    on_event: OnEvent<'_>,
) -> Result<(), RegistryError> {
    let descriptors: Vec<&Descriptor> = blobs.iter().map(|(blob, _)| *blob).collect();
    announce(on_event, &descriptors);
    in_parallel(options.connections, &options.cancel, blobs, |(blob, places), cancel| {
        let reader = open_blob(client, blob, places, 0, cancel)?;
        let outcome = pull_verified(sink, blob, reader, on_event)?;
        on_event(TransferEvent::Done { blob, outcome });
        Ok(())
    })
}

/// Opens a blob from `offset` on, in the first of the repositories `places` that has it. Which one that is, is asked
/// only where there is a choice.
pub fn open_blob(
    client: &Client,
    blob: &Descriptor,
    places: &[Reference],
    offset: u64,
    cancel: &Cancel,
) -> Result<BlobReader, RegistryError> {
    let mut repositories = places.iter().map(|place| client.repository(place).cancelled_by(cancel));
    let mut chosen =
        repositories.next().ok_or_else(|| RegistryError::Nowhere { digest: blob.digest.clone() })?;
    for other in repositories {
        match chosen.has_blob(&blob.digest) {
            Ok(Some(_)) => break,
            Err(RegistryError::Cancelled) => return Err(RegistryError::Cancelled),
            // A repository that cannot be asked is as good as one that has it not.
            Ok(None) | Err(_) => chosen = other,
        }
    }
    Ok(chosen.open_blob(blob, offset))
}

/// Refuses an image with layers that registries must not hold.
pub fn refuse_foreign_layers(image: &RemoteImage, reference: &Reference) -> Result<(), RegistryError> {
    let what = format!("image `{reference}`");
    blobs_of([&*image.manifest], &what, &TransferOptions::default()).map(drop)
}

fn fetch_config(
    repository: &Repository,
    descriptor: &Descriptor,
    what: &str,
) -> Result<Document<ImageConfig>, RegistryError> {
    let what = format!("the configuration of {what}");
    if descriptor.size > LONGEST_CONFIG {
        return Err(RegistryError::TooLarge { what, limit: LONGEST_CONFIG });
    }
    let mut bytes = Vec::new();
    repository.open_blob(descriptor, 0).read_to_end(&mut bytes).map_err(|error| {
        let interrupted = |source| RegistryError::Interrupted { what: what.clone(), done: 0, source };
        RegistryError::from_read(error).unwrap_or_else(interrupted)
    })?;
    Document::parse(bytes).map_err(|source| RegistryError::Malformed { what, source })
}

/// A reader that keeps the error of the transfer, whatever a sink makes of it.
struct Counted<'a, R> {
    inner: R,
    failure: Option<RegistryError>,
    blob: &'a Descriptor,
    on_event: OnEvent<'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer).or_else(|error| {
            self.failure = Some(RegistryError::from_read(error)?);
            Err(io::Error::other("the transfer failed"))
        })?;
        let moved = i64::try_from(count).unwrap_or(i64::MAX);
        (self.on_event)(TransferEvent::Bytes { blob: self.blob, count: moved });
        Ok(count)
    }
}

fn pull_verified(
    sink: &dyn BlobSink,
    blob: &Descriptor,
    mut reader: BlobReader,
    on_event: OnEvent<'_>,
) -> Result<BlobOutcome, RegistryError> {
    let outcome = pull_blob(sink, blob, &mut reader, on_event)?;
    // What was not read to its end was not proven.
    if outcome == BlobOutcome::Transferred && !matches!(reader.read(&mut [0]), Ok(0)) {
        let source = io::Error::other("the sink did not read all of it");
        return Err(RegistryError::Sink { digest: blob.digest.clone(), source });
    }
    Ok(outcome)
}

fn pull_blob(
    sink: &dyn BlobSink,
    blob: &Descriptor,
    bytes: &mut dyn Read,
    on_event: OnEvent<'_>,
) -> Result<BlobOutcome, RegistryError> {
    let wrong = |source| RegistryError::Sink { digest: blob.digest.clone(), source };
    if sink.has(blob).map_err(wrong)? {
        return Ok(BlobOutcome::Existed);
    }
    let mut counted = Counted { inner: bytes, failure: None, blob, on_event };
    let kept = sink.put(blob, &mut counted);
    match (counted.failure, kept) {
        (Some(failure), _) => Err(failure),
        (None, Err(source)) => Err(wrong(source)),
        (None, Ok(())) => Ok(BlobOutcome::Transferred),
    }
}
