//! Blobs: bytes by their digest.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use imagewright_oci::{Algorithm, Descriptor, Digest, Hasher, MediaType};

use crate::files::{Attempt, create_directory, if_found, parent};
use crate::growing::{GrowingBlob, Growth};
use crate::unfinished::Unfinished;
use crate::{Store, StoreError};

/// No manifest, index or configuration is longer than this.
const LONGEST_DOCUMENT: u64 = 64 << 20;
/// Bytes of a blob after which they are brought to disk.
const FLUSH_EVERY: u64 = 32 << 20;

impl Store {
    /// Where a blob is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.layout().blob_path(digest)
    }

    /// Whether the store holds a blob.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file()
    }

    /// Opens a blob. What is read is not checked; see [`Store::read_blob`] for documents and
    /// `imagewright_layer::verify_layer` for layers.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.blob_path(digest);
        match if_found(File::open(&path)).attempt("open", &path)? {
            Some(file) => Ok(file),
            None => Err(match self.origins(digest)?.into_iter().next() {
                Some(origin) => {
                    StoreError::LayerElsewhere { digest: digest.clone(), origin: Box::new(origin) }
                }
                None => StoreError::BlobMissing { digest: digest.clone() },
            }),
        }
    }

    /// Reads a document's bytes, and checks that they are the ones the descriptor names.
    pub fn read_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, StoreError> {
        if descriptor.size > LONGEST_DOCUMENT {
            let (digest, size) = (descriptor.digest.clone(), descriptor.size);
            return Err(StoreError::BlobTooLarge { digest, size });
        }
        let mut bytes = Vec::new();
        self.open_blob(&descriptor.digest)?
            .take(descriptor.size + 1)
            .read_to_end(&mut bytes)
            .attempt("read", &self.blob_path(&descriptor.digest))?;
        check_document(descriptor, &bytes)?;
        Ok(bytes)
    }

    /// Stores a document.
    pub fn put_bytes(&self, media_type: MediaType, bytes: &[u8]) -> Result<Descriptor, StoreError> {
        let descriptor = Descriptor::of(media_type, bytes);
        if !self.has_blob(&descriptor.digest) {
            let mut writer = self.blob_writer()?;
            writer.write_all(bytes).attempt("write", &self.blob_path(&descriptor.digest))?;
            writer.commit(&descriptor.digest)?;
        }
        Ok(descriptor)
    }

    /// Begins a blob whose digest is not known yet.
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        self.blob_writer_for(Algorithm::Sha256)
    }

    /// Begins a blob whose bytes are digested by whoever writes them, as an encoder of layers does: once is enough.
    pub fn digested_blob_writer(&self) -> Result<BlobWriter, StoreError> {
        let file = self.layout().temporary().file()?;
        Ok(BlobWriter { store: self.clone(), file, hasher: None, size: 0, flushing: None, watched: None })
    }

    /// Begins a blob that someone else named by a digest of this algorithm.
    pub(crate) fn blob_writer_for(&self, algorithm: Algorithm) -> Result<BlobWriter, StoreError> {
        let file = self.layout().temporary().file()?;
        Ok(BlobWriter {
            store: self.clone(),
            file,
            hasher: Some(algorithm.hasher()),
            size: 0,
            flushing: None,
            watched: None,
        })
    }
}

/// Checks that `bytes` are those that `descriptor` names.
pub(crate) fn check_document(descriptor: &Descriptor, bytes: &[u8]) -> Result<(), StoreError> {
    check_size(descriptor, bytes.len() as u64)?;
    let mut hasher = descriptor.digest.algorithm().hasher();
    hasher.update(bytes);
    check_digest(&descriptor.digest, hasher.finish())
}

/// Checks that a blob is as long as its descriptor says.
pub(crate) fn check_size(expected: &Descriptor, found: u64) -> Result<(), StoreError> {
    if expected.size == found {
        return Ok(());
    }
    Err(StoreError::BlobSize { expected: Box::new(expected.clone()), found })
}

