//! JSON documents that keep the bytes they were read from.

use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Descriptor, Digest, MediaType};

/// Why bytes are not the document they were taken for.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are not JSON of the expected shape.
    #[error("document `{digest}` is not a valid {kind}")]
    Malformed {
        /// Digest of the bytes.
        digest: Digest,
        /// What it was taken for.
        kind: &'static str,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// A parsed document together with the exact bytes it stands for.
///
/// Its digest is that of the bytes, so unknown fields and foreign formatting survive: what was read is what is
/// stored and sent, never a re-serialisation.
#[derive(Clone, Debug)]
pub struct Document<T> {
    value: T,
    bytes: Vec<u8>,
    digest: Digest,
}

impl<T: DeserializeOwned> Document<T> {
    /// Parses `bytes`.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, DocumentError> {
        let digest = Digest::of(&bytes);
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self { value, bytes, digest }),
            Err(source) => Err(DocumentError::Malformed { digest, kind: short_type_name::<T>(), source }),
        }
    }
}

impl<T: Serialize> Document<T> {
    /// Serialises a value of ours: compact JSON, fields in declaration order, maps sorted.
    pub fn new(value: T) -> Self {
        let bytes = serde_json::to_vec(&value).expect("documents serialise: their keys are strings");
        let digest = Digest::of(&bytes);
        Self { value, bytes, digest }
    }
}

impl<T> Document<T> {
    /// The bytes as read or as written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// A descriptor for the bytes.
    pub fn descriptor(&self, media_type: MediaType) -> Descriptor {
        Descriptor::new(media_type, self.digest.clone(), self.bytes.len() as u64)
    }

    /// Lets go of the bytes.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> Deref for Document<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

fn short_type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}
