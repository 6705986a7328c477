//! Layers of single packages, made of parts that can be joined without being compressed again.
//!
//! ```text
//! head      all folders, from the outermost on
//! segment   the files of the package
//! end       the end of the archive
//! ```
//!
//! A layer of several packages is a head with the folders of all, their segments, one end. Docker refuses a layer that
//! names a path twice, so segments hold no folders, and packages that bring the same file are not joined. What a layer
//! holds depends on the package and on where packages go, never on the layers below it.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use imagewright_layer::{Entry, EntryKind, LayerError, LayerPath, PackageWriter, concatenate};
use imagewright_oci::Digest;
use imagewright_store::BlobWriter;
use serde::{Deserialize, Serialize};

use crate::draft::DraftLayer;
use crate::error::EngineError;
use crate::reach;
use crate::step;
use crate::workbench::Site;

/// The date of everything in a layer of a package: 2000-01-01. Zip archives cannot say what is before 1980.
pub(crate) const PACKAGE_TIME: i64 = 946_684_800;

/// The kind of the facts about layers that others were joined to.
pub(crate) const JOINED: &str = "joined-layer";

/// A layer whose parts are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackageLayer {
    #[serde(flatten)]
    pub(crate) layer: DraftLayer,
    /// Its size before compression.
    pub(crate) uncompressed_size: u64,
    /// Its folders, outermost first.
    pub(crate) folders: Vec<FolderEntry>,
    /// Where its head ends, in the stored bytes.
    pub(crate) head: u64,
    /// Where its end begins.
    pub(crate) end: u64,
}

/// The fact of a layer that others were joined to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinedLayer {
    #[serde(flatten)]
    pub(crate) layer: PackageLayer,
    /// The layers whose segments follow its head.
    pub(crate) parts: Vec<JoinedPart>,
}

impl JoinedLayer {
    /// What it is filed under.
    pub(crate) fn key(&self) -> Digest {
        let digests: Vec<&Digest> = self.parts.iter().map(|part| &part.layer).collect();
        joined_key(&digests)
    }
}

/// A layer whose segment lies in another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinedPart {
    /// The digest of the layer it was.
    pub(crate) layer: Digest,
    /// Bytes of its segment.
    pub(crate) length: u64,
}

/// A folder of a layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FolderEntry {
    /// Without a slash at either end.
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl FolderEntry {
    fn entry(&self) -> Entry {
        let Self { path, mode, uid, gid } = self;
        let path = LayerPath::parse(path.as_bytes()).expect("it was a path when it was made");
        Entry { uid: *uid, gid: *gid, mtime: PACKAGE_TIME, ..Entry::new(path, EntryKind::Directory, *mode) }
    }
}

