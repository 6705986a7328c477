//! Manifests and tags of a repository.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use imagewright_oci::{Descriptor, Digest, Tag};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Repository, digest_of};
use crate::collection::{digests_in, entries};
use crate::files::{Attempt, create_directory, if_found};
use crate::{Store, StoreError};

/// A manifest or index as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its type, digest and size.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Repository {
    /// What a tag stands for.
    pub fn tagged(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        read_json(&self.room("tags").join(tag.as_str()))
    }

    /// All tags, sorted by their bytes.
    pub fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        let names = entries(&self.room("tags"))?.into_iter().map(|entry| entry.file_name());
        let mut tags: Vec<Tag> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
        tags.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(tags)
    }

    /// Has a tag stand for a manifest of this repository. From this moment on everybody gets that.
    pub fn set_tag(&self, tag: &Tag, manifest: &Descriptor) -> Result<(), StoreError> {
        create_directory(&self.room("tags"))?;
        self.write_json(&self.room("tags").join(tag.as_str()), manifest)
    }

    /// Removes a tag; whether there was one.
    pub fn remove_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let path = self.room("tags").join(tag.as_str());
        Ok(if_found(fs::remove_file(&path)).attempt("remove", &path)?.is_some())
    }

    /// The descriptor of a manifest of this repository.
    pub fn manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        read_json(&self.file("manifests", digest))
    }

    /// The descriptors of all its manifests.
    pub fn manifests(&self) -> Result<Vec<Descriptor>, StoreError> {
        let mut found = Vec::new();
        for entry in entries(&self.room("manifests"))? {
            if digest_of(&entry.path()).is_some() {
                found.extend(read_json::<Descriptor>(&entry.path())?);
            }
        }
        found.sort_by(|one, other| one.digest.cmp(&other.digest));
        Ok(found)
    }

    /// Stores a manifest, by the digest that `descriptor` names it with, and makes it one of this repository. That what it
    /// names is here is for the caller to see to.
    pub fn put_manifest(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), StoreError> {
        if !self.store.has_blob(&descriptor.digest) {
            let mut writer = self.store.blob_writer_for(descriptor.digest.algorithm())?;
            writer.write_all(bytes).attempt("write", &self.store.blob_path(&descriptor.digest))?;
            writer.commit(&descriptor.digest)?;
        }
        self.link_manifest(descriptor)
    }

    /// Makes a manifest that the store has one of this repository.
    pub fn link_manifest(&self, descriptor: &Descriptor) -> Result<(), StoreError> {
        create_directory(&self.room("manifests"))?;
        self.write_json(&self.file("manifests", &descriptor.digest), descriptor)
    }

    /// Removes a manifest, with the tags that stand for it; whether it was there.
    pub fn remove_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        for tag in self.tags()? {
            if self.tagged(&tag)?.is_some_and(|tagged| tagged.digest == *digest) {
                self.remove_tag(&tag)?;
            }
        }
        let path = self.file("manifests", digest);
        Ok(if_found(fs::remove_file(&path)).attempt("remove", &path)?.is_some())
    }

    /// The size of a blob that one of `manifests` names. What is found is noted, so that it is found faster.
    pub fn blob_of_manifests(
        &self,
        digest: &Digest,
        manifests: &[Descriptor],
    ) -> Result<Option<u64>, StoreError> {
        for manifest in manifests {
            let Ok(bytes) = self.store.read_blob(manifest) else { continue };
            for named in document_descriptors(&bytes).filter(|named| named.digest == *digest) {
                if self.store.has_layer(digest) {
                    self.link_blob(digest, named.size)?;
                    return Ok(Some(named.size));
                }
            }
        }
        Ok(None)
    }

    fn write_json(&self, path: &Path, descriptor: &Descriptor) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(descriptor).expect("a descriptor serialises: its keys are strings");
        self.store.layout().temporary().write(path, &bytes)
    }
}

impl Store {
    /// Reads the bytes of a manifest.
    pub fn stored_manifest(&self, descriptor: Descriptor) -> Result<StoredManifest, StoreError> {
        let bytes = self.read_blob(&descriptor)?;
        Ok(StoredManifest { descriptor, bytes })
    }
}

/// The digests that a document names anywhere.
pub fn document_digests(bytes: &[u8]) -> Vec<Digest> {
    let mut digests = Vec::new();
    digests_in(&serde_json::from_slice(bytes).unwrap_or(Value::Null), &mut digests);
    digests
}

/// Configuration and layers that a manifest names.
pub(crate) fn document_descriptors(bytes: &[u8]) -> impl Iterator<Item = Descriptor> {
    let mut document: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let config = document.get_mut("config").map(Value::take);
    let layers = document.get_mut("layers").and_then(Value::as_array_mut).map(std::mem::take);
    let all = config.into_iter().chain(layers.into_iter().flatten());
    all.filter_map(|descriptor| serde_json::from_value(descriptor).ok())
}

/// None also where a crash left a name without contents.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let Some(bytes) = if_found(fs::read(path)).attempt("read", path)? else { return Ok(None) };
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|source| StoreError::MalformedFile { path: path.to_owned(), source })
}
