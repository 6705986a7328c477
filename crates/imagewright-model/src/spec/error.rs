//! What can be wrong with a spec, and where.

use std::error::Error;
use std::fmt;

use imagewright_oci::{PlatformError, ReferenceError};

use super::RequirementError;
use super::apt::AptPackageError;
use super::base::BaseError;
use super::compression::CompressionError;
use super::conda::CondaSpecError;
use super::container::ContainerError;
use super::kernel::KernelChoiceError;
use super::python::{PYTHON_VERSION_HINT, PythonError};
use super::{Origin, nearest};
use crate::ErrorKind;

/// Something wrong with a spec, with the place where it was written.
///
/// Shown as `FILE:LINE:COLUMN: problem`, or `--flag: problem`.
#[derive(Debug)]
pub struct SpecError {
    origin: Origin,
    problem: Box<Problem>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file could not be read.
    #[error("could not be read")]
    Read(#[source] std::io::Error),
    /// A file is not where another one says it is.
    #[error("there is no file `{0}`")]
    NoSuchFile(String),
    /// A folder holds nothing that says what to build.
    #[error("the folder holds no spec: none of {0}")]
    NoSpec(String),
    /// Nothing says which base image to build on.
    #[error("no base image is named")]
    NoBase,
    /// A file is not the YAML, TOML or JSON that it must be.
    #[error("malformed {format}{}: {reason}", at_line(.line))]
    Malformed {
        /// `YAML`, `TOML`, …
        format: &'static str,
        /// The line it stands in.
        line: Option<String>,
        /// What the parser says.
        reason: String,
    },
    /// A key the schema does not have.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys there are in its place.
        known: Vec<&'static str>,
    },
    /// A key stands twice in one map.
    #[error("key `{0}` stands twice")]
    DuplicateKey(String),
    /// A value is of another type than it must be.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A base that is not valid.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// A platform that is not valid.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// A platform that is not Linux.
    #[error("platform `{0}` is not supported: images are built for linux")]
    NotLinux(String),
    /// A name for the result that is not valid.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A name for the result with a digest, which the result cannot choose.
    #[error("`{0}` has a digest, and the name of a new image cannot")]
    PinnedTag(String),
    /// A Debian package that is not valid.
    #[error(transparent)]
    Apt(#[from] AptPackageError),
    /// The same Debian package in two versions.
    #[error("`{package}` contradicts `{other}` in {other_origin}")]
    AptConflict {
        /// The package.
        package: String,
        /// The same package, asked for otherwise.
        other: String,
        /// Where that stands.
        other_origin: Origin,
    },
    /// A conda package or channel that is not valid.
    #[error(transparent)]
    Conda(#[from] CondaSpecError),
    /// A list of conda packages that nobody has read for a platform.
    #[error("the list was not read for a platform")]
    ListNotRead,
    /// A Python requirement or an option for it that is not valid.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    /// Something the container starts with is not valid.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A choice of Python that is not valid.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// A choice of a kernel that is not valid.
    #[error(transparent)]
    Kernel(#[from] KernelChoiceError),
    /// A date that is none.
    #[error("`{0}` is neither a day nor a time in RFC 3339")]
    ExcludeNewer(String),
    /// A compression that is not valid.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// A file whose instructions this program does not follow.
    #[error("this file would not be honoured: {reason}")]
    Foreign {
        /// The file.
        file: String,
        /// What is in such a file.
        reason: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Something to be ignored that would not be looked at anyway.
    #[error("`{0}` is not a file that would be read or refused")]
    NothingToIgnore(String),
    /// Two files that mean the same.
    #[error("the folder also holds `{0}`, which means the same")]
    TwoFiles(&'static str),
    /// A `pyproject.toml` or `pylock.toml` that asks for what cannot be done.
    #[error("{text}")]
    Project {
        /// What is wrong.
        text: String,
        /// What to do about it.
        remedy: String,
    },
    /// An image lock that is none, or of a version this program does not know.
    #[error("{0}")]
    Lock(String),
    /// A lock lacks something that is asked for.
    #[error("`{requirement}` is not what `{lock}` holds: {found}")]
    NotLocked {
        /// What is asked for.
        requirement: String,
        /// The lock.
        lock: String,
        /// What the lock holds instead.
        found: String,
    },
    /// A file that would be installed has none of the hashes that are asked for.
    #[error("`{package}` as `{lock}` has it has none of the hashes listed here, but {}", list(.found))]
    OtherHash {
        /// The package with its version.
        package: String,
        /// The lock.
        lock: String,
        /// The hashes it has.
        found: Vec<String>,
    },
    /// Every package must be listed with its hash, and one is not.
    #[error("every package must be listed with its hash, and `{0}` is not")]
    NoHash(String),
}

impl SpecError {
    /// States that `problem` was found at `origin`.
    pub fn new(origin: Origin, problem: impl Into<Problem>) -> Self {
        Self { origin, problem: Box::new(problem.into()) }
    }

    /// Where it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it is.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The kind of error, which decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match &*self.problem {
            Problem::Read(error) => ErrorKind::of_io(error),
            Problem::NoSpec(_) | Problem::NoSuchFile(_) => ErrorKind::NotFound,
            Problem::NoBase
            | Problem::Malformed { .. }
            | Problem::UnknownKey { .. }
            | Problem::DuplicateKey(_)
            | Problem::WrongType { .. }
            | Problem::Base(_)
            | Problem::Platform(_)
            | Problem::NotLinux(_)
            | Problem::Reference(_)
            | Problem::PinnedTag(_)
            | Problem::Apt(_)
            | Problem::AptConflict { .. }
            | Problem::Conda(_)
            | Problem::ListNotRead
            | Problem::Requirement(_)
            | Problem::Container(_)
            | Problem::Python(_)
            | Problem::Kernel(_)
            | Problem::Compression(_)
            | Problem::Foreign { .. }
            | Problem::NothingToIgnore(_)
            | Problem::TwoFiles(_)
            | Problem::Project { .. }
            | Problem::Lock(_)
            | Problem::ExcludeNewer(_)
            | Problem::NotLocked { .. }
            | Problem::OtherHash { .. }
            | Problem::NoHash(_) => ErrorKind::Invalid,
        }
    }

    /// What would put it right, where that is known.
    pub fn hint(&self) -> Option<String> {
        match &*self.problem {
            Problem::Read(error) => ErrorKind::io_hint(error),
            Problem::NoSpec(_) => {
                Some("write an image.yaml with the keys `base`, `apt` and `pip`".to_owned())
            }
            Problem::NoBase => Some("add `base: bootstrap` to image.yaml, or say --base".to_owned()),
            Problem::UnknownKey { key, known } => Some(unknown_key_hint(key, known)),
            Problem::DuplicateKey(_) => Some("join the two into one".to_owned()),
            Problem::Base(error) => error.hint(),
            Problem::Apt(error) => error.hint(),
            Problem::Conda(error) => error.hint(),
            Problem::Requirement(error) => error.hint(),
            Problem::Container(error) => error.hint(),
            Problem::Python(error) => error.hint(),
            Problem::Kernel(error) => error.hint(),
            Problem::PinnedTag(_) => Some("leave out the part from `@` on".to_owned()),
            Problem::AptConflict { .. } => Some("keep one of the two".to_owned()),
            Problem::Foreign { file, remedy, .. } => Some(format!(
                "{remedy}; or say that it is meant to be ignored: `ignore: [{file}]` in image.yaml"
            )),
            Problem::TwoFiles(_) => Some("keep one of the two".to_owned()),
            Problem::Project { remedy, .. } => Some(remedy.clone()),
            Problem::Lock(_) => Some(
                "restore it from version control, or remove it: the next build solves anew and writes another".to_owned(),
            ),
            Problem::ExcludeNewer(_) => Some("write a day as `2026-01-31`, or a time as `2026-01-31T12:00:00Z`".to_owned()),
            Problem::NotLocked { .. } => {
                Some("lock again, for example with `uv pip compile --format pylock.toml`".to_owned())
            }
            Problem::OtherHash { .. } => Some(
                "do not add the hash unseen: find out first why the index offers another file".to_owned(),
            ),
            Problem::NoHash(_) => {
                Some("list all packages, for example with `uv pip compile --generate-hashes`".to_owned())
            }
            Problem::WrongType { expected, found } => wrong_type_hint(expected, found),
            Problem::NothingToIgnore(_) => Some("take it out of the list".to_owned()),
            Problem::NoSuchFile(_)
            | Problem::ListNotRead
            | Problem::Malformed { .. }
            | Problem::Platform(_)
            | Problem::NotLinux(_)
            | Problem::Reference(_)
            | Problem::Compression(_) => None,
        }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.problem)
    }
}

impl Error for SpecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem.source()
    }
}

fn list(hashes: &[String]) -> String {
    if hashes.is_empty() { "none at all".to_owned() } else { hashes.join(", ") }
}

fn at_line(line: &Option<String>) -> String {
    line.as_ref().map(|line| format!(" in `{line}`")).unwrap_or_default()
}

fn unknown_key_hint(key: &str, known: &[&'static str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the keys here are: {}", known.join(", ")),
    }
}

fn wrong_type_hint(expected: &str, found: &str) -> Option<String> {
    if found == "nothing" {
        return Some("write `''` where empty text is meant".to_owned());
    }
    let number = found.strip_prefix("the number ");
    if number.is_some() && expected.contains("interpreter") {
        return Some(PYTHON_VERSION_HINT.to_owned());
    }
    let value = number.unwrap_or(found).strip_prefix('`')?.strip_suffix('`')?;
    let list = expected.starts_with("a list") && !value.contains(['`', '[', '{', '#', ':', '"']);
    list.then(|| format!("write `[{value}]`"))
}
