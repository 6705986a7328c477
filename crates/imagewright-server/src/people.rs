//! People: administrators look after them, and everybody sees who they are themselves.

use imagewright_catalog::{
    Action, Membership, NewPerson, Object, Page, PageRequest, Person, PersonChange, Principal, Refusal,
    Subject, may,
};
use imagewright_model::Secret;
use imagewright_records::{Credentials, Work};
use jiff::Timestamp;

use crate::{Server, ServerError};

/// Somebody, and the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonView {
    /// Who.
    pub person: Person,
    /// In which groups.
    pub memberships: Vec<Membership>,
}

impl Server {
    /// Whoever asks.
    pub async fn me(&self, principal: &Principal) -> Result<PersonView, ServerError> {
        let id = principal.person.as_ref().ok_or(Refusal::NotLoggedIn)?;
        let mut look = self.records.look().await?;
        let person = look.person_by_id(id).await?.ok_or(Refusal::NotLoggedIn)?.person;
        let memberships = look.memberships(id).await?;
        Ok(PersonView { person, memberships })
    }

    /// People by name; with `search`, those in whose name, display name or address all its words occur.
    pub async fn people(
        &self,
        principal: &Principal,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Person>, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        Ok(self.records.look().await?.people(search, page).await?)
    }

    /// Somebody.
    pub async fn person(&self, principal: &Principal, name: &str) -> Result<PersonView, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let mut look = self.records.look().await?;
        let person = found(&mut look, name).await?.person;
        let memberships = look.memberships(&person.id).await?;
        Ok(PersonView { person, memberships })
    }

    /// Adds somebody; with a password, they can log in with it.
    pub async fn add_person(
        &self,
        principal: &Principal,
        new: NewPerson,
        password: Option<Secret>,
    ) -> Result<Person, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let hash = match password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let now = self.now();
        let mut work = self.records.begin().await?;
        let person = new.into_person(work.new_person_id(), None, now)?;
        work.insert_person(&person, hash.as_deref()).await?;
        note(&mut work, principal, "added", (None, Some(&person)), now).await?;
        self.commit(work, &person).await?;
        Ok(person)
    }

    /// Changes what `change` names of somebody. Whoever is disabled is logged out.
    pub async fn change_person(
        &self,
        principal: &Principal,
        name: &str,
        change: PersonChange,
    ) -> Result<Person, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let mut work = self.records.begin().await?;
        work.change_administrators().await?;
        let before = found(&mut work, name).await?.person;
        let after = before.changed(change)?;
        if before.administers() && !after.administers() {
            refuse_if_last(&mut work, &before).await?;
        }
        if after != before {
            work.replace_person(&after).await?;
            if after.disabled {
                work.delete_sessions_of(&after.id).await?;
            }
            note(&mut work, principal, "changed", (Some(&before), Some(&after)), self.now()).await?;
        }
        work.commit().await?;
        Ok(after)
    }

    /// Removes somebody, with tokens, sessions and memberships.
    pub async fn delete_person(&self, principal: &Principal, name: &str) -> Result<(), ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let mut work = self.records.begin().await?;
        work.change_administrators().await?;
        let person = found(&mut work, name).await?.person;
        if person.administers() {
            refuse_if_last(&mut work, &person).await?;
        }
        work.delete_person(&person.id).await?;
        note(&mut work, principal, "deleted", (Some(&person), None), self.now()).await?;
        Ok(work.commit().await?)
    }

    /// Gives somebody another password, and ends the sessions that began with the old one.
    pub async fn set_password(
        &self,
        principal: &Principal,
        name: &str,
        password: Secret,
    ) -> Result<(), ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let hash = self.passwords.hash(password).await?;
        let mut work = self.records.begin().await?;
        let person = found(&mut work, name).await?.person;
        self.replace_password(work, principal, &person, &hash).await
    }

    /// Gives whoever asks another password. Where there is one, it has to be known.
    pub async fn change_own_password(
        &self,
        principal: &Principal,
        current: Secret,
        password: Secret,
    ) -> Result<(), ServerError> {
        let id = principal.person.as_ref().ok_or(Refusal::NotLoggedIn)?;
        let known = self.records.look().await?.person_by_id(id).await?.ok_or(Refusal::NotLoggedIn)?;
        if known.password.is_none() {
            return Err(ServerError::field(
                "/current",
                "you have no password here: an administrator can give you one",
            ));
        }
        if !self.passwords.verify(current, known.password).await? {
            return Err(ServerError::field("/current", "this is not your password"));
        }
        let hash = self.passwords.hash(password).await?;
        let work = self.records.begin().await?;
        self.replace_password(work, principal, &known.person, &hash).await
    }

    async fn replace_password(
        &self,
        mut work: Work,
        principal: &Principal,
        person: &Person,
        hash: &str,
    ) -> Result<(), ServerError> {
        work.set_password(&person.id, hash).await?;
        work.delete_sessions_of(&person.id).await?;
        note(&mut work, principal, "password_changed", (Some(person), Some(person)), self.now()).await?;
        Ok(work.commit().await?)
    }
}

async fn found(work: &mut Work, name: &str) -> Result<Credentials, ServerError> {
    let found = work.person(name).await?;
    found.ok_or_else(|| ServerError::NotFound { what: "person", name: name.to_owned() })
}

/// Without an administrator nobody could make one through the API.
async fn refuse_if_last(work: &mut Work, person: &Person) -> Result<(), ServerError> {
    if work.count_administrators().await? > 1 {
        return Ok(());
    }
    Err(ServerError::InUse {
        what: format!("the administrator `{}`", person.name),
        by: "there is no other".to_owned(),
        hint: Some("make somebody else an administrator first".to_owned()),
    })
}

pub(crate) async fn note(
    work: &mut Work,
    principal: &Principal,
    action: &str,
    (before, after): (Option<&Person>, Option<&Person>),
    now: Timestamp,
) -> Result<(), ServerError> {
    let person = after.or(before).expect("something has changed");
    let subject = (Subject::Person, person.id.as_str(), person.name.as_str());
    Ok(work.note_change(principal, subject, action, (before, after), now).await?)
}
