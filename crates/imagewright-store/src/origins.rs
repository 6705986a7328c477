//! Where the layers of *partial* images are: in a registry, not here.
//!
//! A base whose files nobody needs is not kept: its documents are, and of each layer the place where it can be had. That
//! place is no fact, which may be deleted at any time, but part of the image: it stays as long as an image names the
//! layer.

use std::fs;
use std::path::PathBuf;

use imagewright_oci::{Descriptor, Digest, Reference};

use crate::files::{Attempt, create_directory, if_found, parent};
use crate::{Image, Store, StoreError};

/// The room of these files.
pub(crate) const ROOM: &str = "origins";
/// How many places are remembered of one layer.
pub const MOST_PLACES: usize = 8;

impl Store {
    /// Notes that the layer can be had from the repository of `reference`. What was noted last is offered first.
    pub fn note_origin(&self, layer: &Digest, reference: &Reference) -> Result<(), StoreError> {
        let mut places = self.origins(layer)?;
        if places.first() == Some(reference) {
            return Ok(());
        }
        places.retain(|place| place != reference);
        places.insert(0, reference.clone());
        places.truncate(MOST_PLACES);
        let path = self.origin_path(layer);
        create_directory(parent(&path))?;
        let lines: String = places.iter().map(|place| format!("{place}\n")).collect();
        self.layout().temporary().write(&path, lines.as_bytes())
    }

    /// Where the layer can be had, as far as that was noted.
    pub fn origins(&self, layer: &Digest) -> Result<Vec<Reference>, StoreError> {
        let path = self.origin_path(layer);
        let bytes = if_found(fs::read(&path)).attempt("read", &path)?.unwrap_or_default();
        // A line that says nothing to this version is passed over.
        Ok(String::from_utf8_lossy(&bytes).lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Whether the layer is here, or it is known where it can be had.
    pub fn has_layer(&self, layer: &Digest) -> bool {
        self.has_blob(layer) || self.origin_path(layer).is_file()
    }

    /// The layers of an image that are not here. An image that lacks some is partial.
    pub fn missing_layers<'i>(&self, image: &'i Image) -> Vec<&'i Descriptor> {
        image.manifest.layers.iter().filter(|layer| !self.has_blob(&layer.digest)).collect()
    }

    pub(crate) fn origin_path(&self, layer: &Digest) -> PathBuf {
        self.room(ROOM).join(layer.algorithm().name()).join(layer.hex())
    }
}
