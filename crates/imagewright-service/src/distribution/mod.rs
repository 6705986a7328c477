//! What a registry serves from the store, by repository: what somebody may ask for is decided before.

mod check;
mod push;

use std::fs::File;

use imagewright_engine::RemoteImages as _;
use imagewright_model::{Progress, Stop};
use imagewright_oci::{Descriptor, Digest, Index, MediaType, Reference, Tag};
use imagewright_store::{Repository, StoreError};

use crate::{Service, ServiceError};

pub use imagewright_store::{RepositoryKey, StoredManifest, Upload, UploadId};
pub use push::{PushError, PushedManifest};

/// The field of a descriptor here that says what a manifest is about. It is not shown.
const SUBJECT: &str = "subject";

/// Where a repository is kept: by what key, and what built images are tagged as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPlace {
    /// What goes with the entry and not with its name.
    pub key: RepositoryKey,
    /// Registry and repository; the tag is of no account.
    pub reference: Reference,
}

/// How a manifest is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestName {
    /// By a name that may move.
    Tag(Tag),
    /// By its digest.
    Digest(Digest),
}

/// A blob that is a repository's.
#[derive(Debug)]
pub enum ServedBlob {
    /// It is here.
    Here(File, u64),
    /// It is a layer of a base that stays in its registry; so large it is.
    Elsewhere(u64),
}

impl ServedBlob {
    /// Its bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Here(_, size) | Self::Elsewhere(size) => *size,
        }
    }
}

/// One repository, with the service that knows the rest.
pub struct ServedRepository<'a> {
    service: &'a Service,
    repository: Repository,
    reference: Reference,
}

impl Service {
    /// A repository, whether there is something in it or not.
    pub fn repository(&self, place: &RepositoryPlace) -> ServedRepository<'_> {
        let repository = self.store().repository(&place.key);
        ServedRepository { service: self, repository, reference: place.reference.clone() }
    }

    /// Gives a repository another key.
    pub fn rename_repository(&self, from: &RepositoryKey, to: &RepositoryKey) -> Result<(), ServiceError> {
        let _lease = self.lease()?;
        Ok(self.store().repository(from).rename(to)?)
    }

    /// Removes a repository, and the names of built images in it.
    pub fn remove_repository(&self, place: &RepositoryPlace) -> Result<(), ServiceError> {
        let _lease = self.lease()?;
        self.store().remove_built(&place.reference)?;
        Ok(self.store().repository(&place.key).remove()?)
    }

    /// Removes what nobody has gone on with for a day; of repositories whose key is not `known`, all.
    pub fn sweep_repositories(&self, known: impl Fn(&RepositoryKey) -> bool) -> Result<(), ServiceError> {
        let _lease = self.lease()?;
        for key in self.store().repository_keys()? {
            let repository = self.store().repository(&key);
            if !known(&key) && repository.is_idle()? {
                repository.remove()?;
            }
        }
        Ok(self.store().sweep_repositories()?)
    }

    /// Repositories in which images of the list are tagged at a registry, those that others made under that name included.
    pub fn built_repositories(&self, registry: &str) -> Result<Vec<String>, ServiceError> {
        Ok(self.store().built_repositories(registry)?)
    }

    /// 32 random bytes that all servers of this store share, and nobody else knows. `fresh` are kept where there are none yet.
    pub fn shared_key(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], ServiceError> {
        Ok(self.store().shared_key(name, fresh)?)
    }

    /// Lets one process at a time do something about a repository.
    pub fn lock_repository(&self, name: &str) -> Result<imagewright_store::Lock, ServiceError> {
        Ok(self.store().lock(&format!("repository {name}"), || {})?)
    }
}

