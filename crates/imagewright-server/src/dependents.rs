//! What depends on an image: told before it is deleted.

use imagewright_catalog::{Action, Image, Name, Object, Principal, Source, may};
use imagewright_oci::{Digest, Reference};
use imagewright_service::metadata::RuntimeImages;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Server, ServerError};

/// Days in which pulls count as recent.
const DAYS: i64 = 30;

/// What depends on an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dependents {
    /// Images whose base names it, by its repository or digest.
    pub based_on_it: DependentImages,
    /// Deprecated images for which it is said to be used instead.
    pub replaced_by_it: DependentImages,
    /// How often it was pulled from here in the last days.
    pub recent_pulls: RecentPulls,
    /// Runtime images of Elyra's that name it.
    pub runtime_images: Vec<DependentRuntimeImage>,
}

/// Images of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependentImages {
    /// Those that whoever asks may see.
    #[schema(value_type = Vec<String>)]
    pub names: Vec<Name>,
    /// How many more there are.
    pub unseen: u64,
}

/// How often something was pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecentPulls {
    /// How often.
    pub count: i64,
    /// In how many days.
    pub days: i64,
}

/// A runtime image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependentRuntimeImage {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub display_name: String,
}

impl Dependents {
    /// Whether nothing is known to depend on it.
    pub fn is_empty(&self) -> bool {
        self.based_on_it.is_empty()
            && self.replaced_by_it.is_empty()
            && self.recent_pulls.count == 0
            && self.runtime_images.is_empty()
    }
}

impl DependentImages {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.unseen == 0
    }

    fn add(&mut self, principal: &Principal, image: &Image) {
        match may(principal, Action::See, Object::from(image)) {
            Ok(()) => self.names.push(image.name.clone()),
            Err(_) => self.unseen += 1,
        }
    }
}

/// By what an image is named elsewhere.
struct Known {
    /// Registries and repositories.
    places: Vec<(String, String)>,
    digests: Vec<Digest>,
}

impl Known {
    fn of(image: &Image, registry_host: &str) -> Self {
        let references = [&image.reference, &image.gpu_reference].into_iter().flatten();
        let references: Vec<Reference> = references.filter_map(|reference| reference.parse().ok()).collect();
        let own = (image.source == Source::Built).then(|| (registry_host.to_owned(), image.name.to_string()));
        let places = references.iter().map(|it| (it.registry().to_owned(), it.repository().to_owned()));
        let pins = [&image.pin, &image.gpu_pin].into_iter().flatten().map(|pin| pin.digest.clone());
        Self {
            places: places.chain(own).collect(),
            digests: references.iter().filter_map(|it| it.digest().cloned()).chain(pins).collect(),
        }
    }

    /// Whether a text names the image.
    fn is_named_by(&self, text: &str) -> bool {
        let Ok(reference) = text.parse::<Reference>() else { return false };
        let place = (reference.registry(), reference.repository());
        self.places.iter().any(|(registry, repository)| place == (registry.as_str(), repository.as_str()))
            || reference.digest().is_some_and(|digest| self.digests.contains(digest))
    }
}

impl Server {
    /// What depends on an image, for who may delete it. Images that they may not see are counted and not named.
    pub async fn image_dependents(
        &self,
        principal: &Principal,
        name: &Name,
    ) -> Result<Dependents, ServerError> {
        let image = self.seen(principal, name, Action::Delete, None).await?.image;
        let known = Known::of(&image, self.registry_host());
        let mut dependents = Dependents::default();
        let everything = Principal { admin: true, ..Principal::default() };
        for other in self.all_images(&everything, None).await?.iter().filter(|other| other.id != image.id) {
            let base = other.spec.as_ref().and_then(|spec| spec.get("base")?.as_str());
            if base.is_some_and(|base| known.is_named_by(base)) {
                dependents.based_on_it.add(principal, other);
            }
            let replaced_by =
                other.deprecated.as_ref().and_then(|deprecated| deprecated.replaced_by.as_ref());
            if replaced_by == Some(&image.name) {
                dependents.replaced_by_it.add(principal, other);
            }
        }
        let first = self.now().to_zoned(TimeZone::UTC).date().saturating_sub((DAYS - 1).days());
        let pulls = self.pulls(principal, name).await?;
        let count = pulls.iter().filter(|pulls| pulls.day >= first).map(|pulls| pulls.count).sum();
        dependents.recent_pulls = RecentPulls { count, days: DAYS };
        if let Some(images) = self.runtime_images.clone() {
            dependents.runtime_images = self.blocking(move |_| naming(&images, &known)).await?;
        }
        Ok(dependents)
    }
}

fn naming(images: &RuntimeImages, known: &Known) -> Vec<DependentRuntimeImage> {
    let listing = images.list();
    let names = |image_name: Option<&str>| image_name.is_some_and(|image_name| known.is_named_by(image_name));
    let found = listing.records().into_iter().filter(|record| names(record.image_name()));
    let mut found: Vec<DependentRuntimeImage> = found
        .map(|record| DependentRuntimeImage {
            name: record.name.clone(),
            display_name: record.shown_name().to_owned(),
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

#[cfg(test)]
mod tests {
    use imagewright_catalog::{ImageId, NewImage};
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_is_named_by_its_repository_or_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let new = json!({
            "display_name": "A", "reference": format!("registry.example/team/a:1@{digest}"), "gpu_reference": "team/gpu",
        });
        let new: NewImage = serde_json::from_value(new).unwrap();
        let image =
            new.into_image(ImageId::new("1"), "a".parse().unwrap(), None, Timestamp::UNIX_EPOCH).unwrap();
        let known = Known::of(&image, "images.example");
        for (text, is_named) in [
            ("registry.example/team/a:2", true),
            ("registry.example/team/a", true),
            (&format!("mirror.example/other@{digest}"), true),
            ("docker.io/team/gpu:3", true),
            ("registry.example/team/ab:1", false),
            ("images.example/a:1", false),
            ("bootstrap:debian/trixie", false),
            ("", false),
        ] {
            assert_eq!(known.is_named_by(text), is_named, "{text}");
        }
        let new: NewImage =
            serde_json::from_value(json!({"display_name": "B", "spec": {"base": "bootstrap"}})).unwrap();
        let image =
            new.into_image(ImageId::new("2"), "b".parse().unwrap(), None, Timestamp::UNIX_EPOCH).unwrap();
        assert!(Known::of(&image, "images.example").is_named_by("images.example/b:7"));
    }
}
