//! Lists of exact conda packages that were made elsewhere, and which of them an image is made of.
//!
//! A folder may have several, for several platforms, and one may be for several by itself. Which platform the image has is known
//! when all of a spec is read; only then a list becomes packages ([`PartialSpec::with_conda_list`]). `@EXPLICIT` lists are read here.
//! Locks of other programs are read by who is handed in, because it takes more than the words of a spec to understand them.

use std::path::PathBuf;

use imagewright_oci::Platform;
use pep508_rs::PackageName;

use super::explicit::{HEADING, read_explicit};
use super::{CondaSpecError, explicit};
use crate::spec::{LockedPip, Origin, PartialSpec, Problem, SpecError};

/// Lists of files in a folder, as conda-lock names them, and the folders of channels that they are for.
pub(in crate::spec) const EXPLICIT: [(&str, &str); 2] =
    [("conda-linux-64.lock", "linux-64"), ("conda-linux-aarch64.lock", "linux-aarch64")];
/// Locks in a folder that are for several platforms.
pub(in crate::spec) const LOCKS: [&str; 2] = ["conda-lock.yml", "pixi.lock"];

/// A list of exact conda packages, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondaList {
    /// How messages name its file.
    pub source: String,
    /// Its text.
    pub text: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A list of addresses; in a folder its name says which platform it is for.
    Explicit(Option<&'static str>),
    /// A lock of conda-lock or pixi.
    Lock,
}

/// A file that a spec names, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its path: from where the spec lies, on the command line from where the user stands.
    pub path: PathBuf,
    /// Where it was named.
    pub origin: Origin,
}

impl NamedFile {
    /// Reads the path of a list of conda packages.
    ///
    /// # Errors
    /// Refuses what is no path of this machine.
    pub fn parse(text: &str, origin: Origin) -> Result<Self, SpecError> {
        let is_path = !text.is_empty() && !text.contains("://") && !text.chars().any(char::is_control);
        match is_path {
            true => Ok(Self { path: PathBuf::from(text), origin }),
            false => Err(SpecError::new(origin, CondaSpecError::LockPath)),
        }
    }
}

/// What a lock of another program holds for one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedPackages {
    /// Its conda packages, as an explicit list has them, each with its place in the lock.
    pub conda: Vec<(Origin, String)>,
    /// Its Python packages as a `pylock.toml`, where it has some.
    pub pylock: Option<String>,
}

/// Which part of a lock is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockPart {
    /// The environment of a lock of pixi.
    pub environment: Option<String>,
    /// The categories of a lock of conda-lock.
    pub categories: Vec<String>,
}

/// Which part of a lock a spec chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockPartChoice {
    /// The environment of a lock of pixi, and where it was chosen.
    pub environment: Option<(String, Origin)>,
    /// The categories of a lock of conda-lock, and where they were chosen.
    pub categories: Vec<(String, Origin)>,
}

impl LockPartChoice {
    /// Lays `upper` over this: what is chosen there replaces.
    pub(in crate::spec) fn merge(self, upper: Self) -> Self {
        Self {
            environment: upper.environment.or(self.environment),
            categories: if upper.categories.is_empty() { self.categories } else { upper.categories },
        }
    }

    /// Where something is chosen first.
    fn origin(&self) -> Option<&Origin> {
        self.environment.iter().chain(&self.categories).map(|(_, origin)| origin).next()
    }

    fn values(&self) -> LockPart {
        LockPart {
            environment: self.environment.as_ref().map(|(name, _)| name.clone()),
            categories: self.categories.iter().map(|(name, _)| name.clone()).collect(),
        }
    }
}

/// Reads the part of a lock that is for a folder of channels, as `linux-64`.
pub type ReadLock<'r> = &'r dyn Fn(&CondaList, &str, &LockPart) -> Result<ListedPackages, SpecError>;

impl CondaList {
    /// A list by itself; what it is its text tells.
    pub fn new(source: &str, text: String) -> Self {
        let mut lines = text.lines().map(|line| line.trim_start_matches('\u{feff}'));
        let is_lock = !text.contains(HEADING) && lines.any(|line| line.starts_with("version:"));
        let kind = if is_lock { Kind::Lock } else { Kind::Explicit(None) };
        Self { source: source.to_owned(), text, kind }
    }

