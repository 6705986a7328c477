//! Locks on things that only one process may do at a time. They end with the process that holds them.

use std::fs::{File, TryLockError};

use imagewright_oci::Digest;

use crate::files::{Attempt, open_lock};
use crate::{Store, StoreError};

/// A lock that is held until this is dropped.
#[derive(Debug)]
#[must_use = "the lock ends when this is dropped"]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Takes the lock of `key`. Where another process or thread holds it, calls `on_wait` once and waits.
    pub fn lock(&self, key: &str, on_wait: impl FnOnce()) -> Result<Lock, StoreError> {
        let path = self.room("locks").join(Digest::of(key.as_bytes()).hex());
        // The file stays: were it removed, one process could lock the old file and another a new one.
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                on_wait();
                file.lock().attempt("lock", &path)?;
            }
            Err(TryLockError::Error(source)) => return Err(source).attempt("lock", &path),
        }
        Ok(Lock { _file: file })
    }

    /// Takes the lock of `key`, unless another process or thread holds it.
    pub fn try_lock(&self, key: &str) -> Result<Option<Lock>, StoreError> {
        let path = self.room("locks").join(Digest::of(key.as_bytes()).hex());
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(source).attempt("lock", &path),
        }
    }
}
