//! Ids that belong to a user beside the own one: ranges in `/etc/subuid` and `/etc/subgid`.

use std::fs;
use std::io;

use nix::unistd::{User, getuid};

use super::UserNamespaceError;

/// Ids an image may use, as many as there were before they had 32 bits.
pub(super) const NEEDED: u32 = 65_536;

/// Where distributions let the ranges begin.
const FIRST: u32 = 100_000;

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Users,
    Groups,
}

impl Kind {
    const BOTH: [Self; 2] = [Self::Users, Self::Groups];

    /// The file that has their ranges.
    fn file(self) -> &'static str {
        match self {
            Self::Users => "/etc/subuid",
            Self::Groups => "/etc/subgid",
        }
    }

    /// The option of `usermod` that adds a range.
    fn option(self) -> &'static str {
        match self {
            Self::Users => "--add-subuids",
            Self::Groups => "--add-subgids",
        }
    }
}

/// Consecutive ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Ranges large enough for images.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SubordinateIds {
    pub(super) users: Range,
    pub(super) groups: Range,
}

/// Finds the ranges of the user this process belongs to.
pub(super) fn find() -> Result<SubordinateIds, UserNamespaceError> {
    let uid = getuid();
    let name = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let [users, groups] = Kind::BOTH.map(read);
    choose(&name, uid.as_raw(), &users?, &groups?)
}

fn read(kind: Kind) -> Result<String, UserNamespaceError> {
    match fs::read_to_string(kind.file()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        result => result.map_err(|source| UserNamespaceError::Read { path: kind.file().into(), source }),
    }
}

fn choose(name: &str, uid: u32, users: &str, groups: &str) -> Result<SubordinateIds, UserNamespaceError> {
    match (largest(users, name, uid), largest(groups, name, uid)) {
        (Some(users), Some(groups)) => Ok(SubordinateIds { users, groups }),
        (found_users, found_groups) => {
            let first = first_free([users, groups]);
            let last = first.saturating_add(NEEDED - 1);
            let found = [found_users, found_groups];
            let lacking = || Kind::BOTH.into_iter().zip(found).filter(|(_, found)| found.is_none());
            let files: Vec<_> = lacking().map(|(kind, _)| format!("`{}`", kind.file())).collect();
            let options: Vec<_> =
                lacking().map(|(kind, _)| format!("{} {first}-{last}", kind.option())).collect();
            Err(UserNamespaceError::SubordinateIds {
                user: name.to_owned(),
                files: files.join(" and "),
                command: format!("usermod {} {name}", options.join(" ")),
            })
        }
    }
}

/// The user's largest range, if it is large enough.
fn largest(text: &str, name: &str, uid: u32) -> Option<Range> {
    let own = |owner: &str| owner == name || owner == uid.to_string();
    let ranges = text.lines().filter_map(parse).filter(|(owner, _)| own(owner)).map(|(_, range)| range);
    ranges.filter(|range| range.count >= NEEDED).max_by_key(|range| range.count)
}

/// Where nobody's range is.
fn first_free(texts: [&str; 2]) -> u32 {
    let ends = texts.iter().flat_map(|text| text.lines()).filter_map(parse);
    ends.map(|(_, range)| range.first.saturating_add(range.count)).fold(FIRST, u32::max)
}

/// Reads a line such as `alice:100000:65536`.
fn parse(line: &str) -> Option<(&str, Range)> {
    let mut fields = line.trim().split(':');
    let owner = fields.next().filter(|owner| !owner.is_empty() && !owner.starts_with('#'))?;
    let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((owner, Range { first, count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_largest_range_of_the_user() {
        let text =
            "# alice:1:70000\nbob:100000:200000\nalice:300000:65536\n1000:400000:70000\nalice:500000:10\n";
        let expected = Range { first: 400_000, count: 70_000 };
        assert_eq!(largest(text, "alice", 1000), Some(expected));
        assert_eq!(largest(text, "carol", 1001), None);
        assert_eq!(largest("alice:100000:65535\n", "alice", 1000), None);
        for line in ["alice", "alice:1", "alice:x:65536", "alice:1:99999999999", ":1:65536", ""] {
            assert_eq!(largest(line, "alice", 1000), None, "{line}");
        }
    }

    #[test]
    fn proposes_a_range_nobody_has() {
        let whole = "bob:100000:65536\n";
        for (users, groups, files, command) in [
            (
                "",
                "",
                "`/etc/subuid` and `/etc/subgid`",
                "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 alice",
            ),
            (
                whole,
                "bob:100000:99\n",
                "`/etc/subuid` and `/etc/subgid`",
                "usermod --add-subuids 165536-231071 --add-subgids 165536-231071 alice",
            ),
            ("alice:200000:65536", whole, "`/etc/subgid`", "usermod --add-subgids 265536-331071 alice"),
            (
                "alice:100000:1000",
                "alice:1:65536",
                "`/etc/subuid`",
                "usermod --add-subuids 101000-166535 alice",
            ),
        ] {
            let error = choose("alice", 1000, users, groups).unwrap_err();
            let expected = format!("the user `alice` has no range of 65536 ids in {files}");
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.hint().unwrap(), format!("let root run `{command}`"));
        }
    }
}
