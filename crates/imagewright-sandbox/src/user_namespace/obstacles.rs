//! What keeps an ordinary user from a user namespace, found before anything is tried.

use std::fs;
use std::path::PathBuf;

use super::UserNamespaceError;
use super::subordinate::{self, SubordinateIds};

/// Overlays for ordinary users came with 5.11, changing whole trees of mounts with 5.12, counting processes by
/// user namespace with 5.14.
const OLDEST_KERNEL: (u32, u32) = (5, 14);

/// Assigns user ids.
pub(super) const NEWUIDMAP: &str = "newuidmap";

/// Assigns group ids.
pub(super) const NEWGIDMAP: &str = "newgidmap";

/// What is there to enter a user namespace with.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) newuidmap: PathBuf,
    pub(super) newgidmap: PathBuf,
    pub(super) ids: SubordinateIds,
}

/// A setting of the kernel that can forbid user namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Debian's switch.
    UnprivilegedClone,
    /// How many there may be.
    MostNamespaces,
    /// Ubuntu's switch: only programs that have a profile may use them.
    AppArmor,
}

impl Setting {
    /// Its name for `sysctl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnprivilegedClone => "kernel.unprivileged_userns_clone",
            Self::MostNamespaces => "user.max_user_namespaces",
            Self::AppArmor => "kernel.apparmor_restrict_unprivileged_userns",
        }
    }

    /// What root can do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::UnprivilegedClone => "let root run `sysctl -w kernel.unprivileged_userns_clone=1`",
            Self::MostNamespaces => "let root run `sysctl -w user.max_user_namespaces=15000`",
            Self::AppArmor => {
                "let root give this program an AppArmor profile with the rule `userns,`, or run \
                 `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
            }
        }
    }

    /// Its value, if the kernel has it.
    fn value(self) -> Option<String> {
        let path = format!("/proc/sys/{}", self.name().replace('.', "/"));
        Some(fs::read_to_string(path).ok()?.trim().to_owned())
    }

    /// The error, if it has the value that forbids.
    fn forbids(self, forbidding: &str) -> Result<(), UserNamespaceError> {
        match self.value().filter(|value| value == forbidding) {
            Some(value) => Err(UserNamespaceError::Disabled { setting: self, value }),
            None => Ok(()),
        }
    }
}

/// Gathers what is needed, or says what is missing first.
pub(super) fn means() -> Result<Means, UserNamespaceError> {
    kernel()?;
    Ok(Means { newuidmap: program(NEWUIDMAP)?, newgidmap: program(NEWGIDMAP)?, ids: subordinate::find()? })
}

/// Whether the kernel can and may do it.
pub(super) fn kernel() -> Result<(), UserNamespaceError> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    if parse_release(&release).is_some_and(|version| version < OLDEST_KERNEL) {
        return Err(UserNamespaceError::OldKernel { release: release.trim().to_owned() });
    }
    Setting::UnprivilegedClone.forbids("0")?;
    Setting::MostNamespaces.forbids("0")?;
    let gains_nothing = nix::sys::prctl::get_no_new_privs().unwrap_or(false);
    if gains_nothing { Err(UserNamespaceError::NoNewPrivileges) } else { Ok(()) }
}

/// Whether the kernel refuses because of a setting that does not forbid it to all programs.
pub(super) fn app_armor() -> Result<(), UserNamespaceError> {
    Setting::AppArmor.forbids("1")
}

/// Finds a program on the `PATH`.
pub(super) fn program(name: &'static str) -> Result<PathBuf, UserNamespaceError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    found.ok_or(UserNamespaceError::MissingProgram { program: name })
}

fn parse_release(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_releases() {
        for (release, expected) in [
            ("6.1.0-18-amd64\n", Some((6, 1))),
            ("5.14.0-362.8.1.el9_3.x86_64", Some((5, 14))),
            ("7.0-rc1", Some((7, 0))),
            ("", None),
            ("x.y", None),
        ] {
            assert_eq!(parse_release(release), expected, "{release}");
        }
    }
}
