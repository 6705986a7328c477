//! What is known of an image's name: whether whoever pulls it elsewhere finds it, and finds the same.

use imagewright_oci::{Digest, Platform, Reference};

/// What is known of an image's name.
#[derive(Clone, Debug)]
pub struct ReferenceState {
    /// The name, where it is one that a registry could know.
    pub reference: Option<Reference>,
    /// What the registry said.
    pub answer: RegistryAnswer,
    /// The name of the secret that the platform pulls with.
    pub pull_secret: Option<String>,
}

/// What a registry said to the name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAnswer {
    /// It was not asked, and why.
    NotAsked(String),
    /// It has the image.
    Has {
        /// The digest of the image for the platform that was asked for.
        manifest: Digest,
        /// Whether anybody may pull it; none where that could not be found out.
        is_public: Option<bool>,
        /// All platforms that the name leads to an image for.
        platforms: Vec<Platform>,
    },
    /// It has no such image.
    Missing(String),
    /// It does not say without credentials, and there are none that do.
    Refused(String),
    /// It has the image for other platforms only.
    WrongPlatform(String),
    /// It cannot be asked.
    Unreachable(String),
}
