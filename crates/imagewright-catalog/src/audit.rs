//! The audit trail: who changed what, when, and how it was before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::PersonId;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Grows from entry to entry.
    pub number: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Option<PersonId>,
    /// The name of who did it, at that time.
    pub actor_name: String,
    /// What was done, such as `image.changed`.
    pub action: String,
    /// What kind of thing it was done to.
    pub subject: Subject,
    /// Its identity.
    pub subject_id: String,
    /// Its name at that time.
    pub subject_name: String,
    /// How it was, if it was there.
    pub before: Option<serde_json::Value>,
    /// How it is since, if it is there.
    pub after: Option<serde_json::Value>,
}

/// Kinds of things that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Subject {
    Image,
    Build,
    Person,
    Group,
    Token,
    Secret,
    RuntimeImage,
    Kernelspec,
}

/// Which entries of the audit trail are wanted; of all that is given, those for which all of it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this kind of thing.
    pub subject: Option<Subject>,
    /// About the thing with this identity.
    pub subject_id: Option<String>,
    /// About a thing that was called so then.
    pub subject_name: Option<String>,
    /// By whom, as they were called then.
    pub actor_name: Option<String>,
    /// What was done, such as `image.changed`.
    pub action: Option<String>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// All about one thing.
    pub fn of(subject: Subject, id: impl Into<String>) -> Self {
        Self { subject: Some(subject), subject_id: Some(id.into()), ..Self::default() }
    }
}

impl Subject {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Build => "build",
            Self::Person => "person",
            Self::Group => "group",
            Self::Token => "token",
            Self::Secret => "secret",
            Self::RuntimeImage => "runtime_image",
            Self::Kernelspec => "kernelspec",
        }
    }
}
