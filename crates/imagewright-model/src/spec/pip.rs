//! Python packages of a spec.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{LockedPip, Origin, PipRequirement, Problem};

/// The Python packages of a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipSpec {
    /// What is asked for, sorted, each once. Where there is a lock, it holds all of these.
    pub requirements: Vec<PipRequirement>,
    /// What holds for packages that others bring along.
    pub constraints: Vec<PipRequirement>,
    /// The versions of Python a `pyproject.toml` asks for.
    pub requires_python: Vec<RequiresPython>,
    /// A lock that is to be installed exactly, without solving.
    pub locked: Option<LockedPip>,
    /// Where packages come from and which of their files may be taken.
    pub options: PipOptions,
    /// The folder that paths of requirements and of the lock count from; no part of what the spec means.
    #[serde(default)]
    pub folder: PathBuf,
}

impl PipSpec {
    /// Whether Python packages are asked for at all.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty() && self.locked.is_none()
    }
}

/// The versions of Python that something asks for, as `>=3.11`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequiresPython {
    /// The specifiers as they were written.
    pub text: String,
    /// Where they were written.
    pub origin: Origin,
}

/// Where Python packages come from and which of their files may be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipOptions {
    /// The index instead of the configured one.
    pub index: Option<String>,
    /// Further indexes, in order.
    pub extra_indexes: Vec<String>,
    /// Pages with links to distributions.
    pub find_links: Vec<String>,
    /// Whether only `find_links` are looked at.
    pub no_index: bool,
    /// Whether pre-releases count; default: no.
    pub pre: Option<bool>,
    /// What was uploaded later does not count: a day in UTC, which still counts, or a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_newer: Option<String>,
    /// Packages that must be built from source; `:all:` for every one.
    pub no_binary: Vec<String>,
    /// Packages that must not be built from source; `:all:` for every one.
    pub only_binary: Vec<String>,
    /// Whether every package must be given with its hash.
    pub require_hashes: bool,
}

impl PipOptions {
    /// Lays `upper` over these: single values replace, lists grow.
    pub(super) fn merge(&mut self, upper: Self) {
        self.index = upper.index.or(self.index.take());
        self.pre = upper.pre.or(self.pre);
        self.exclude_newer = upper.exclude_newer.or(self.exclude_newer.take());
        self.no_index |= upper.no_index;
        self.require_hashes |= upper.require_hashes;
        append_new(&mut self.extra_indexes, upper.extra_indexes);
        append_new(&mut self.find_links, upper.find_links);
        append_new(&mut self.no_binary, upper.no_binary);
        append_new(&mut self.only_binary, upper.only_binary);
    }
}

/// Checks a day or a time.
pub(super) fn check_exclude_newer(text: &str) -> Result<String, Problem> {
    let day = text.get(..10).unwrap_or_default();
    let rest = text.get(10..).unwrap_or_default();
    let is_time = |rest: &str| {
        let zone = rest.strip_suffix('Z').or_else(|| {
            rest.len().checked_sub(6).and_then(|start| {
                let (time, zone) = rest.split_at_checked(start)?;
                has_shape(zone.get(1..)?, "00:00").then_some(())?;
                zone.starts_with(['+', '-']).then_some(time)
            })
        });
        zone.is_some_and(|time| has_shape(time, "T00:00:00"))
    };
    let number = |range: std::ops::Range<usize>| day.get(range).and_then(|digits| digits.parse::<u32>().ok());
    let in_calendar = matches!((number(5..7), number(8..10)), (Some(1..=12), Some(1..=31)));
    if has_shape(day, "0000-00-00") && in_calendar && (rest.is_empty() || is_time(rest)) {
        Ok(text.to_owned())
    } else {
        Err(Problem::ExcludeNewer(text.to_owned()))
    }
}

/// Whether a text is like another, where `0` stands for any digit.
fn has_shape(text: &str, shape: &str) -> bool {
    let alike =
        |(found, wanted): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { found == wanted };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(alike)
}

fn append_new(list: &mut Vec<String>, more: Vec<String>) {
    for entry in more {
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_told_from_other_texts() {
        for text in ["2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00"] {
            assert_eq!(check_exclude_newer(text).unwrap(), text);
        }
        for text in [
            "",
            "yesterday",
            "2026-1-31",
            "2026-13-01",
            "2026-01-32",
            "2026-01-31T12:00:00",
            "2026-01-31 é",
            "31.01.2026",
            "2026-01-31é",
            "2026-01-31T12:00:00é02:00",
        ] {
            check_exclude_newer(text).unwrap_err();
        }
    }
}
