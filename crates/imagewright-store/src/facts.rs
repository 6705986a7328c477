//! Facts: what was found out about something, filed under its digest so that it need not be found out again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use imagewright_oci::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::collection::entries;
use crate::files::{Attempt, create_directory, if_found, parent};
use crate::{Store, StoreError};

/// Uses within this time are not told apart.
const USE_GRAIN: Duration = Duration::from_secs(3600);

impl Store {
    /// The fact of this kind about `key`. One that another version wrote in another shape counts as unknown.
    pub fn get_fact<T: DeserializeOwned>(&self, kind: &str, key: &Digest) -> Result<Option<T>, StoreError> {
        let known = self.peek_fact(kind, key)?;
        if known.is_some() {
            note_use(&self.fact_path(kind, key));
        }
        Ok(known)
    }

    /// The same, but looking at it is no use that keeps it from a collection.
    pub fn peek_fact<T: DeserializeOwned>(&self, kind: &str, key: &Digest) -> Result<Option<T>, StoreError> {
        let path = self.fact_path(kind, key);
        let bytes = if_found(fs::read(&path)).attempt("read", &path)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Files a fact, replacing the one there was. It does not wait for the disk: a fact that a crash of the machine took,
    /// or left empty, is unknown, and a build makes many.
    pub fn put_fact<T: Serialize>(&self, kind: &str, key: &Digest, fact: &T) -> Result<(), StoreError> {
        let (path, bytes) = self.fact_to_write(kind, key, fact)?;
        self.layout().temporary().write_unflushed(&path, &bytes)
    }

    /// The same, and waits: for a fact that something else relies on which outlives a crash.
    pub fn put_fact_flushed<T: Serialize>(
        &self,
        kind: &str,
        key: &Digest,
        fact: &T,
    ) -> Result<(), StoreError> {
        let (path, bytes) = self.fact_to_write(kind, key, fact)?;
        self.layout().temporary().write(&path, &bytes)
    }

    /// The keys of all facts of a kind, sorted.
    pub fn fact_keys(&self, kind: &str) -> Result<Vec<Digest>, StoreError> {
        let names = entries(&self.room("facts").join(kind))?.into_iter().map(|entry| entry.file_name());
        let key = |name: OsString| format!("sha256:{}", name.to_str()?.strip_suffix(".json")?).parse().ok();
        // What is no fact of ours is passed over.
        let mut keys: Vec<Digest> = names.filter_map(key).collect();
        keys.sort();
        Ok(keys)
    }

    fn fact_to_write<T: Serialize>(
        &self,
        kind: &str,
        key: &Digest,
        fact: &T,
    ) -> Result<(PathBuf, Vec<u8>), StoreError> {
        let path = self.fact_path(kind, key);
        let bytes = serde_json::to_vec(fact)
            .map_err(|source| StoreError::MalformedFile { path: path.clone(), source })?;
        create_directory(parent(&path))?;
        Ok((path, bytes))
    }

    fn fact_path(&self, kind: &str, key: &Digest) -> PathBuf {
        self.room("facts").join(kind).join(format!("{}.json", key.hex()))
    }
}

/// Dates a fact's file by its use, which is what a collection goes by. That it could not be dated hurts nobody.
fn note_use(path: &Path) {
    let now = SystemTime::now();
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let is_recent = modified.is_ok_and(|time| now.duration_since(time).unwrap_or_default() < USE_GRAIN);
    if !is_recent {
        let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(now));
    }
}
