//! Snapshots: layers unpacked for overlays, one folder for each chain id, or for each and a part of the files.
//!
//! The key is the chain and not the layer, because a layer may leave out directories on the way to its files, and
//! those then look as they do below.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use imagewright_layer::{Entry, LayerError};
use imagewright_model::ErrorKind;
use imagewright_oci::{ChainId, Descriptor, DiffId, Digest};

use crate::error::layer_error_kind;
use crate::files::Attempt;
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

/// A part of an image: the files that some purpose needs, without the others.
///
/// Of a partial image it may be all that is ever unpacked. Everything that is no file (folders, links) belongs to every
/// part.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Tells it from other parts, and from earlier ideas of what belongs to it.
    pub name: &'static str,
    /// Whether a file belongs to it.
    pub wants: fn(&Entry) -> bool,
}

/// Opens the bytes of a layer that is not in the store.
pub type OpenLayer<'a> = &'a mut dyn FnMut(&Descriptor) -> io::Result<Box<dyn Read + Send>>;

/// The snapshot of a layer on those below it: of all of it, or of a part.
#[derive(Clone, Copy)]
struct Key<'a> {
    chain: &'a ChainId,
    part: Option<Part>,
}

impl Key<'_> {
    fn name(self) -> String {
        match self.part {
            None => self.chain.digest().hex().to_owned(),
            Some(part) => format!("{}-{}", self.chain.digest().hex(), part.name),
        }
    }
}

/// The chain that a snapshot of this name belongs to.
pub(crate) fn chain_of(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}

impl Store {
    /// Unpacks an image's layers where that has not been done, and returns their directories relative to
    /// [`Store::snapshots_dir`], top first. Of several processes that want the same layer one unpacks it.
    pub fn ensure_snapshot(
        &self,
        image: &Image,
        progress: OnProgress<'_>,
    ) -> Result<Vec<PathBuf>, StoreError> {
        let mut none = |_: &Descriptor| Err(io::ErrorKind::NotFound.into());
        self.ensure_layers(image, None, &mut none, progress)
    }

    /// The same for a part of the image. Layers that are unpacked whole are taken as they are; those that are not in the
    /// store are read through `open` and not kept.
    pub fn ensure_part(
        &self,
        image: &Image,
        part: Part,
        open: OpenLayer<'_>,
        progress: OnProgress<'_>,
    ) -> Result<Vec<PathBuf>, StoreError> {
        self.ensure_layers(image, Some(part), open, progress)
    }

    fn ensure_layers(
        &self,
        image: &Image,
        part: Option<Part>,
        open: OpenLayer<'_>,
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
            let key = Key { chain, part };
            let name = self.ensure_layer(key, (layer, diff_id), &stack, &mut *open, meter)?;
            stack.insert(0, Path::new(&name).join("fs"));
        }
        Ok(stack)
    }

    /// Whether the layers up to and including this one are unpacked, and what was unpacked is whole.
    pub fn has_snapshot(&self, chain: &ChainId) -> bool {
        let trust = self.trust(chain.digest().hex());
        matches!(trust, Ok(Some(Trust::Flushed | Trust::ThisBoot)))
    }

    /// Whether a directory that [`Store::ensure_part`] gave holds a part of its layer only.
    pub fn is_of_part(&self, directory: &Path) -> bool {
        directory.parent().is_some_and(|name| name.to_string_lossy().contains('-'))
    }

    /// How far the snapshot of this name can be trusted; none where there is none.
    pub(crate) fn trust(&self, name: &str) -> Result<Option<Trust>, StoreError> {
        let folder = self.snapshots_dir().join(name);
        match folder.join("fs").is_dir() {
            true => flushing::trust(&folder).map(Some),
            false => Ok(None),
        }
    }

    /// While the returned lock lasts no other process makes or replaces the snapshot.
    pub(crate) fn lock_snapshot(&self, name: &str) -> Result<Lock, StoreError> {
        self.lock(&format!("snapshot {name}"), || {})
    }

    /// Gives the name of the snapshot that serves: one of the whole layer serves for every part.
    fn ensure_layer(
        &self,
        key: Key<'_>,
        layer: (&Descriptor, &DiffId),
        below: &[PathBuf],
        open: OpenLayer<'_>,
        meter: Meter<'_>,
    ) -> Result<String, StoreError> {
        let whole = Key { part: None, ..key }.name();
        if self.is_ready(&whole)? {
            return Ok(whole);
        }
        let name = key.name();
        if key.part.is_some() && self.is_ready(&name)? {
            return Ok(name);
        }
        let _lock = self.lock_snapshot(&name)?;
        if self.is_ready(&name)? {
            return Ok(name);
        }
        let scratch = self.scratch(below)?;
        self.unpack_layer(&scratch, layer, (below, key.part), open, meter)?;
        scratch.commit_locked(&name)?;
        Ok(name)
    }

    /// Whether a snapshot can be used. One that its maker did not see flushed is flushed now.
    fn is_ready(&self, name: &str) -> Result<bool, StoreError> {
        let trust = self.trust(name)?;
        if trust == Some(Trust::ThisBoot) {
            self.flusher().begin(&self.snapshots_dir().join(name))?;
        }
        Ok(matches!(trust, Some(Trust::Flushed | Trust::ThisBoot)))
    }

    /// Unpacks a layer, verifying its digest, size and diff id as it is read.
    fn unpack_layer(
        &self,
        scratch: &Scratch,
        (layer, diff_id): (&Descriptor, &DiffId),
        (below, part): (&[PathBuf], Option<Part>),
        open: OpenLayer<'_>,
        meter: Meter<'_>,
    ) -> Result<(), StoreError> {
        let lowers: Vec<PathBuf> = below.iter().map(|name| self.snapshots_dir().join(name)).collect();
        let blob = match part {
            Some(_) if !self.has_blob(&layer.digest) => {
                open(layer).attempt("open", &self.blob_path(&layer.digest))?
            }
            _ => boxed(self.open_blob(&layer.digest)?),
        };
        let wanted = part.map(|part| part.wants);
        let unpacked = read_verified(blob, layer, diff_id, meter, |plain| {
            unpack(plain, &scratch.upper(), &lowers, wanted)
        });
        unpacked.map_err(|error| {
            let layer = layer.digest.clone();
            match error {
                EntryError::Layer(source) => UnpackError::Layer { layer, source },
                source => UnpackError::Entry { layer, source },
            }
            .into()
        })
    }
}

fn boxed(file: File) -> Box<dyn Read + Send> {
    Box::new(file)
}
