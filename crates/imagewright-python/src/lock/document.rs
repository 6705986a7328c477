//! `pylock.toml` as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{LockError, Place, Problem};

/// A lock as it was read: well-formed, of a version that is known here, not yet looked at for an interpreter.
#[derive(Clone, Debug)]
pub struct LockFile {
    pub(super) source: String,
    pub(super) text: String,
    pub(super) document: Document,
    pub(super) notes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Document {
    lock_version: Spanned<String>,
    #[serde(default)]
    pub(super) environments: Vec<Spanned<String>>,
    pub(super) requires_python: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) extras: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) dependency_groups: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) default_groups: Vec<Spanned<String>>,
    pub(super) packages: Vec<Package>,
}

/// What every version of the format has.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    lock_version: Spanned<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Package {
    pub(super) name: Spanned<String>,
    pub(super) version: Option<Spanned<String>>,
    pub(super) marker: Option<Spanned<String>>,
    pub(super) requires_python: Option<Spanned<String>>,
    pub(super) vcs: Option<Spanned<Vcs>>,
    pub(super) directory: Option<Spanned<Directory>>,
    pub(super) archive: Option<Spanned<File>>,
    pub(super) sdist: Option<Spanned<File>>,
    #[serde(default)]
    pub(super) wheels: Vec<Spanned<File>>,
    #[serde(default)]
    pub(super) tool: Tools,
}

/// What tools keep beside an entry: of others it is passed over.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Tools {
    #[serde(default)]
    pub(super) imagewright: Tool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Tool {
    /// Hash of what a folder holds, as `sha256:…`.
    pub(super) content: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Vcs {
    pub(super) r#type: String,
    pub(super) url: Option<String>,
    pub(super) path: Option<String>,
    pub(super) requested_revision: Option<String>,
    pub(super) commit_id: String,
    pub(super) subdirectory: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Directory {
    pub(super) path: String,
    pub(super) editable: Option<bool>,
    pub(super) subdirectory: Option<String>,
}

/// A wheel, a source distribution or an archive.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct File {
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
    pub(super) path: Option<String>,
    pub(super) size: Option<u64>,
    #[serde(default)]
    pub(super) hashes: BTreeMap<String, String>,
    pub(super) subdirectory: Option<String>,
}

impl LockFile {
    /// Reads the text of a lock; `source` is the name it has in errors.
    ///
    /// # Errors
    /// Refuses what is not a lock of version 1.
    pub fn parse(source: &str, text: &str) -> Result<Self, LockError> {
        let at = |start: usize| Place::of(source, text, start);
        let document: Document = toml::from_str(text).map_err(|error| {
            // A later version may have another shape, and then that it is a later version is what counts.
            let head = toml::from_str::<Head>(text).ok().map(|head| head.lock_version);
            match head.filter(|version| minor(version.get_ref()).is_none()) {
                Some(version) => unknown(at(version.span().start), &version),
                None => malformed(source, text, &error),
            }
        })?;
        let version = &document.lock_version;
        let notes = match minor(version.get_ref()) {
            Some(0) => Vec::new(),
            Some(_) => vec![format!(
                "{}: lock version `{}` is later than 1.0, so something in it may be passed over",
                at(version.span().start),
                version.get_ref()
            )],
            None => return Err(unknown(at(version.span().start), version)),
        };
        Ok(Self { source: source.to_owned(), text: text.to_owned(), document, notes })
    }

    /// Makes an error of what is wrong at a byte of the text.
    pub(super) fn error(&self, start: usize, problem: Problem) -> LockError {
        LockError::new(self.place(start), problem)
    }

    pub(super) fn place(&self, start: usize) -> Place {
        Place::of(&self.source, &self.text, start)
    }
}

/// The minor version of `1.x`.
fn minor(version: &str) -> Option<u64> {
    version.strip_prefix("1.")?.parse().ok()
}

fn unknown(place: Place, version: &Spanned<String>) -> LockError {
    LockError::new(place, Problem::LockVersion(version.get_ref().clone()))
}

fn malformed(source: &str, text: &str, error: &toml::de::Error) -> LockError {
    let place = match error.span() {
        Some(span) => Place::of(source, text, span.start),
        None => Place::file(source),
    };
    LockError::new(place, Problem::Malformed(error.message().lines().collect::<Vec<_>>().join(", ")))
}
