//! Groups and who is in them.

use imagewright_catalog::{
    Action, Group, GroupChange, Image, Member, Name, NewGroup, Object, Owner, Person, Principal, Refusal,
    Role, Subject, may,
};
use imagewright_records::Work;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Server, ServerError, images};

/// What becomes of the images that a group owns when it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImagesOfGroup {
    /// The administrators look after them from then on.
    System,
    /// They are deleted as well.
    Delete,
}

/// A membership as the audit trail has it.
#[derive(Serialize)]
struct NotedMember<'a> {
    group: &'a Name,
    person: &'a str,
    role: Role,
}

impl Server {
    /// The groups that whoever asks may see: their own, or all.
    pub async fn groups(&self, principal: &Principal) -> Result<Vec<Group>, ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        let groups = self.records.look().await?.all_groups().await?;
        let is_seen = |group: &Group| may(principal, Action::SeeGroup, Object::Group(&group.name)).is_ok();
        Ok(groups.into_iter().filter(is_seen).collect())
    }

    /// One group.
    pub async fn group(&self, principal: &Principal, name: &Name) -> Result<Group, ServerError> {
        may_with(principal, Action::SeeGroup, name)?;
        found(&mut self.records.look().await?, name).await
    }

    /// Adds a group.
    pub async fn add_group(&self, principal: &Principal, new: NewGroup) -> Result<Group, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let now = self.now();
        let mut work = self.records.begin().await?;
        let group = new.into_group(work.new_group_id(), now)?;
        work.insert_group(&group).await?;
        note(&mut work, principal, "added", (None, Some(&group)), now).await?;
        self.commit(work, &group).await?;
        Ok(group)
    }

    /// Changes what a group is called.
    pub async fn change_group(
        &self,
        principal: &Principal,
        name: &Name,
        change: GroupChange,
    ) -> Result<Group, ServerError> {
        may_with(principal, Action::Administer, name)?;
        let mut work = self.records.begin().await?;
        let before = found(&mut work, name).await?;
        let after = before.changed(change)?;
        if after != before {
            work.replace_group(&after).await?;
            note(&mut work, principal, "changed", (Some(&before), Some(&after)), self.now()).await?;
        }
        work.commit().await?;
        Ok(after)
    }

    /// Removes a group. While it owns images, that is refused unless it is said what becomes of them. What was offered to the
    /// group is no longer: a later group of this name gets nothing by it.
    pub async fn delete_group(
        &self,
        principal: &Principal,
        name: &Name,
        images: Option<ImagesOfGroup>,
    ) -> Result<(), ServerError> {
        may_with(principal, Action::Administer, name)?;
        let now = self.now();
        let mut work = self.records.begin().await?;
        let group = found(&mut work, name).await?;
        let owner = Owner::Group(name.clone());
        let concerned = work.images_of_group(name).await?;
        if images.is_none() {
            let owned: Vec<&str> =
                concerned.iter().filter(|it| it.owner == owner).map(|it| it.name.as_str()).collect();
            if !owned.is_empty() {
                return Err(ServerError::InUse {
                    what: format!("the group `{name}`"),
                    by: format!("it owns {}", listed("image", &owned)),
                    hint: Some("say with `images=system` or `images=delete` what becomes of them".to_owned()),
                });
            }
        }
        for image in concerned {
            let goes = image.owner == owner && images == Some(ImagesOfGroup::Delete);
            match goes {
                true => {
                    work.delete_image(&image).await?;
                    images::note(&mut work, principal, "deleted", (Some(&image), None)).await?;
                }
                false => {
                    let left = without(&image, name, now);
                    work.replace_image(&left, image.revision).await?;
                    images::note(&mut work, principal, "changed", (Some(&image), Some(&left))).await?;
                }
            }
        }
        work.delete_group(&group.id).await?;
        note(&mut work, principal, "deleted", (Some(&group), None), now).await?;
        work.commit().await?;
        self.finish_removals().await
    }

    /// Who is in a group.
    pub async fn members(&self, principal: &Principal, name: &Name) -> Result<Vec<Member>, ServerError> {
        may_with(principal, Action::SeeGroup, name)?;
        let mut look = self.records.look().await?;
        let group = found(&mut look, name).await?;
        let members = look.members(&group.id).await?.into_iter();
        Ok(members.map(|(person, role)| member(person, role)).collect())
    }

    /// Puts somebody into a group, or changes what the person may do there.
    pub async fn set_member(
        &self,
        principal: &Principal,
        name: &Name,
        person: &str,
        role: Role,
    ) -> Result<Member, ServerError> {
        may_with(principal, Action::ManageGroup, name)?;
        let mut work = self.records.begin().await?;
        let group = found(&mut work, name).await?;
        let Some(known) = work.person(person).await? else {
            return Err(ServerError::NotFound { what: "person", name: person.to_owned() });
        };
        let known = known.person;
        let had = work.members(&group.id).await?.into_iter().find(|(member, _)| member.id == known.id);
        work.set_member(&group.id, &known.id, role).await?;
        let noted = |role| NotedMember { group: name, person: &known.name, role };
        let (before, after) = (had.map(|(_, role)| noted(role)), noted(role));
        let subject = (Subject::Group, group.id.as_str(), group.name.as_str());
        work.note_change(principal, subject, "member_set", (before.as_ref(), Some(&after)), self.now())
            .await?;
        work.commit().await?;
        Ok(member(known, role))
    }

    /// Takes somebody out of a group.
    pub async fn remove_member(
        &self,
        principal: &Principal,
        name: &Name,
        person: &str,
    ) -> Result<(), ServerError> {
        may_with(principal, Action::ManageGroup, name)?;
        let mut work = self.records.begin().await?;
        let group = found(&mut work, name).await?;
        let members = work.members(&group.id).await?;
        let Some((known, role)) = members.into_iter().find(|(member, _)| member.name == person) else {
            return Err(ServerError::NotFound { what: "member", name: person.to_owned() });
        };
        work.remove_member(&group.id, &known.id).await?;
        let before = NotedMember { group: name, person: &known.name, role };
        let subject = (Subject::Group, group.id.as_str(), group.name.as_str());
        work.note_change(principal, subject, "member_removed", (Some(&before), None), self.now()).await?;
        Ok(work.commit().await?)
    }
}