/// Checks that a blob's bytes are those its digest names.
pub(crate) fn check_digest(expected: &Digest, found: Digest) -> Result<(), StoreError> {
    if *expected == found {
        return Ok(());
    }
    Err(StoreError::BlobDigest { expected: expected.clone(), found })
}

/// A blob that is being written. It enters the store by [`BlobWriter::commit`]; dropped before, it never was.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    file: Unfinished,
    /// None where the caller digests.
    hasher: Option<Hasher>,
    size: u64,
    flushing: Option<FlushAhead>,
    /// Who reads along.
    watched: Option<Watched>,
}

/// Tells those who read along what becomes of a blob; that it was given up, where nothing else is said.
#[derive(Debug)]
struct Watched(GrowingBlob);

impl Drop for Watched {
    fn drop(&mut self) {
        if matches!(self.0.wait_for(0, Duration::ZERO), Growth::To(_)) {
            self.0.tell(Growth::GivenUp);
        }
    }
}

impl BlobWriter {
    /// The store it is for.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The unfinished file, as errors name it.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Lets others read the blob while it is written.
    pub fn watch(&mut self) -> io::Result<GrowingBlob> {
        if let Some(Watched(blob)) = &self.watched {
            return Ok(blob.clone());
        }
        let blob = GrowingBlob::new(self.file.as_file().try_clone()?, self.size);
        self.watched = Some(Watched(blob.clone()));
        Ok(blob)
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Enters the blob into the store, if its digest is the expected one, and waits until it is on disk: whoever sees
    /// its name takes its bytes for good, and facts and images of other processes may name it from now on.
    ///
    /// Each blob is flushed by itself. One flush of the whole file system would serve many, but would wait for
    /// everybody else's files; whoever makes many blobs makes them on several threads, which comes to the same.
    pub fn commit(self, expected: &Digest) -> Result<(), StoreError> {
        if let Some(hasher) = self.hasher {
            check_digest(expected, hasher.finish())?;
        }
        let path = self.store.blob_path(expected);
        if let Some(flushing) = self.flushing {
            flushing.finish().attempt("flush", &path)?;
        }
        if !fs::exists(&path).attempt("look for", &path)? {
            create_directory(parent(&path))?;
            self.file.persist(&path)?;
        }
        if let Some(Watched(blob)) = &self.watched {
            blob.tell(Growth::Complete(expected.clone(), self.size));
        }
        Ok(())
    }

    /// Has what was written so far brought to disk meanwhile, so that there is little left to wait for in the end.
    fn flush_ahead(&mut self) -> io::Result<()> {
        let flushing = match &mut self.flushing {
            Some(flushing) => flushing,
            None => self.flushing.insert(FlushAhead::start(self.file.as_file().try_clone()?)),
        };
        flushing.begin();
        Ok(())
    }
}

/// A thread that flushes a file while it is written. Dropped, it ends by itself.
#[derive(Debug)]
struct FlushAhead {
    wishes: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl FlushAhead {
    fn start(file: File) -> Self {
        let (wishes, todo) = mpsc::sync_channel(1);
        let thread = thread::spawn(move || todo.iter().try_for_each(|()| file.sync_data()));
        Self { wishes, thread }
    }

    /// One wish that waits is enough: it covers all that comes until it is its turn.
    fn begin(&self) {
        let _ = self.wishes.try_send(());
    }

    /// The kernel tells an error of the disk once, so it must not be lost here.
    fn finish(self) -> io::Result<()> {
        drop(self.wishes);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that flushes panicked")))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[..written]);
        }
        let before = self.size / FLUSH_EVERY;
        self.size += written as u64;
        if let Some(Watched(blob)) = &self.watched {
            blob.tell(Growth::To(self.size));
        }
        if self.size / FLUSH_EVERY > before {
            self.flush_ahead()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
