//! Snapshots: layers unpacked for overlays, one folder for each chain id.
//!
//! The key is the chain and not the layer, because a layer may leave out directories on the way to its files, and
//! those then look as they do below.

use std::io::{self, Read};
use std::path::PathBuf;

use imagewright_layer::{LayerError, decompress};
use imagewright_model::{ErrorKind, Progress};
use imagewright_oci::{ChainId, Descriptor, DiffId, Digest, Hasher};

use crate::overlay::EntryError;
use crate::overlay::unpack::unpack;
use crate::{Image, Scratch, Store, StoreError};

/// Bytes between two reports of progress.
const REPORT_EVERY: u64 = 4 << 20;

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
            Self::Count { .. } | Self::Layer { .. } => ErrorKind::Invalid,
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
        progress: &mut dyn FnMut(&str, Progress),
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
            let mut report = |done| progress(&message, Progress { done, total: Some(layer.size) });
            self.ensure_layer(chain, layer, diff_id, &stack, &mut report)?;
            stack.insert(0, snapshot_name(chain));
        }
        Ok(stack)
    }

    /// Whether the layers up to and including this one are unpacked.
    pub fn has_snapshot(&self, chain: &ChainId) -> bool {
        self.snapshots_dir().join(snapshot_name(chain)).is_dir()
    }

    fn ensure_layer(
        &self,
        chain: &ChainId,
        layer: &Descriptor,
        diff_id: &DiffId,
        below: &[PathBuf],
        report: &mut dyn FnMut(u64),
    ) -> Result<(), StoreError> {
        if self.has_snapshot(chain) {
            return Ok(());
        }
        let _lock = self.lock(&format!("snapshot {chain}"), || {})?;
        if self.has_snapshot(chain) {
            return Ok(());
        }
        let scratch = self.scratch(below)?;
        self.unpack_layer(&scratch, layer, diff_id, below, report)?;
        scratch.commit_as(chain)
    }

    /// Unpacks a layer, verifying its digest, size and diff id as it is read.
    fn unpack_layer(
        &self,
        scratch: &Scratch,
        layer: &Descriptor,
        diff_id: &DiffId,
        below: &[PathBuf],
        report: &mut dyn FnMut(u64),
    ) -> Result<(), StoreError> {
        let wrong = |source| UnpackError::Layer { layer: layer.digest.clone(), source };
        let unreadable = |source| wrong(LayerError::Read { source });
        let blob = Reported { reader: self.open_blob(&layer.digest)?, done: 0, reported: 0, report };
        let mut packed = Hashed { reader: blob, hasher: layer.digest.algorithm().hasher(), size: 0 };
        let lowers: Vec<PathBuf> = below.iter().map(|name| self.snapshots_dir().join(name)).collect();
        let found = {
            let stream = decompress(&mut packed).map_err(unreadable)?;
            let mut plain = Hashed { reader: stream, hasher: diff_id.digest().algorithm().hasher(), size: 0 };
            unpack(&mut plain, &scratch.upper(), &lowers).map_err(|error| match error {
                EntryError::Layer(source) => wrong(source),
                source => UnpackError::Entry { layer: layer.digest.clone(), source },
            })?;
            io::copy(&mut plain, &mut io::sink()).map_err(unreadable)?;
            DiffId::new(plain.hasher.finish())
        };
        io::copy(&mut packed, &mut io::sink()).map_err(unreadable)?;
        check(layer, diff_id, packed.hasher.finish(), packed.size, found)
            .map_err(|source| wrong(source).into())
    }
}

fn check(
    layer: &Descriptor,
    diff_id: &DiffId,
    digest: Digest,
    size: u64,
    found: DiffId,
) -> Result<(), LayerError> {
    if digest != layer.digest {
        return Err(LayerError::Digest { expected: layer.digest.clone(), found: digest });
    }
    if size != layer.size {
        return Err(LayerError::Size { digest, expected: layer.size, found: size });
    }
    if found != *diff_id {
        return Err(LayerError::DiffId { digest, expected: diff_id.clone(), found });
    }
    Ok(())
}

fn snapshot_name(chain: &ChainId) -> PathBuf {
    PathBuf::from(chain.digest().hex()).join("fs")
}

/// Hashes and counts what is read through it.
struct Hashed<R> {
    reader: R,
    hasher: Hasher,
    size: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.size += read as u64;
        Ok(read)
    }
}

/// Reports how many bytes were read through it, now and then.
struct Reported<'a, R> {
    reader: R,
    done: u64,
    reported: u64,
    report: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Reported<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.done += read as u64;
        if self.done - self.reported >= REPORT_EVERY || (read == 0 && self.done > self.reported) {
            self.reported = self.done;
            (self.report)(self.done);
        }
        Ok(read)
    }
}
