//! Where secrets are kept.

use std::path::Path;

use imagewright_model::Secret;
use imagewright_server::{KeySource, VARIABLE_PREFIX, Vault};

use super::ServerSettings;
use super::place::{Place, variable};
use crate::failure::Failure;
use crate::settings::first_filled;

/// Where secrets are mounted for containers.
const SECRETS_FOLDER: &str = "/run/secrets";

/// The file with the key of sealed secrets, in the folder of the server.
const OWN_KEY: &str = "secrets.key";

impl ServerSettings {
    /// Where secrets are kept. `folder` is that of the server.
    pub(crate) fn vault(&self, folder: &Path) -> Result<Vault, Failure> {
        let keys = match self.secrets_key.as_deref() {
            None => KeySource::Own(folder.join(OWN_KEY)),
            Some(place) => match Place::parse("server.secrets-key", place)? {
                Place::File(path) => KeySource::File(path),
                Place::Variable(name) => KeySource::Given(variable(&name)?),
            },
        };
        let folders = first_filled(self.secrets_folders.clone(), vec![SECRETS_FOLDER.into()]);
        Ok(Vault::new(keys).with_folders(folders).with_environment(|name| {
            let value = std::env::var(name).ok()?;
            name.starts_with(VARIABLE_PREFIX).then(|| Secret::new(value))
        }))
    }
}
