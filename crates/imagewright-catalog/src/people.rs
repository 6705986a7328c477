//! People, their groups, and what they come in with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GroupId, Name, PersonId, TokenId};

/// Somebody who can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// Tells people apart, whatever they are called.
    pub id: PersonId,
    /// The name to log in with; unique.
    pub name: String,
    /// What others read.
    pub display_name: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
    /// Whether this is an administrator of the whole server.
    pub admin: bool,
    /// Whether logging in is refused.
    pub disabled: bool,
    /// Who says that it is this person, where that is a provider: issuer and subject (OpenID Connect Core, 2).
    pub subject: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// People who share images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Tells groups apart.
    pub id: GroupId,
    /// The name in addresses; never changed.
    pub name: Name,
    /// What people read.
    pub display_name: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// What somebody may do in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Use its images.
    Member,
    /// Look after its images and members.
    Admin,
}

/// That somebody is in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// In which.
    pub group: Name,
    /// What follows from that.
    pub role: Role,
}

/// Whoever asks for something: all that decides what is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Who it is; nobody in particular where it is missing.
    pub person: Option<PersonId>,
    /// The name, for the audit trail.
    pub name: String,
    /// Whether this is an administrator of the whole server.
    pub admin: bool,
    /// The groups.
    pub memberships: Vec<Membership>,
}

impl Principal {
    /// Somebody who has not logged in.
    pub fn anonymous() -> Self {
        Self { name: "anonymous".to_owned(), ..Self::default() }
    }

    /// The server itself, for what nobody asked for.
    pub fn server() -> Self {
        Self { name: "server".to_owned(), admin: true, ..Self::default() }
    }

    /// Whether it is known who it is.
    pub fn is_somebody(&self) -> bool {
        self.person.is_some() || self.admin
    }

    /// Whether it is in a group.
    pub fn is_in(&self, group: &Name) -> bool {
        self.memberships.iter().any(|membership| membership.group == *group)
    }

    /// Whether it looks after a group.
    pub fn looks_after(&self, group: &Name) -> bool {
        self.memberships.iter().any(|membership| membership.group == *group && membership.role == Role::Admin)
    }

    /// Whether it looks after any group.
    pub fn looks_after_some_group(&self) -> bool {
        self.memberships.iter().any(|membership| membership.role == Role::Admin)
    }
}

/// A personal access token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Tells tokens apart.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// When it ends to work.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}
