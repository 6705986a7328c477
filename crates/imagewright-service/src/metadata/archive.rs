//! Records and their images together, for places without a way out: `runtime-images/*.json`, which Elyra reads as ever, and
//! beside it `images.tar`, an OCI image layout that holds each layer once.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use imagewright_elyra::Entry;
use imagewright_elyra::exchange::{self, ExportError, ExportRequest, Exported};
use imagewright_engine::Cancel;
use imagewright_model::Stop;
use imagewright_oci::{Descriptor, Index, MediaType, Platform, Reference, annotation};
use imagewright_registry::transfer::{self, OnEvent, Selection, TransferEvent, Tree};
use imagewright_registry::{BlobOutcome, Cancel as Watch, FetchedManifest, RegistryError};
use imagewright_store::StoreError;
use imagewright_store::transfer::{BundleWriter, TransferError};

use super::RuntimeImages;
use super::registries::{Trouble, TroubleKind, for_each};
use crate::registries::{OnTransfer, follow};
use crate::{Service, ServiceError};
use imagewright_model::in_one_line;

/// The archive beside the folder of records.
pub(super) const ARCHIVE: &str = "images.tar";

/// What an export with images came to.
#[derive(Clone, Debug)]
pub struct Archived {
    /// The records.
    pub exported: Exported,
    /// The archive.
    pub archive: PathBuf,
    /// How many images, or indexes of images, are in it.
    pub images: usize,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Images cannot be had; nothing was written.
    #[error("{} images cannot be had", .0.len())]
    Images(Vec<(String, Trouble)>),
    /// The records cannot be written.
    #[error(transparent)]
    Records(#[from] ExportError),
    /// The archive cannot be written.
    #[error(transparent)]
    Service(Box<ServiceError>),
}

impl From<ServiceError> for ArchiveError {
    fn from(error: ServiceError) -> Self {
        Self::Service(Box::new(error))
    }
}

impl From<StoreError> for ArchiveError {
    fn from(error: StoreError) -> Self {
        ServiceError::from(error).into()
    }
}

impl From<TransferError> for ArchiveError {
    fn from(error: TransferError) -> Self {
        ServiceError::from(error).into()
    }
}

/// An image of a record, and where its blobs are.
struct Located {
    reference: Reference,
    tree: Tree,
    /// Whether the store has it; what the store has of it partially is elsewhere.
    is_here: bool,
}

impl Service {
    /// Writes records into a folder and their images into an archive beside it. Images come from the store where it has
    /// them, else from their registries, and are not kept.
    pub fn export_runtime_images(
        &self,
        images: &RuntimeImages,
        request: &ExportRequest,
        platform: Option<&Platform>,
        before_removal: &mut dyn FnMut(&Path),
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<Option<Archived>, ArchiveError> {
        let _lease = self.store().lease(|| {})?;
        let listing = images.list();
        let entries = exchange::chosen(&listing, request).map_err(ExportError::from)?;
        if entries.is_empty() {
            return Ok(None);
        }
        let located = self.locate_all(&entries, platform, cancel.stop())?;
        fs::create_dir_all(&request.directory).map_err(ExportError::Folder)?;
        let archive = request.directory.join(ARCHIVE);
        let images_in_it = self.write_archive(&archive, &located, cancel.stop(), progress)?;
        let exported = images.export(request, before_removal)?.unwrap_or_default();
        Ok(Some(Archived { exported, archive, images: images_in_it }))
    }

    fn locate_all(
        &self,
        entries: &[&Entry],
        platform: Option<&Platform>,
        stop: &Stop,
    ) -> Result<Vec<Located>, ArchiveError> {
        let (mut located, mut troubles) = (Vec::new(), Vec::new());
        let results = for_each(entries, |entry| self.locate(entry, platform, stop));
        for (entry, result) in entries.iter().zip(results) {
            match result {
                Ok(image) => located.push(image),
                Err(trouble) => troubles.push((entry.name.clone(), trouble)),
            }
        }
        if troubles.is_empty() { Ok(located) } else { Err(ArchiveError::Images(troubles)) }
    }

    fn locate(&self, entry: &Entry, platform: Option<&Platform>, stop: &Stop) -> Result<Located, Trouble> {
        let unusable = |message| Trouble { kind: TroubleKind::Unusable, message, hint: None };
        let image_name = entry.valid().and_then(|record| record.image_name()).unwrap_or_default();
        let reference: Reference = image_name.parse().map_err(|error| unusable(in_one_line(&error)))?;
        let here = self.tree_in_store(&reference, platform).map_err(|error| unusable(in_one_line(&error)))?;
        if let Some(tree) = here {
            return Ok(Located { reference, tree, is_here: true });
        }
        let selection = platform.map_or(Selection::All, |platform| Selection::Platform(platform.clone()));
        let tree =
            transfer::collect(&self.registries.client, &reference, &selection, &Watch::watching(stop))?;
        // What must not be passed on is told before anything is written.
        tree.blobs()?;
        Ok(Located { reference, tree, is_here: false })
    }

    /// The image that the store has for a reference.
    fn tree_in_store(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> Result<Option<Tree>, ServiceError> {
        let is_meant = |record: &imagewright_store::ImageRecord| {
            let is_named = match reference.digest() {
                Some(digest) => record.manifest.digest == *digest,
                None => record.names.contains(reference),
            };
            is_named && platform.is_none_or(|platform| platform.accepts(&record.platform))
        };
        let Some(record) = self.store().list()?.into_iter().find(is_meant) else { return Ok(None) };
        let manifest = self.store().image(&record.manifest)?.manifest;
        let root = FetchedManifest {
            media_type: manifest.media_type.clone().unwrap_or(MediaType::Manifest),
            digest: manifest.digest().clone(),
            bytes: manifest.bytes().to_vec(),
        };
        let mut nothing = |part: &Descriptor| Err(RegistryError::Nowhere { digest: part.digest.clone() });
        Ok(Some(Tree::grow(&format!("image `{reference}`"), root, &mut nothing)?))
    }

    fn write_archive(
        &self,
        path: &Path,
        located: &[Located],
        stop: &Stop,
        progress: OnTransfer<'_>,
    ) -> Result<usize, ArchiveError> {
        let (index, count) = index_of(located);
        let mut bundle = BundleWriter::create(path, &index)?;
        let on_event = follow("exporting", progress);
        let mut blobs = Vec::new();
        for image in located {
            for document in image.tree.documents() {
                bundle.append(&document.descriptor(), &mut &document.bytes[..])?;
            }
            let own = image.tree.blobs().map_err(ServiceError::from)?;
            blobs.extend(own.into_iter().map(|blob| (blob, image)));
        }
        let bytes = blobs.iter().map(|(blob, _)| blob.size).sum();
        on_event(TransferEvent::Planned { blobs: blobs.len(), bytes });
        for (blob, image) in blobs {
            if bundle.has(&blob.digest) {
                on_event(TransferEvent::Done { blob, outcome: BlobOutcome::Existed });
                continue;
            }
            let reader = self.open_blob_of(image, blob, stop)?;
            bundle.append(blob, &mut Told { reader, blob, on_event: &on_event })?;
        }
        bundle.finish()?;
        Ok(count)
    }

    fn open_blob_of(
        &self,
        image: &Located,
        blob: &Descriptor,
        stop: &Stop,
    ) -> Result<Box<dyn Read + '_>, ServiceError> {
        if self.store().has_blob(&blob.digest) {
            return Ok(Box::new(self.store().open_blob(&blob.digest)?));
        }
        let mut places = self.store().origins(&blob.digest)?;
        if !image.is_here || places.is_empty() {
            places.insert(0, image.reference.clone());
        }
        Ok(Box::new(self.registries.open_elsewhere(blob, &places, 0, stop)?))
    }
}

/// The index of the archive, an entry for each reference, and the number of images.
fn index_of(located: &[Located]) -> (Index, usize) {
    let mut entries: Vec<Descriptor> = Vec::new();
    for image in located {
        let mut entry = image.tree.root();
        entry.annotations.insert(annotation::REF_NAME.to_owned(), image.reference.canonical());
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let mut digests: Vec<_> = entries.iter().map(|entry| entry.digest.clone()).collect();
    digests.sort_by_key(ToString::to_string);
    digests.dedup();
    (Index::new(entries), digests.len())
}

/// A reader that tells how far it has come.
struct Told<'a> {
    reader: Box<dyn Read + 'a>,
    blob: &'a Descriptor,
    on_event: OnEvent<'a>,
}

impl Read for Told<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.reader.read(buffer)?;
        let count = i64::try_from(length).unwrap_or(i64::MAX);
        (self.on_event)(TransferEvent::Bytes { blob: self.blob, count });
        Ok(length)
    }
}
