//! Finds out what works on this machine for this user, before a build needs it.

use std::error::Error;
use std::fs;
use std::path::Path;

use super::obstacles::{self, NEWGIDMAP, NEWUIDMAP};
use super::subordinate::{self, NEEDED};
use super::{Standing, UserNamespaceError, standing, trial};
use crate::SandboxError;
use crate::limits::{Controller, Hierarchies};

/// Tells whether one thing works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it works.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}

impl Finding {
    fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into(), hint: None }
    }

    fn bad(name: &'static str, detail: impl Into<String>, hint: Option<String>) -> Self {
        Self { name, ok: false, detail: detail.into(), hint }
    }

    fn of(name: &'static str, result: Result<String, UserNamespaceError>) -> Self {
        match result {
            Ok(detail) => Self::good(name, detail),
            Err(error) => Self::bad(name, with_causes(&error), error.hint()),
        }
    }
}

/// Looks at what sandboxes need. `directory` exists and is where they will write: tried there, in a folder of
/// its own that is removed again.
pub fn checks(directory: &Path) -> Vec<Finding> {
    let standing = standing();
    let mut findings = vec![namespaces(standing)];
    if standing != Standing::Root {
        findings.extend([id_programs(), subordinate_ids(standing)]);
    }
    findings.extend(overlay(standing, directory));
    findings.extend([control_groups(standing), system_call_filter()]);
    findings
}

fn namespaces(standing: Standing) -> Finding {
    let name = "namespaces";
    let is_ordinary = standing == Standing::Ordinary;
    let forbidden = if is_ordinary { obstacles::kernel().err() } else { None };
    if let Some(error) = forbidden {
        return Finding::of(name, Err(error));
    }
    let refused = |errno: nix::errno::Errno| {
        let by_setting = if is_ordinary { obstacles::app_armor().err() } else { None };
        let action = "enter new namespaces".to_owned();
        by_setting.unwrap_or(UserNamespaceError::Refused { action, source: errno.into() })
    };
    let detail = match standing {
        Standing::Root => "as root",
        Standing::InsideOurs => "as root of a user namespace",
        Standing::Ordinary => "an ordinary user can become root of a user namespace",
    };
    Finding::of(name, trial::namespaces(is_ordinary).map(|()| detail.to_owned()).map_err(refused))
}

fn id_programs() -> Finding {
    let found = obstacles::program(NEWUIDMAP).and_then(|program| {
        obstacles::program(NEWGIDMAP)?;
        Ok(program.display().to_string())
    });
    Finding::of(NEWUIDMAP, found)
}

fn subordinate_ids(standing: Standing) -> Finding {
    let name = "subordinate ids";
    if standing == Standing::InsideOurs {
        let ids = [assigned("/proc/self/uid_map"), assigned("/proc/self/gid_map")];
        let detail = format!("{} users and {} groups", ids[0], ids[1]);
        let hint = || Some("start the program as the ordinary user, not inside a user namespace".to_owned());
        let enough = ids.iter().all(|count| *count >= u64::from(NEEDED));
        return if enough { Finding::good(name, detail) } else { Finding::bad(name, detail, hint()) };
    }
    let found = subordinate::find();
    Finding::of(name, found.map(|ids| format!("{} users and {} groups", ids.users.count, ids.groups.count)))
}

/// Ids that mean something in this user namespace.
fn assigned(map: &str) -> u64 {
    let text = fs::read_to_string(map).unwrap_or_default();
    text.lines().filter_map(|line| line.split_ascii_whitespace().nth(2)?.parse::<u64>().ok()).sum()
}

/// Where it fails, tells the kernel's fault from the file system's.
fn overlay(standing: Standing, directory: &Path) -> [Finding; 2] {
    let (kernel, place) = ("overlay", "writable layers");
    if standing == Standing::Ordinary {
        let untried = |name| Finding::bad(name, "not tried, because it needs a user namespace", None);
        return [untried(kernel), untried(place)];
    }
    let Err(failure) = trial::overlay_on_disk(directory) else {
        return [
            Finding::good(kernel, "mounted"),
            Finding::good(place, format!("`{}`", directory.display())),
        ];
    };
    match trial::overlay_in_memory(directory).map_err(SandboxError::from) {
        Ok(()) => {
            let hint = "choose a directory of one's own on ext4, xfs or btrfs; for ordinary users tmpfs will do \
                        since Linux 6.6";
            let detail = with_causes(&SandboxError::from(failure));
            [Finding::good(kernel, "mounted in memory"), Finding::bad(place, detail, Some(hint.to_owned()))]
        }
        Err(error) => {
            let untried = "not tried, because overlays do not work at all";
            [Finding::bad(kernel, with_causes(&error), error.hint()), Finding::bad(place, untried, None)]
        }
    }
}

fn control_groups(standing: Standing) -> Finding {
    let name = "control groups";
    let places =
        Hierarchies::of_this_process().map(|found| found.places(&Controller::ALL)).unwrap_or_default();
    let controlled: Vec<_> = places.into_iter().flat_map(|place| place.controllers).collect();
    let names: Vec<_> = controlled.iter().map(ToString::to_string).collect();
    let detail = match names.as_slice() {
        [] => "none: limits are kept in other ways, less exactly".to_owned(),
        names => format!("they keep these limits: {}", names.join(", ")),
    };
    if controlled.len() == Controller::ALL.len() {
        return Finding::good(name, detail);
    }
    let hint = match standing {
        Standing::Root => {
            "mount a control group hierarchy with these controllers at `/sys/fs/cgroup`, writable"
        }
        Standing::InsideOurs | Standing::Ordinary => {
            "where systemd runs, start the program by `systemd-run --user --scope -p Delegate=yes`"
        }
    };
    Finding::bad(name, detail, Some(hint.to_owned()))
}

fn system_call_filter() -> Finding {
    let name = "system call filter";
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    if actions.split_ascii_whitespace().any(|action| action == "errno") {
        return Finding::good(name, "seccomp");
    }
    Finding::bad(name, "the kernel has no seccomp filters", None)
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
