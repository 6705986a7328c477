//! The vocabulary of OCI images, after the image and distribution specifications.
//!
//! Everything here is a value: parsed once at the edge, trusted afterwards. Nothing does I/O.
//!
//! A digest of stored bytes ([`Digest`]) and the digest of a layer before compression ([`DiffId`]) answer
//! different questions and are different types; so is the identity of a stack of layers ([`ChainId`]).
//! Unknown fields of documents that were read survive, because [`Document`] keeps the bytes it was read from.

mod config;
mod descriptor;
mod digest;
mod document;
mod manifest;
mod media_type;
mod platform;
mod reference;
mod validate;

pub use config::{ContainerConfig, HistoryEntry, ImageConfig, RootFs};
pub use descriptor::{Annotations, Descriptor, annotation};
pub use digest::{Algorithm, ChainId, DiffId, Digest, DigestError, Hasher};
pub use document::{Document, DocumentError};
pub use manifest::{Index, Manifest};
pub use media_type::MediaType;
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError, Tag};
pub use validate::{ImageProblem, ValidationError, validate_image};
