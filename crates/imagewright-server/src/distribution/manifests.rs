//! Manifests: what pulls get, and what pushes do to the catalogue.

use std::collections::BTreeSet;

use imagewright_catalog::{
    Image, ImageId, ImageType, Name, NewImage, Pin, Principal, Source, Subject, Visibility,
};
use imagewright_oci::{MediaType, Reference, Tag};
use imagewright_records::RecordsError;
use imagewright_service::distribution::{ManifestName, PushedManifest, RepositoryKey, StoredManifest};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::open::{Opened, Purpose, key_of};
use super::{Caller, DistributionError, RepositoryName};
use crate::{Server, ServerError};

/// How often a change of an entry is tried that others change at the same time.
const TRIES: usize = 5;

/// How often an image was pulled on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulls {
    /// The day, in UTC.
    pub day: Date,
    /// How often.
    pub count: i64,
}

/// What the audit trail keeps of a push or deletion.
#[derive(Serialize)]
struct Tagged<'a> {
    repository: &'a str,
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

impl Server {
    /// A manifest or index.
    pub async fn registry_manifest(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: &ManifestName,
    ) -> Result<StoredManifest, DistributionError> {
        let place = self.open(caller, name, Purpose::Pull).await?.place;
        let asked = wanted.clone();
        let found = self.blocking(move |service| service.repository(&place).manifest(&asked)).await??;
        found.ok_or_else(|| DistributionError::ManifestUnknown(shown(wanted)))
    }

    /// Counts that an image was pulled.
    pub async fn registry_count_pull(&self, name: &RepositoryName) -> Result<(), DistributionError> {
        let day = self.now().to_zoned(TimeZone::UTC).date();
        let mut work = self.records.begin().await?;
        if let Some(image) = work.image_of_repository(name.as_str()).await? {
            work.count_pull(&image.id, day).await?;
        }
        Ok(work.commit().await?)
    }

    /// How often an image was pulled, the last day first.
    pub async fn pulls(&self, principal: &Principal, name: &Name) -> Result<Vec<Pulls>, ServerError> {
        let image = self.image(principal, name).await?.image;
        let pulls = self.records.look().await?.pulls(&image.id).await?;
        Ok(pulls.into_iter().map(|(day, count)| Pulls { day, count }).collect())
    }

    /// Takes a manifest, if all that it names is there. The first tag makes an entry where there is none; where the entry is
    /// of this tag, its pin follows.
    pub async fn registry_put_manifest(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: &ManifestName,
        media_type: MediaType,
        bytes: Vec<u8>,
    ) -> Result<PushedManifest, DistributionError> {
        let opened = self.open(caller, name, Purpose::Push).await?;
        refuse_build_tags(&opened, wanted)?;
        if opened.image.is_some() {
            return self.put(caller, &opened, wanted, media_type, bytes).await;
        }
        // Whoever pushes the same new name at the same time finds the entry that the other made.
        let locked = name.clone();
        let _one = self.blocking(move |service| service.lock_repository(locked.as_str())).await??;
        let opened = self.open(caller, name, Purpose::Push).await?;
        self.put(caller, &opened, wanted, media_type, bytes).await
    }

    async fn put(
        &self,
        caller: &Caller,
        opened: &Opened,
        wanted: &ManifestName,
        media_type: MediaType,
        bytes: Vec<u8>,
    ) -> Result<PushedManifest, DistributionError> {
        let (place, asked) = (opened.place.clone(), wanted.clone());
        let pushed = self
            .blocking(move |service| service.repository(&place).put_manifest(&asked, media_type, &bytes))
            .await??;
        let ManifestName::Tag(tag) = wanted else { return Ok(pushed) };
        match &opened.image {
            Some(image) => self.follow(&caller.principal, opened, image, tag, &pushed).await?,
            None => self.make(&caller.principal, opened, tag, &pushed).await?,
        }
        Ok(pushed)
    }

    /// Has the pin of an entry follow what was pushed, and notes the push.
    async fn follow(
        &self,
        principal: &Principal,
        opened: &Opened,
        image: &Image,
        tag: &Tag,
        pushed: &PushedManifest,
    ) -> Result<(), DistributionError> {
        for _ in 0..TRIES {
            let mut work = self.records.begin().await?;
            // It may have been removed meanwhile, and what was pushed with it.
            let Some(before) = work.image_of_repository(opened.name.as_str()).await? else { break };
            if before.id != image.id {
                break;
            }
            let after = self.pinned(&before, opened, tag, pushed);
            if after != before {
                match work.replace_image(&after, before.revision).await {
                    Err(RecordsError::Changed { .. }) => continue,
                    done => done?,
                }
            }
            let subject = (Subject::Image, after.id.as_str(), after.name.as_str());
            let tagged = Tagged::new(&opened.name, &ManifestName::Tag(tag.clone()), Some(pushed));
            work.note_change(principal, subject, "pushed", (None, Some(&tagged)), self.now()).await?;
            return Ok(work.commit().await?);
        }
        Err(ServerError::Stale { name: opened.name.to_string() }.into())
    }

