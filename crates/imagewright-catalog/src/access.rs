//! Who may do what. There is no other place where that is decided, and what is not allowed here is refused.

use crate::{Image, Name, Owner, Principal, Visibility};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See an entry, its reference and what is known of it; pull it from here.
    See,
    /// Add an entry like this. Of an entry that is changed, asked of what it becomes, seen by those alone who did not see it before.
    Create,
    /// Change an entry as it is; push to it.
    Change,
    /// Delete an entry.
    Delete,
    /// Have it built, or a build of it stopped; read the log. Of the server: have it planned what a build would do.
    Build,
    /// See the groups, members and their roles of a group.
    SeeGroup,
    /// Add members to a group, or remove them.
    ManageGroup,
    /// See names of secrets, hosts and users.
    SeeSecrets,
    /// All else: people, groups, secrets, settings, the audit trail of everything.
    Administer,
}

/// What somebody wants to do it to.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// An image, as it is or as it shall be.
    Image {
        /// Who looks after it.
        owner: &'a Owner,
        /// Who sees it.
        visibility: &'a Visibility,
    },
    /// A group.
    Group(&'a Name),
    /// The server.
    Server,
}

impl<'a> From<&'a Image> for Object<'a> {
    fn from(image: &'a Image) -> Self {
        Self::Image { owner: &image.owner, visibility: &image.visibility }
    }
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Whoever asks may not even know that it is there.
    #[error("there is no such thing")]
    Unseen,
    /// Nobody has logged in.
    #[error("this needs a login")]
    NotLoggedIn,
    /// It is seen, and not allowed.
    #[error("this is not allowed to you")]
    Forbidden,
}

/// Whether `principal` may do something. Refused is what is not allowed here.
pub fn may(principal: &Principal, action: Action, object: Object<'_>) -> Result<(), Refusal> {
    if principal.admin {
        return Ok(());
    }
    match object {
        Object::Image { owner, visibility } => image(principal, action, owner, visibility),
        Object::Group(name) => group(principal, action, name),
        Object::Server => match action {
            Action::SeeSecrets | Action::Build if principal.looks_after_some_group() => Ok(()),
            _ => Err(refusal(principal)),
        },
    }
}

/// Whether `principal` may pull an image. Who sees it may; at a server that is `open`, who has not logged in may pull what is
/// for all.
pub fn may_pull(principal: &Principal, image: &Image, open: bool) -> Result<(), Refusal> {
    match may(principal, Action::See, Object::from(image)) {
        Err(_) if open && !principal.is_somebody() && image.visibility.global => Ok(()),
        answer => answer,
    }
}

fn image(
    principal: &Principal,
    action: Action,
    owner: &Owner,
    visibility: &Visibility,
) -> Result<(), Refusal> {
    let looks_after = matches!(owner, Owner::Group(group) if principal.looks_after(group));
    match action {
        // Who looks after a group decides for the groups that are theirs, and not for all.
        Action::Create if looks_after => {
            let theirs = visibility.groups.iter().all(|group| principal.looks_after(group));
            if theirs && !visibility.global { Ok(()) } else { Err(Refusal::Forbidden) }
        }
        Action::Change | Action::Delete | Action::Build if looks_after => Ok(()),
        Action::See if sees(principal, owner, visibility) => Ok(()),
        Action::Create => Err(refusal(principal)),
        _ if sees(principal, owner, visibility) => Err(refusal(principal)),
        _ => Err(Refusal::Unseen),
    }
}

/// Global images are for everybody who has logged in.
fn sees(principal: &Principal, owner: &Owner, visibility: &Visibility) -> bool {
    let owns = matches!(owner, Owner::Group(group) if principal.is_in(group));
    let offered = visibility.groups.iter().any(|group| principal.is_in(group));
    principal.is_somebody() && (owns || offered || visibility.global)
}

fn group(principal: &Principal, action: Action, name: &Name) -> Result<(), Refusal> {
    match action {
        Action::SeeGroup if principal.is_in(name) => Ok(()),
        Action::ManageGroup if principal.looks_after(name) => Ok(()),
        _ if principal.is_in(name) => Err(Refusal::Forbidden),
        _ => Err(if principal.is_somebody() { Refusal::Unseen } else { Refusal::NotLoggedIn }),
    }
}