impl PackageLayer {
    /// Writes a layer: `folders`, outermost first, are its head, `fill` writes the segment.
    pub(crate) fn write<E: From<EngineError>>(
        site: Site<'_>,
        folders: Vec<FolderEntry>,
        fill: impl FnOnce(&mut PackageWriter<BlobWriter>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let blob = site.store.digested_blob_writer().map_err(EngineError::from)?;
        Self::write_to(blob, site, folders, fill)
    }

    /// The same for a layer that the image is going to have as it is, and that may be large.
    pub(crate) fn write_large<E: From<EngineError>>(
        site: Site<'_>,
        folders: Vec<FolderEntry>,
        fill: impl FnOnce(&mut PackageWriter<BlobWriter>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let broken = |source| EngineError::PackageLayer { source: LayerError::Write { source } };
        let mut blob = site.store.digested_blob_writer().map_err(EngineError::from)?;
        (site.layers.begun)(blob.watch().map_err(broken)?);
        Self::write_to(blob, site, folders, fill)
    }

    fn write_to<E: From<EngineError>>(
        blob: BlobWriter,
        site: Site<'_>,
        folders: Vec<FolderEntry>,
        fill: impl FnOnce(&mut PackageWriter<BlobWriter>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let broken = |source: LayerError| EngineError::PackageLayer { source };
        let mut writer = PackageWriter::new(blob, site.compression);
        for folder in &folders {
            writer.append(&folder.entry(), &mut io::empty()).map_err(broken)?;
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
        Ok(Self { layer, uncompressed_size: digests.uncompressed_size, folders, head, end })
    }

    /// Joins layers into one. Which were joined is remembered.
    pub(crate) fn join(site: Site<'_>, layers: &[&Self]) -> Result<Self, EngineError> {
        if let [only] = layers {
            return Ok((*only).clone());
        }
        let key = joined_key(&digests_of(layers));
        let _lock = site.store.lock(&format!("{JOINED} {key}"), || {})?;
        if let Some(known) = Self::known_joined(site, &key)? {
            return Ok(known);
        }
        let folders: BTreeSet<&FolderEntry> = layers.iter().flat_map(|layer| &layer.folders).collect();
        let folders: Vec<FolderEntry> = folders.into_iter().cloned().collect();
        let head = head(site, &folders)?;
        let (begins, last) = (head.len() as u64, layers[layers.len() - 1]);
        let part = |layer: &&Self| JoinedPart { layer: layer.digest().clone(), length: layer.segment() };
        let parts: Vec<JoinedPart> = layers.iter().map(part).collect();
        let length: u64 = layers.iter().map(|layer| layer.segment()).sum();
        let segments = layers.iter().map(|layer| (*layer, layer.head..layer.end));
        let end = std::iter::once((last, last.end..last.layer.descriptor.size));
        let streams = segments.chain(end).map(|(layer, range)| layer.part(site, range));
        let head = std::iter::once(Ok(Box::new(io::Cursor::new(head)) as Box<dyn Read + Send>));
        let joined = concatenate(site.store.digested_blob_writer()?, site.compression, head.chain(streams));
        let (blob, digests) = joined.map_err(|source| EngineError::JoinedLayer { source })?;
        blob.commit(&digests.digest)?;
        let layer = DraftLayer { descriptor: digests.descriptor(), diff_id: digests.diff_id };
        let uncompressed_size = digests.uncompressed_size;
        let layer = Self { layer, uncompressed_size, folders, head: begins, end: begins + length };
        let joined = JoinedLayer { layer, parts };
        site.store.put_fact(JOINED, &key, &joined)?;
        Ok(joined.layer)
    }

    /// Whether an image can have these joined to one though some are not here.
    pub(crate) fn can_be_joined(site: Site<'_>, layers: &[&Self]) -> Result<bool, EngineError> {
        match layers {
            [only] => Ok(reach::is_in_reach(site, &only.layer.descriptor)?),
            _ => Ok(Self::known_joined(site, &joined_key(&digests_of(layers)))?.is_some()),
        }
    }

    fn known_joined(site: Site<'_>, key: &Digest) -> Result<Option<Self>, EngineError> {
        let Some(known) = site.store.get_fact::<JoinedLayer>(JOINED, key)? else { return Ok(None) };
        let is_in_reach = reach::is_in_reach(site, &known.layer.layer.descriptor)?;
        Ok(is_in_reach.then_some(known.layer))
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

    pub(crate) fn digest(&self) -> &Digest {
        &self.layer.descriptor.digest
    }

    /// Bytes of its segment.
    pub(crate) fn segment(&self) -> u64 {
        self.end - self.head
    }
}

fn digests_of<'l>(layers: &[&'l PackageLayer]) -> Vec<&'l Digest> {
    layers.iter().map(|layer| layer.digest()).collect()
}

fn joined_key(digests: &[&Digest]) -> Digest {
    step::key(JOINED, &(imagewright_layer::PACKAGE_VERSION, digests))
}

/// The stored bytes of a head.
pub(crate) fn head(site: Site<'_>, folders: &[FolderEntry]) -> Result<Vec<u8>, EngineError> {
    let broken = |source: LayerError| EngineError::PackageLayer { source };
    let mut writer = PackageWriter::new(Vec::new(), site.compression);
    for folder in folders {
        writer.append(&folder.entry(), &mut io::empty()).map_err(broken)?;
    }
    let length = writer.cut().map_err(broken)?;
    let (mut bytes, _) = writer.finish().map_err(broken)?;
    bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(bytes)
}
