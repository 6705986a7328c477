//! Descriptors: what points at a blob.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Digest, MediaType, Platform};

/// Annotations, sorted by key so that documents of ours repeat to the byte.
pub type Annotations = BTreeMap<String, String>;

/// Annotation keys the image specification defines, and the ones of ours.
pub mod annotation {
    /// The reference an image of a layout goes by.
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// When the image was made, RFC 3339.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// Human-readable title.
    pub const TITLE: &str = "org.opencontainers.image.title";
    /// Human-readable description.
    pub const DESCRIPTION: &str = "org.opencontainers.image.description";
    /// Reference of the image this one is based on.
    pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
    /// Digest of the image this one is based on.
    pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
}

/// Media type, digest and size of a blob (image spec, "OCI Content Descriptors").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob holds.
    pub media_type: MediaType,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where else the blob may be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free-form data about the blob.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// What an image needs to run; on entries of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Fields this program has no name for.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor with nothing but the required fields.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            platform: None,
            extra: Map::new(),
        }
    }

    /// The descriptor of `bytes`.
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }
}
