//! What can be wrong with a bundle or a key.

use std::io;

use imagewright_model::ErrorKind;

use crate::{FORMAT_VERSION, PublicKey};

/// Why a bundle cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is something else.
    #[error("this is no bundle of facts")]
    NotABundle,
    /// It was written by a program with other rules.
    #[error("the bundle is of version {version}, and this program reads version {FORMAT_VERSION}")]
    Version {
        /// The version it states.
        version: String,
    },
    /// Its head does not say what a head must.
    #[error("the head of the bundle is malformed")]
    MalformedHead,
    /// Nobody signed it.
    #[error("the bundle is not signed")]
    Unsigned,
    /// It was signed by somebody who is not trusted here.
    #[error("the bundle is signed by `{key}`, which is no trusted key")]
    UnknownKey {
        /// Who signed it.
        key: PublicKey,
    },
    /// It was changed after it was signed, or the key is claimed.
    #[error("the signature is not one of `{key}` under this bundle")]
    BadSignature {
        /// Whose signature it is said to be.
        key: PublicKey,
    },
    /// Its body is not the one that the head names.
    #[error("the bundle is damaged: its body is not the one that its head names")]
    Damaged,
    /// A line of its body is no fact and no place.
    #[error("line {line} of the bundle is malformed")]
    MalformedLine {
        /// Which, counted from 1.
        line: u64,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// There are more or fewer lines, or places come behind facts.
    #[error("the bundle does not hold the facts and places that its head says")]
    WrongCount,
    /// It is larger than bundles may be.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What is.
        what: &'static str,
        /// The most there may be.
        limit: u64,
    },
    /// It holds more than bundles may.
    #[error("the bundle holds more than {limit} facts and places")]
    TooMany {
        /// The most there may be.
        limit: u64,
    },
    /// A stream failed.
    #[error("could not {action} the bundle")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl BundleError {
    pub(crate) fn reading(source: io::Error) -> Self {
        Self::Io { action: "read", source }
    }

    pub(crate) fn writing(source: io::Error) -> Self {
        Self::Io { action: "write", source }
    }

    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unsigned | Self::UnknownKey { .. } => ErrorKind::Denied,
            Self::NotABundle
            | Self::Version { .. }
            | Self::MalformedHead
            | Self::BadSignature { .. }
            | Self::Damaged
            | Self::MalformedLine { .. }
            | Self::WrongCount
            | Self::TooLarge { .. }
            | Self::TooMany { .. } => ErrorKind::Invalid,
            Self::Io { source, .. } => ErrorKind::of_io(source),
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Version { .. } => {
                Some("export it with the version of imagewright that is here".to_owned())
            }
            Self::Unsigned => Some(
                "have it exported with --key; --insecure takes it in all the same, and with it whatever it says"
                    .to_owned(),
            ),
            Self::UnknownKey { .. } => Some(
                "where that is the right key, name it with --trust or `facts.trusted-keys` in the configuration"
                    .to_owned(),
            ),
            Self::BadSignature { .. } | Self::Damaged | Self::WrongCount | Self::MalformedLine { .. } => {
                Some("get the bundle once more from who exported it".to_owned())
            }
            Self::NotABundle | Self::MalformedHead | Self::TooLarge { .. } | Self::TooMany { .. } => None,
            Self::Io { source, .. } => ErrorKind::io_hint(source),
        }
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is no public key.
    #[error(
        "this is no public key: those are `ed25519:` and 44 more characters, or a PEM file of an Ed25519 key"
    )]
    Public,
    /// It is no private key.
    #[error("this is no private key: those are PEM files of an Ed25519 key, without a passphrase")]
    Private,
    /// The machine gives no randomness.
    #[error("the machine gives no randomness for a key")]
    Randomness,
}

impl KeyError {
    /// What decides the exit code.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Public | Self::Private => ErrorKind::Invalid,
            Self::Randomness => ErrorKind::Machine,
        }
    }

    /// What may be done about it.
    pub fn hint(self) -> Option<String> {
        match self {
            Self::Public | Self::Private => {
                Some("`imagewright facts keygen` makes a pair of keys".to_owned())
            }
            Self::Randomness => None,
        }
    }
}
