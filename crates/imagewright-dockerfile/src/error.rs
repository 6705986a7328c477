//! What can be wrong with a Dockerfile, and where.

use std::fmt;

use imagewright_model::ErrorKind;
use imagewright_model::spec::Origin;
use imagewright_oci::{PlatformError, ReferenceError};

/// Something wrong with a Dockerfile, with the line it stands in. Shown as `FILE:LINE: problem`.
#[derive(Debug)]
pub struct DockerfileError {
    origin: Origin,
    problem: Box<Problem>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The text holds a NUL byte.
    #[error("the file holds a NUL byte, so it is no text")]
    Nul,
    /// A directive that may stand once.
    #[error("the directive `{0}` stands twice")]
    RepeatedDirective(String),
    /// An escape character other than the two there are.
    #[error("`{0}` cannot be the escape character")]
    Escape(String),
    /// A here-document without its end.
    #[error("the here-document `{0}` does not end")]
    OpenHeredoc(String),
    /// A word that is no instruction.
    #[error("unknown instruction `{0}`")]
    UnknownInstruction(String),
    /// An instruction that is written wrongly.
    #[error("{keyword}: {reason}")]
    Malformed {
        /// The instruction.
        keyword: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A flag that the instruction does not have.
    #[error("{keyword} has no flag `--{flag}`")]
    UnknownFlag {
        /// The instruction.
        keyword: String,
        /// The flag.
        flag: String,
        /// The flags there are.
        known: &'static [&'static str],
    },
    /// Something that other builders do and this program does not.
    #[error("{what} is not supported")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// How to do without.
        instead: &'static str,
    },
    /// An instruction before the first `FROM`.
    #[error("{0} stands before the first FROM")]
    BeforeFrom(String),
    /// A file without a stage.
    #[error("there is no FROM")]
    NoStage,
    /// A variable that is written wrongly, or that must have a value and has none.
    #[error("{0}")]
    Expansion(String),
    /// A base whose name comes out empty.
    #[error("the base `{0}` comes out empty")]
    EmptyBase(String),
    /// A name that is no image's.
    #[error("`{name}` is no name of an image")]
    Reference {
        /// The name.
        name: String,
        /// Why not.
        source: ReferenceError,
    },
    /// A platform that is written wrongly.
    #[error("`{platform}` is no platform")]
    Platform {
        /// What was written.
        platform: String,
        /// Why not.
        source: PlatformError,
    },
    /// A target or source that is no stage.
    #[error("there is no stage `{name}`")]
    NoSuchStage {
        /// The name.
        name: String,
        /// The stages there are.
        known: Vec<String>,
    },
    /// A stage that would need itself, or a later one.
    #[error("`{0}` is not built yet at this place")]
    LaterStage(String),
    /// A secret that was not given to the build.
    #[error("the secret `{0}` was not given")]
    NoSuchSecret(String),
}

impl Problem {
    /// The problem at a line of a file.
    pub fn at(self, file: &str, line: u32) -> DockerfileError {
        self.from(Origin::line(file, line))
    }

    /// The problem at a place.
    pub fn from(self, origin: Origin) -> DockerfileError {
        DockerfileError { origin, problem: Box::new(self) }
    }

    pub(crate) fn malformed(keyword: &str, reason: impl Into<String>) -> Self {
        Self::Malformed { keyword: keyword.to_owned(), reason: reason.into() }
    }

    pub(crate) fn unsupported(what: impl Into<String>, instead: &'static str) -> Self {
        Self::Unsupported { what: what.into(), instead }
    }
}

impl DockerfileError {
    /// Where it stands.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it is right, and something that other builders do and this program does not.
    pub fn is_unsupported(&self) -> bool {
        matches!(*self.problem, Problem::Unsupported { .. })
    }

    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match *self.problem {
            Problem::NoSuchStage { .. } | Problem::NoSuchSecret(_) => ErrorKind::NotFound,
            _ => ErrorKind::Invalid,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match &*self.problem {
            Problem::Escape(_) => Some("it is `\\` or a backtick".to_owned()),
            Problem::OpenHeredoc(name) => {
                Some(format!("end it with a line that is `{name}` and nothing else"))
            }
            Problem::UnknownInstruction(word) => nearest(word, crate::instruction::KEYWORDS.iter().copied()),
            Problem::UnknownFlag { flag, known, .. } => nearest(flag, known.iter().copied())
                .or_else(|| (!known.is_empty()).then(|| format!("it has --{}", known.join(", --")))),
            Problem::Unsupported { instead, .. } => Some((*instead).to_owned()),
            Problem::BeforeFrom(_) | Problem::NoStage => {
                Some("begin with `FROM IMAGE`; only ARG may stand before it".to_owned())
            }
            Problem::EmptyBase(_) => Some(
                "give the variable a default (`ARG NAME=value` before FROM) or a value with --build-arg"
                    .to_owned(),
            ),
            Problem::NoSuchStage { known, .. } if known.is_empty() => {
                Some("name stages with `FROM IMAGE AS NAME`".to_owned())
            }
            Problem::NoSuchStage { name, known } => nearest(name, known.iter().map(String::as_str))
                .or_else(|| Some(format!("there are {}", known.join(", ")))),
            Problem::LaterStage(_) => Some("a stage can use those above it".to_owned()),
            Problem::NoSuchSecret(id) => Some(format!(
                "give it with `--secret id={id},src=FILE`, or leave `required` out where it may be missing"
            )),
            Problem::Nul
            | Problem::RepeatedDirective(_)
            | Problem::Malformed { .. }
            | Problem::Expansion(_)
            | Problem::Reference { .. }
            | Problem::Platform { .. } => None,
        }
    }
}

impl fmt::Display for DockerfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.problem)
    }
}

impl std::error::Error for DockerfileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}

/// What a misspelt word may have been meant to be.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let word = word.to_lowercase();
    known
        .map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, known)| format!("did you mean {known}?"))
}
