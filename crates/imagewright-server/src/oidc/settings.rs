//! What is set of a provider, and what its claims mean here.

use std::collections::BTreeSet;

use imagewright_catalog::{Membership, Name, Role};
use imagewright_model::Secret;
use serde_json::Value;

/// A provider of OpenID Connect, and what its claims mean.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its address, as its tokens name it.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// What proves that it is us; none for a public client.
    pub client_secret: Option<Secret>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Which claims are what.
    pub claims: ClaimSettings,
}

/// Which claims are what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSettings {
    /// The claim with the name to log in with. A dot leads into an object.
    pub name: String,
    /// The claim with the groups. A dot leads into an object.
    pub groups: String,
    /// The groups whose members are administrators of the server. Without any, the provider has no say in it.
    pub admin_groups: BTreeSet<String>,
    /// Ends the names of groups whose members are administrators of the group before it: with `-admins`, those in `ml-admins` look
    /// after `ml`.
    pub group_admin_suffix: Option<String>,
    /// Whether groups that are not here yet are made.
    pub create_groups: bool,
}

impl Default for ClaimSettings {
    fn default() -> Self {
        Self {
            name: "preferred_username".to_owned(),
            groups: "groups".to_owned(),
            admin_groups: BTreeSet::new(),
            group_admin_suffix: None,
            create_groups: false,
        }
    }
}

/// What a provider says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    /// Issuer and subject: who it is, whatever they are called.
    pub(crate) subject: String,
    /// The name to log in with.
    pub(crate) name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) email: Option<String>,
    /// Whether this is an administrator; nothing where the provider has no say in it.
    pub(crate) admin: Option<bool>,
    pub(crate) memberships: Vec<Membership>,
}

impl ClaimSettings {
    /// Reads verified claims. `issuer` and `subject` are those of the token itself.
    pub(crate) fn read(&self, issuer: &str, subject: &str, claims: &Value) -> Claimed {
        let text = |path: &str| Some(at(claims, path)?.as_str()?.trim()).filter(|text| !text.is_empty());
        let name = text(&self.name).or_else(|| text("email")).unwrap_or(subject);
        let groups = self.groups_of(claims);
        let is_admin = groups.iter().any(|group| self.admin_groups.contains(*group));
        Claimed {
            subject: format!("{issuer} {subject}"),
            // What ends a name elsewhere cannot stand in one.
            name: name.replace([':', '/'], "-").chars().filter(|c| !c.is_control()).take(200).collect(),
            display_name: text("name").map(|text| text.chars().take(200).collect()),
            email: text("email").filter(|text| text.contains('@')).map(str::to_owned),
            admin: (!self.admin_groups.is_empty()).then_some(is_admin),
            memberships: self.memberships(&groups),
        }
    }

    /// Whether the claims say anything of groups.
    pub(crate) fn names_groups(&self, claims: &Value) -> bool {
        at(claims, &self.groups).is_some()
    }

    /// The groups as they stand there; some providers write them as paths, which begin with a slash.
    fn groups_of<'a>(&self, claims: &'a Value) -> Vec<&'a str> {
        let groups = match at(claims, &self.groups) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(group)) => vec![group.as_str()],
            _ => Vec::new(),
        };
        groups.into_iter().map(|group| group.strip_prefix('/').unwrap_or(group)).collect()
    }

    /// A group whose name is none here is left out: no two groups become one by spelling.
    fn memberships(&self, groups: &[&str]) -> Vec<Membership> {
        let mut memberships: Vec<Membership> = Vec::new();
        let mut add = |group: &str, role| {
            let Ok(group) = group.parse::<Name>() else { return };
            match memberships.iter_mut().find(|it| it.group == group) {
                Some(known) => known.role = known.role.max(role),
                None => memberships.push(Membership { group, role }),
            }
        };
        let suffix = self.group_admin_suffix.as_deref().filter(|suffix| !suffix.is_empty());
        for group in groups.iter().filter(|group| !self.admin_groups.contains(**group)) {
            match suffix.and_then(|suffix| group.strip_suffix(suffix)) {
                Some(group) => add(group, Role::Admin),
                None => add(group, Role::Member),
            }
        }
        memberships
    }
}

/// The claim at a path. One whose name has dots in it, such as an address, is found as well.
fn at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let (first, rest) = path.split_once('.')?;
    at(claims.get(first)?, rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> ClaimSettings {
        ClaimSettings {
            groups: "realm.roles".to_owned(),
            admin_groups: BTreeSet::from(["operators".to_owned()]),
            group_admin_suffix: Some("-admins".to_owned()),
            ..ClaimSettings::default()
        }
    }

    #[test]
    fn claims_become_names_and_roles() {
        let claims = json!({
            "preferred_username": "ada", "name": "Ada Lovelace", "email": "ada@mail.example",
            "realm": {"roles": ["/ml", "ml-admins", "bio", "No Name", "operators", "-admins"]},
        });
        let claimed = settings().read("https://id.example", "7", &claims);
        assert_eq!(claimed.subject, "https://id.example 7");
        assert_eq!((claimed.name.as_str(), claimed.admin), ("ada", Some(true)));
        let groups: Vec<(&str, Role)> =
            claimed.memberships.iter().map(|it| (it.group.as_str(), it.role)).collect();
        assert_eq!(groups, [("ml", Role::Admin), ("bio", Role::Member)]);
    }

    #[test]
    fn what_is_missing_or_odd_gives_nothing() {
        let claimed =
            settings().read("https://id.example", "a/b:c", &json!({"realm": {"roles": 7}, "email": "x"}));
        assert_eq!((claimed.name.as_str(), claimed.admin), ("x", Some(false)));
        assert_eq!((claimed.email, claimed.memberships), (None, Vec::new()));
        let claimed = ClaimSettings::default().read("i", "a/b:c", &json!({"groups": "ml"}));
        assert_eq!((claimed.name.as_str(), claimed.admin), ("a-b-c", None));
        assert_eq!(claimed.memberships.len(), 1);
        let address =
            ClaimSettings { groups: "https://id.example/groups".to_owned(), ..ClaimSettings::default() };
        assert_eq!(
            address.read("i", "s", &json!({"https://id.example/groups": ["ml"]})).memberships.len(),
            1
        );
    }
}
