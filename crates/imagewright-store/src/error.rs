//! What can go wrong in the store.

use std::io;
use std::path::PathBuf;

use imagewright_layer::LayerError;
use imagewright_model::ErrorKind;
use imagewright_oci::{Descriptor, Digest, DocumentError, Reference, ReferenceError};

use crate::overlay::OverlayError;
use crate::snapshots::UnpackError;
use crate::validate::ValidationError;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("could not {action} `{path}`")]
    Io {
        /// What was attempted, as in "could not write".
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something else.
    #[error("`{path}` is not empty and holds no image layout")]
    NotALayout {
        /// The folder.
        path: PathBuf,
    },
    /// The path of the folder, or of one above it, is that of a file.
    #[error("`{path}` is not a folder")]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The store is not there any more.
    #[error("the store `{root}` was moved or removed while it was in use")]
    Vanished {
        /// Its folder.
        root: PathBuf,
    },
    /// The layout was written by a program with other rules.
    #[error("`{path}` is an image layout of version `{version}`, not 1")]
    LayoutVersion {
        /// The folder.
        path: PathBuf,
        /// The version it states.
        version: String,
    },
    /// A file of the layout is not what its name says.
    #[error("`{path}` is malformed")]
    MalformedFile {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A blob is not in the store.
    #[error("blob `{digest}` is not in the store")]
    BlobMissing {
        /// Its digest.
        digest: Digest,
    },
    /// A layer of a partial image was left in its registry.
    #[error("layer `{digest}` was left in the registry, at `{origin}`")]
    LayerElsewhere {
        /// Its digest.
        digest: Digest,
        /// Where it can be had.
        origin: Box<Reference>,
    },
    /// A blob's bytes are not those its digest names.
    #[error("blob `{expected}` holds other bytes: their digest is `{found}`")]
    BlobDigest {
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// A blob is longer or shorter than its descriptor says.
    #[error("blob `{}` has {found} bytes, not {}", .expected.digest, .expected.size)]
    BlobSize {
        /// What was asked for.
        expected: Box<Descriptor>,
        /// The number of bytes there are.
        found: u64,
    },
    /// A blob is too long to be a document.
    #[error("blob `{digest}` has {size} bytes, too many for a document")]
    BlobTooLarge {
        /// Its digest.
        digest: Digest,
        /// Its size.
        size: u64,
    },
    /// A blob is not the document it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// What was asked for names no image and cannot.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// There is no such image.
    #[error("there is no image `{name}` in the store")]
    ImageNotFound {
        /// What was asked for.
        name: String,
    },
    /// Several images' ids or digests begin that way.
    #[error("`{prefix}` is the beginning of {} images", candidates.len())]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The images, as `short id (names)`.
        candidates: Vec<String>,
    },
    /// A name with a digest cannot be given to an image.
    #[error("`{name}` has a digest: an image's name is a repository and a tag")]
    PinnedName {
        /// The name.
        name: String,
    },
    /// A repository's key has other characters than it may.
    #[error("`{key}` is no key of a repository")]
    RepositoryKey {
        /// The key.
        key: String,
    },
    /// What is kept secret was changed.
    #[error("`{path}` does not hold 32 bytes")]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else sends this upload just now.
    #[error("upload `{id}` is being sent by another connection")]
    UploadBusy {
        /// Which.
        id: String,
    },
    /// A layer could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// An upper directory could not be made into a layer.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A stored image breaks a rule of the specification.
    #[error(transparent)]
    Validation(#[from] ValidationError),
}

impl StoreError {
    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => ErrorKind::of_io(source),
            Self::NotALayout { .. }
            | Self::NotAFolder { .. }
            | Self::PinnedName { .. }
            | Self::Ambiguous { .. }
            | Self::RepositoryKey { .. }
            | Self::Reference(_) => ErrorKind::Usage,
            Self::UploadBusy { .. } => ErrorKind::Conflict,
            Self::Vanished { .. }
            | Self::ImageNotFound { .. }
            | Self::BlobMissing { .. }
            | Self::LayerElsewhere { .. } => ErrorKind::NotFound,
            Self::LayoutVersion { .. }
            | Self::MalformedFile { .. }
            | Self::Key { .. }
            | Self::BlobDigest { .. }
            | Self::BlobSize { .. }
            | Self::BlobTooLarge { .. }
            | Self::Document(_) => ErrorKind::Invalid,
            Self::Unpack(error) => error.kind(),
            Self::Overlay(error) => error.kind(),
            Self::Validation(error) => error.kind(),
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => ErrorKind::io_hint(source),
            Self::NotALayout { .. } | Self::NotAFolder { .. } => {
                Some("name an empty folder, or one that does not exist yet".to_owned())
            }
            Self::Vanished { .. } => Some("run it again to begin a new one there".to_owned()),
            Self::ImageNotFound { .. } => Some("see `imagewright image list`".to_owned()),
            Self::Ambiguous { candidates, .. } => {
                Some(format!("give more digits: {}", candidates.join(", ")))
            }
            Self::BlobMissing { .. } | Self::BlobDigest { .. } | Self::BlobSize { .. } => {
                Some("run `imagewright fsck --repair`, then import or build the image again".to_owned())
            }
            Self::LayerElsewhere { .. } => {
                Some("`imagewright image fetch` brings what an image lacks".to_owned())
            }
            Self::PinnedName { .. } => Some("leave out the part from `@` on".to_owned()),
            Self::Unpack(error) => error.hint(),
            Self::Overlay(error) => error.hint(),
            Self::MalformedFile { .. } => Some(
                "it is not written in part by imagewright: move it away, then import or build its images again"
                    .to_owned(),
            ),
            Self::UploadBusy { .. } => Some("wait for it to end, and ask how far it has come".to_owned()),
            Self::Key { .. } => Some("remove it: another is made, and people log in again".to_owned()),
            Self::LayoutVersion { .. }
            | Self::RepositoryKey { .. }
            | Self::BlobTooLarge { .. }
            | Self::Document(_)
            | Self::Reference(_)
            | Self::Validation(_) => None,
        }
    }
}

/// Which kind of error a layer's is: the system's where a stream failed, else the layer is not valid.
pub(crate) fn layer_error_kind(error: &LayerError) -> ErrorKind {
    match error {
        LayerError::Write { source } | LayerError::Body { source, .. } => ErrorKind::of_io(source),
        // The system's errors have a number, those of the decompressors have not.
        LayerError::Read { source } if source.raw_os_error().is_some() => ErrorKind::of_io(source),
        LayerError::BodySize { .. } => ErrorKind::Failed,
        _ => ErrorKind::Invalid,
    }
}