impl ServedRepository<'_> {
    /// A manifest, with its bytes.
    pub fn manifest(&self, name: &ManifestName) -> Result<Option<StoredManifest>, ServiceError> {
        let Some(descriptor) = self.descriptor(name)? else { return Ok(None) };
        Ok(Some(self.service.store().stored_manifest(descriptor)?))
    }

    fn descriptor(&self, name: &ManifestName) -> Result<Option<Descriptor>, ServiceError> {
        let store = self.service.store();
        match name {
            ManifestName::Tag(tag) => {
                let built = store.built(&self.reference.with_tag(tag.clone()))?;
                Ok(built.map_or_else(|| self.repository.tagged(tag), |built| Ok(Some(built)))?)
            }
            ManifestName::Digest(digest) => {
                let pushed = self.repository.manifest(digest)?;
                Ok(pushed.map_or_else(|| self.built(digest), |pushed| Ok(Some(pushed)))?)
            }
        }
    }

    fn built(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        let mut built = self.service.store().built_tags(&self.reference)?.into_iter();
        Ok(built.find(|(_, manifest)| manifest.digest == *digest).map(|(_, manifest)| manifest))
    }

    /// A blob that is this repository's.
    pub fn blob(&self, digest: &Digest) -> Result<Option<ServedBlob>, ServiceError> {
        let Some(size) = self.blob_size(digest)? else { return Ok(None) };
        match self.service.store().open_blob(digest) {
            Ok(file) => Ok(Some(ServedBlob::Here(file, size))),
            Err(StoreError::LayerElsewhere { .. }) => Ok(Some(ServedBlob::Elsewhere(size))),
            Err(StoreError::BlobMissing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        if let Some(size) = self.repository.blob(digest)? {
            return Ok(Some(size));
        }
        let mut manifests = self.repository.manifests()?;
        manifests.extend(self.service.store().built_tags(&self.reference)?.into_iter().map(|(_, it)| it));
        self.repository.blob_of_manifests(digest, &manifests)
    }

    /// Brings a layer of a base from the registry it was left in, and opens it.
    pub fn fetch_blob(&self, digest: &Digest, size: u64) -> Result<Option<ServedBlob>, ServiceError> {
        let store = self.service.store();
        // Who comes while it is fetched waits, and then finds it here.
        let _one = store.lock(&format!("fetch {digest}"), || {})?;
        if !store.has_blob(digest) {
            let _lease = self.service.lease()?;
            let layer = Descriptor::new(MediaType::LayerGzip, digest.clone(), size);
            let places = store.origins(digest)?;
            let remote = &self.service.registries;
            let nobody_watches = |_: &str, _: Progress| ();
            remote
                .fetch(&[(&layer, places)], &Stop::default(), &nobody_watches)
                .map_err(|error| ServiceError::Engine(imagewright_engine::EngineError::Remote(error)))?;
        }
        self.blob(digest)
    }

    /// All tags, sorted by their bytes.
    pub fn tags(&self) -> Result<Vec<Tag>, ServiceError> {
        let mut tags = self.repository.tags()?;
        tags.extend(self.service.store().built_tags(&self.reference)?.into_iter().map(|(tag, _)| tag));
        tags.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        tags.dedup();
        Ok(tags)
    }

    /// What is about a manifest, as an index of it (distribution specification, "Listing Referrers").
    pub fn referrers(&self, subject: &Digest) -> Result<Index, ServiceError> {
        let subject = subject.to_string();
        let about = |descriptor: &Descriptor| {
            descriptor.extra.get(SUBJECT).and_then(serde_json::Value::as_str) == Some(&subject)
        };
        let mut found: Vec<Descriptor> = self.repository.manifests()?.into_iter().filter(about).collect();
        for descriptor in &mut found {
            descriptor.extra.shift_remove(SUBJECT);
        }
        Ok(Index::new(found))
    }

    /// Removes a tag, or a manifest with its tags; whether there was one.
    pub fn remove_manifest(&self, name: &ManifestName) -> Result<bool, ServiceError> {
        let _lease = self.service.lease()?;
        let store = self.service.store();
        let built = store.built_tags(&self.reference)?;
        let is_meant = |(tag, manifest): &(Tag, Descriptor)| match name {
            ManifestName::Tag(name) => tag == name,
            ManifestName::Digest(digest) => manifest.digest == *digest,
        };
        let mut removed = match name {
            ManifestName::Tag(tag) => self.repository.remove_tag(tag)?,
            ManifestName::Digest(digest) => self.repository.remove_manifest(digest)?,
        };
        for (tag, _) in built.into_iter().filter(is_meant) {
            store.untag(&self.reference.with_tag(tag))?;
            removed = true;
        }
        Ok(removed)
    }

    /// Removes a blob from this repository, unless a manifest needs it.
    pub fn remove_blob(&self, digest: &Digest) -> Result<bool, PushError> {
        let _lease = self.service.lease()?;
        let was_pushed = self.repository.unlink_blob(digest).map_err(ServiceError::from)?;
        match self.blob_size(digest).map_err(ServiceError::from)? {
            Some(_) => Err(PushError::BlobInUse { digest: digest.clone() }),
            None => Ok(was_pushed),
        }
    }

    /// Begins an upload.
    pub fn begin_upload(&self, id: &UploadId) -> Result<Upload, ServiceError> {
        Ok(self.repository.begin_upload(id)?)
    }

    /// Goes on with an upload, if there still is one.
    pub fn upload(&self, id: &UploadId) -> Result<Option<Upload>, ServiceError> {
        Ok(self.repository.upload(id)?)
    }

    /// How far an upload has come.
    pub fn upload_size(&self, id: &UploadId) -> Result<Option<u64>, ServiceError> {
        Ok(self.repository.upload_size(id)?)
    }

    /// Makes a blob of an upload, if its bytes have that digest.
    pub fn finish_upload(&self, upload: Upload, digest: &Digest) -> Result<u64, PushError> {
        let _lease = self.service.lease()?;
        match upload.finish(digest) {
            Ok(size) => Ok(size),
            Err(StoreError::BlobDigest { expected, found }) => {
                Err(PushError::DigestMismatch { expected, found })
            }
            Err(error) => Err(ServiceError::from(error).into()),
        }
    }

    /// Makes a blob of another repository one of this, too; whether that has it.
    pub fn mount(&self, digest: &Digest, from: &RepositoryPlace) -> Result<bool, ServiceError> {
        let _lease = self.service.lease()?;
        let Some(size) = self.service.repository(from).blob_size(digest)? else { return Ok(false) };
        self.repository.link_blob(digest, size)?;
        Ok(true)
    }
}
