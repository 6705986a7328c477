//! What somebody is offered who starts a notebook or a job: the images of a group, and which reference is pulled.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Deprecation, Image, ImageType, Name, Owner, PullPolicy};

/// An image on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// Its name.
    pub name: Name,
    /// What people read.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it can run.
    #[serde(rename = "type")]
    pub image_type: ImageType,
    /// Whether the administrators offer it, or the group.
    pub system: bool,
    /// What is pulled here, with the digest where it is known. None where it is not ready.
    pub reference: Option<String>,
    /// When a node asks the registry.
    pub pull_policy: Option<PullPolicy>,
    /// Name of the secret with which it is pulled.
    pub pull_secret: Option<Name>,
    /// Why it cannot be chosen, if so.
    pub disabled: Option<String>,
    /// Whether it should no longer be used.
    pub deprecated: Option<Deprecation>,
}

/// The images that the members of `group` are offered, in the order given. Where there is no GPU, images for GPUs alone are left out.
pub fn offers<'a>(
    images: impl IntoIterator<Item = &'a Image>,
    group: Option<&Name>,
    gpu: bool,
) -> Vec<Offer> {
    let images = images.into_iter().filter(|image| is_offered(image, group));
    images.filter(|image| gpu || image.image_type != ImageType::Gpu).map(|image| offer(image, gpu)).collect()
}

fn is_offered(image: &Image, group: Option<&Name>) -> bool {
    let theirs = |group: &Name| {
        image.visibility.groups.contains(group)
            || matches!(&image.owner, Owner::Group(owner) if owner == group)
    };
    image.visibility.global || group.is_some_and(theirs)
}

fn offer(image: &Image, gpu: bool) -> Offer {
    let reference = image.resolved(gpu);
    Offer {
        name: image.name.clone(),
        display_name: image.display_name.clone(),
        description: image.description.clone(),
        image_type: image.image_type,
        system: image.owner == Owner::System,
        disabled: reference.is_none().then(|| "it is not ready: no build has succeeded yet".to_owned()),
        reference,
        pull_policy: image.pull_policy,
        pull_secret: image.pull_secret.clone(),
        deprecated: image.deprecated.clone(),
    }
}

impl Image {
    /// What is pulled with or without a GPU, with the digest that was found. The reference for GPUs is the main one until there is
    /// another.
    pub fn resolved(&self, gpu: bool) -> Option<String> {
        let (reference, pin) = match (&self.gpu_reference, gpu) {
            (Some(reference), true) => (Some(reference), &self.gpu_pin),
            _ => (self.reference.as_ref(), &self.pin),
        };
        let reference = reference?;
        match pin {
            Some(pin) if !reference.contains('@') => Some(format!("{reference}@{}", pin.digest)),
            _ => Some(reference.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{ImageId, NewImage};

    fn image(mut new: serde_json::Value) -> Image {
        new["display_name"] = json!("A");
        if new.get("spec").is_none() {
            new["reference"] = json!("registry.example/a:1");
        }
        let new: NewImage = serde_json::from_value(new).unwrap();
        new.into_image(ImageId::new("1"), "a".parse().unwrap(), None, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn the_groups_own_and_global_ones_are_offered() {
        let images = [
            image(json!({"visibility": {"global": true}})),
            image(json!({"visibility": {"groups": ["ml"]}})),
            image(json!({"owner": {"group": "ml"}})),
            image(json!({"owner": {"group": "bio"}})),
            image(json!({})),
        ];
        let systems = |group: Option<&str>| -> Vec<bool> {
            let group = group.map(|group| group.parse().unwrap());
            offers(&images, group.as_ref(), false).iter().map(|offer| offer.system).collect()
        };
        assert_eq!(systems(Some("ml")), [true, true, false]);
        assert_eq!(systems(Some("bio")), [true, false]);
        assert_eq!(systems(None), [true]);
    }

    #[test]
    fn the_reference_for_gpus_is_the_main_one_until_there_is_another() {
        let global = json!({"global": true});
        let one = image(json!({"visibility": global}));
        assert_eq!(one.resolved(true).as_deref(), Some("registry.example/a:1"));
        let two = image(json!({"visibility": global, "gpu_reference": "registry.example/a:gpu"}));
        assert_eq!(two.resolved(true).as_deref(), Some("registry.example/a:gpu"));
        assert_eq!(two.resolved(false).as_deref(), Some("registry.example/a:1"));
        let gpu = image(json!({"visibility": global, "type": "gpu"}));
        assert_eq!(offers([&gpu], None, false), []);
        assert_eq!(offers([&gpu], None, true).len(), 1);
    }

    #[test]
    fn what_is_not_ready_cannot_be_chosen() {
        let building = image(json!({"spec": {"base": "bootstrap"}, "visibility": {"global": true}}));
        let offer = offers([&building], None, false).remove(0);
        assert!(offer.reference.is_none() && offer.disabled.is_some());
    }
}
