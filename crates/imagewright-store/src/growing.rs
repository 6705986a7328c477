//! Blobs that others read while they are written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use imagewright_oci::Digest;

/// How far a blob has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Growth {
    /// So many bytes are written.
    To(u64),
    /// It is in the store, under this digest, and has so many bytes.
    Complete(Digest, u64),
    /// It was given up.
    GivenUp,
}

/// The reading end of a blob that is being written. Clones are of the same blob.
#[derive(Clone, Debug)]
pub struct GrowingBlob {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: File,
    growth: Mutex<Growth>,
    changed: Condvar,
}

impl GrowingBlob {
    /// A blob of which `written` bytes are in `file`.
    pub(crate) fn new(file: File, written: u64) -> Self {
        let growth = Mutex::new(Growth::To(written));
        Self { shared: Arc::new(Shared { file, growth, changed: Condvar::new() }) }
    }

    pub(crate) fn tell(&self, growth: Growth) {
        *self.growth() = growth;
        self.shared.changed.notify_all();
    }

    /// Waits until `length` bytes are written or the blob has ended, but no longer than `patience`.
    pub fn wait_for(&self, length: u64, patience: Duration) -> Growth {
        let is_short = |growth: &mut Growth| matches!(growth, Growth::To(written) if *written < length);
        let waited = self.shared.changed.wait_timeout_while(self.growth(), patience, is_short);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Reads bytes that are written.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.shared.file.read_at(buffer, offset)
    }

    fn growth(&self) -> MutexGuard<'_, Growth> {
        self.shared.growth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
