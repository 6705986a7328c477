//! What a rule is: a name that stays, a sentence, why it matters, how to mend it, and where that is known from.

use std::fmt;

use imagewright_model::spec::Origin;
use serde::Serialize;

use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::trial::Trials;

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

/// Looks at an image as a platform would run it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PlatformCheck {
    /// By its documents and by what is known of its name. It may not look at files.
    Documents(fn(&ProfileSubject<'_>) -> Outcome),
    /// By its files as well: where not all of them are known, it is not asked.
    Files(fn(&ProfileSubject<'_>) -> Outcome),
}

/// Runs an image as a platform would, and judges what came of it.
pub(crate) type RunCheck = fn(&ProfileSubject<'_>, &Trials<'_>) -> Outcome;

/// What a check came to that may also not know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) found: Vec<Found>,
    /// What could not be told, and why.
    pub(crate) unknown: Vec<String>,
}

impl Outcome {
    /// Nothing is the matter.
    pub(crate) fn fine() -> Self {
        Self::default()
    }

    /// It cannot be told.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self { found: Vec::new(), unknown: vec![why.into()] }
    }
}

impl From<Found> for Outcome {
    fn from(found: Found) -> Self {
        Self { found: vec![found], unknown: Vec::new() }
    }
}

impl From<Option<Found>> for Outcome {
    fn from(found: Option<Found>) -> Self {
        Self { found: found.into_iter().collect(), unknown: Vec::new() }
    }
}

impl From<Vec<Found>> for Outcome {
    fn from(found: Vec<Found>) -> Self {
        Self { found, unknown: Vec::new() }
    }
}

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
    pub(crate) on_platform: Option<PlatformCheck>,
    pub(crate) on_run: Option<RunCheck>,
    /// Whether it looks at notebooks: see [`crate::check_notebooks`].
    pub(crate) is_for_notebooks: bool,
}

impl Rule {
    /// What is left to say of a rule that profiles ask.
    pub(crate) const OF_PLATFORMS: Self = Self {
        name: "",
        level: Level::Error,
        summary: "",
        why: "",
        mend: "",
        sources: &[],
        on_dockerfile: None,
        on_image: None,
        on_platform: None,
        on_run: None,
        is_for_notebooks: false,
    };

    /// Whether it looks at Dockerfiles.
    pub fn is_for_dockerfiles(&self) -> bool {
        self.on_dockerfile.is_some()
    }

    /// Whether it looks at images, whatever they are for.
    pub fn is_for_images(&self) -> bool {
        self.on_image.is_some()
    }

    /// Whether it is asked by profiles alone.
    pub fn is_for_platforms_alone(&self) -> bool {
        let is_asked = self.on_platform.is_some() || self.runs_images();
        is_asked && self.on_image.is_none() && self.on_dockerfile.is_none()
    }

    /// Whether it looks at notebooks, and at an image for what they need.
    pub fn is_for_notebooks(&self) -> bool {
        self.is_for_notebooks
    }

    /// Whether it runs images.
    pub fn runs_images(&self) -> bool {
        self.on_run.is_some()
    }

    /// What it looks at, in words.
    pub fn looks_at(&self) -> &'static str {
        match (self.is_for_dockerfiles(), self.is_for_images()) {
            (true, true) => "Dockerfiles and images",
            (false, true) => "images",
            (true, false) => "Dockerfiles",
            (false, false) if self.is_for_notebooks => "notebooks, and images for what they need",
            (false, false) if self.runs_images() => {
                "containers of an image, as a platform runs it: with `--run`"
            }
            (false, false) => "images for a platform",
        }
    }

    pub(crate) fn finding(&'static self, found: Found) -> Finding {
        let Found { level, origin, message, mend, remedy } = found;
        Finding {
            rule: self.name,
            level: level.unwrap_or(self.level),
            message,
            why: None,
            mend,
            remedy,
            origin,
        }
    }
}

/// What a check found, before it is known which rule it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) level: Option<Level>,
    origin: Origin,
    message: String,
    mend: Option<String>,
    remedy: Option<Remedy>,
}

impl Found {
    pub(crate) fn new(origin: &Origin, message: impl Into<String>) -> Self {
        Self { level: None, origin: origin.clone(), message: message.into(), mend: None, remedy: None }
    }

    pub(crate) fn with_level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    pub(crate) fn with_beginning(self, beginning: &str) -> Self {
        Self { message: format!("{beginning}{}", self.message), ..self }
    }

    pub(crate) fn with_mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    pub(crate) fn with_remedy(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
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
    /// Why it matters where the image is to run, if that is another reason than the rule's.
    pub why: Option<String>,
    /// What to write here in particular; the rule tells how to mend it in general.
    pub mend: Option<String>,
    /// The same for a program to carry out, where one could.
    pub remedy: Option<Remedy>,
    /// Where: a line of a Dockerfile, or an image.
    pub origin: Origin,
}

impl fmt::Display for Finding {
    /// `Dockerfile:3: what is the matter (rule-name)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.origin, self.message, self.rule)
    }
}
