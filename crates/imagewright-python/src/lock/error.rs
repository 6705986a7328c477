//! What can be wrong with a lock, and where.

use std::error::Error;
use std::fmt;

use super::HashesError;
use crate::markers::MarkerError;
use crate::tags::WheelNameError;

/// A place in a lock. Shown as `pylock.toml:3:8`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name of the file.
    pub source: String,
    /// Line and column, from 1, the column in characters.
    pub position: Option<(u32, u32)>,
}

impl Place {
    /// The file as a whole.
    pub(super) fn file(source: &str) -> Self {
        Self { source: source.to_owned(), position: None }
    }

    /// The place of a byte of `text`.
    pub(super) fn of(source: &str, text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self { source: source.to_owned(), position: Some((number(line), number(column))) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        match self.position {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// Something wrong with a lock, with the place where it stands. Every one of them means that the lock is not what it
/// must be.
#[derive(Debug)]
pub struct LockError {
    place: Place,
    problem: Box<Problem>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is not the TOML that it must be.
    #[error("malformed lock: {0}")]
    Malformed(String),
    /// A version of the format that is not known here.
    #[error("lock version `{0}` is not one this program knows (1.0)")]
    LockVersion(String),
    /// A marker that cannot be read.
    #[error("`{text}` is not a marker")]
    Marker {
        /// The marker.
        text: String,
        /// What is wrong with it.
        source: MarkerError,
    },
    /// Versions of Python that cannot be read.
    #[error("`{0}` does not say which versions of Python are meant, as `>=3.10` would")]
    Specifiers(String),
    /// A version that cannot be read.
    #[error("`{text}` is not a version")]
    Version {
        /// What stands there.
        text: String,
        /// What is wrong with it.
        source: pep440_rs::VersionParseError,
    },
    /// The name of a package, an extra or a group that cannot be read.
    #[error("`{0}` is not a name")]
    Name(String),
    /// The lock, or a package in it, is for other versions of Python.
    #[error("{what} is for Python {wanted}, and this is Python {found}")]
    OtherPython {
        /// `the lock`, or the package.
        what: String,
        /// The versions that it is for.
        wanted: String,
        /// The version of the interpreter.
        found: String,
    },
    /// The lock is for other environments.
    #[error("the lock is for other environments: none of {} holds here", quoted(.0))]
    OtherEnvironment(Vec<String>),
    /// An extra or a group that the lock does not have.
    #[error("the lock has no {what} `{name}`")]
    NotOffered {
        /// `extra` or `dependency group`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        offered: Vec<String>,
    },
    /// Two entries for one package hold at the same time.
    #[error("`{package}` stands twice for this interpreter, first at {first}")]
    Twice {
        /// The package.
        package: String,
        /// Where the other entry is.
        first: Place,
    },
    /// An entry does not say in exactly one way what is installed.
    #[error("`{package}` must have one source, and has {}", quoted_or(.found, "none"))]
    Sources {
        /// The package.
        package: String,
        /// The kinds of source it has.
        found: Vec<&'static str>,
    },
    /// A file or repository without an address.
    #[error("the {kind} of `{package}` has neither `url` nor `path`")]
    NoLocation {
        /// The package.
        package: String,
        /// `wheel`, `sdist`, …
        kind: &'static str,
    },
    /// A file that has no name, or none that a file can have.
    #[error("the {kind} of `{package}` has no name that a file can have")]
    FileName {
        /// The package.
        package: String,
        /// `wheel`, `sdist`, …
        kind: &'static str,
    },
    /// A wheel whose name cannot be read.
    #[error("a wheel of `{package}` cannot be chosen or refused")]
    WheelName {
        /// The package.
        package: String,
        /// What is wrong with the name.
        source: WheelNameError,
    },
    /// A wheel that belongs to something else.
    #[error("`{file}` is not a wheel of `{package}`")]
    OtherWheel {
        /// The package with its version.
        package: String,
        /// The wheel.
        file: String,
    },
    /// A file whose contents cannot be checked.
    #[error("`{file}` cannot be checked")]
    Hashes {
        /// The file.
        file: String,
        /// What is missing.
        source: HashesError,
    },
    /// A folder within a tree that does not stay in it.
    #[error("`{0}` does not lead to a folder inside the sources")]
    Subdirectory(String),
    /// A repository's program or commit that cannot be what is meant.
    #[error("`{0}` is not a commit, or its repository is of an unknown kind")]
    Commit(String),
    /// No wheel fits, and there is nothing to build one from.
    #[error("no wheel of `{package}` fits this interpreter: it has wheels for {}", list(.wheels))]
    NoWheel {
        /// The package with its version.
        package: String,
        /// The tags of its wheels.
        wheels: Vec<String>,
        /// The best tags of the interpreter.
        best: Vec<String>,
    },
    /// What fits may not be used.
    #[error("`{package}` is locked to {locked} only, and {forbidden}")]
    Forbidden {
        /// The package with its version.
        package: String,
        /// What the lock has for it.
        locked: &'static str,
        /// What is forbidden, as a sentence.
        forbidden: &'static str,
    },
}

/// How many tags an error lists.
const LISTED: usize = 6;

impl LockError {
    pub(super) fn new(place: Place, problem: Problem) -> Self {
        Self { place, problem: Box::new(problem) }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What it is.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// What would put it right.
    pub fn hint(&self) -> String {
        let again = "lock again, for example with `uv pip compile --format pylock.toml`";
        let hashed =
            "lock with hashes, for example with `uv pip compile --format pylock.toml --generate-hashes`";
        match &*self.problem {
            Problem::LockVersion(_) => "lock again with a tool that writes version 1.0".to_owned(),
            Problem::OtherPython { found, .. } => {
                format!("lock again for Python {found}, or choose a base with another Python")
            }
            Problem::OtherEnvironment(_) => "lock again for this platform and interpreter".to_owned(),
            Problem::NotOffered { what, offered, .. } if offered.is_empty() => {
                format!("leave it out: the lock offers no {what}")
            }
            Problem::NotOffered { offered, .. } => format!("it has {}", quoted(offered)),
            Problem::Twice { .. } => {
                "give the two markers that do not hold together, or lock again".to_owned()
            }
            Problem::Hashes { source: HashesError::Unsuitable(_), .. } => {
                format!("md5 and its like prove nothing; {hashed}")
            }
            Problem::Hashes { source: HashesError::None, .. } => hashed.to_owned(),
            Problem::NoWheel { best, .. } => format!(
                "this interpreter takes {} first; lock again for it, or choose a base with another Python",
                list(best)
            ),
            Problem::Forbidden { package, .. } => {
                let name = package.split(' ').next().unwrap_or_default();
                format!("take `{name}` out of no-binary or only-binary, or lock another version")
            }
            Problem::Malformed(_)
            | Problem::Marker { .. }
            | Problem::Specifiers(_)
            | Problem::Version { .. }
            | Problem::Name(_)
            | Problem::Sources { .. }
            | Problem::NoLocation { .. }
            | Problem::FileName { .. }
            | Problem::WheelName { .. }
            | Problem::OtherWheel { .. }
            | Problem::Hashes { .. }
            | Problem::Subdirectory(_)
            | Problem::Commit(_) => again.to_owned(),
        }
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl Error for LockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem.source()
    }
}

fn quoted<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

fn quoted_or<T: fmt::Display>(items: &[T], none: &str) -> String {
    if items.is_empty() { none.to_owned() } else { quoted(items) }
}

/// The first few, and how many more there are.
fn list(items: &[String]) -> String {
    match items.len().saturating_sub(LISTED) {
        0 => quoted(items),
        more => format!("{} and {more} more", quoted(&items[..LISTED])),
    }
}
