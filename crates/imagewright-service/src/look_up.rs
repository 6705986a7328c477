//! What is behind a reference, without moving the image.

use std::collections::BTreeMap;

use imagewright_oci::{Digest, Platform, Reference};
use imagewright_registry::{
    Cancel, Client, Credential, CredentialSource, NoCredentials, OneCredential, RegistryError,
    RegistrySettings, WebClient, transfer,
};

use crate::Service;
use crate::metadata::{PATIENCE, Trouble};

/// What a registry has behind a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Digest of the manifest, or of the index where the image is for several platforms.
    pub digest: Digest,
    /// The platforms it is there for.
    pub platforms: Vec<Platform>,
    /// Bytes of the layers for this machine's platform, as they are transferred.
    pub size: u64,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
}

impl Service {
    /// A client of servers that are no registries, with the authorities and proxies of all else.
    pub fn web_client(&self) -> Result<WebClient, RegistryError> {
        WebClient::new(self.trust())
    }

    /// Asks the registry of `reference` what is there for this machine's platform, with `credential` and no other. A person
    /// waits for the answer, so a registry that does not answer is not tried for long.
    pub fn look_up(&self, reference: &Reference, credential: Option<Credential>) -> Result<Found, Trouble> {
        let source: Box<dyn CredentialSource> = match credential {
            Some(credential) => {
                Box::new(OneCredential { registry: reference.registry().to_owned(), credential })
            }
            None => Box::new(NoCredentials),
        };
        let settings = RegistrySettings { patience: PATIENCE, ..self.registry_settings.clone() };
        let client = Client::new(settings, self.trust(), source)?;
        let image = transfer::inspect(&client, reference, &Platform::host(), &Cancel::default())?;
        let (digest, platforms) = match &image.index {
            Some(index) => {
                let entries = index.manifests.iter().filter_map(|entry| entry.platform.clone());
                // Builders note where an image is from in entries for no platform.
                (index.digest().clone(), entries.filter(|it| it.architecture != "unknown").collect())
            }
            None => (image.descriptor.digest.clone(), vec![image.config.platform.clone()]),
        };
        let labels = image.config.config.as_ref().map(|config| config.labels.clone());
        Ok(Found {
            digest,
            platforms,
            size: image.manifest.layers.iter().map(|layer| layer.size).sum(),
            labels: labels.unwrap_or_default(),
        })
    }
}
