//! Asking registries what is behind references, for entries of images that exist.

use imagewright_catalog::{Image, Pin, Principal, Warning};
use imagewright_oci::{Reference, Tag};
use imagewright_service::distribution::{ManifestName, PushError, RepositoryPlace};

use crate::distribution::{DistributionError, Purpose, RepositoryName, key_of};
use crate::{Server, ServerError};

impl Server {
    /// Finds out what is behind the references of an entry, where that is not known. What cannot be found out is a warning:
    /// nodes may reach a registry that the server does not.
    pub(crate) async fn pin(
        &self,
        principal: &Principal,
        image: &mut Image,
    ) -> Result<Vec<Warning>, ServerError> {
        let mut warnings = Vec::new();
        for (pointer, gpu) in [("/reference", false), ("/gpu_reference", true)] {
            let (reference, pin) = match gpu {
                false => (&image.reference, &image.pin),
                true => (&image.gpu_reference, &image.gpu_pin),
            };
            let (Some(reference), None) = (reference, pin) else { continue };
            let Ok(reference) = reference.parse::<Reference>() else { continue };
            let found = if reference.registry() == self.registry_host() {
                self.pin_here(principal, image, &reference).await?
            } else {
                self.pin_elsewhere(image, &reference, &mut warnings).await?
            };
            match found {
                Ok(pin) => *(if gpu { &mut image.gpu_pin } else { &mut image.pin }) = Some(pin),
                Err(detail) => warnings.push(Warning { pointer: pointer.to_owned(), detail }),
            }
        }
        Ok(warnings)
    }

    /// What another registry has, or why that is not known.
    async fn pin_elsewhere(
        &self,
        image: &Image,
        reference: &Reference,
        warnings: &mut Vec<Warning>,
    ) -> Result<Result<Pin, String>, ServerError> {
        let mut credential = None;
        if let Some(secret) = &image.pull_secret {
            match self.pull_credential(secret, reference.registry()).await {
                Ok(found) => credential = Some(found),
                Err(detail) => warnings.push(Warning { pointer: "/pull_secret".to_owned(), detail }),
            }
        }
        let asked = reference.clone();
        Ok(match self.blocking(move |service| service.look_up(&asked, credential)).await? {
            Ok(found) => Ok(Pin {
                digest: found.digest,
                platforms: found.platforms.iter().map(ToString::to_string).collect(),
                size: Some(found.size),
                looked_up_at: self.now(),
            }),
            Err(trouble) => Err(format!("`{reference}` could not be looked up: {}", trouble.message)),
        })
    }

    /// What this server itself has, as far as whoever asks may pull it; else that it is not here.
    async fn pin_here(
        &self,
        principal: &Principal,
        image: &Image,
        reference: &Reference,
    ) -> Result<Result<Pin, String>, ServerError> {
        let not_here = || format!("there is no image `{reference}` on this server now");
        let Some(place) = self.place_of(principal, image, reference).await? else {
            return Ok(Err(not_here()));
        };
        let wanted = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => ManifestName::Digest(digest.clone()),
            (None, tag) => ManifestName::Tag(tag.cloned().unwrap_or_else(Tag::latest)),
        };
        let found = self.blocking(move |service| service.repository(&place).look_up(&wanted)).await?;
        match found {
            Ok(found) => Ok(found.map(|found| self.pin_of(&found)).ok_or_else(not_here)),
            Err(PushError::Service(error)) => Err((*error).into()),
            Err(error) => Ok(Err(format!("`{reference}` could not be looked up: {error}"))),
        }
    }

    /// The repository of a reference to this server, if it may be pulled from. One that belongs to no entry yet and is called as
    /// this one will be its own.
    async fn place_of(
        &self,
        principal: &Principal,
        image: &Image,
        reference: &Reference,
    ) -> Result<Option<RepositoryPlace>, ServerError> {
        let Ok(name) = reference.repository().parse::<RepositoryName>() else { return Ok(None) };
        let is_there = self.records.look().await?.image_of_repository(name.as_str()).await?.is_some();
        if !is_there && name.as_str() == image.name.as_str() {
            let key = key_of(image.id.as_str())?;
            let reference = self.distribution.reference(name.as_str(), &Tag::latest());
            return Ok(reference.map(|reference| RepositoryPlace { key, reference }));
        }
        match self.open_for(principal, &name, Purpose::Pull).await {
            Ok(opened) => Ok(Some(opened.place)),
            Err(DistributionError::Server(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }
}
