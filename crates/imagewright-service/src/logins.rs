//! Logins to registries.

use imagewright_registry::{
    Cancel as Watch, Client, Credential, CredentialFiles, KeptIn, OneCredential, RegistryError, Welcome,
};

use crate::{Cancel, Service, ServiceError};

impl Service {
    /// Shows credentials to a registry, and keeps them when it takes them.
    pub fn login(
        &self,
        registry: &str,
        credential: &Credential,
        files: &CredentialFiles,
        cancel: &Cancel,
    ) -> Result<(Welcome, KeptIn), ServiceError> {
        let one = OneCredential { registry: registry.to_owned(), credential: credential.clone() };
        let settings = self.registry_settings.clone();
        let client = Client::new(settings, self.trust(), Box::new(one))?;
        let welcome = client.ping(registry, &Watch::watching(cancel.stop()))?;
        let kept = files.store(registry, credential).map_err(RegistryError::from)?;
        Ok((welcome, kept))
    }

    /// Forgets the credentials of a registry; gives the places there were some.
    pub fn logout(&self, registry: &str, files: &CredentialFiles) -> Result<Vec<KeptIn>, ServiceError> {
        Ok(files.erase(registry).map_err(RegistryError::from)?)
    }
}
