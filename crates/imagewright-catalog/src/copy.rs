//! Copies of entries: a beginning for something else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Image, ImageId, Invalid, Name, Owner, PersonId, Visibility};

/// Characters of the longest display name.
const LONGEST: usize = 200;
/// What a copy is called where nothing is said.
const MARK: &str = " (copy)";

/// A copy of an entry that somebody wants. What is not said is as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewCopy {
    /// What people read; else that of the entry with ` (copy)` behind it.
    pub display_name: Option<String>,
    /// Only where the name is not to be made of the display name.
    pub name: Option<Name>,
    /// Who looks after it.
    pub owner: Option<Owner>,
    /// Who sees it. Where nothing is said and somebody else looks after it, nobody but they.
    pub visibility: Option<Visibility>,
}

impl NewCopy {
    /// What the copy of an entry is called.
    pub fn display_name(&self, of: &Image) -> String {
        let marked = || {
            let kept = of.display_name.chars().take(LONGEST - MARK.len());
            kept.collect::<String>() + MARK
        };
        self.display_name.clone().unwrap_or_else(marked)
    }
}

impl Image {
    /// A copy of this entry, without its history: what builds made of it stays its own, and so does what is said against using
    /// it. `name` is unique.
    pub fn copied(
        &self,
        copy: NewCopy,
        id: ImageId,
        name: Name,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<Self, Invalid> {
        let display_name = copy.display_name(self);
        let owner = copy.owner.unwrap_or_else(|| self.owner.clone());
        let as_it_was = || if owner == self.owner { self.visibility.clone() } else { Visibility::default() };
        let visibility = copy.visibility.unwrap_or_else(as_it_was);
        let mut image = Self {
            id,
            name,
            display_name,
            owner,
            visibility,
            deprecated: None,
            offered_build: None,
            revision: 1,
            created_at: now,
            created_by: by,
            changed_at: now,
            ..self.clone()
        };
        // The result of a build lies in the repository of its entry, and goes with that.
        if self.offered_build.is_some() {
            (image.reference, image.gpu_reference) = (None, None);
            (image.pin, image.gpu_pin) = (None, None);
        }
        Invalid::unless_empty(image.problems())?;
        Ok(image.tidied())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{BuildId, Deprecation, NewImage};

    fn image(new: serde_json::Value) -> Image {
        let new: NewImage = serde_json::from_value(new).unwrap();
        new.into_image(ImageId::new("1"), "a".parse().unwrap(), None, Timestamp::UNIX_EPOCH).unwrap()
    }

    fn copied(image: &Image, copy: serde_json::Value) -> Result<Image, Invalid> {
        let copy = serde_json::from_value(copy).unwrap();
        image.copied(copy, ImageId::new("2"), "b".parse().unwrap(), None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_copy_is_like_the_entry_and_says_so() {
        let mut image = image(json!({
            "display_name": "A", "description": "d", "tags": ["x"], "type": "universal", "pull_policy": "Always",
            "reference": "registry.example/a:1", "gpu_reference": "registry.example/a:gpu", "pull_secret": "s",
            "owner": {"group": "ml"}, "visibility": {"groups": ["bio"]},
        }));
        image.deprecated = Some(Deprecation::default());
        image.revision = 7;
        let copy = copied(&image, json!({})).unwrap();
        let expected = Image {
            id: ImageId::new("2"),
            name: "b".parse().unwrap(),
            display_name: "A (copy)".to_owned(),
            deprecated: None,
            revision: 1,
            ..image
        };
        assert_eq!(copy, expected);
    }

    #[test]
    fn what_somebody_else_looks_after_is_shown_to_nobody_until_they_say() {
        let image = image(json!({
            "display_name": "A", "reference": "registry.example/a:1", "visibility": {"global": true},
        }));
        let copy = copied(&image, json!({"owner": {"group": "ml"}, "display_name": "B"})).unwrap();
        assert_eq!((copy.display_name.as_str(), copy.visibility), ("B", Visibility::default()));
        let same = copied(&image, json!({"owner": "system"})).unwrap();
        assert!(same.visibility.global);
        let said = copied(&image, json!({"owner": {"group": "ml"}, "visibility": {"global": true}})).unwrap();
        assert!(said.visibility.global);
    }

    #[test]
    fn what_builds_made_stays_with_the_entry() {
        let mut image = image(json!({"display_name": "A", "spec": {"base": "bootstrap"}}));
        image.reference = Some("images.example/a:3".to_owned());
        image.offered_build = Some(BuildId::new("3"));
        let copy = copied(&image, json!({})).unwrap();
        assert_eq!((copy.reference.as_ref(), copy.offered_build.as_ref()), (None, None));
        assert_eq!(copy.spec, image.spec);
        // What another system built is on offer here as there.
        image.offered_build = None;
        assert_eq!(copied(&image, json!({})).unwrap().reference, image.reference);
    }

    #[test]
    fn a_long_name_is_cut_and_a_wrong_one_refused() {
        let image = image(json!({"display_name": "ü".repeat(200), "reference": "registry.example/a:1"}));
        let copy = copied(&image, json!({})).unwrap();
        assert_eq!(copy.display_name.chars().count(), 200);
        assert!(copy.display_name.ends_with("ü (copy)"));
        assert_eq!(copied(&image, json!({"display_name": " "})).unwrap_err().0[0].pointer, "/display_name");
    }
}
