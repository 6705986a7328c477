//! What a rule is: a name that stays, a sentence, why it matters, how to mend it, and where that is known from.

use std::fmt;

use imagewright_model::spec::Origin;
use serde::Serialize;

use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Note,
    /// It goes wrong for some.
    Warning,
    /// It cannot work.
    Error,
}

impl Level {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Looks at a Dockerfile.
pub(crate) type DockerfileCheck = fn(&DockerfileSubject<'_>) -> Vec<Found>;
/// Looks at an image.
pub(crate) type ImageCheck = fn(&ImageSubject<'_>) -> Vec<Found>;

/// A rule. Its texts are Markdown.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, which never changes: people write it into files.
    pub name: &'static str,
    /// How much what it finds matters, unless the finding says otherwise.
    pub level: Level,
    /// What it wants, in a sentence.
    pub summary: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// How to mend what it finds, with a snippet.
    pub mend: &'static str,
    /// Where this is known from.
    pub sources: &'static [&'static str],
    pub(crate) on_dockerfile: Option<DockerfileCheck>,
    pub(crate) on_image: Option<ImageCheck>,
}

impl Rule {
    /// Whether it looks at Dockerfiles.
    pub fn is_for_dockerfiles(&self) -> bool {
        self.on_dockerfile.is_some()
    }

    /// Whether it looks at images.
    pub fn is_for_images(&self) -> bool {
        self.on_image.is_some()
    }

    /// What it looks at, in words.
    pub fn looks_at(&self) -> &'static str {
        match (self.is_for_dockerfiles(), self.is_for_images()) {
            (true, true) => "Dockerfiles and images",
            (false, true) => "images",
            (_, false) => "Dockerfiles",
        }
    }

    pub(crate) fn finding(&'static self, found: Found) -> Finding {
        let Found { level, origin, message, mend } = found;
        Finding { rule: self.name, level: level.unwrap_or(self.level), message, mend, origin }
    }
}

/// What a check found, before it is known which rule it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    level: Option<Level>,
    origin: Origin,
    message: String,
    mend: Option<String>,
}

impl Found {
    pub(crate) fn new(origin: &Origin, message: impl Into<String>) -> Self {
        Self { level: None, origin: origin.clone(), message: message.into(), mend: None }
    }

    pub(crate) fn with_level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    pub(crate) fn with_mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }
}

/// Something a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the rule.
    pub rule: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What is the matter, in a sentence that stands alone.
    pub message: String,
    /// What to write here in particular; the rule tells how to mend it in general.
    pub mend: Option<String>,
    /// Where: a line of a Dockerfile, or an image.
    pub origin: Origin,
}

impl fmt::Display for Finding {
    /// `Dockerfile:3: what is the matter (rule-name)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.origin, self.message, self.rule)
    }
}
