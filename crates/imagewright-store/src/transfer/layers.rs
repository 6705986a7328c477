//! Layers on their way in. Each is checked once: which diff id a blob has is filed as a fact.

use std::io::{self, Read, Write as _};
use std::thread;

use imagewright_layer::{Compression, LayerEncoder, TRANSFORM_VERSION, verify_layer};
use imagewright_oci::{Descriptor, DiffId, Digest, Hasher, MediaType};

use super::TransferError;
use super::files::{Files, OpenFile};
use crate::files::Attempt;
use crate::layout::blob_name;
use crate::progress::Meter;
use crate::{BlobWriter, OnProgress, Store, StoreError};

/// Facts of this kind say which diff id a layer blob has.
const DIFF_ID_FACT: &str = "diff-id";
/// Facts of this kind say which blob a plain layer was compressed to.
const PACKED_FACT: &str = "packed-layer";
/// How streams that are compressed begin, and what a layer compressed so is.
const COMPRESSED: [(&[u8], MediaType); 2] =
    [(&[0x1f, 0x8b], MediaType::LayerGzip), (&[0x28, 0xb5, 0x2f, 0xfd], MediaType::LayerZstd)];

/// Brings layers of one image in.
pub(super) struct LayerImport<'a> {
    pub(super) store: &'a Store,
    pub(super) files: &'a Files,
    /// What is said about it.
    pub(super) message: String,
}

impl LayerImport<'_> {
    /// Stores a layer as it is.
    pub(super) fn copy(
        &self,
        layer: &Descriptor,
        diff_id: &DiffId,
        progress: OnProgress<'_>,
    ) -> Result<(), TransferError> {
        self.copy_from(&blob_name(&layer.digest), layer, diff_id, progress)
    }

    fn copy_from(
        &self,
        name: &str,
        layer: &Descriptor,
        diff_id: &DiffId,
        progress: OnProgress<'_>,
    ) -> Result<(), TransferError> {
        let store = self.store;
        let wrong =
            |source| TransferError::Layer { origin: self.files.origin(), name: name.to_owned(), source };
        if store.has_blob(&layer.digest) {
            if store.get_fact::<DiffId>(DIFF_ID_FACT, &layer.digest)?.as_ref() != Some(diff_id) {
                verify_layer(store.open_blob(&layer.digest)?, layer, diff_id).map_err(wrong)?;
            }
        } else {
            let file = self.files.open(name)?;
            self.files.check_size(name, layer.size, file.size)?;
            let writer = store.blob_writer_for(layer.digest.algorithm())?;
            let mut copy = Copy { reader: self.reported(file, progress), writer, write_error: None };
            let verified = verify_layer(&mut copy, layer, diff_id);
            if let Some(source) = copy.write_error {
                let path = store.blob_path(&layer.digest);
                return Err(StoreError::Io { action: "write", path, source }.into());
            }
            verified.map_err(wrong)?;
            copy.writer.commit(&layer.digest)?;
        }
        Ok(store.put_fact(DIFF_ID_FACT, &layer.digest, diff_id)?)
    }

    /// Stores a layer that lies in the file `name`, compressing it unless it is compressed already.
    pub(super) fn pack(
        &self,
        name: &str,
        diff_id: &DiffId,
        progress: OnProgress<'_>,
    ) -> Result<Descriptor, TransferError> {
        let key = Digest::of(format!("{diff_id} {} {TRANSFORM_VERSION}", Compression::default()).as_bytes());
        if let Some(packed) = self.store.get_fact::<Descriptor>(PACKED_FACT, &key)?
            && self.store.has_blob(&packed.digest)
        {
            return Ok(packed);
        }
        let layer = match self.compressed_type(name)? {
            Some(media_type) => self.copy_compressed(name, media_type, diff_id, progress)?,
            None => self.compress(name, diff_id, progress)?,
        };
        self.store.put_fact(PACKED_FACT, &key, &layer)?;
        Ok(layer)
    }

    fn compress(
        &self,
        name: &str,
        diff_id: &DiffId,
        progress: OnProgress<'_>,
    ) -> Result<Descriptor, TransferError> {
        let mut reader = self.reported(self.files.open(name)?, progress);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let writer = self.store.digested_blob_writer()?;
        let path = writer.path().to_owned();
        let mut encoder = LayerEncoder::new(writer, Compression::default(), threads);
        let mut buffer = vec![0; 256 << 10];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => encoder.write_all(&buffer[..length]).attempt("write", &path)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.files.read_error(error)),
            }
        }
        let (blob, digests) = encoder.finish().attempt("write", &path)?;
        if digests.diff_id != *diff_id {
            let (expected, found) = (diff_id.clone(), digests.diff_id);
            return Err(TransferError::DiffId {
                origin: self.files.origin(),
                name: name.to_owned(),
                expected,
                found,
            });
        }
        blob.commit(&digests.digest)?;
        Ok(digests.descriptor())
    }

    /// A layer that came compressed is kept as it is. Nobody has said what its digest is, so it is read twice.
    fn copy_compressed(
        &self,
        name: &str,
        media_type: MediaType,
        diff_id: &DiffId,
        progress: OnProgress<'_>,
    ) -> Result<Descriptor, TransferError> {
        let mut hasher = Hasher::default();
        let mut file = self.files.open(name)?;
        io::copy(&mut file.reader, &mut hasher).map_err(|source| self.files.read_error(source))?;
        let layer = Descriptor::new(media_type, hasher.finish(), file.size);
        self.copy_from(name, &layer, diff_id, progress)?;
        Ok(layer)
    }

    fn compressed_type(&self, name: &str) -> Result<Option<MediaType>, TransferError> {
        let mut magic = Vec::new();
        let file = self.files.open(name)?;
        file.reader.take(4).read_to_end(&mut magic).map_err(|source| self.files.read_error(source))?;
        Ok(COMPRESSED
            .into_iter()
            .find(|(start, _)| magic.starts_with(start))
            .map(|(_, media_type)| media_type))
    }

    fn reported<'r>(&'r self, file: OpenFile<'r>, progress: OnProgress<'r>) -> Reported<'r> {
        let meter = Meter::new(&self.message, Some(file.size), progress);
        Reported { file, meter }
    }
}

/// Says how many bytes were read through it.
struct Reported<'a> {
    file: OpenFile<'a>,
    meter: Meter<'a>,
}

impl Read for Reported<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.reader.read(buffer)?;
        self.meter.advance(length as u64);
        Ok(length)
    }
}

/// Writes into the store what is read through it.
struct Copy<R> {
    reader: R,
    writer: BlobWriter,
    /// Kept apart, so that a full disk is not taken for a broken layer.
    write_error: Option<io::Error>,
}

impl<R: Read> Read for Copy<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        if let Err(error) = self.writer.write_all(&buffer[..length]) {
            self.write_error = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        Ok(length)
    }
}