    fn pinned(&self, before: &Image, opened: &Opened, tag: &Tag, pushed: &PushedManifest) -> Image {
        let is_this = |reference: &Option<String>| {
            let named = reference.as_ref().and_then(|reference| reference.parse::<Reference>().ok());
            named.is_some_and(|named| {
                let repository = [opened.name.as_str(), opened.place.reference.repository()];
                named.registry() == opened.place.reference.registry()
                    && repository.contains(&named.repository())
                    && named.tag() == Some(tag)
            })
        };
        let pin = self.pin_of(pushed);
        let is_known = |known: &Option<Pin>| known.as_ref().is_some_and(|it| it.digest == pin.digest);
        let mut after = before.clone();
        if is_this(&before.reference) && !is_known(&before.pin) {
            after.pin = Some(pin.clone());
        }
        if is_this(&before.gpu_reference) && !is_known(&before.gpu_pin) {
            after.gpu_pin = Some(pin);
        }
        if after != *before {
            after.revision += 1;
            after.changed_at = self.now();
        }
        after
    }

    pub(crate) fn pin_of(&self, pushed: &PushedManifest) -> Pin {
        Pin {
            digest: pushed.descriptor.digest.clone(),
            platforms: pushed.platforms.clone(),
            size: pushed.size,
            looked_up_at: self.now(),
        }
    }

    /// Makes the entry of a repository, which shows what was pushed at once.
    async fn make(
        &self,
        principal: &Principal,
        opened: &Opened,
        tag: &Tag,
        pushed: &PushedManifest,
    ) -> Result<(), DistributionError> {
        let repository = opened.name.as_str();
        let owner = self.owner_of_new(&opened.name).await?;
        let reference = self.distribution.reference(repository, tag);
        let new = NewImage {
            display_name: repository.chars().take(200).collect(),
            name: None,
            description: None,
            tags: BTreeSet::new(),
            image_type: ImageType::default(),
            reference: reference.map(|reference| reference.to_string()),
            gpu_reference: None,
            pull_policy: None,
            pull_secret: None,
            base_pull_secret: None,
            owner,
            visibility: Visibility::default(),
            spec: None,
        };
        self.finish_removals().await?;
        // Nothing leads there before the commit; what a kill in between leaves is swept.
        let id = self.records.look().await?.new_image_id();
        let (from, to) = (opened.place.key.clone(), key_of(id.as_str())?);
        self.rename(&from, &to).await?;
        let made = self.insert(principal, opened, new, id, pushed).await;
        if made.is_err() {
            self.rename(&to, &from).await?;
        }
        made
    }

    async fn rename(&self, from: &RepositoryKey, to: &RepositoryKey) -> Result<(), DistributionError> {
        let (from, to) = (from.clone(), to.clone());
        Ok(self.blocking(move |service| service.rename_repository(&from, &to)).await??)
    }

    async fn insert(
        &self,
        principal: &Principal,
        opened: &Opened,
        new: NewImage,
        id: ImageId,
        pushed: &PushedManifest,
    ) -> Result<(), DistributionError> {
        let repository = opened.name.as_str();
        let mut work = self.records.begin().await?;
        let own: Option<Name> = repository.parse().ok();
        let name = match &own {
            Some(name) => name.clone(),
            None => {
                let made = Name::from_text(&repository.replace('/', "-"), &"image".parse().expect("a name"));
                work.free_image_name(&made).await?
            }
        };
        let image =
            new.into_image(id, name, principal.person.clone(), self.now()).map_err(ServerError::from)?;
        let image = Image { pin: Some(self.pin_of(pushed)), ..image };
        work.insert_image(&image).await?;
        if own.is_none() {
            work.insert_repository(repository, &image.id).await?;
        }
        let subject = (Subject::Image, image.id.as_str(), image.name.as_str());
        work.note_change(principal, subject, "added", (None, Some(&image)), self.now()).await?;
        Ok(work.commit().await?)
    }

    /// Removes a tag, or a manifest with all its tags.
    pub async fn registry_delete_manifest(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: &ManifestName,
    ) -> Result<(), DistributionError> {
        let opened = self.open(caller, name, Purpose::Delete).await?;
        let locked = name.clone();
        let _one = self.blocking(move |service| service.lock_repository(locked.as_str())).await??;
        let (place, asked) = (opened.place.clone(), wanted.clone());
        let found = self.blocking(move |service| service.repository(&place).manifest(&asked)).await??;
        if found.is_none() {
            return Err(DistributionError::ManifestUnknown(shown(wanted)));
        }
        if let Some(image) = &opened.image {
            // Nothing goes that is not in the trail, even where we are killed right here.
            let mut work = self.records.begin().await?;
            let subject = (Subject::Image, image.id.as_str(), image.name.as_str());
            let tagged = Tagged::new(&opened.name, wanted, None);
            work.note_change(&caller.principal, subject, "untagged", (Some(&tagged), None), self.now())
                .await?;
            work.commit().await?;
        }
        let (place, asked) = (opened.place.clone(), wanted.clone());
        self.blocking(move |service| service.repository(&place).remove_manifest(&asked)).await??;
        Ok(())
    }
}

impl<'a> Tagged<'a> {
    fn new(name: &'a RepositoryName, wanted: &ManifestName, pushed: Option<&PushedManifest>) -> Self {
        let digest = pushed.map(|pushed| pushed.descriptor.digest.to_string());
        Self { repository: name.as_str(), reference: shown(wanted), digest }
    }
}

/// What a build was tagged as stays what that build made.
fn refuse_build_tags(opened: &Opened, wanted: &ManifestName) -> Result<(), DistributionError> {
    let is_built = opened.image.as_ref().is_some_and(|image| image.source == Source::Built);
    match wanted {
        ManifestName::Tag(tag) if is_built && tag.as_str().bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(DistributionError::BuildTag(opened.name.to_string()))
        }
        _ => Ok(()),
    }
}

fn shown(name: &ManifestName) -> String {
    match name {
        ManifestName::Tag(tag) => tag.to_string(),
        ManifestName::Digest(digest) => digest.to_string(),
    }
}
