//! Users and groups of an image, as its `/etc/passwd` and `/etc/group` tell.

use crate::error::EngineError;
use crate::root_view::RootView;

/// Who a program runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// The account that a config's `User` means: empty (root), `name`, `uid`, `name:group` or `uid:gid`.
pub(crate) fn find(user: &str, view: &RootView) -> Result<Account, EngineError> {
    let read = |path| view.read_to_string(path).unwrap_or_default();
    parse(user, &read("/etc/passwd"), &read("/etc/group"))
}

/// User and group that files get whose owner is written `name`, `uid`, `name:group` or `uid:gid`. As builders of
/// Dockerfiles have it, a number without a group stands for the group, too.
pub(crate) fn find_owner(owner: &str, view: &RootView) -> Result<(u32, u32), EngineError> {
    match owner.parse() {
        Ok(number) => Ok((number, number)),
        Err(_) => find(owner, view).map(|account| (account.uid, account.gid)),
    }
}

fn parse(user: &str, passwd: &str, group: &str) -> Result<Account, EngineError> {
    let unknown = || EngineError::UnknownUser(user.to_owned());
    let (name, group_name) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (user, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() >= 6 && (fields[0] == name || fields[2] == name));
    let (login, uid, own_gid, home) = match entry {
        Some(fields) => {
            let number = |index: usize| fields[index].parse::<u32>().map_err(|_| unknown());
            (Some(fields[0]), number(2)?, number(3)?, fields[5].to_owned())
        }
        // A number needs no entry; its group is then root's, as engines have it.
        None => (None, name.parse().map_err(|_| unknown())?, 0, "/".to_owned()),
    };
    let home = if uid == 0 && login.is_none() { "/root".to_owned() } else { home };
    let (gid, groups) = match group_name {
        Some(wanted) => (group_id(wanted, group).ok_or_else(unknown)?, Vec::new()),
        None => (own_gid, login.map_or_else(Vec::new, |login| supplementary(login, group))),
    };
    Ok(Account { uid, gid, groups, home })
}

fn group_id(wanted: &str, group: &str) -> Option<u32> {
    let named = group.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(wanted)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    named.or_else(|| wanted.parse().ok())
}

fn supplementary(login: &str, group: &str) -> Vec<u32> {
    group
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let is_member = fields.get(3)?.split(',').any(|member| member == login);
            is_member.then(|| fields[2].parse().ok()).flatten()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\njovyan:x:1000:100:,,,:/home/jovyan:/bin/bash\n";
    const GROUP: &str = "root:x:0:\nusers:x:100:\nsudo:x:27:jovyan,other\n";

    #[test]
    fn every_form_of_a_user_is_understood() {
        let cases = [
            ("", (0, 0, vec![], "/root")),
            ("root", (0, 0, vec![], "/root")),
            ("jovyan", (1000, 100, vec![27], "/home/jovyan")),
            ("1000", (1000, 100, vec![27], "/home/jovyan")),
            ("jovyan:sudo", (1000, 27, vec![], "/home/jovyan")),
            ("1234", (1234, 0, vec![], "/")),
            ("1234:5678", (1234, 5678, vec![], "/")),
        ];
        for (user, (uid, gid, groups, home)) in cases {
            let account = Account { uid, gid, groups, home: home.to_owned() };
            assert_eq!(parse(user, PASSWD, GROUP).unwrap(), account, "{user}");
        }
        for user in ["nobody-here", "jovyan:nogroup"] {
            assert!(matches!(parse(user, PASSWD, GROUP), Err(EngineError::UnknownUser(_))), "{user}");
        }
        assert_eq!(parse("0", "", "").unwrap().home, "/root");
    }
}
