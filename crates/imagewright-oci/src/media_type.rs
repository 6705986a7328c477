//! Media types of blobs, OCI's and Docker's.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! media_types {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// What a blob holds. Unknown types are kept as they are.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum MediaType {
            $($(#[$doc])* $variant,)+
            /// A type this program has no name for.
            Other(Box<str>),
        }

        impl MediaType {
            /// The type as it stands in documents and HTTP headers.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<String> for MediaType {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(text.into()),
                }
            }
        }
    };
}

media_types! {
    /// OCI image manifest.
    Manifest = "application/vnd.oci.image.manifest.v1+json",
    /// OCI image index.
    Index = "application/vnd.oci.image.index.v1+json",
    /// OCI image configuration.
    Config = "application/vnd.oci.image.config.v1+json",
    /// OCI layer, plain tar.
    Layer = "application/vnd.oci.image.layer.v1.tar",
    /// OCI layer, tar and gzip.
    LayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip",
    /// OCI layer, tar and zstd.
    LayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd",
    /// The two-byte JSON blob `{}` where a descriptor must point somewhere.
    Empty = "application/vnd.oci.empty.v1+json",
    /// Docker image manifest, schema 2.
    DockerManifest = "application/vnd.docker.distribution.manifest.v2+json",
    /// Docker manifest list, schema 2.
    DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json",
    /// Docker image configuration.
    DockerConfig = "application/vnd.docker.container.image.v1+json",
    /// Docker layer, plain tar.
    DockerLayer = "application/vnd.docker.image.rootfs.diff.tar",
    /// Docker layer, tar and gzip.
    DockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip",
    /// Docker layer that is fetched from its own address.
    DockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    /// Docker manifest, schema 1, signed; no longer readable by anyone.
    DockerManifestSchema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws",
}

impl MediaType {
    /// Whether this is an image manifest of either family.
    pub fn is_manifest(&self) -> bool {
        matches!(self, Self::Manifest | Self::DockerManifest)
    }

    /// Whether this is an index (manifest list) of either family.
    pub fn is_index(&self) -> bool {
        matches!(self, Self::Index | Self::DockerManifestList)
    }

    /// Whether this is an image configuration of either family.
    pub fn is_config(&self) -> bool {
        matches!(self, Self::Config | Self::DockerConfig)
    }

    /// Whether this is a file-system layer whose bytes live in the same registry.
    pub fn is_layer(&self) -> bool {
        matches!(
            self,
            Self::Layer | Self::LayerGzip | Self::LayerZstd | Self::DockerLayer | Self::DockerLayerGzip
        )
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.as_str().to_owned()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
