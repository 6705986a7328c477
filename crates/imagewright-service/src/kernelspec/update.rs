//! Kernelspecs whose images have moved.

use std::path::PathBuf;

use imagewright_kernelspec::{Kernelspec, KernelspecError, KernelspecName};
use imagewright_oci::{Digest, Reference};

use super::folder::{KernelsFolder, KernelsFolderError};
use crate::{Service, ServiceError};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct UpdateKernelspec {
    /// Where kernelspecs are.
    pub folder: PathBuf,
    /// Which.
    pub name: KernelspecName,
    /// The image it is to start; without one, its own.
    pub image: Option<String>,
    /// Whether it names a digest: as before where nothing is said.
    pub pin: Option<bool>,
    /// What people choose it by; without that, as before.
    pub display_name: Option<String>,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedKernelspec {
    /// Its name.
    pub name: KernelspecName,
    /// Its folder.
    pub path: PathBuf,
    /// The image before.
    pub before: String,
    /// The image now.
    pub after: String,
    /// What is behind that name now.
    pub digest: Digest,
    /// Whether anything is written, or would be.
    pub is_changed: bool,
}

impl Service {
    /// Has a kernelspec start what is behind its image's name now, or another image.
    ///
    /// # Errors
    /// Where there is no such kernelspec or image, or the image is for another language. Nothing is written then.
    pub fn update_kernelspec(&self, command: &UpdateKernelspec) -> Result<UpdatedKernelspec, ServiceError> {
        let folder = KernelsFolder::at(&command.folder);
        let spec = folder.find(&command.name)?;
        let before = spec.image().unwrap_or_default().to_owned();
        let own = before.parse::<Reference>().ok();
        let is_pinned = own.as_ref().is_some_and(|own| own.digest().is_some());
        let wanted = match (&command.image, own) {
            (Some(image), _) => image.clone(),
            // What its name stands for now, and not what it is pinned to.
            (None, Some(own)) => own.without_digest().to_string(),
            (None, None) => return Err(no_image(&spec).into()),
        };
        let image = self.kernel_image(&wanted)?;
        let known = spec.language_of_kernel();
        if let Some(language) =
            image.language.as_deref().filter(|language| !known.is_empty() && *language != known)
        {
            let (spec, image) = (known, language.to_owned());
            return Err(KernelspecError::Language { name: command.name.to_string(), spec, image }.into());
        }
        let named = match command.pin.unwrap_or(is_pinned) {
            true => image.name.with_digest(image.digest.clone()),
            false => image.name.clone(),
        };
        let after = named.to_string();
        let mut changed = spec.clone();
        // The same image may be written in another way, which is nothing to change.
        if before.parse::<Reference>().ok().as_ref() != Some(&named) {
            changed.set_image(&after);
        }
        if let Some(name) = &command.display_name {
            if name.trim().is_empty() {
                return Err(KernelspecError::Empty { what: "display name" }.into());
            }
            changed.set_display_name(name);
        }
        let is_changed = changed != spec;
        let path = match is_changed && !command.dry_run {
            true => folder.put(&changed, true)?,
            false => folder.path().join(command.name.as_str()),
        };
        let name = command.name.clone();
        Ok(UpdatedKernelspec { name, path, before, after, digest: image.digest, is_changed })
    }
}

fn no_image(spec: &Kernelspec) -> KernelsFolderError {
    let reason = "it names no image, so there is nothing to follow: name one with --image".to_owned();
    KernelspecError::Malformed { name: spec.name.to_string(), reason }.into()
}
