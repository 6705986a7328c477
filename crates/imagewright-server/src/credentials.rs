//! What secrets hide, for the one place that shows it to a registry.

use imagewright_catalog::{Kept, SecretRecord};
use imagewright_model::Secret;

/// The password that a secret stands for; else why it cannot be had, in a sentence for whoever reads the log of a build.
pub(crate) fn opened(secret: &SecretRecord, _sealed: Option<&str>) -> Result<Secret, String> {
    let name = &secret.name;
    match &secret.kept {
        Kept::Environment(variable) => {
            std::env::var(variable).ok().filter(|value| !value.is_empty()).map(Secret::new).ok_or_else(|| {
                format!("the secret `{name}` is kept in a variable that this server does not have")
            })
        }
        Kept::File(path) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => Err(format!("the secret `{name}` is kept in a file that cannot be read: {error}")),
        },
        Kept::Stored => Err(format!("the secret `{name}` is sealed, and this server cannot open it")),
        Kept::Kubernetes(_) => Err(format!(
            "the secret `{name}` is kept where images are pulled, and this server does not know it"
        )),
    }
}
