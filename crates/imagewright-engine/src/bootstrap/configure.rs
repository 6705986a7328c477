//! What is left to do inside the sandbox, and what must not stay of it.

use super::Solution;

/// Installs the packages over their extracted files. While it runs no package may start a service.
const SCRIPT: &str = r#"set -e
policy=/usr/sbin/policy-rc.d
printf '#!/bin/sh\nexit 101\n' > "$policy"
chmod 755 "$policy"
dpkg --force-depends --force-unsafe-io --install "$@"
rm "$policy"
"#;

/// A command to run in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigureCommand {
    /// Program and arguments.
    pub command: Vec<String>,
    /// What it needs of the environment.
    pub environment: Vec<(String, String)>,
}

/// The command that makes an extracted tree a configured system. `debs` is where the cache of package files can be
/// seen inside the sandbox; it may be read-only. The network is not needed.
///
/// `SOURCE_DATE_EPOCH` is for the caller to set: it gives the password database its dates.
///
/// dpkg is told to go on where dependencies form circles: the set is complete, so every package ends configured or
/// the command fails.
pub fn configure_command(solution: &Solution, debs: &str) -> ConfigureCommand {
    let mut command = ["/bin/sh", "-c", SCRIPT, "sh"].map(str::to_owned).to_vec();
    let file = |hex: &str| format!("{}/{hex}.deb", debs.trim_end_matches('/'));
    command.extend(solution.packages.iter().map(|package| file(package.digest.hex())));
    let environment = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    ConfigureCommand { command, environment: environment.map(owned).to_vec() }
}

/// Paths, as globs below the root, of what depends on the run and must not be in a layer. Folders that packages
/// bring stay.
pub fn junk() -> &'static [&'static str] {
    &[
        "etc/.pwd.lock",
        "etc/group-",
        "etc/gshadow-",
        "etc/machine-id",
        "etc/passwd-",
        "etc/shadow-",
        "etc/ssh/ssh_host_*",
        "etc/subgid-",
        "etc/subuid-",
        "var/cache/apt/*.bin",
        "var/cache/debconf/*-old",
        "var/cache/ldconfig/aux-cache",
        "var/lib/dbus/machine-id",
        "var/lib/dpkg/*-old",
        "var/log/**/*.log",
        "var/log/apt/*.xz",
    ]
}
