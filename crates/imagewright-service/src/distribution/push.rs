//! Manifests that are pushed.

use imagewright_oci::{Descriptor, Digest, MediaType};

use super::check::{Checked, check};
use super::{ManifestName, SUBJECT, ServedRepository, StoredManifest};
use crate::ServiceError;

/// Why what was pushed is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The bytes are no manifest.
    #[error("this is no manifest: {0}")]
    Malformed(String),
    /// It is of a type that is not known here.
    #[error("`{0}` is no type of a manifest that is taken here")]
    Unsupported(MediaType),
    /// The type that it was sent as is not the one that it says.
    #[error("it was sent as `{sent}` and says that it is `{said}`")]
    OtherType {
        /// As what it was sent.
        sent: MediaType,
        /// What it says.
        said: MediaType,
    },
    /// It names a blob or manifest that the repository does not have.
    #[error("the repository has no `{digest}`, which the manifest names: push that first")]
    BlobUnknown {
        /// Which.
        digest: Digest,
    },
    /// It names a blob with another size than that has.
    #[error("`{digest}` has {found} bytes, and the manifest says {said}")]
    Size {
        /// Which.
        digest: Digest,
        /// What the manifest says.
        said: u64,
        /// How many there are.
        found: u64,
    },
    /// The bytes are others than those the digest is of.
    #[error("the digest of what was sent is `{found}`, and not `{expected}`")]
    DigestMismatch {
        /// What was said.
        expected: Digest,
        /// What was found.
        found: Digest,
    },
    /// A manifest needs it.
    #[error("a manifest of the repository names `{digest}`: remove that first")]
    BlobInUse {
        /// Which.
        digest: Digest,
    },
    /// The store or a registry.
    #[error(transparent)]
    Service(Box<ServiceError>),
}

impl From<ServiceError> for PushError {
    fn from(error: ServiceError) -> Self {
        Self::Service(Box::new(error))
    }
}

/// A manifest that was taken, or is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedManifest {
    /// Its type, digest and size.
    pub descriptor: Descriptor,
    /// What it is about, if it is about another.
    pub subject: Option<Digest>,
    /// The platforms it is there for.
    pub platforms: Vec<String>,
    /// Bytes of its layers; of an index, of those for this machine's platform.
    pub size: Option<u64>,
}

impl ServedRepository<'_> {
    /// Takes a manifest, if all that it names is here. With a tag, that stands for it from now on.
    pub fn put_manifest(
        &self,
        name: &ManifestName,
        media_type: MediaType,
        bytes: &[u8],
    ) -> Result<PushedManifest, PushError> {
        let _lease = self.service.lease()?;
        let digest = match name {
            ManifestName::Tag(_) => Digest::of(bytes),
            ManifestName::Digest(expected) => {
                let mut hasher = expected.algorithm().hasher();
                hasher.update(bytes);
                let found = hasher.finish();
                if found != *expected {
                    return Err(PushError::DigestMismatch { expected: expected.clone(), found });
                }
                found
            }
        };
        let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
        let checked = check(self, &descriptor.media_type, bytes)?;
        self.repository.put_manifest(&described(&descriptor, &checked), bytes).map_err(ServiceError::from)?;
        if let ManifestName::Tag(tag) = name {
            self.repository.set_tag(tag, &descriptor).map_err(ServiceError::from)?;
            let built = self.reference.with_tag(tag.clone());
            let store = self.service.store();
            if store.built(&built).map_err(ServiceError::from)?.is_some() {
                store.untag(&built).map_err(ServiceError::from)?;
            }
        }
        let Checked { subject, platforms, size, .. } = checked;
        Ok(PushedManifest { descriptor, subject, platforms, size })
    }

    /// What is known of a manifest that is here.
    pub fn look_up(&self, name: &ManifestName) -> Result<Option<PushedManifest>, PushError> {
        let Some(StoredManifest { descriptor, bytes }) = self.manifest(name)? else { return Ok(None) };
        let Checked { subject, platforms, size, .. } = check(self, &descriptor.media_type, &bytes)?;
        Ok(Some(PushedManifest { descriptor, subject, platforms, size }))
    }

    pub(super) fn has_manifest(&self, digest: &Digest) -> Result<Option<u64>, ServiceError> {
        let found = self.descriptor(&ManifestName::Digest(digest.clone()))?;
        Ok(found.map(|descriptor| descriptor.size))
    }

    pub(super) fn has_blob(&self, digest: &Digest) -> Result<Option<u64>, ServiceError> {
        Ok(self.blob_size(digest)?)
    }

    pub(super) fn document(&self, descriptor: &Descriptor) -> Option<Vec<u8>> {
        self.service.store().read_blob(descriptor).ok()
    }
}

/// The descriptor with all that lists of referrers show and choose by.
fn described(descriptor: &Descriptor, checked: &Checked) -> Descriptor {
    let mut descriptor = descriptor.clone();
    let Some(subject) = &checked.subject else { return descriptor };
    descriptor.annotations = checked.annotations.clone();
    if let Some(artifact_type) = &checked.artifact_type {
        descriptor.extra.insert("artifactType".to_owned(), artifact_type.as_str().into());
    }
    descriptor.extra.insert(SUBJECT.to_owned(), subject.to_string().into());
    descriptor
}
