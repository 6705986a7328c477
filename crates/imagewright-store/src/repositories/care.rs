//! What collections and checks have to do with repositories.

use std::collections::HashSet;
use std::fs;

use imagewright_oci::Digest;

use super::manifests::document_descriptors;
use super::{PATIENCE, ROOM, Repository, age, digest_of};
use crate::collection::entries;
use crate::files::{Attempt, if_found};
use crate::{Store, StoreError, document_digests};

/// Something that is not as it must be in a repository, and what to remove so that it is.
pub(crate) enum Fault {
    /// A manifest cannot be read.
    Manifest(Digest, String),
    /// A manifest names a blob that is not there. Only a push can mend that.
    Lacking(Digest, Digest),
    /// A file here is not what its name says.
    File(std::path::PathBuf),
}

impl Store {
    /// All blobs that repositories need.
    pub(crate) fn blobs_of_repositories(&self) -> Result<HashSet<Digest>, StoreError> {
        let mut needed = HashSet::new();
        for key in self.repository_keys()? {
            self.repository(&key).mark(&mut needed)?;
        }
        Ok(needed)
    }

    /// Removes what nobody has gone on with: uploads, pushed blobs that no manifest came to name, and repositories in
    /// which there is nothing.
    pub fn sweep_repositories(&self) -> Result<(), StoreError> {
        for key in self.repository_keys()? {
            let repository = self.repository(&key);
            repository.sweep_uploads()?;
            repository.sweep_blobs()?;
            repository.remove_if_empty()?;
        }
        Ok(())
    }
}

impl Repository {
    fn mark(&self, needed: &mut HashSet<Digest>) -> Result<(), StoreError> {
        for manifest in self.manifests()? {
            // What is missing or damaged is for `fsck` to tell.
            if let Ok(bytes) = self.store.read_blob(&manifest) {
                needed.extend(document_digests(&bytes));
            }
            needed.insert(manifest.digest);
        }
        for entry in entries(&self.room("blobs"))? {
            if let Some(digest) = digest_of(&entry.path())
                && age(&entry.path())?.is_none_or(|age| age <= PATIENCE)
            {
                needed.insert(digest);
            }
        }
        Ok(())
    }

    fn sweep_blobs(&self) -> Result<(), StoreError> {
        let mut named = HashSet::new();
        for manifest in self.manifests()? {
            named.extend(self.store.read_blob(&manifest).iter().flat_map(|bytes| document_digests(bytes)));
        }
        for entry in entries(&self.room("blobs"))? {
            let path = entry.path();
            let is_named = digest_of(&path).is_some_and(|digest| named.contains(&digest));
            if !is_named && age(&path)?.is_some_and(|age| age > PATIENCE) {
                if_found(fs::remove_file(&path)).attempt("remove", &path)?;
            }
        }
        Ok(())
    }

    /// Folders are made again when they are needed; one that is filled just now stays.
    fn remove_if_empty(&self) -> Result<(), StoreError> {
        if age(&self.root())?.is_none_or(|age| age <= PATIENCE) {
            return Ok(());
        }
        for room in ["uploads", "blobs", "manifests", "tags"] {
            drop(fs::remove_dir(self.room(room)));
        }
        drop(fs::remove_dir(self.root()));
        Ok(())
    }

    /// All that is wrong here.
    pub(crate) fn faults(&self) -> Result<Vec<Fault>, StoreError> {
        let mut faults = Vec::new();
        for room in ["manifests", "tags"] {
            for entry in entries(&self.room(room))? {
                let path = entry.path();
                let bytes = fs::read(&path).attempt("read", &path)?;
                if serde_json::from_slice::<imagewright_oci::Descriptor>(&bytes).is_err() {
                    faults.push(Fault::File(path));
                }
            }
        }
        if !faults.is_empty() {
            return Ok(faults);
        }
        for tag in self.tags()? {
            let Some(tagged) = self.tagged(&tag)? else { continue };
            if self.manifest(&tagged.digest)?.is_none() {
                faults.push(Fault::File(self.room("tags").join(tag.as_str())));
            }
        }
        for manifest in self.manifests()? {
            match self.store.read_blob(&manifest) {
                Err(error) => faults.push(Fault::Manifest(manifest.digest, error.to_string())),
                Ok(bytes) => {
                    let named = document_descriptors(&bytes).filter(|named| named.urls.is_empty());
                    let lacking = named.filter(|named| !self.store.has_layer(&named.digest));
                    faults.extend(lacking.map(|named| Fault::Lacking(manifest.digest.clone(), named.digest)));
                }
            }
        }
        Ok(faults)
    }

    /// Where it is, as messages name it.
    pub(crate) fn place(&self) -> std::path::PathBuf {
        self.store.room(ROOM).join(&self.key.0)
    }
}
