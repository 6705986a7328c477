//! Logins that whoever calls brings along, for the processes of a server.

use imagewright_registry::{Credential, CredentialError, CredentialSource};

/// Credentials for a registry.
#[derive(Clone, Debug)]
pub struct Login {
    /// The registry, as in references.
    pub registry: String,
    /// What is shown to it.
    pub credential: Credential,
}

/// Logins that were handed in, and no others.
pub(crate) struct Logins(pub(crate) Vec<Login>);

impl CredentialSource for Logins {
    fn credential(&self, registry: &str, _: &str) -> Result<Option<Credential>, CredentialError> {
        Ok(self.0.iter().find(|login| login.registry == registry).map(|login| login.credential.clone()))
    }
}
