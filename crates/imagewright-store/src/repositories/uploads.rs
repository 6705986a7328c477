//! Uploads: blobs that come in pieces, perhaps to several processes one after the other.
//!
//! An upload is a file that grows. It outlives a connection that breaks and the process itself, and is dropped when nobody
//! has gone on with it for a day. Its bytes are digested as they come; only what another process took in is read again.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use imagewright_oci::{Algorithm, Digest, Hasher};

use super::{PATIENCE, Repository, age};
use crate::StoreError;
use crate::blobs::check_digest;
use crate::collection::entries;
use crate::files::{Attempt, create_directory, if_found, parent, sync_directory};

/// Bytes of an upload after which they are brought to disk.
const FLUSH_EVERY: u64 = 32 << 20;
/// So many uploads are remembered between their pieces; of others, the bytes are read again in the end.
const MOST_REMEMBERED: usize = 4096;

/// Tells uploads apart: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(String);

impl UploadId {
    /// An identity made of random bytes.
    pub fn of(bytes: [u8; 16]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl FromStr for UploadId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned())).ok_or(())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digests of uploads so far that wait for their next piece, with the number of bytes they are of.
#[derive(Debug, Default)]
pub(crate) struct Digesting(Mutex<HashMap<PathBuf, (u64, Hasher)>>);

/// An upload that is being gone on with. Nobody else can meanwhile; dropped, it waits for the next piece.
#[derive(Debug)]
pub struct Upload {
    repository: Repository,
    path: PathBuf,
    file: File,
    size: u64,
    /// None where some bytes came to another process.
    hasher: Option<Hasher>,
}

impl Repository {
    /// Begins an upload.
    pub fn begin_upload(&self, id: &UploadId) -> Result<Upload, StoreError> {
        create_directory(&self.room("uploads"))?;
        let path = self.room("uploads").join(&id.0);
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).mode(0o644).open(&path);
        let file = file.attempt("create", &path)?;
        file.lock().attempt("lock", &path)?;
        Ok(Upload { repository: self.clone(), path, file, size: 0, hasher: Some(Hasher::default()) })
    }

    /// Goes on with an upload. None where there is none, or nobody did for too long.
    pub fn upload(&self, id: &UploadId) -> Result<Option<Upload>, StoreError> {
        let path = self.room("uploads").join(&id.0);
        let opened = if_found(File::options().read(true).write(true).open(&path)).attempt("open", &path)?;
        let Some(mut file) = opened else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::UploadBusy { id: id.to_string() }),
            Err(TryLockError::Error(source)) => return Err(source).attempt("lock", &path),
        }
        // It may have been finished between the two.
        let metadata = file.metadata().attempt("look at", &path)?;
        if metadata.nlink() == 0 || age(&path)?.is_some_and(|age| age > PATIENCE) {
            return Ok(None);
        }
        let size = file.seek(SeekFrom::End(0)).attempt("look at", &path)?;
        let known = self.digesting().remove(&path).filter(|(found, _)| *found == size);
        let hasher = known.map(|(_, hasher)| hasher).or_else(|| (size == 0).then(Hasher::default));
        Ok(Some(Upload { repository: self.clone(), path, file, size, hasher }))
    }

    /// How far an upload has come.
    pub fn upload_size(&self, id: &UploadId) -> Result<Option<u64>, StoreError> {
        let path = self.room("uploads").join(&id.0);
        let metadata = if_found(fs::metadata(&path)).attempt("look at", &path)?;
        Ok(metadata.map(|metadata| metadata.len()))
    }

    /// Removes the uploads that nobody has gone on with for too long.
    pub fn sweep_uploads(&self) -> Result<(), StoreError> {
        for entry in entries(&self.room("uploads"))? {
            let path = entry.path();
            if age(&path)?.is_none_or(|age| age <= PATIENCE) {
                continue;
            }
            let Some(file) = if_found(File::open(&path)).attempt("open", &path)? else { continue };
            if file.try_lock().is_ok() {
                if_found(fs::remove_file(&path)).attempt("remove", &path)?;
                self.digesting().remove(&path);
            }
        }
        Ok(())
    }

    fn digesting(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (u64, Hasher)>> {
        self.store.digesting().0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// Bytes that have come so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes more bytes in.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).attempt("write", &self.path)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        let before = self.size / FLUSH_EVERY;
        self.size += bytes.len() as u64;
        if self.size / FLUSH_EVERY > before {
            self.file.sync_data().attempt("flush", &self.path)?;
        }
        Ok(())
    }

    /// Makes of it the blob `expected`, if that is the digest of its bytes, and this repository's. Other bytes are dropped.
    pub fn finish(mut self, expected: &Digest) -> Result<u64, StoreError> {
        let found = match self.hasher.take() {
            Some(hasher) if expected.algorithm() == Algorithm::Sha256 => hasher.finish(),
            _ => self.digest_anew(expected.algorithm()).attempt("read", &self.path)?,
        };
        if let Err(error) = check_digest(expected, found) {
            if_found(fs::remove_file(&self.path)).attempt("remove", &self.path)?;
            return Err(error);
        }
        let blob = self.repository.store.blob_path(expected);
        create_directory(parent(&blob))?;
        if fs::exists(&blob).attempt("look for", &blob)? {
            if_found(fs::remove_file(&self.path)).attempt("remove", &self.path)?;
        } else {
            self.file.sync_all().attempt("flush", &self.path)?;
            fs::rename(&self.path, &blob).attempt("create", &blob)?;
            sync_directory(parent(&blob))?;
        }
        self.repository.link_blob(expected, self.size)?;
        Ok(self.size)
    }

    /// Gives it up.
    pub fn abandon(mut self) -> Result<(), StoreError> {
        self.hasher = None;
        if_found(fs::remove_file(&self.path)).attempt("remove", &self.path).map(drop)
    }

    fn digest_anew(&mut self, algorithm: Algorithm) -> io::Result<Digest> {
        let mut hasher = algorithm.hasher();
        let mut buffer = vec![0; 256 << 10];
        self.file.seek(SeekFrom::Start(0))?;
        loop {
            match self.file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(hasher) = self.hasher.take() {
            let mut digesting = self.repository.digesting();
            if digesting.len() >= MOST_REMEMBERED {
                digesting.clear();
            }
            digesting.insert(self.path.clone(), (self.size, hasher));
        }
        // A process that is being started has the file as well until it runs its program, and the lock with it: it is ended, and not
        // left to the last who closes.
        drop(self.file.unlock());
    }
}
