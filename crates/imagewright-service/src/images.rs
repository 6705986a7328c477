//! Images in the store: list, show, tag, remove, export, import, run.

use imagewright_engine::{Cancel, Inventory, RunRequest};
use imagewright_model::Progress;
use imagewright_oci::{ImageConfig, Manifest, Reference};
use imagewright_store::transfer::ExportTarget;
use imagewright_store::{ImageRecord, StoreError};

use crate::registries::OnTransfer;
use crate::transport::{Destination, Source};
use crate::{Service, ServiceError};

/// Everything there is to know about one image.
#[derive(Clone, Debug)]
pub struct ImageDetails {
    /// Its entry in the list.
    pub record: ImageRecord,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its configuration.
    pub config: ImageConfig,
    /// How many of its layers were left in a registry.
    pub missing_layers: usize,
}

/// What a removal took away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name; the image still has others.
    Name(Reference),
    /// The image, with these names.
    Image(Box<ImageRecord>),
}

impl Service {
    /// All images.
    pub fn list_images(&self) -> Result<Vec<ImageRecord>, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        Ok(self.store().list()?)
    }

    /// One image, by name, digest or the beginning of its id.
    pub fn show_image(&self, image: &str) -> Result<ImageDetails, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let record = self.store().resolve(image)?;
        let documents = self.store().image(&record.manifest)?;
        Ok(ImageDetails {
            missing_layers: self.store().missing_layers(&documents).len(),
            record,
            manifest: documents.manifest.into_value(),
            config: documents.config.into_value(),
        })
    }

    /// What is known of the packages in an image.
    pub fn packages_of_image(&self, image: &str) -> Result<Inventory, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let record = self.store().resolve(image)?;
        let documents = self.store().image(&record.manifest)?;
        Ok(self.engine.inventory(&documents.manifest, &documents.config)?)
    }

    /// Gives an image one more name.
    pub fn tag_image(&self, image: &str, name: &str) -> Result<ImageRecord, ServiceError> {
        let name: Reference = name.parse()?;
        let _lease = self.store().lease(|| {})?;
        let record = self.store().resolve(image)?;
        Ok(self.store().tag(&record, &name)?)
    }

    /// Takes a name away, or the image with all its names where it is called by digest or id. From an image whose
    /// documents are damaged, a name.
    pub fn remove_image(&self, image: &str) -> Result<Removed, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let record = match (self.store().resolve(image), image.parse::<Reference>()) {
            (Err(error), Ok(name)) if is_damage(&error) => {
                self.store().untag(&name)?;
                return Ok(Removed::Name(name));
            }
            (record, _) => record?,
        };
        let name = image.parse::<Reference>().ok().filter(|name| record.names.contains(name));
        match name {
            Some(name) if record.names.len() > 1 => {
                self.store().untag(&name)?;
                Ok(Removed::Name(name))
            }
            _ => {
                self.store().remove(&record)?;
                Ok(Removed::Image(Box::new(record)))
            }
        }
    }

    /// Brings the layers of an image that were left in a registry.
    pub fn fetch_image(
        &self,
        image: &str,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<ImageRecord, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let record = self.store().resolve(image)?;
        self.engine.complete(&record, cancel, progress)?;
        Ok(record)
    }

    /// Writes an image to a folder or file. What was left in a registry is fetched first, and `fetching` told of that.
    pub fn export_image(
        &self,
        image: &str,
        destination: &Destination,
        cancel: &Cancel,
        fetching: OnTransfer<'_>,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<ImageRecord, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let record = self.store().resolve(image)?;
        self.engine.complete(&record, cancel, fetching)?;
        // Who names an image by one of its names gets that name in the file, not all of them.
        let name = image.parse::<Reference>().ok().filter(|name| record.names.contains(name));
        let names = name.map_or_else(|| record.names.clone(), |name| vec![name]);
        let target = match destination.clone() {
            Destination::OciDirectory(path) => ExportTarget::OciDirectory(path),
            Destination::OciArchive(path) => ExportTarget::OciArchive(path),
            Destination::DockerArchive(path) => ExportTarget::DockerArchive(path),
        };
        self.store().export(&record, &names, &target, progress)?;
        Ok(record)
    }

    /// Takes images in from a folder, a file or a Docker daemon.
    pub fn import_images(
        &self,
        source: &Source,
        name: Option<&Reference>,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Vec<ImageRecord>, ServiceError> {
        Ok(self.engine.import(&source.0, name, progress)?)
    }

    /// Runs a program in an image and gives its exit code.
    pub fn run_image(
        &self,
        image: &str,
        request: &RunRequest,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<i32, ServiceError> {
        let _lease = self.store().lease(|| {})?;
        let record = self.store().resolve(image)?;
        Ok(self.engine.run(&record, request, cancel, progress)?)
    }
}

/// Whether an image is listed and cannot be read.
fn is_damage(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::BlobMissing { .. }
            | StoreError::BlobDigest { .. }
            | StoreError::BlobSize { .. }
            | StoreError::Document(_)
    )
}
