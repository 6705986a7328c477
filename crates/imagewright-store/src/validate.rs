//! Proves that a stored image is whole and keeps the specification's rules.

use imagewright_layer::{LayerError, verify_layer};
use imagewright_model::ErrorKind;
use imagewright_oci::Digest;

use crate::{Image, Store, StoreError};

/// Which rule a stored image breaks.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// A layer is not what manifest and configuration say.
    #[error("layer `{layer}` is not what the image says")]
    Layer {
        /// The layer's digest.
        layer: Digest,
        /// What is wrong with it.
        source: LayerError,
    },
}

impl ValidationError {
    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl Store {
    /// Reads all of an image and checks every digest, size and diff id.
    pub fn validate_stored(&self, image: &Image) -> Result<(), StoreError> {
        self.read_blob(&image.manifest.config)?;
        for (layer, diff_id) in image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids) {
            let blob = self.open_blob(&layer.digest)?;
            verify_layer(blob, layer, diff_id)
                .map_err(|source| ValidationError::Layer { layer: layer.digest.clone(), source })?;
        }
        Ok(())
    }
}
