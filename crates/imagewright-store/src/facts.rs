//! Facts: what was found out about something, filed under its digest so that it need not be found out again.

use std::fs;
use std::path::PathBuf;

use imagewright_oci::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files::{Attempt, create_directory, if_found, parent};
use crate::{Store, StoreError};

impl Store {
    /// The fact of this kind about `key`. One that another version wrote in another shape counts as unknown.
    pub fn get_fact<T: DeserializeOwned>(&self, kind: &str, key: &Digest) -> Result<Option<T>, StoreError> {
        let path = self.fact_path(kind, key);
        let bytes = if_found(fs::read(&path)).attempt("read", &path)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Files a fact, replacing the one there was.
    pub fn put_fact<T: Serialize>(&self, kind: &str, key: &Digest, fact: &T) -> Result<(), StoreError> {
        let path = self.fact_path(kind, key);
        let bytes = serde_json::to_vec(fact)
            .map_err(|source| StoreError::MalformedFile { path: path.clone(), source })?;
        create_directory(parent(&path))?;
        self.layout().temporary().write(&path, &bytes)
    }

    fn fact_path(&self, kind: &str, key: &Digest) -> PathBuf {
        self.room("facts").join(kind).join(format!("{}.json", key.hex()))
    }
}
