//! Image entries: what is on offer, to whom, and what is known of it.

use std::collections::BTreeSet;

use imagewright_oci::{Digest, Reference};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BuildId, FieldProblem, ImageChange, ImageId, Invalid, Name, PersonId};

/// An entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// Tells it from one that had its name before.
    pub id: ImageId,
    /// The name in addresses; made of the display name once, and never changed.
    pub name: Name,
    /// What people read.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: BTreeSet<String>,
    /// Where it can run.
    #[serde(rename = "type")]
    pub image_type: ImageType,
    /// Whether the server builds it.
    pub source: Source,
    /// What is pulled. None until the first build has succeeded.
    pub reference: Option<String>,
    /// What is pulled where there is a GPU, if it is another image.
    pub gpu_reference: Option<String>,
    /// The digest that was found behind the reference.
    pub pin: Option<Pin>,
    /// The same behind the one for GPUs.
    pub gpu_pin: Option<Pin>,
    /// When a node asks the registry.
    pub pull_policy: Option<PullPolicy>,
    /// Name of the secret with which it is pulled.
    pub pull_secret: Option<Name>,
    /// Who looks after it.
    pub owner: Owner,
    /// Who sees it.
    pub visibility: Visibility,
    /// Whether it should no longer be used.
    pub deprecated: Option<Deprecation>,
    /// What the next build is made of, as an `image.yaml` says it. Only where the server builds it.
    pub spec: Option<serde_json::Value>,
    /// Name of the secret with which the base of the next build is pulled. Only where the server builds it.
    #[serde(default)]
    pub base_pull_secret: Option<Name>,
    /// The build whose result is on offer.
    pub offered_build: Option<BuildId>,
    /// Grows with each change.
    pub revision: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// Who added it; none where the person is gone.
    pub created_by: Option<PersonId>,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// Where an image can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageType {
    /// Without a GPU.
    Cpu,
    /// With a GPU alone.
    Gpu,
    /// Both ways.
    #[default]
    Universal,
}

/// Where an image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Somebody else built it.
    Existing,
    /// The server builds it.
    Built,
}

/// When a node asks the registry: Kubernetes' `imagePullPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of Kubernetes")]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

/// Who looks after an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The administrators.
    #[default]
    System,
    /// The administrators of this group.
    Group(Name),
}

/// Who sees an image, besides those who look after it and the members of the group that owns it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Visibility {
    /// Whether all do.
    pub global: bool,
    /// The groups whose members do.
    pub groups: BTreeSet<Name>,
}

impl Visibility {
    /// Whom this lets see beside those of `other`.
    pub fn beyond(&self, other: &Self) -> Self {
        Self {
            global: self.global && !other.global,
            groups: self.groups.difference(&other.groups).cloned().collect(),
        }
    }
}

/// What was found behind a reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pin {
    /// Digest of the manifest or index.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Platforms it is there for, such as `linux/amd64`.
    pub platforms: Vec<String>,
    /// Bytes of the layers as they are transferred, of the first platform.
    pub size: Option<u64>,
    /// When that was looked up.
    pub looked_up_at: Timestamp,
}

/// Why an image should no longer be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Deprecation {
    /// What people should know.
    pub reason: Option<String>,
    /// What to use instead.
    pub replaced_by: Option<Name>,
}

/// Something about a request that is no reason to refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// The field it is about, as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// What was found, and what to do about it.
    pub detail: String,
}

/// An image that somebody wants to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Image`")]
pub struct NewImage {
    pub display_name: String,
    /// Only where the name is not to be made of the display name.
    #[serde(default)]
    pub name: Option<Name>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub tags: BTreeSet<String>,
    #[serde(default, rename = "type")]
    pub image_type: ImageType,
    /// What is pulled: for an image that exists.
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub gpu_reference: Option<String>,
    #[serde(default)]
    pub pull_policy: Option<PullPolicy>,
    #[serde(default)]
    pub pull_secret: Option<Name>,
    #[serde(default)]
    pub owner: Owner,
    #[serde(default)]
    pub visibility: Visibility,
    /// What it is built of: for an image that the server builds.
    #[serde(default)]
    pub spec: Option<serde_json::Value>,
    /// The secret with which the base of `spec` is pulled. Where the base is in the catalogue, that of its entry is taken.
    #[serde(default)]
    pub base_pull_secret: Option<Name>,
}

