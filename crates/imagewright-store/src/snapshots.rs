//! Snapshots: layers unpacked for overlays, one folder for each chain id.
//!
//! The key is the chain and not the layer, because a layer may leave out directories on the way to its files, and
//! those then look as they do below.

use std::path::PathBuf;

use imagewright_layer::LayerError;
use imagewright_model::ErrorKind;
use imagewright_oci::{ChainId, Descriptor, DiffId, Digest};

use crate::error::layer_error_kind;
use crate::flushing::{self, Trust};
use crate::layer_stream::read_verified;
use crate::overlay::EntryError;
use crate::overlay::unpack::unpack;
use crate::progress::Meter;
use crate::{Image, Lock, OnProgress, Scratch, Store, StoreError};

/// Why a layer could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Manifest and configuration do not belong together.
    #[error("image `{image}` has {layers} layers but {diff_ids} diff ids")]
    Count {
        /// Digest of the manifest.
        image: Digest,
        /// Layers in the manifest.
        layers: usize,
        /// Diff ids in the configuration.
        diff_ids: usize,
    },
    /// The layer's stream is broken, or is not the layer that is meant.
    #[error("layer `{layer}` is not usable")]
    Layer {
        /// Digest of the blob.
        layer: Digest,
        /// What is wrong with it.
        source: LayerError,
    },
    /// One of its entries could not be placed.
    #[error("layer `{layer}` could not be unpacked")]
    Entry {
        /// Digest of the blob.
        layer: Digest,
        /// Which entry, and why.
        source: EntryError,
    },
}

impl UnpackError {
    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Count { .. } => ErrorKind::Invalid,
            Self::Layer { source, .. } => layer_error_kind(source),
            Self::Entry { source, .. } => source.kind(),
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Count { .. } => None,
            Self::Layer { source, .. } => source.hint(),
            Self::Entry { source, .. } => source.hint(),
        }
    }
}

impl Store {
    /// Unpacks an image's layers where that has not been done, and returns their directories relative to
    /// [`Store::snapshots_dir`], top first. Of several processes that want the same layer one unpacks it.
    pub fn ensure_snapshot(
        &self,
        image: &Image,
        progress: OnProgress<'_>,
    ) -> Result<Vec<PathBuf>, StoreError> {
        let (layers, diff_ids) = (&image.manifest.layers, &image.config.rootfs.diff_ids);
        if layers.len() != diff_ids.len() {
            let (image, layers, diff_ids) = (image.manifest.digest().clone(), layers.len(), diff_ids.len());
            return Err(UnpackError::Count { image, layers, diff_ids }.into());
        }
        let mut stack: Vec<PathBuf> = Vec::with_capacity(layers.len());
        for (number, (chain, (layer, diff_id))) in
            image.chain().iter().zip(layers.iter().zip(diff_ids)).enumerate()
        {
            let message = format!("unpacking layer {} of {}", number + 1, layers.len());
            let meter = Meter::new(&message, Some(layer.size), &mut *progress);
            self.ensure_layer(chain, layer, diff_id, &stack, meter)?;
            stack.insert(0, snapshot_name(chain));
        }
        Ok(stack)
    }

    /// Whether the layers up to and including this one are unpacked, and what was unpacked is whole.
    pub fn has_snapshot(&self, chain: &ChainId) -> bool {
        matches!(self.trust(chain), Ok(Some(Trust::Flushed | Trust::ThisBoot)))
    }

    /// How far the snapshot of a chain can be trusted; none where there is none.
    pub(crate) fn trust(&self, chain: &ChainId) -> Result<Option<Trust>, StoreError> {
        match self.snapshots_dir().join(snapshot_name(chain)).is_dir() {
            true => flushing::trust(&self.snapshots_dir().join(chain.digest().hex())).map(Some),
            false => Ok(None),
        }
    }

    /// While the returned lock lasts no other process makes or replaces the snapshot.
    pub(crate) fn lock_snapshot(&self, chain: &ChainId) -> Result<Lock, StoreError> {
        self.lock(&format!("snapshot {chain}"), || {})
    }

    fn ensure_layer(
        &self,
        chain: &ChainId,
        layer: &Descriptor,
        diff_id: &DiffId,
        below: &[PathBuf],
        meter: Meter<'_>,
    ) -> Result<(), StoreError> {
        if self.is_ready(chain)? {
            return Ok(());
        }
        let _lock = self.lock_snapshot(chain)?;
        if self.is_ready(chain)? {
            return Ok(());
        }
        let scratch = self.scratch(below)?;
        self.unpack_layer(&scratch, layer, diff_id, below, meter)?;
        scratch.commit_locked(chain)
    }

    /// Whether a snapshot can be used. One that its maker did not see flushed is flushed now.
    fn is_ready(&self, chain: &ChainId) -> Result<bool, StoreError> {
        let trust = self.trust(chain)?;
        if trust == Some(Trust::ThisBoot) {
            self.flusher().begin(&self.snapshots_dir().join(chain.digest().hex()))?;
        }
        Ok(matches!(trust, Some(Trust::Flushed | Trust::ThisBoot)))
    }

    /// Unpacks a layer, verifying its digest, size and diff id as it is read.
    fn unpack_layer(
        &self,
        scratch: &Scratch,
        layer: &Descriptor,
        diff_id: &DiffId,
        below: &[PathBuf],
        meter: Meter<'_>,
    ) -> Result<(), StoreError> {
        let lowers: Vec<PathBuf> = below.iter().map(|name| self.snapshots_dir().join(name)).collect();
        let blob = self.open_blob(&layer.digest)?;
        read_verified(blob, layer, diff_id, meter, |plain| unpack(plain, &scratch.upper(), &lowers)).map_err(
            |error| {
                let layer = layer.digest.clone();
                match error {
                    EntryError::Layer(source) => UnpackError::Layer { layer, source },
                    source => UnpackError::Entry { layer, source },
                }
                .into()
            },
        )
    }
}

fn snapshot_name(chain: &ChainId) -> PathBuf {
    PathBuf::from(chain.digest().hex()).join("fs")
}
