//! Layers of single packages, made of parts that can be joined without being compressed again.
//!
//! ```text
//! head      the folders on the way to where packages go, as they are below
//! segment   what the package brings
//! end       the end of the archive
//! ```
//!
//! A layer of several packages is one head, their segments, one end. What a layer holds depends on the package and
//! on where packages go, never on the layers below it.

use std::io::{self, Read, Seek, SeekFrom};

use imagewright_layer::{Entry, LayerError, PackageWriter, concatenate};
use imagewright_oci::Digest;
use imagewright_store::BlobWriter;
use serde::{Deserialize, Serialize};

use crate::draft::DraftLayer;
use crate::error::EngineError;
use crate::step;
use crate::workbench::Site;

/// The date of everything in a layer of a package: 2000-01-01. Zip archives cannot say what is before 1980.
pub(crate) const PACKAGE_TIME: i64 = 946_684_800;

/// A layer whose parts are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackageLayer {
    #[serde(flatten)]
    pub(crate) layer: DraftLayer,
    /// Its size before compression.
    pub(crate) uncompressed_size: u64,
    /// Where its head ends, in the stored bytes.
    pub(crate) head: u64,
    /// Where its end begins.
    pub(crate) end: u64,
}

impl PackageLayer {
    /// Writes a layer: `folders` are its head, `fill` writes the segment.
    pub(crate) fn write<E: From<EngineError>>(
        site: Site<'_>,
        folders: &[Entry],
        fill: impl FnOnce(&mut PackageWriter<BlobWriter>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let broken = |source: LayerError| EngineError::PackageLayer { source };
        let blob = site.store.blob_writer().map_err(EngineError::from)?;
        let mut writer = PackageWriter::new(blob, site.compression);
        for folder in folders {
            writer.append(folder, &mut io::empty()).map_err(broken)?;
        }
        let head = writer.cut().map_err(broken)?;
        fill(&mut writer)?;
        let end = writer.cut().map_err(broken)?;
        let (blob, digests) = writer.finish().map_err(broken)?;
        if site.cancel.is_cancelled() {
            return Err(EngineError::Cancelled.into());
        }
        blob.commit(&digests.digest).map_err(EngineError::from)?;
        let layer = DraftLayer { descriptor: digests.descriptor(), diff_id: digests.diff_id };
        Ok(Self { layer, uncompressed_size: digests.uncompressed_size, head, end })
    }

    /// Joins layers into one. Which were joined is remembered.
    pub(crate) fn join(site: Site<'_>, layers: &[&Self]) -> Result<Self, EngineError> {
        if let [only] = layers {
            return Ok((*only).clone());
        }
        let digests: Vec<&Digest> = layers.iter().map(|layer| layer.digest()).collect();
        let key = step::key("joined-layer", &(imagewright_layer::PACKAGE_VERSION, digests));
        let _lock = site.store.lock(&format!("joined-layer {key}"), || {})?;
        let known: Option<Self> = site.store.get_fact("joined-layer", &key)?;
        if let Some(known) = known.filter(|known| known.is_stored(site)) {
            return Ok(known);
        }
        let (first, last) = (layers[0], layers[layers.len() - 1]);
        let head = std::iter::once((first, 0..first.head));
        let segments = layers.iter().map(|layer| (*layer, layer.head..layer.end));
        let end = std::iter::once((last, last.end..last.layer.descriptor.size));
        let parts = head.chain(segments).chain(end);
        let length: u64 = layers.iter().map(|layer| layer.end - layer.head).sum();
        let parts = parts.map(|(layer, range)| layer.part(site, range));
        let joined = concatenate(site.store.blob_writer()?, site.compression, parts);
        let (blob, digests) = joined.map_err(|source| EngineError::JoinedLayer { source })?;
        blob.commit(&digests.digest)?;
        let layer = DraftLayer { descriptor: digests.descriptor(), diff_id: digests.diff_id };
        let uncompressed_size = digests.uncompressed_size;
        let joined = Self { layer, uncompressed_size, head: first.head, end: first.head + length };
        site.store.put_fact("joined-layer", &key, &joined)?;
        Ok(joined)
    }

    /// Some of its stored bytes.
    fn part(&self, site: Site<'_>, range: std::ops::Range<u64>) -> io::Result<Box<dyn Read + Send>> {
        let mut blob = site.store.open_blob(self.digest()).map_err(io::Error::other)?;
        blob.seek(SeekFrom::Start(range.start))?;
        Ok(Box::new(blob.take(range.end - range.start)))
    }

    pub(crate) fn is_stored(&self, site: Site<'_>) -> bool {
        site.store.has_blob(self.digest())
    }

    pub(crate) fn size(&self) -> u64 {
        self.layer.descriptor.size
    }

    fn digest(&self) -> &Digest {
        &self.layer.descriptor.digest
    }
}