impl NewImage {
    /// Whether the server is to build it.
    pub fn source(&self) -> Source {
        if self.spec.is_some() { Source::Built } else { Source::Existing }
    }

    /// The entry, if nothing is wrong with what was asked for. `name` is unique.
    pub fn into_image(
        self,
        id: ImageId,
        name: Name,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<Image, Invalid> {
        let mut problems = Vec::new();
        if self.spec.is_some() && (self.reference.is_some() || self.gpu_reference.is_some()) {
            problems.push(FieldProblem::new(
                "/reference",
                "an image with a `spec` is built here and gets its reference by that: leave one of them out",
            ));
        }
        if self.spec.is_none() && self.reference.is_none() {
            problems.push(FieldProblem::new(
                "/reference",
                "either `reference` names an image that exists, or `spec` says what to build",
            ));
        }
        if self.spec.is_none() && self.base_pull_secret.is_some() {
            problems.push(FieldProblem::new(
                "/base_pull_secret",
                "only an image with a `spec` has a base that is pulled: leave it out",
            ));
        }
        let source = self.source();
        let image = Image {
            id,
            name,
            display_name: self.display_name,
            description: self.description,
            tags: self.tags,
            image_type: self.image_type,
            source,
            reference: self.reference,
            gpu_reference: self.gpu_reference,
            pin: None,
            gpu_pin: None,
            pull_policy: self.pull_policy,
            pull_secret: self.pull_secret,
            owner: self.owner,
            visibility: self.visibility,
            deprecated: None,
            spec: self.spec,
            base_pull_secret: self.base_pull_secret,
            offered_build: None,
            revision: 1,
            created_at: now,
            created_by: by,
            changed_at: now,
        };
        problems.extend(image.problems());
        Invalid::unless_empty(problems)?;
        Ok(image.tidied())
    }
}

impl Image {
    /// Whether there is something to pull.
    pub fn is_ready(&self) -> bool {
        self.reference.is_some()
    }

    /// The entry after a change. What was known of a reference is forgotten with it.
    pub fn changed(&self, change: ImageChange, now: Timestamp) -> Result<Self, Invalid> {
        let mut image = self.clone();
        let mut problems = Vec::new();
        if self.source == Source::Built && !(change.reference.is_keep() && change.gpu_reference.is_keep()) {
            problems.push(FieldProblem::new(
                "/reference",
                "this image is built here, and its reference follows from its builds",
            ));
        }
        change.display_name.apply_or_default(&mut image.display_name);
        change.description.apply(&mut image.description);
        change.tags.apply_or_default(&mut image.tags);
        change.image_type.apply_or_default(&mut image.image_type);
        change.reference.apply(&mut image.reference);
        change.gpu_reference.apply(&mut image.gpu_reference);
        change.pull_policy.apply(&mut image.pull_policy);
        change.pull_secret.apply(&mut image.pull_secret);
        change.owner.apply_or_default(&mut image.owner);
        change.visibility.apply_within(&mut image.visibility);
        change.deprecated.apply_within(&mut image.deprecated);
        if image.reference != self.reference {
            image.pin = None;
        }
        if image.gpu_reference != self.gpu_reference {
            image.gpu_pin = None;
        }
        if image.source == Source::Existing && image.reference.is_none() {
            problems.push(FieldProblem::new("/reference", "an image that exists has a reference"));
        }
        problems.extend(image.problems());
        Invalid::unless_empty(problems)?;
        image = image.tidied();
        if image != *self {
            image.revision += 1;
            image.changed_at = now;
        }
        Ok(image)
    }

