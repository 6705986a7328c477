//! Proves that a stored image is whole and keeps the specification's rules.

use imagewright_layer::{LayerError, verify_layer};
use imagewright_model::ErrorKind;
use imagewright_oci::{Digest, validate_image};

use crate::{Image, Store, StoreError};

/// Which rule a stored image breaks.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// Manifest and configuration are no image together.
    #[error(transparent)]
    Documents(#[from] imagewright_oci::ValidationError),
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
    /// Reads all of an image and checks every rule, digest, size and diff id.
    pub fn validate_stored(&self, image: &Image) -> Result<(), StoreError> {
        validate_image(&image.manifest, &image.config).map_err(ValidationError::from)?;
        self.read_blob(&image.manifest.config)?;
        for (layer, diff_id) in image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids) {
            let blob = self.open_blob(&layer.digest)?;
            verify_layer(blob, layer, diff_id)
                .map_err(|source| ValidationError::Layer { layer: layer.digest.clone(), source })?;
        }
        Ok(())
    }
}
