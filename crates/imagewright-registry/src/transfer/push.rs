//! From a store to a registry.

use std::io::{self, Read};

use imagewright_oci::{Descriptor, Document, Manifest, MediaType, Reference};

use super::workers::in_parallel;
use super::{ImageSource, OnEvent, TransferEvent, TransferOptions, announce, blobs_of};
use crate::{BlobOutcome, BlobSource, Client, ManifestName, RegistryError};

/// How an image is pushed.
#[derive(Clone, Debug, Default)]
pub struct PushOptions {
    /// How it is moved.
    pub transfer: TransferOptions,
    /// Images that may have blobs in common with this one; those in the same registry are tried as mounts.
    pub mount_from: Vec<Reference>,
}

/// A blob of an image source.
pub(super) struct BlobOf<'a> {
    pub(super) source: &'a dyn ImageSource,
    pub(super) blob: &'a Descriptor,
}

impl BlobSource for BlobOf<'_> {
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        self.source.open(self.blob, offset)
    }
}

/// Brings an image to where `reference` says: its blobs first, then its manifest, so that it is complete once it has
/// a name. Gives the descriptor of the manifest.
pub fn push(
    client: &Client,
    manifest: &Document<Manifest>,
    source: &dyn ImageSource,
    reference: &Reference,
    options: &PushOptions,
    on_event: OnEvent<'_>,
) -> Result<Descriptor, RegistryError> {
    let transfer = &options.transfer;
    if let Some(expected) = reference.digest().filter(|digest| *digest != manifest.digest()) {
        let (what, found) = (format!("the image to push to `{reference}`"), manifest.digest().clone());
        return Err(RegistryError::WrongDigest { what, expected: expected.clone(), found });
    }
    let repository = client.repository(reference).cancelled_by(&transfer.cancel);
    let mount_from = options.repositories(reference);
    // Foreign layers are not to be sent, and an image that has some was accepted with them.
    let skipping = TransferOptions { skip_foreign_layers: true, ..transfer.clone() };
    let blobs = blobs_of([&**manifest], &format!("image `{reference}`"), &skipping)?;
    announce(on_event, &blobs);
    let media_type = manifest.media_type.clone().unwrap_or(MediaType::Manifest);
    let descriptor =
        Descriptor::new(media_type.clone(), manifest.digest().clone(), manifest.bytes().len() as u64);
    // What a manifest points at is there when the manifest is: registries refuse it otherwise. Where the question is
    // not answered, pushing tells why.
    if let Ok(Some(known)) = repository.head_manifest(&target_name(reference))
        && known.digest == descriptor.digest
    {
        for blob in blobs {
            on_event(TransferEvent::Done { blob, outcome: BlobOutcome::Existed });
        }
        return Ok(descriptor);
    }
    in_parallel(transfer.connections, &transfer.cancel, &blobs, |blob, cancel| {
        let mut on_bytes = |count| on_event(TransferEvent::Bytes { blob, count });
        let repository = repository.clone().cancelled_by(cancel);
        let outcome = repository.put_blob(blob, &BlobOf { source, blob }, &mount_from, &mut on_bytes)?;
        on_event(TransferEvent::Done { blob, outcome });
        Ok(())
    })?;
    let digest = repository.put_manifest(&target_name(reference), &media_type, manifest.bytes())?;
    Ok(Descriptor { digest, ..descriptor })
}

/// Brings one blob to where an image with it is going to be pushed.
pub fn push_blob(
    client: &Client,
    blob: &Descriptor,
    source: &dyn ImageSource,
    reference: &Reference,
    options: &PushOptions,
) -> Result<BlobOutcome, RegistryError> {
    let repository = client.repository(reference).cancelled_by(&options.transfer.cancel);
    repository.put_blob(blob, &BlobOf { source, blob }, &options.repositories(reference), &mut |_| {})
}

impl PushOptions {
    /// The repositories to mount from, of those that are in the same registry.
    pub(super) fn repositories(&self, target: &Reference) -> Vec<String> {
        let same_registry = self.mount_from.iter().filter(|from| from.registry() == target.registry());
        let mut repositories: Vec<String> = same_registry.map(|from| from.repository().to_owned()).collect();
        repositories.dedup();
        repositories
    }
}

/// Where a manifest is put: a tag where there is one, since a digest names it anyway.
pub(super) fn target_name(reference: &Reference) -> ManifestName {
    reference.tag().map_or_else(|| ManifestName::of(reference), |tag| ManifestName::Tag(tag.clone()))
}
