//! People, their groups, and what they come in with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::query::folded;
use crate::{FieldProblem, GroupChange, GroupId, Invalid, Name, PersonChange, PersonId, TokenId};

/// Characters of the longest name, and of the longest text that people read.
const LONGEST: usize = 200;

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

/// Somebody to be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Person`")]
pub struct NewPerson {
    pub name: String,
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub admin: bool,
}

impl NewPerson {
    /// Whoever it is from now on, if nothing is wrong with what was asked for.
    pub fn into_person(
        self,
        id: PersonId,
        subject: Option<String>,
        now: Timestamp,
    ) -> Result<Person, Invalid> {
        let Self { name, display_name, email, admin } = self;
        let person =
            Person { id, name, display_name, email, admin, disabled: false, subject, created_at: now };
        person.checked()
    }
}

impl Person {
    /// Whoever it is after a change.
    pub fn changed(&self, change: PersonChange) -> Result<Self, Invalid> {
        let mut person = self.clone();
        change.display_name.apply(&mut person.display_name);
        change.email.apply(&mut person.email);
        change.admin.apply_or_default(&mut person.admin);
        change.disabled.apply_or_default(&mut person.disabled);
        person.checked()
    }

    /// Whether this is an administrator who can log in.
    pub fn administers(&self) -> bool {
        self.admin && !self.disabled
    }

    /// Text in which a search looks.
    pub fn search_text(&self) -> String {
        let parts = [Some(&self.name), self.display_name.as_ref(), self.email.as_ref()];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        folded(&parts.join("\n"))
    }

    fn checked(mut self) -> Result<Self, Invalid> {
        let mut problems = Vec::new();
        // A colon ends the name where name and password are sent together (RFC 7617); a slash ends it in an address.
        let is_odd = |character: char| character.is_control() || matches!(character, ':' | '/');
        let length = self.name.chars().count();
        if !(1..=LONGEST).contains(&length) || self.name.trim() != self.name || self.name.contains(is_odd) {
            problems.push(FieldProblem::new(
                "/name",
                format!(
                    "`{}` is no name to log in with: 1 to {LONGEST} characters are, without `:`, `/` and line breaks, and \
                     without white space at its ends",
                    self.name.escape_debug()
                ),
            ));
        }
        self.display_name = read_by_people("/display_name", self.display_name, &mut problems);
        self.email = read_by_people("/email", self.email, &mut problems);
        if self
            .email
            .as_ref()
            .is_some_and(|email| !email.contains('@') || email.contains(char::is_whitespace))
        {
            problems
                .push(FieldProblem::new("/email", "an address to write to has an `@` and no white space"));
        }
        Invalid::unless_empty(problems)?;
        Ok(self)
    }
}

/// A group to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Group`")]
pub struct NewGroup {
    pub name: Name,
    #[serde(default)]
    pub display_name: Option<String>,
}

impl NewGroup {
    /// The group, if nothing is wrong with what was asked for.
    pub fn into_group(self, id: GroupId, now: Timestamp) -> Result<Group, Invalid> {
        Group { id, name: self.name, display_name: self.display_name, created_at: now }.checked()
    }
}

impl Group {
    /// The group after a change.
    pub fn changed(&self, change: GroupChange) -> Result<Self, Invalid> {
        let mut group = self.clone();
        change.display_name.apply(&mut group.display_name);
        group.checked()
    }

    fn checked(mut self) -> Result<Self, Invalid> {
        let mut problems = Vec::new();
        self.display_name = read_by_people("/display_name", self.display_name, &mut problems);
        Invalid::unless_empty(problems)?;
        Ok(self)
    }
}

/// A line that people read, without white space around it; nothing where only that is there.
fn read_by_people(pointer: &str, text: Option<String>, problems: &mut Vec<FieldProblem>) -> Option<String> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
    if text.chars().count() > LONGEST {
        problems.push(FieldProblem::new(pointer, format!("more than {LONGEST} characters")));
    }
    if text.contains(char::is_control) {
        problems.push(FieldProblem::new(pointer, "control characters cannot be shown"));
    }
    Some(text)
}

/// Somebody in a group, as the others in it may know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The name to log in with.
    pub person: String,
    /// What others read.
    pub display_name: Option<String>,
    /// What follows from being in it.
    pub role: Role,
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

/// What a token is good for, of what its owner may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// All of it.
    #[default]
    All,
    /// Pulling images from the registry.
    Pull,
}

/// A personal access token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Tells tokens apart.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it is good for.
    pub scope: TokenScope,
    /// When it ends to work.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(name: &str, email: Option<&str>) -> Result<Person, Invalid> {
        let new =
            NewPerson { name: name.to_owned(), email: email.map(str::to_owned), ..NewPerson::default() };
        new.into_person(PersonId::new("p"), None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn names_to_log_in_with() {
        for name in ["ada", "Ada Lovelace", "ada@mail.example", "艾達"] {
            assert!(added(name, None).is_ok(), "{name}");
        }
        for name in ["", " ada", "a:b", "a/b", "a\nb", &"a".repeat(201)] {
            assert_eq!(added(name, None).unwrap_err().0[0].pointer, "/name", "{name}");
        }
    }

    #[test]
    fn all_that_is_wrong_with_a_person_is_said_at_once() {
        let pointers: Vec<String> =
            added("", Some("nowhere")).unwrap_err().0.into_iter().map(|it| it.pointer).collect();
        assert_eq!(pointers, ["/name", "/email"]);
    }

    #[test]
    fn a_change_of_somebody_touches_what_it_names() {
        let ada = added("ada", Some(" ada@mail.example ")).unwrap();
        assert_eq!(ada.email.as_deref(), Some("ada@mail.example"));
        let change: PersonChange = serde_json::from_str(r#"{"admin": true, "display_name": " "}"#).unwrap();
        let changed = ada.changed(change).unwrap();
        assert_eq!(changed, Person { admin: true, ..ada });
        assert!(changed.administers() && !Person { disabled: true, ..changed }.administers());
    }
}
