//! Image manifests and indexes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Annotations, Descriptor, MediaType, Platform};

/// One image for one platform: its config and its layers, bottom first (image spec, "Image Manifest").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// The document's own media type; absent in some OCI manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The image configuration.
    pub config: Descriptor,
    /// File-system layers, bottom first.
    pub layers: Vec<Descriptor>,
    /// Free-form data about the image.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// Fields this program has no name for.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Manifest {
    /// An OCI manifest of `config` and `layers`.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::Manifest),
            config,
            layers,
            annotations: Annotations::new(),
            extra: Map::new(),
        }
    }

    /// Bytes of all layers as stored.
    pub fn layers_size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }
}

/// Several images under one name, a manifest for each platform (image spec, "Image Index").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// The document's own media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The manifests, and in nested indexes other indexes.
    pub manifests: Vec<Descriptor>,
    /// Free-form data about the index.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// Fields this program has no name for.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Index {
    /// An OCI index of `manifests`.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::Index),
            manifests,
            annotations: Annotations::new(),
            extra: Map::new(),
        }
    }

    /// The first entry that runs on `platform`.
    pub fn select(&self, platform: &Platform) -> Option<&Descriptor> {
        self.manifests
            .iter()
            .find(|entry| entry.platform.as_ref().is_some_and(|offered| platform.accepts(offered)))
    }
}
