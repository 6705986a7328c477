//! Credentials: what they are, and where they are kept.

mod error;
mod files;
mod helper;
mod key;

use imagewright_model::Secret;

use crate::base64;

pub use error::CredentialError;
pub use files::{CredentialFiles, KeptIn};

/// What proves to a registry who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A user name and a password or access token.
    Password {
        /// The user name.
        username: String,
        /// The password, or the token that stands for it.
        password: Secret,
    },
    /// A token that is exchanged for others at the token server, in place of a password.
    IdentityToken(Secret),
    /// A token that is sent to the registry as it is.
    RegistryToken(Secret),
}

impl Credential {
    /// A user name and a password.
    pub fn password(username: impl Into<String>, password: impl Into<Box<str>>) -> Self {
        Self::Password { username: username.into(), password: Secret::new(password) }
    }

    /// The user name, where there is one.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Password { username, .. } => Some(username),
            Self::IdentityToken(_) | Self::RegistryToken(_) => None,
        }
    }
}

/// The value of a `Basic` authorisation.
pub(crate) fn basic(username: &str, password: &Secret) -> String {
    format!("Basic {}", base64::encode(format!("{username}:{}", password.expose()).as_bytes()))
}

/// Knows credentials. Asked once for each repository, when its registry wants some.
pub trait CredentialSource: Send + Sync {
    /// The credentials for `repository` of `registry`, both as in references.
    fn credential(&self, registry: &str, repository: &str) -> Result<Option<Credential>, CredentialError>;
}

/// Knows no credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn credential(&self, _: &str, _: &str) -> Result<Option<Credential>, CredentialError> {
        Ok(None)
    }
}

/// Knows those of one registry.
#[derive(Clone, Debug)]
pub struct OneCredential {
    /// The registry, as in references.
    pub registry: String,
    /// Its credentials.
    pub credential: Credential,
}

impl CredentialSource for OneCredential {
    fn credential(&self, registry: &str, _: &str) -> Result<Option<Credential>, CredentialError> {
        Ok((registry == self.registry).then(|| self.credential.clone()))
    }
}