    /// What is wrong, however it came about.
    pub(crate) fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut refuse = |pointer: &str, detail: String| problems.push(FieldProblem::new(pointer, detail));
        if self.display_name.trim().is_empty() {
            refuse("/display_name", "a display name is needed: people choose by it".to_owned());
        }
        for (pointer, text, most) in [
            ("/display_name", Some(&self.display_name), 200),
            ("/description", self.description.as_ref(), 10_000),
        ] {
            let Some(text) = text else { continue };
            if text.chars().count() > most {
                refuse(pointer, format!("more than {most} characters"));
            }
            if text.chars().any(|character| character.is_control() && character != '\n') {
                refuse(pointer, "control characters cannot be shown".to_owned());
            }
        }
        if self.tags.len() > 50 {
            refuse("/tags", "more than 50 tags".to_owned());
        }
        for tag in &self.tags {
            if tag.trim().is_empty() || tag.chars().count() > 60 || tag.chars().any(char::is_control) {
                refuse(
                    "/tags",
                    format!("`{}` is no tag: 1 to 60 characters are, in one line", tag.escape_default()),
                );
            }
        }
        for (pointer, reference) in [("/reference", &self.reference), ("/gpu_reference", &self.gpu_reference)]
        {
            if let Some(reference) = reference
                && let Err(error) = reference.parse::<Reference>()
            {
                refuse(pointer, format!("{error}"));
            }
        }
        if self.gpu_reference.is_some() && self.image_type != ImageType::Universal {
            refuse(
                "/gpu_reference",
                "only an image of type `universal` has another reference for GPUs".to_owned(),
            );
        }
        if self.deprecated.as_ref().and_then(|it| it.replaced_by.as_ref()) == Some(&self.name) {
            refuse("/deprecated/replaced_by", "an image cannot replace itself".to_owned());
        }
        problems
    }

    /// Without white space around what people typed.
    pub(crate) fn tidied(mut self) -> Self {
        self.display_name = self.display_name.trim().to_owned();
        self.description =
            self.description.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        self.tags = self.tags.iter().map(|tag| tag.trim().to_owned()).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(new: serde_json::Value) -> Result<Image, Invalid> {
        let new: NewImage = serde_json::from_value(new).unwrap();
        new.into_image(ImageId::new("1"), "a".parse().unwrap(), None, Timestamp::UNIX_EPOCH)
    }

    fn pointers(result: Result<Image, Invalid>) -> Vec<String> {
        result.map_or_else(
            |Invalid(problems)| problems.into_iter().map(|it| it.pointer).collect(),
            |_| Vec::new(),
        )
    }

    #[test]
    fn an_image_exists_or_is_built() {
        let existing = made(json!({"display_name": " A ", "reference": "registry.example/a:1"})).unwrap();
        assert_eq!((existing.source, existing.display_name.as_str()), (Source::Existing, "A"));
        let built = made(json!({"display_name": "A", "spec": {"base": "bootstrap"}})).unwrap();
        assert_eq!((built.source, built.is_ready()), (Source::Built, false));
        assert_eq!(pointers(made(json!({"display_name": "A"}))), ["/reference"]);
        let both = json!({"display_name": "A", "reference": "a:1", "spec": {}});
        assert_eq!(pointers(made(both)), ["/reference"]);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let wrong = json!({
            "display_name": " ", "reference": "A B", "type": "cpu", "gpu_reference": "a:1", "tags": ["", "ok"],
        });
        assert_eq!(pointers(made(wrong)), ["/display_name", "/tags", "/reference", "/gpu_reference"]);
    }

    #[test]
    fn a_change_touches_what_it_names() {
        let image = made(json!({
            "display_name": "A", "reference": "registry.example/a:1", "gpu_reference": "registry.example/a:gpu",
            "pull_secret": "here", "owner": {"group": "team"},
        }))
        .unwrap();
        let later = Timestamp::from_second(5).unwrap();
        let change = |value| serde_json::from_value::<ImageChange>(value).unwrap();
        let moved = image.changed(change(json!({"reference": "registry.example/a:2"})), later).unwrap();
        assert_eq!(moved.gpu_reference, image.gpu_reference);
        assert_eq!((&moved.pull_secret, &moved.owner), (&image.pull_secret, &image.owner));
        assert_eq!((moved.revision, moved.changed_at), (2, later));
        assert_eq!(image.changed(ImageChange::default(), later).unwrap(), image);
    }
}
