//! Layers as overlayfs keeps them, and the ways between that form and a tar.
//!
//! In an upper directory a removed path is a character device 0:0, and a directory that hides everything below it
//! has the attribute `trusted.overlay.opaque`. [`capture()`] turns such a directory into a layer, [`tidy()`] first takes
//! out what must not get into one. Unpacking is [`Store::ensure_snapshot`](crate::Store::ensure_snapshot).
//!
//! A layer carries the extended attributes `security.capability`, `user.*` and POSIX access lists. The others belong
//! to the machine (`security.selinux`) or to overlayfs itself and are neither written nor set.

mod capture;
mod entry_error;
pub(crate) mod metadata;
mod pattern;
mod tidy;
pub(crate) mod unpack;
mod walk;

use std::path::PathBuf;

use imagewright_layer::LayerError;
use imagewright_model::ErrorKind;

pub use capture::{Captured, capture};
pub use entry_error::EntryError;
pub use metadata::{copy_attributes, copy_directory_metadata, is_opaque};
pub use pattern::PathPattern;
pub use tidy::{TidyRules, tidy};

use crate::error::layer_error_kind;

/// Why an upper directory could not be made into a layer.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The overlay was mounted with features whose marks no layer can carry.
    #[error("`{path}` has the attribute `{attribute}`, which a layer cannot carry")]
    Attribute {
        /// The path in the upper directory.
        path: PathBuf,
        /// The attribute.
        attribute: String,
    },
    /// The layer could not be written.
    #[error("could not make a layer of `{upper}`")]
    Layer {
        /// The upper directory.
        upper: PathBuf,
        /// What went wrong.
        source: LayerError,
    },
}

impl OverlayError {
    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Attribute { .. } => ErrorKind::Internal,
            Self::Layer { source, .. } => layer_error_kind(source),
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Attribute { .. } => Some("mount with `redirect_dir=off,metacopy=off,index=off`".to_owned()),
            Self::Layer { source: LayerError::Body { source, .. }, .. } => ErrorKind::io_hint(source),
            Self::Layer { source, .. } => source.hint(),
        }
    }
}