/// What may not be seen is not there.
fn may_with(principal: &Principal, action: Action, name: &Name) -> Result<(), ServerError> {
    may(principal, action, Object::Group(name)).map_err(|refusal| match refusal {
        Refusal::Unseen => not_found(name),
        refusal => refusal.into(),
    })
}

async fn found(work: &mut Work, name: &Name) -> Result<Group, ServerError> {
    work.group(name).await?.ok_or_else(|| not_found(name))
}

fn not_found(name: &Name) -> ServerError {
    ServerError::NotFound { what: "group", name: name.to_string() }
}

fn member(person: Person, role: Role) -> Member {
    Member { person: person.name, display_name: person.display_name, role }
}

/// The entry as it is once a group is gone.
fn without(image: &Image, group: &Name, now: Timestamp) -> Image {
    let mut image = image.clone();
    image.visibility.groups.remove(group);
    if image.owner == Owner::Group(group.clone()) {
        image.owner = Owner::System;
    }
    image.revision += 1;
    image.changed_at = now;
    image
}

/// The first few of many names, for people.
pub(crate) fn listed(what: &str, names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("the {what}{plural} {}{more}", shown.join(", "))
}

async fn note(
    work: &mut Work,
    principal: &Principal,
    action: &str,
    (before, after): (Option<&Group>, Option<&Group>),
    now: Timestamp,
) -> Result<(), ServerError> {
    let group = after.or(before).expect("something has changed");
    let subject = (Subject::Group, group.id.as_str(), group.name.as_str());
    Ok(work.note_change(principal, subject, action, (before, after), now).await?)
}