fn refusal(principal: &Principal) -> Refusal {
    if principal.is_somebody() { Refusal::Forbidden } else { Refusal::NotLoggedIn }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Membership, PersonId, Role};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn somebody(memberships: &[(&str, Role)]) -> Principal {
        let memberships =
            memberships.iter().map(|(group, role)| Membership { group: name(group), role: *role }).collect();
        Principal { person: Some(PersonId::new("p")), name: "p".to_owned(), admin: false, memberships }
    }

    /// Each who × what × on what, with the answer: `+` allowed, `f` forbidden, `u` unseen, `l` needs a login.
    #[test]
    fn the_matrix_of_images() {
        let shown_to = |global: bool, groups: &[&str]| Visibility {
            global,
            groups: groups.iter().map(|group| name(group)).collect(),
        };
        let objects = [
            (Owner::System, shown_to(true, &[])),
            (Owner::System, shown_to(false, &[])),
            (Owner::System, shown_to(false, &["ml"])),
            (Owner::Group(name("ml")), shown_to(false, &[])),
            (Owner::Group(name("ml")), shown_to(true, &[])),
            (Owner::Group(name("ml")), shown_to(false, &["bio"])),
            (Owner::Group(name("bio")), shown_to(false, &["ml"])),
        ];
        let people = [
            ("anonymous", Principal::anonymous()),
            ("nobody's", somebody(&[])),
            ("member", somebody(&[("ml", Role::Member)])),
            ("admin of ml", somebody(&[("ml", Role::Admin)])),
            ("admin of both", somebody(&[("ml", Role::Admin), ("bio", Role::Admin)])),
            ("administrator", Principal { admin: true, ..Principal::default() }),
        ];
        let actions = [Action::See, Action::Create, Action::Change, Action::Delete, Action::Build];
        // A row for each person; a word for each action; a letter for each object.
        let expected = [
            ["uuuuuuu", "lllllll", "uuuuuuu", "uuuuuuu", "uuuuuuu"],
            ["+uuu+uu", "fffffff", "fuuufuu", "fuuufuu", "fuuufuu"],
            ["+u+++++", "fffffff", "fufffff", "fufffff", "fufffff"],
            ["+u+++++", "fff+fff", "fuf+++f", "fuf+++f", "fuf+++f"],
            ["+u+++++", "fff+f++", "fuf++++", "fuf++++", "fuf++++"],
            ["+++++++"; 5],
        ];
        for ((who, principal), row) in people.iter().zip(expected) {
            for (action, letters) in actions.iter().zip(row) {
                let answers: String = objects
                    .iter()
                    .map(|(owner, visibility)| {
                        match may(principal, *action, Object::Image { owner, visibility }) {
                            Ok(()) => '+',
                            Err(Refusal::Forbidden) => 'f',
                            Err(Refusal::Unseen) => 'u',
                            Err(Refusal::NotLoggedIn) => 'l',
                        }
                    })
                    .collect();
                assert_eq!(answers, letters, "{who}: {action:?}");
            }
        }
    }

    #[test]
    fn who_has_not_logged_in_pulls_what_is_global_from_open_servers() {
        let image = |global: bool| {
            let new = serde_json::json!({
                "display_name": "A", "reference": "registry.example/a:1", "visibility": {"global": global},
            });
            let new: crate::NewImage = serde_json::from_value(new).unwrap();
            new.into_image(crate::ImageId::new("i"), name("a"), None, jiff::Timestamp::UNIX_EPOCH).unwrap()
        };
        let anonymous = Principal::anonymous();
        assert_eq!(may_pull(&anonymous, &image(true), true), Ok(()));
        assert_eq!(may_pull(&anonymous, &image(true), false), Err(Refusal::Unseen));
        assert_eq!(may_pull(&anonymous, &image(false), true), Err(Refusal::Unseen));
        assert_eq!(may_pull(&somebody(&[]), &image(true), false), Ok(()));
        assert_eq!(may_pull(&somebody(&[]), &image(false), true), Err(Refusal::Unseen));
    }

    #[test]
    fn groups_are_managed_by_their_administrators() {
        let (ml, bio) = (name("ml"), name("bio"));
        let member = somebody(&[("ml", Role::Member)]);
        let looks_after = somebody(&[("ml", Role::Admin)]);
        assert_eq!(may(&member, Action::SeeGroup, Object::Group(&ml)), Ok(()));
        assert_eq!(may(&member, Action::ManageGroup, Object::Group(&ml)), Err(Refusal::Forbidden));
        assert_eq!(may(&looks_after, Action::ManageGroup, Object::Group(&ml)), Ok(()));
        assert_eq!(may(&looks_after, Action::ManageGroup, Object::Group(&bio)), Err(Refusal::Unseen));
        assert_eq!(may(&looks_after, Action::Administer, Object::Server), Err(Refusal::Forbidden));
        assert_eq!(may(&looks_after, Action::SeeSecrets, Object::Server), Ok(()));
        assert_eq!(may(&member, Action::SeeSecrets, Object::Server), Err(Refusal::Forbidden));
        assert_eq!(may(&looks_after, Action::Build, Object::Server), Ok(()));
        assert_eq!(may(&member, Action::Build, Object::Server), Err(Refusal::Forbidden));
        assert_eq!(
            may(&Principal::anonymous(), Action::SeeGroup, Object::Group(&ml)),
            Err(Refusal::NotLoggedIn)
        );
    }
}
