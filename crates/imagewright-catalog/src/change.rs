//! Changes that touch what they name and nothing else (RFC 7396, JSON merge patch).

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::{Deprecation, ImageType, Name, Owner, PullPolicy, Visibility};

/// What a change says of one field. A field that is absent is kept; `null` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Nothing is said.
    #[default]
    Keep,
    /// It is to have no value.
    Clear,
    /// It is to have this value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether nothing is said of the field.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Carries the change out on a field that may be without a value.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => (),
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    /// Carries the change out on a field that always has a value; clearing gives it the default.
    pub fn apply_or_default(self, field: &mut T)
    where
        T: Default,
    {
        match self {
            Self::Keep => (),
            Self::Clear => *field = T::default(),
            Self::Set(value) => *field = value,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

/// A change of an image entry. Its name, and whether it is built or existed before, never change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Image`")]
pub struct ImageChange {
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub display_name: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub description: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    pub tags: Change<BTreeSet<String>>,
    #[serde(rename = "type", skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<ImageType>)]
    pub image_type: Change<ImageType>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub reference: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub gpu_reference: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<PullPolicy>)]
    pub pull_policy: Change<PullPolicy>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Name>)]
    pub pull_secret: Change<Name>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Owner>)]
    pub owner: Change<Owner>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<VisibilityChange>)]
    pub visibility: Change<VisibilityChange>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<DeprecationChange>)]
    pub deprecated: Change<DeprecationChange>,
}

/// A change of who sees an image. A merge patch goes into objects: of them, too, what is not named is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Visibility`")]
pub struct VisibilityChange {
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<bool>)]
    pub global: Change<bool>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<BTreeSet<Name>>)]
    pub groups: Change<BTreeSet<Name>>,
}

/// A change of why an image should no longer be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Deprecation`")]
pub struct DeprecationChange {
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub reason: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Name>)]
    pub replaced_by: Change<Name>,
}

impl Change<VisibilityChange> {
    /// Carries the change out.
    pub fn apply_within(self, field: &mut Visibility) {
        match self {
            Self::Keep => (),
            Self::Clear => *field = Visibility::default(),
            Self::Set(VisibilityChange { global, groups }) => {
                global.apply_or_default(&mut field.global);
                groups.apply_or_default(&mut field.groups);
            }
        }
    }
}

impl Change<DeprecationChange> {
    /// Carries the change out.
    pub fn apply_within(self, field: &mut Option<Deprecation>) {
        match self {
            Self::Keep => (),
            Self::Clear => *field = None,
            Self::Set(DeprecationChange { reason, replaced_by }) => {
                let deprecation = field.get_or_insert_default();
                reason.apply(&mut deprecation.reason);
                replaced_by.apply(&mut deprecation.replaced_by);
            }
        }
    }
}

/// A change of a group. Its name never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupChange {
    /// What people read.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub display_name: Change<String>,
}

/// A change of somebody, by an administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Person`")]
pub struct PersonChange {
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub display_name: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub email: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<bool>)]
    pub admin: Change<bool>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<bool>)]
    pub disabled: Change<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_kept_and_null_clears() {
        let change: ImageChange =
            serde_json::from_str(r#"{"description": null, "display_name": "New"}"#).unwrap();
        assert_eq!(change.description, Change::Clear);
        assert_eq!(change.display_name, Change::Set("New".to_owned()));
        assert_eq!(change.pull_secret, Change::Keep);
        assert_eq!(serde_json::to_string(&change).unwrap(), r#"{"display_name":"New","description":null}"#);
    }

    #[test]
    fn what_is_not_named_in_an_object_is_kept_as_well() {
        let change = |text: &str| serde_json::from_str::<ImageChange>(text).unwrap();
        let mut visibility = Visibility { global: false, groups: ["ml".parse().unwrap()].into() };
        change(r#"{"visibility": {"global": true}}"#).visibility.apply_within(&mut visibility);
        assert_eq!(visibility, Visibility { global: true, groups: ["ml".parse().unwrap()].into() });
        change(r#"{"visibility": {"groups": null}}"#).visibility.apply_within(&mut visibility);
        assert_eq!(visibility, Visibility { global: true, groups: BTreeSet::new() });
        change(r#"{"visibility": null}"#).visibility.apply_within(&mut visibility);
        assert_eq!(visibility, Visibility::default());

        let mut deprecated = None;
        change(r#"{"deprecated": {"replaced_by": "new"}}"#).deprecated.apply_within(&mut deprecated);
        change(r#"{"deprecated": {"reason": "old"}}"#).deprecated.apply_within(&mut deprecated);
        let both = Deprecation { reason: Some("old".to_owned()), replaced_by: Some("new".parse().unwrap()) };
        assert_eq!(deprecated, Some(both));
        change(r#"{"deprecated": null}"#).deprecated.apply_within(&mut deprecated);
        assert_eq!(deprecated, None);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error = serde_json::from_str::<ImageChange>(r#"{"urlForGpu": "x"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `urlForGpu`"), "{error}");
    }
}
