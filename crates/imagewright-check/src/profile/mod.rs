//! Profiles: what an image must be to run on a platform.
//!
//! A profile is a list of rules, each with the level and the reason that hold there. It is a value: those that come with the
//! program are tables ([`definition`]), those of a site a file that extends one ([`mod@file`]). Asking one gives a [`Report`].

mod definition;
mod docker_stacks;
mod elyra;
mod enterprise_gateway;
mod file;
mod jupyterhub;
mod kubeflow;
mod page;
mod report;
mod running;
mod subject;

use std::borrow::Cow;

use imagewright_model::ErrorKind;
use imagewright_oci::Platform;

pub use file::ProfileFile;
pub use page::profiles_page;
pub use report::{Report, Unanswered, Verdict};
pub(crate) use subject::ProfileSubject;

use crate::elyra::Pins;
use crate::rule::{Level, Rule};
use crate::selection::Selection;

/// What an image must be to run on a platform.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name, with the release that is meant: `elyra@4.1`.
    pub name: String,
    /// What it is called in a sentence.
    pub title: String,
    pub(crate) rules: Vec<ProfileRule>,
    pub(crate) parameters: Parameters,
}

/// A rule with what holds of it on a platform.
#[derive(Clone, Debug)]
pub(crate) struct ProfileRule {
    pub(crate) rule: &'static Rule,
    /// The level of what it finds, where the finding does not say it; none: the rule's own.
    pub(crate) level: Option<Level>,
    /// The level of whatever it finds, by the word of a site.
    pub(crate) forced: Option<Level>,
    /// Why it matters there; none: what the rule says.
    pub(crate) why: Option<Cow<'static, str>>,
}

/// What differs between releases and sites of one platform.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// Versions of Python that run there, from the first to the last.
    pub(crate) pythons: Option<((u32, u32), (u32, u32))>,
    /// What is installed before a node runs; none where that is not known.
    pub(crate) pins: Option<Pins>,
    /// Whether the platform installs packages before anything runs.
    pub(crate) installs: bool,
    /// Whether containers reach an index of Python packages.
    pub(crate) network: bool,
    /// Platforms that machines of a site have.
    pub(crate) platforms: Vec<Platform>,
    /// The release, in words.
    pub(crate) release: Option<String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            pythons: None,
            pins: None,
            installs: false,
            network: true,
            platforms: Vec::new(),
            release: None,
        }
    }
}

/// Why there is no such profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No profile has this name.
    #[error("there is no profile `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The platform has no such release, as far as this program knows.
    #[error("nothing is known of release `{release}` of `{platform}`")]
    Release {
        /// The platform.
        platform: String,
        /// The release.
        release: String,
    },
    /// A profile of a site is not what it must be.
    #[error("profile `{file}` is not usable: {reason}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

impl ProfileError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown { .. } | Self::Release { .. } => ErrorKind::Usage,
            Self::File { .. } => ErrorKind::Invalid,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { .. } => Some(format!(
                "there are {}; a profile of your own is named by its file: ./NAME.toml",
                definition::names().collect::<Vec<_>>().join(", ")
            )),
            Self::Release { platform, .. } => {
                let known = definition::releases(platform).collect::<Vec<_>>().join(", ");
                Some(match known.is_empty() {
                    true => format!("`{platform}` has no releases here: leave `@…` out"),
                    false => format!("known are {known}"),
                })
            }
            Self::File { .. } => Some("docs/profiles.md says what may stand in it".to_owned()),
        }
    }
}

impl Rule {
    /// The names of the profiles that ask it.
    pub fn profiles(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.in_profiles().map(|(profile, ..)| profile)
    }

    /// The profiles that ask it, with its level there, and the reason where it is one of its own.
    pub(crate) fn in_profiles(
        &self,
    ) -> impl Iterator<Item = (&'static str, Level, Option<&'static str>)> + use<> {
        let (name, level) = (self.name, self.level);
        definition::ALL.into_iter().filter_map(move |definition| {
            let entry = definition.entries().find(|entry| entry.rule.name == name)?;
            Some((definition.name, entry.level.unwrap_or(level), entry.why))
        })
    }
}

impl Profile {
    /// The profile of a name: `elyra`, `elyra@4.1`, `kubeflow-notebook`.
    ///
    /// # Errors
    /// Where there is none, or not of this release.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        let (platform, release) = match name.split_once('@') {
            Some((platform, release)) => (platform, Some(release)),
            None => (name, None),
        };
        definition::profile(platform, release)
    }

    /// One without rules.
    pub(crate) fn empty() -> Self {
        Self {
            name: String::new(),
            title: String::new(),
            rules: Vec::new(),
            parameters: Parameters::default(),
        }
    }

    /// The names of the profiles that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        definition::names()
    }

    /// What Elyra installs there, in the words of whoever said it; none where that plays no part.
    pub fn pins(&self) -> Option<&str> {
        self.parameters.pins.as_ref().map(Pins::origin)
    }

    /// Whether rules that are asked want to know what the image's name stands for in its registry.
    pub fn asks_registries(&self, selection: &Selection) -> bool {
        let asked = self.rules.iter().filter(|entry| selection.includes(entry.rule));
        asked.into_iter().any(|entry| crate::rules::asks_registries(entry.rule))
    }

    /// The names of its rules.
    pub fn rule_names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.rules.iter().map(|entry| entry.rule.name)
    }
}

#[cfg(test)]
mod tests;
