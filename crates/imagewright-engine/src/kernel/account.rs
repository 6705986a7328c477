//! The account that kernels run as.

use imagewright_model::spec::KernelUser;

/// What the account is called, as in Jupyter's own images.
pub const KERNEL_ACCOUNT: &str = "jovyan";
/// Its home.
pub(super) const HOME: &str = "/home/jovyan";
/// What Debian calls the group that is usual.
const USERS: (&str, u32) = ("users", 100);
/// Rights of a home that the group may write to as well.
pub(super) const HOME_MODE: u32 = 0o2775;

/// The line of `/etc/passwd` for an account.
pub fn passwd_line(name: &str, (uid, gid): (u32, u32), home: &str, shell: &str) -> String {
    format!("{name}:x:{uid}:{gid}::{home}:{shell}")
}

/// The contents of a script that runs a program.
pub fn wrapper(program: &str) -> String {
    format!("#!/bin/sh\nexec {program} \"$@\"\n")
}

/// The program that such a script runs.
pub(super) fn wrapped(text: &str) -> Option<&str> {
    text.strip_prefix("#!/bin/sh\nexec ")?.strip_suffix(" \"$@\"\n")
}

/// `/etc/passwd` with the account; none where it is there.
pub(super) fn passwd(text: &str, user: KernelUser, shell: &str) -> Option<String> {
    let line = passwd_line(KERNEL_ACCOUNT, (user.uid, user.gid), HOME, shell);
    let is_same = |known: &str| {
        let fields: Vec<&str> = known.split(':').collect();
        let uid = fields.get(2).and_then(|uid| uid.parse().ok());
        fields.first() == Some(&KERNEL_ACCOUNT) || uid == Some(user.uid)
    };
    let wanted: Vec<&str> = line.split(':').take(6).collect();
    let fits = |known: &str| {
        let fields: Vec<&str> = known.split(':').take(6).collect();
        fields.len() == 6 && [0, 2, 3, 5].iter().all(|field| fields[*field] == wanted[*field])
    };
    let known: Vec<&str> = text.lines().filter(|line| is_same(line)).collect();
    match known[..] {
        [only] if fits(only) => None,
        _ => {
            let others = text.lines().filter(|line| !is_same(line));
            Some(joined(others.chain([line.as_str()])))
        }
    }
}

/// `/etc/group` with the group of the account; none where it is there.
pub(super) fn group(text: &str, user: KernelUser) -> Option<String> {
    let field = |line: &str, number: usize| line.split(':').nth(number).map(str::to_owned);
    let gid = user.gid.to_string();
    if text.lines().any(|line| field(line, 2).as_ref() == Some(&gid)) {
        return None;
    }
    let usual = if user.gid == USERS.1 { USERS.0 } else { KERNEL_ACCOUNT };
    let is_taken = text.lines().any(|line| field(line, 0).as_deref() == Some(usual));
    let name = if is_taken { format!("{usual}-{gid}") } else { usual.to_owned() };
    Some(joined(text.lines().chain([format!("{name}:x:{gid}:").as_str()])))
}

/// `/etc/shadow` with the account, which nobody can log in to by a password; none where it is there.
pub(super) fn shadow(text: &str) -> Option<String> {
    let is_there = text.lines().any(|line| line.split(':').next() == Some(KERNEL_ACCOUNT));
    (!is_there).then(|| joined(text.lines().chain([format!("{KERNEL_ACCOUNT}:!::0:99999:7:::").as_str()])))
}

fn joined<'l>(lines: impl Iterator<Item = &'l str>) -> String {
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "root:x:0:0:root:/root:/bin/bash\n";

    #[test]
    fn an_account_comes_once_and_takes_the_place_of_another() {
        let user = KernelUser::default();
        let with = format!("{ROOT}jovyan:x:1000:100::/home/jovyan:/bin/bash\n");
        assert_eq!(passwd(ROOT, user, "/bin/bash").as_deref(), Some(with.as_str()));
        assert_eq!(passwd(&with, user, "/bin/sh"), None);
        // docker-stacks' own has a text and the same home.
        let known = "jovyan:x:1000:100:,,,:/home/jovyan:/bin/bash\n";
        assert_eq!(passwd(known, user, "/bin/bash"), None);
        let others =
            format!("{ROOT}ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\njovyan:x:7:7::/:/bin/sh\n");
        assert_eq!(passwd(&others, user, "/bin/bash").as_deref(), Some(with.as_str()));
        assert_eq!(passwd("", user, "/bin/sh").as_deref(), Some("jovyan:x:1000:100::/home/jovyan:/bin/sh\n"));
    }

    #[test]
    fn a_group_has_a_name_of_its_own() {
        let group_of = |text: &str, gid| group(text, KernelUser { uid: 1000, gid });
        assert_eq!(group_of("users:x:100:\n", 100), None);
        assert_eq!(group_of("root:x:0:\n", 100).as_deref(), Some("root:x:0:\nusers:x:100:\n"));
        assert_eq!(group_of("users:x:99:\n", 100).as_deref(), Some("users:x:99:\nusers-100:x:100:\n"));
        assert_eq!(group_of("", 2000).as_deref(), Some("jovyan:x:2000:\n"));
    }

    #[test]
    fn nobody_logs_in_by_a_password() {
        let with = shadow("root:*:::::::\n").unwrap();
        assert!(with.ends_with("\njovyan:!::0:99999:7:::\n"), "{with}");
        assert_eq!(shadow(&with), None);
    }
}
