//! What an image says of the kernel in it.

use imagewright_oci::{ContainerConfig, Digest, Platform, Reference};

use crate::metadata::{ImageRegistries, Trouble};
use crate::{Service, ServiceError};

/// Our launcher's file, wherever it lies.
const LAUNCHER: &str = "imagewright-kernel-launcher";
/// That of Enterprise Gateway.
const BOOTSTRAP: &str = "bootstrap-kernel.sh";

/// An image that may be a kernel image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelImage {
    /// What others call it by.
    pub name: Reference,
    /// The digest of its manifest, or of the index where it is for several platforms.
    pub digest: Digest,
    /// The language that it says its kernel is for.
    pub language: Option<String>,
    /// What it starts.
    pub start: KernelStart,
}

/// What a container of an image starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelStart {
    /// Our launcher.
    Launcher,
    /// The start script of Enterprise Gateway's own images.
    Bootstrap,
    /// Something else.
    Other,
}

impl KernelImage {
    fn of(name: Reference, digest: Digest, config: Option<&ContainerConfig>) -> Self {
        let words =
            config.into_iter().flat_map(|config| [&config.entrypoint, &config.cmd]).flatten().flatten();
        let mut start = KernelStart::Other;
        for word in words {
            if word.contains(LAUNCHER) {
                start = KernelStart::Launcher;
            } else if word.contains(BOOTSTRAP) {
                start = KernelStart::Bootstrap;
            }
        }
        Self { name, digest, language: language(config), start }
    }
}

fn language(config: Option<&ContainerConfig>) -> Option<String> {
    let variables = config.map(|config| config.env.as_slice()).unwrap_or_default();
    let language = variables.iter().find_map(|entry| entry.strip_prefix("KERNEL_LANGUAGE="));
    language.filter(|language| !language.is_empty()).map(str::to_lowercase)
}

impl Service {
    /// Looks at an image of the store, else of its registry: at what it says of itself, not at what is in it.
    ///
    /// # Errors
    /// Where there is no such image, or it has no name.
    pub fn kernel_image(&self, name: &str) -> Result<KernelImage, ServiceError> {
        if let Some(image) = self.stored_kernel_image(name)? {
            return Ok(image);
        }
        let reference: Reference = name.parse()?;
        if self.trust().offline {
            return Err(ServiceError::NoKernelImage { image: name.to_owned(), why: None });
        }
        let registries =
            ImageRegistries::new(&self.registry_settings, self.trust(), self.credentials.clone())?;
        let found = registries.inspect(&reference, &Platform::host());
        let image = found.map_err(|Trouble { message, .. }| ServiceError::NoKernelImage {
            image: name.to_owned(),
            why: Some(message),
        })?;
        let digest = image.index.as_ref().map_or(&image.descriptor.digest, |index| index.digest());
        Ok(KernelImage::of(reference, digest.clone(), image.config.config.as_ref()))
    }

    /// The language that an image says its kernel is for, built here or pushed to here; none where it does not, or is elsewhere, or is for
    /// several platforms.
    #[cfg(target_os = "linux")]
    pub fn kernel_language_of(&self, digest: &Digest) -> Result<Option<String>, ServiceError> {
        use imagewright_model::ErrorKind;
        use imagewright_oci::{Descriptor, MediaType};

        let Ok(metadata) = std::fs::metadata(self.store().blob_path(digest)) else { return Ok(None) };
        let manifest = Descriptor::new(MediaType::Manifest, digest.clone(), metadata.len());
        match self.store().image(&manifest) {
            Ok(image) => Ok(language(image.config.config.as_ref())),
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(target_os = "linux")]
    fn stored_image(&self, name: &str) -> Result<Option<imagewright_store::ImageRecord>, ServiceError> {
        use imagewright_store::StoreError;

        match self.store().resolve(name) {
            Ok(record) => Ok(Some(record)),
            Err(StoreError::ImageNotFound { .. } | StoreError::Reference(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(target_os = "linux")]
    fn stored_kernel_image(&self, name: &str) -> Result<Option<KernelImage>, ServiceError> {
        let Some(record) = self.stored_image(name)? else { return Ok(None) };
        // A digest, or the beginning of an id, is no name that a gateway could pull by.
        let own = name.parse::<Reference>().ok().filter(|name| record.names.contains(name));
        let called = own.or_else(|| record.names.first().cloned());
        let called = called.ok_or_else(|| ServiceError::NamelessKernelImage { image: name.to_owned() })?;
        let image = self.store().image(&record.manifest)?;
        Ok(Some(KernelImage::of(called, record.manifest.digest.clone(), image.config.config.as_ref())))
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "where there is a store it may be there"
    )]
    fn stored_kernel_image(&self, _: &str) -> Result<Option<KernelImage>, ServiceError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_starts_and_for_which_language_is_read_from_its_settings() {
        let name: Reference = "registry.example/k:1".parse().unwrap();
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let cases = [
            (None, words(&["/usr/local/bin/imagewright-kernel-launcher"]), KernelStart::Launcher),
            (
                words(&["tini", "-g", "--"]),
                words(&["/usr/local/bin/bootstrap-kernel.sh"]),
                KernelStart::Bootstrap,
            ),
            (None, words(&["/bin/sh", "-c", "/usr/local/bin/bootstrap-kernel.sh"]), KernelStart::Bootstrap),
            (None, words(&["start-notebook.sh"]), KernelStart::Other),
        ];
        for (entrypoint, cmd, expected) in cases {
            let env = vec!["PATH=/bin".to_owned(), "KERNEL_LANGUAGE=R".to_owned()];
            let config = ContainerConfig { entrypoint, cmd, env, ..ContainerConfig::default() };
            let image = KernelImage::of(name.clone(), Digest::of(b""), Some(&config));
            assert_eq!((image.start, image.language.as_deref()), (expected, Some("r")));
        }
        assert_eq!(KernelImage::of(name, Digest::of(b""), None).language, None);
    }
}
