//! Asking registries what is behind references, for entries of images that exist.

use imagewright_catalog::{Image, Pin, Warning};
use imagewright_oci::Reference;

use crate::{Server, ServerError};

impl Server {
    /// Finds out what is behind the references of an entry, where that is not known. What cannot be found out is a warning:
    /// nodes may reach a registry that the server does not.
    pub(crate) async fn pin(&self, image: &mut Image) -> Result<Vec<Warning>, ServerError> {
        let mut warnings = Vec::new();
        for (pointer, gpu) in [("/reference", false), ("/gpu_reference", true)] {
            let (reference, pin) = match gpu {
                false => (&image.reference, &image.pin),
                true => (&image.gpu_reference, &image.gpu_pin),
            };
            let (Some(reference), None) = (reference, pin) else { continue };
            let Ok(reference) = reference.parse::<Reference>() else { continue };
            let mut credential = None;
            if let Some(secret) = &image.pull_secret {
                match self.pull_credential(secret, reference.registry()).await {
                    Ok(found) => credential = Some(found),
                    Err(detail) => warnings.push(Warning { pointer: "/pull_secret".to_owned(), detail }),
                }
            }
            let asked = reference.clone();
            let found = self.blocking(move |service| service.look_up(&asked, credential)).await?;
            match found {
                Ok(found) => {
                    let pin = Pin {
                        digest: found.digest,
                        platforms: found.platforms.iter().map(ToString::to_string).collect(),
                        size: Some(found.size),
                        looked_up_at: self.now(),
                    };
                    *(if gpu { &mut image.gpu_pin } else { &mut image.pin }) = Some(pin);
                }
                Err(trouble) => warnings.push(Warning {
                    pointer: pointer.to_owned(),
                    detail: format!("`{reference}` could not be looked up: {}", trouble.message),
                }),
            }
        }
        Ok(warnings)
    }
}