    /// One that a folder holds.
    pub(in crate::spec) fn in_folder(name: &str, source: String, text: String) -> Self {
        let explicit = EXPLICIT.iter().find(|(file, _)| *file == name);
        let kind = explicit.map_or(Kind::Lock, |(_, subdir)| Kind::Explicit(Some(subdir)));
        Self { source, text, kind }
    }

    fn origin(&self) -> Origin {
        Origin::file(&self.source)
    }
}

impl PartialSpec {
    /// The conda packages of the list that is meant for a platform, and what else a lock holds.
    ///
    /// # Errors
    /// Where no list is for the platform, several are, or it cannot be honoured.
    pub fn with_conda_list(mut self, platform: &Platform, read: ReadLock<'_>) -> Result<Self, SpecError> {
        let lists = std::mem::take(&mut self.conda_lists);
        let part = std::mem::take(&mut self.conda_lock_part);
        let Some(list) = chosen(&lists, platform)? else {
            return match part.origin() {
                Some(origin) => Err(SpecError::new(origin.clone(), CondaSpecError::NoLock)),
                None => Ok(self),
            };
        };
        let listed = match (list.kind, part.origin()) {
            (Kind::Explicit(_), Some(origin)) => {
                return Err(SpecError::new(origin.clone(), CondaSpecError::NoParts(list.source.clone())));
            }
            (Kind::Explicit(_), None) => read_explicit(&list.source, &list.text)?,
            (Kind::Lock, _) => {
                let subdir = subdir_of(platform)
                    .ok_or_else(|| SpecError::new(list.origin(), no_list(platform, &[])))?;
                from_lock(list, &read(list, subdir, &part.values())?)?
            }
        };
        if let (Some(of_list), Some(other)) = (&listed.pip_locked, &self.pip_locked) {
            let (list, other) = (of_list.source.clone(), other.source.clone());
            let problem = CondaSpecError::TwoPythonLocks { list, other };
            return Err(SpecError::new(Origin::file(&of_list.source), problem));
        }
        Ok(self.merge(listed))
    }
}

/// The list that is for a platform. Lists for one platform count for more than locks for several, from which they are made.
fn chosen<'l>(lists: &'l [CondaList], platform: &Platform) -> Result<Option<&'l CondaList>, SpecError> {
    let is_explicit = |list: &&CondaList| matches!(list.kind, Kind::Explicit(_));
    let explicit: Vec<&CondaList> = lists.iter().filter(is_explicit).collect();
    let wanted = subdir_of(platform);
    let fits = |list: &&&CondaList| match list.kind {
        Kind::Explicit(subdir) => subdir.is_none() || subdir == wanted,
        Kind::Lock => true,
    };
    if let Some(first) = explicit.first() {
        let known: Vec<&str> = explicit.iter().map(|list| list.source.as_str()).collect();
        let none = || SpecError::new(first.origin(), no_list(platform, &known));
        return explicit.iter().find(fits).copied().map(Some).ok_or_else(none);
    }
    match lists {
        [] => Ok(None),
        [list] => Ok(Some(list)),
        [list, other, ..] => {
            let problem = CondaSpecError::TwoLocks(other.source.clone());
            Err(SpecError::new(list.origin(), problem))
        }
    }
}

fn no_list(platform: &Platform, known: &[&str]) -> Problem {
    let known = known.iter().map(|name| (*name).to_owned()).collect();
    Problem::Conda(CondaSpecError::NoList { platform: platform.to_string(), known })
}

/// The folder of channels with packages for a platform.
fn subdir_of(platform: &Platform) -> Option<&'static str> {
    match platform.architecture.as_str() {
        "amd64" => Some("linux-64"),
        "arm64" => Some("linux-aarch64"),
        _ => None,
    }
}

/// What a lock says, as a spec.
fn from_lock(list: &CondaList, listed: &ListedPackages) -> Result<PartialSpec, SpecError> {
    let lines = listed.conda.iter().map(|(origin, line)| (origin.clone(), line.as_str()));
    let spec = explicit::listed(list.origin(), lines)?;
    let Some(text) = &listed.pylock else { return Ok(spec) };
    let given = spec.conda.iter().filter_map(|package| {
        // What an explicit list names is `NAME=VERSION=BUILD`.
        let version = package.specification.split('=').nth(1)?.to_owned();
        Some((PackageName::new(package.name.clone()).ok()?.to_string(), version))
    });
    let pip_locked = LockedPip { given: given.collect(), ..LockedPip::parse(&list.source, text)? };
    Ok(PartialSpec { pip_locked: Some(pip_locked), ..spec })
}
