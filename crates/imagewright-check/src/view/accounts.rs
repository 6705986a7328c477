//! Who the users of an image are: `/etc/passwd` and `/etc/group`, and what a configuration's `User` comes to.

use super::{User, View};

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: String,
}

impl View {
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Account> + '_ {
        self.text("/etc/passwd").unwrap_or_default().lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
            let number = |text: &str| text.trim().parse().ok();
            Some(Account {
                name: name.to_owned(),
                uid: number(uid)?,
                gid: number(gid)?,
                home: home.to_owned(),
            })
        })
    }

    pub(crate) fn account(&self, uid: u32) -> Option<Account> {
        self.accounts().find(|account| account.uid == uid)
    }

    pub(crate) fn account_named(&self, name: &str) -> Option<Account> {
        self.accounts().find(|account| account.name == name)
    }

    /// Name, number and members of each group.
    fn groups(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.text("/etc/group").unwrap_or_default().lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members, ..] = fields[..] else { return None };
            Some((name, gid.trim().parse().ok()?, members))
        })
    }

    /// The groups that an account is a member of, beside its own.
    pub(crate) fn groups_of(&self, name: &str) -> Vec<u32> {
        let is_member = |members: &str| members.split(',').any(|member| member.trim() == name);
        self.groups().filter(|(_, _, members)| is_member(members)).map(|(_, gid, _)| gid).collect()
    }

    /// Whoever runs by the `User` of a configuration; none where the image has no such user.
    pub(crate) fn user(&self, written: &str) -> Option<User> {
        let (user, group) = match written.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (written, None),
        };
        let account = match user.parse::<u32>() {
            Ok(uid) => self.account(uid),
            Err(_) if user.is_empty() => self.account(0),
            Err(_) => Some(self.account_named(user)?),
        };
        let uid = match user.parse() {
            Ok(uid) => uid,
            Err(_) => account.as_ref().map_or(0, |account| account.uid),
        };
        let groups = account.as_ref().map(|account| self.groups_of(&account.name)).unwrap_or_default();
        let own = account.map_or(0, |account| account.gid);
        let gid = match group {
            None | Some("") => own,
            Some(group) => match group.parse() {
                Ok(gid) => gid,
                Err(_) => self.groups().find(|(name, _, _)| *name == group)?.1,
            },
        };
        // Runtimes leave out the others where a group was said.
        let groups = if group.is_some() { Vec::new() } else { groups };
        Some(User { uid, gid, groups })
    }
}
