//! Several images in one archive, an OCI image layout: written in one pass from wherever their blobs are, read without
//! being unpacked. Nothing of it need ever be in the store.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use imagewright_oci::{Descriptor, Digest, Hasher, Index};

use super::TransferError;
use super::archive::Archive;
use super::files::Files;
use super::tar_file::TarFile;
use crate::blobs::check_digest;
use crate::layout::{INDEX, MARKER, Marker, blob_name};
use crate::{OnProgress, Store};

/// An archive of images that is being written. Until it is finished there is none.
pub struct BundleWriter {
    tar: TarFile,
    written: HashSet<Digest>,
}

impl BundleWriter {
    /// Begins an archive at `path` that lists these images. What its name says about compression holds.
    pub fn create(path: &Path, index: &Index) -> Result<Self, TransferError> {
        let mut tar = TarFile::create(path)?;
        tar.append_bytes(MARKER, &Marker::bytes())?;
        let index = serde_json::to_vec(index).expect("documents serialise: their keys are strings");
        tar.append_bytes(INDEX, &index)?;
        Ok(Self { tar, written: HashSet::new() })
    }

    /// Whether a blob is in it already.
    pub fn has(&self, digest: &Digest) -> bool {
        self.written.contains(digest)
    }

    /// Adds a blob, which is proven on its way; one that is there already is passed over, and nothing is read.
    pub fn append(&mut self, blob: &Descriptor, body: &mut dyn Read) -> Result<(), TransferError> {
        if self.written.contains(&blob.digest) {
            return Ok(());
        }
        let mut proven = Proven { body, hasher: blob.digest.algorithm().hasher() };
        self.tar.append(&blob_name(&blob.digest), blob.size, &mut proven)?;
        check_digest(&blob.digest, proven.hasher.finish())?;
        self.written.insert(blob.digest.clone());
        Ok(())
    }

    /// Completes the archive and gives it its name.
    pub fn finish(self) -> Result<(), TransferError> {
        self.tar.finish()
    }
}

struct Proven<'a> {
    body: &'a mut dyn Read,
    hasher: Hasher,
}

impl Read for Proven<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.body.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

/// An archive of images that is read where it is.
pub struct Bundle(Files);

impl Store {
    /// Opens an archive of images. A compressed one is decompressed into the folder for unfinished things first.
    pub fn open_bundle(&self, path: &Path, progress: OnProgress<'_>) -> Result<Bundle, TransferError> {
        let files = Files::Archive(Archive::open(self, path, progress)?);
        // What is no layout is told so at once.
        files.read_json::<Marker>(MARKER)?;
        Ok(Bundle(files))
    }
}

impl Bundle {
    /// The images and indexes of images that it lists.
    pub fn images(&self) -> Result<Vec<Descriptor>, TransferError> {
        Ok(self.0.read_json::<Index>(INDEX)?.manifests)
    }

    /// A manifest or an index, proven.
    pub fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, TransferError> {
        self.0.read_blob(descriptor)
    }

    /// The bytes of a blob from `offset` on, not proven.
    pub fn open(&self, blob: &Descriptor, offset: u64) -> Result<Box<dyn Read + '_>, TransferError> {
        let name = blob_name(&blob.digest);
        let file = self.0.open(&name)?;
        self.0.check_size(&name, blob.size, file.size)?;
        let mut reader = file.reader;
        io::copy(&mut reader.by_ref().take(offset), &mut io::sink())
            .map_err(|source| self.0.read_error(source))?;
        Ok(reader)
    }
}

#[cfg(test)]
mod tests {
    use imagewright_oci::MediaType;

    use super::*;

    #[test]
    fn what_is_written_is_proven_and_read_again() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(&temp.path().join("store")).unwrap();
        let blob = |text: &str| Descriptor::of(MediaType::Layer, text.as_bytes());
        let index = Index::new(vec![Descriptor::of(MediaType::Manifest, b"{}")]);
        for name in ["plain.tar", "packed.tar.gz"] {
            let path = temp.path().join(name);
            let mut writer = BundleWriter::create(&path, &index).unwrap();
            writer.append(&index.manifests[0], &mut &b"{}"[..]).unwrap();
            writer.append(&blob("one"), &mut &b"one"[..]).unwrap();
            assert!(writer.has(&blob("one").digest) && !path.exists());
            writer.append(&blob("one"), &mut io::empty()).unwrap();
            writer.finish().unwrap();
            let bundle = store.open_bundle(&path, &mut |_, _| {}).unwrap();
            assert_eq!(bundle.images().unwrap(), index.manifests);
            assert_eq!(bundle.document(&index.manifests[0]).unwrap(), b"{}");
            let mut text = String::new();
            bundle.open(&blob("one"), 1).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "ne");
            assert!(matches!(bundle.open(&blob("two"), 0), Err(TransferError::MissingFile { .. })));
        }
        for wrong in ["on", "onf", "ones"] {
            let path = temp.path().join("wrong.tar");
            let mut writer = BundleWriter::create(&path, &index).unwrap();
            let appended = writer.append(&blob("one"), &mut wrong.as_bytes());
            assert!(appended.is_err(), "{wrong}");
            drop(writer);
            assert!(!path.exists());
        }
        assert!(store.open_bundle(&temp.path().join("store/index.json"), &mut |_, _| {}).is_err());
    }
}
