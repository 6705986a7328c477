//! Whether a registry answers, and what it says to a secret.

use imagewright_registry::{
    Cancel, Client, Credential, CredentialSource, NoCredentials, OneCredential, RegistrySettings, Welcome,
};

use crate::Service;
use crate::metadata::{PATIENCE, Trouble};

impl Service {
    /// What is set of registries.
    pub fn registry_settings(&self) -> &RegistrySettings {
        &self.registry_settings
    }

    /// Asks a registry at `/v2/`, with `credential` and no other. A person waits for the answer; `cancel` ends it.
    pub fn greet(
        &self,
        registry: &str,
        credential: Option<Credential>,
        cancel: &crate::Cancel,
    ) -> Result<Welcome, Trouble> {
        let source: Box<dyn CredentialSource> = match credential {
            Some(credential) => Box::new(OneCredential { registry: registry.to_owned(), credential }),
            None => Box::new(NoCredentials),
        };
        let settings = RegistrySettings { patience: PATIENCE, ..self.registry_settings.clone() };
        let client = Client::new(settings, self.trust(), source)?;
        Ok(client.ping(registry, &Cancel::watching(cancel.stop()))?)
    }
}
