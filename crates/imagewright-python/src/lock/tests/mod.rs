//! Locks for Debian 12's Python 3.11 on x86_64.

mod refusals;
mod robustness;
mod selecting;
mod writing;

use super::*;
use crate::markers::report::tests::debian;

/// Written by uv 0.13.8, with fewer wheels.
const UV: &str = include_str!("../../../tests/fixtures/pylock-uv.toml");

/// What a test asks for.
#[derive(Default)]
struct Wish {
    extras: &'static [&'static str],
    groups: Groups,
    formats: Formats,
}

impl Wish {
    fn formats(no_binary: &[&str], only_binary: &[&str]) -> Self {
        let set = |names: &[&str]| PackageSet::parse(names.iter().copied()).unwrap();
        let formats = Formats { no_binary: set(no_binary), only_binary: set(only_binary) };
        Self { formats, ..Self::default() }
    }
}

/// The packages of a lock; `HASH` in it stands for a SHA-256 hash.
fn select(text: &str, wish: &Wish) -> Result<Selection, LockError> {
    let lock = LockFile::parse("pylock.toml", &text.replace("HASH", &"0a".repeat(32)))?;
    let report = debian();
    let tags = report.tags();
    lock.select(&Target {
        markers: &report.markers,
        tags: &tags,
        extras: wish.extras.iter().map(|name| name.parse().unwrap()).collect(),
        groups: wish.groups.clone(),
        formats: &wish.formats,
    })
}

/// Packages with what is installed of them, a line each.
fn shown(text: &str, wish: &Wish) -> Vec<String> {
    let selection = select(text, wish).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let show = |package: &LockedPackage| match &package.artifact {
        Artifact::Wheel { file, .. } | Artifact::Sdist { file } | Artifact::Archive { file, .. } => {
            format!("{}: {}", package.name, file.name)
        }
        Artifact::Directory { path, .. } => format!("{}: {path}", package.name),
        Artifact::Vcs(vcs) => format!("{}: {}", package.name, vcs.commit_id),
    };
    selection.packages.iter().map(show).collect()
}

/// A lock of version 1.0 with these packages.
fn lock(packages: &str) -> String {
    format!("lock-version = \"1.0\"\ncreated-by = \"test\"\n\n{packages}\n")
}
