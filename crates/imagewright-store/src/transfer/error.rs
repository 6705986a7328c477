//! What can go wrong when images move.

use std::io;
use std::path::PathBuf;

use imagewright_layer::LayerError;
use imagewright_model::ErrorKind;
use imagewright_oci::{DiffId, Digest, DocumentError, Platform};

use crate::StoreError;
use crate::error::layer_error_kind;

/// Why an image could not be imported or exported. `origin` is the folder, file or stream it comes from.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The store could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source could not be read.
    #[error("could not read `{origin}`")]
    Read {
        /// The source.
        origin: String,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// The source is no archive, or a broken one.
    #[error("`{origin}` is not a tar archive, or is damaged")]
    NotATar {
        /// The source.
        origin: String,
        /// What its reader said.
        source: io::Error,
    },
    /// The source is something else.
    #[error("`{origin}` holds no image: it has no `{missing}`")]
    NotAnImage {
        /// The source.
        origin: String,
        /// The file every such source has.
        missing: &'static str,
    },
    /// The source lists no image.
    #[error("`{origin}` lists no image")]
    Empty {
        /// The source.
        origin: String,
    },
    /// A file the source refers to is not there.
    #[error("`{origin}` has no `{name}`, which its image needs")]
    MissingFile {
        /// The source.
        origin: String,
        /// The file.
        name: String,
    },
    /// A file is shorter than the archive says.
    #[error("`{origin}` ends in the middle of `{name}`")]
    Truncated {
        /// The source.
        origin: String,
        /// The file.
        name: String,
    },
    /// An entry of the archive tries to leave it.
    #[error("`{origin}` has an entry `{entry}` that leads out of it")]
    Escapes {
        /// The source.
        origin: String,
        /// The entry.
        entry: String,
    },
    /// A document is too long to be one.
    #[error("`{name}` in `{origin}` is too long to be a document")]
    TooLarge {
        /// The source.
        origin: String,
        /// The file.
        name: String,
    },
    /// A document is not what it should be.
    #[error("`{name}` in `{origin}` is malformed")]
    Malformed {
        /// The source.
        origin: String,
        /// The file.
        name: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A manifest, index or configuration is not what it should be.
    #[error("an image of `{origin}` is malformed")]
    Document {
        /// The source.
        origin: String,
        /// Which document, and how.
        source: DocumentError,
    },
    /// A file's bytes are not those its name or descriptor says.
    #[error("`{name}` in `{origin}` has the digest `{found}`")]
    Digest {
        /// The source.
        origin: String,
        /// The file.
        name: String,
        /// The digest of its bytes.
        found: Digest,
    },
    /// A file is longer or shorter than its descriptor says.
    #[error("`{name}` in `{origin}` has {found} bytes, not {expected}")]
    Size {
        /// The source.
        origin: String,
        /// The file.
        name: String,
        /// The size that was announced.
        expected: u64,
        /// The size it has.
        found: u64,
    },
    /// A layer is not the one the configuration lists.
    #[error("layer `{name}` in `{origin}` has the diff id `{found}`, not `{expected}`")]
    DiffId {
        /// The source.
        origin: String,
        /// The file.
        name: String,
        /// The diff id in the configuration.
        expected: DiffId,
        /// The digest of its uncompressed bytes.
        found: DiffId,
    },
    /// A layer is broken.
    #[error("layer `{name}` in `{origin}` is not usable")]
    Layer {
        /// The source.
        origin: String,
        /// The file.
        name: String,
        /// What is wrong with it.
        source: LayerError,
    },
    /// What should have gone into an archive could not be read.
    #[error("could not put `{path}` together")]
    Pack {
        /// The archive, or the file in it.
        path: PathBuf,
        /// What went wrong.
        source: LayerError,
    },
    /// Manifest and configuration do not belong together.
    #[error("an image of `{origin}` has {layers} layers but {diff_ids} diff ids")]
    Count {
        /// The source.
        origin: String,
        /// Layers in the manifest.
        layers: usize,
        /// Diff ids in the configuration.
        diff_ids: usize,
    },
    /// A manifest's parts are of kinds that no image has here.
    #[error("`{origin}` has a `{media_type}` where {expected} should be")]
    MediaType {
        /// The source.
        origin: String,
        /// What was found.
        media_type: String,
        /// What should be there.
        expected: &'static str,
    },
    /// None of the images is the one that was asked for.
    #[error("`{origin}` has no image `{reference}`")]
    NoSuchImage {
        /// The source.
        origin: String,
        /// What was asked for.
        reference: String,
        /// What there is.
        available: Vec<String>,
    },
    /// One name cannot be given to several images.
    #[error("`{origin}` has {} images: say which of them gets the name", available.len())]
    SeveralImages {
        /// The source.
        origin: String,
        /// What there is.
        available: Vec<String>,
    },
    /// None of the images is for this machine.
    #[error("`{origin}` has no image for {wanted}")]
    NoPlatform {
        /// The source.
        origin: String,
        /// The platform of this machine.
        wanted: Box<Platform>,
        /// The platforms there are.
        available: Vec<String>,
    },
}

impl TransferError {
    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Read { source, .. } => ErrorKind::of_io(source),
            Self::NoSuchImage { .. } | Self::NoPlatform { .. } => ErrorKind::NotFound,
            Self::SeveralImages { .. } => ErrorKind::Usage,
            Self::Layer { source, .. } | Self::Pack { source, .. } => layer_error_kind(source),
            Self::NotATar { .. }
            | Self::NotAnImage { .. }
            | Self::Empty { .. }
            | Self::MissingFile { .. }
            | Self::Truncated { .. }
            | Self::Escapes { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::Document { .. }
            | Self::Digest { .. }
            | Self::Size { .. }
            | Self::DiffId { .. }
            | Self::Count { .. }
            | Self::MediaType { .. } => ErrorKind::Invalid,
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Read { source, .. } => ErrorKind::io_hint(source),
            Self::NotATar { .. } | Self::NotAnImage { .. } => Some(
                "`docker save`, `podman save` and `skopeo copy` write archives that can be imported"
                    .to_owned(),
            ),
            Self::MissingFile { .. } | Self::Truncated { .. } | Self::Digest { .. } | Self::Size { .. } => {
                Some("the copy is incomplete or damaged: make it again".to_owned())
            }
            Self::NoSuchImage { available, .. } | Self::SeveralImages { available, .. } => {
                Some(format!("there is {}", available.join(", ")))
            }
            Self::NoPlatform { available, .. } if available.is_empty() => None,
            Self::NoPlatform { available, .. } => Some(format!("there is {}", available.join(", "))),
            Self::Layer { source, .. } | Self::Pack { source, .. } => source.hint(),
            Self::Empty { .. }
            | Self::Escapes { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::Document { .. }
            | Self::DiffId { .. }
            | Self::Count { .. }
            | Self::MediaType { .. } => None,
        }
    }
}
