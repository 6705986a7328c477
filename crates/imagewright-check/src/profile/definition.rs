//! The profiles that come with the program, as tables: which rules, and which row of a platform's contract each answers.

use std::borrow::Cow;

use super::{
    Parameters, Profile, ProfileError, ProfileRule, docker_stacks, elyra, enterprise_gateway, jupyterhub,
    kubeflow,
};
use crate::rule::{Level, Rule};

/// A profile as a table.
pub(super) struct Definition {
    pub(super) name: &'static str,
    /// What it is called in a sentence.
    pub(super) title: &'static str,
    /// What an image is that fulfils it, in a sentence or two of Markdown.
    pub(super) about: &'static str,
    /// The public texts that it follows.
    pub(super) sources: &'static [&'static str],
    pub(super) rules: &'static [Entry],
    /// Rules that run the image.
    pub(super) running: &'static [Entry],
    /// What the platform's contract is, row by row.
    pub(super) rows: &'static [Row],
    /// Its releases, the one that is meant where none is named first.
    pub(super) releases: &'static [&'static str],
    /// Whether packages are installed before anything runs.
    pub(super) installs: bool,
}

/// A rule in a profile.
pub(super) struct Entry {
    pub(super) rule: &'static Rule,
    pub(super) level: Option<Level>,
    pub(super) why: Option<&'static str>,
}

/// A rule as it is.
pub(super) const fn rule(rule: &'static Rule) -> Entry {
    Entry { rule, level: None, why: None }
}

impl Entry {
    /// The same with another level.
    pub(super) const fn level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// The same with the reason that holds on the platform.
    pub(super) const fn why(self, why: &'static str) -> Self {
        Self { why: Some(why), ..self }
    }
}

/// A row of a platform's contract.
pub(super) struct Row {
    /// What it is called in reports and tests.
    pub(super) id: &'static str,
    /// What it wants.
    pub(super) wants: &'static str,
    pub(super) by: By,
}

/// Who answers a row.
pub(super) enum By {
    /// These rules.
    Rules(&'static [&'static Rule]),
    /// Nobody, for this reason.
    Nobody(&'static str),
}

pub(super) const fn row(id: &'static str, wants: &'static str, by: By) -> Row {
    Row { id, wants, by }
}

/// The profiles, in the order in which they are told.
pub(super) static ALL: [&Definition; 5] = [
    &elyra::ELYRA,
    &enterprise_gateway::ENTERPRISE_GATEWAY,
    &kubeflow::KUBEFLOW_NOTEBOOK,
    &docker_stacks::DOCKER_STACKS,
    &jupyterhub::JUPYTERHUB,
];

impl Definition {
    /// All rules: those that look at the image, then those that run it.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'static Entry> + use<> {
        self.rules.iter().chain(self.running)
    }
}

fn definition(name: &str) -> Option<&'static Definition> {
    ALL.iter().find(|definition| definition.name == name).copied()
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|definition| definition.name)
}

pub(super) fn releases(platform: &str) -> impl Iterator<Item = &'static str> {
    definition(platform).into_iter().flat_map(|definition| definition.releases.iter().copied())
}

pub(super) fn profile(platform: &str, release: Option<&str>) -> Result<Profile, ProfileError> {
    let Some(definition) = definition(platform) else {
        return Err(ProfileError::Unknown { name: platform.to_owned() });
    };
    let unknown =
        |release: &str| ProfileError::Release { platform: platform.to_owned(), release: release.to_owned() };
    let parameters = match (definition.releases.first(), release) {
        (None, Some(release)) => return Err(unknown(release)),
        (None, None) => Parameters { installs: definition.installs, ..Parameters::default() },
        (Some(newest), release) => {
            let release = release.unwrap_or(newest);
            elyra::parameters(release).ok_or_else(|| unknown(release))?
        }
    };
    let rules = definition.entries().map(|entry| ProfileRule {
        rule: entry.rule,
        level: entry.level,
        forced: None,
        why: entry.why.map(Cow::Borrowed),
    });
    let name = match (definition.releases.first(), release) {
        (Some(newest), release) => format!("{platform}@{}", release.unwrap_or(newest)),
        _ => platform.to_owned(),
    };
    let title = parameters.release.clone().unwrap_or_else(|| definition.title.to_owned());
    Ok(Profile { name, title, rules: rules.collect(), parameters })
}
