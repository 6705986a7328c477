//! What a lock means for one interpreter: the steps of PEP 751, "Installation".

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};
use toml::Spanned;

use super::document::LockFile;
use super::entry::Entry;
use super::{Formats, LockError, LockedPackage, Place, Problem};
use crate::markers::{Marker, Wanted};
use crate::names;
use crate::tags::Tags;

/// The interpreter that packages are chosen for, and what was asked for.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// Values of the environment markers.
    pub markers: &'a MarkerEnvironment,
    /// The wheels that it takes.
    pub tags: &'a Tags,
    /// Extras that were asked for.
    pub extras: BTreeSet<ExtraName>,
    /// Dependency groups that were asked for.
    pub groups: Groups,
    /// What may be installed of which package.
    pub formats: &'a Formats,
}

/// Dependency groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Whether those belong to it that the lock names as its default.
    pub default: bool,
    /// Others that were asked for.
    pub named: BTreeSet<ExtraName>,
}

impl Default for Groups {
    fn default() -> Self {
        Self { default: true, named: BTreeSet::new() }
    }
}

/// What is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The packages, by name.
    pub packages: Vec<LockedPackage>,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl LockFile {
    /// The packages that are to be installed for `target`, each with the artefact that fits best.
    ///
    /// # Errors
    /// Refuses a lock that is not for this interpreter, entries that contradict each other or say too little, and packages
    /// of which nothing fits.
    pub fn select(&self, target: &Target<'_>) -> Result<Selection, LockError> {
        let document = &self.document;
        let wanted = self.wanted(target)?;
        self.check_python(document.requires_python.as_ref(), "the lock", target)?;
        self.check_environments(target, &wanted)?;
        let mut chosen: BTreeMap<PackageName, (LockedPackage, usize)> = BTreeMap::new();
        for package in &document.packages {
            if !self.applies(package.marker.as_ref(), target, &wanted)? {
                continue;
            }
            let entry = Entry::new(self, package, target)?;
            self.check_python(package.requires_python.as_ref(), &format!("`{}`", entry.name), target)?;
            if let Some((_, first)) = chosen.get(&entry.name) {
                let problem = Problem::Twice { package: entry.name.to_string(), first: self.place(*first) };
                return Err(entry.error(problem));
            }
            let package = LockedPackage {
                name: entry.name.clone(),
                version: entry.version.clone(),
                artifact: entry.artifact()?,
            };
            chosen.insert(package.name.clone(), (package, entry.start()));
        }
        let packages = chosen.into_values().map(|(package, _)| package).collect();
        Ok(Selection { packages, notes: self.notes.clone() })
    }

    /// The extras and groups that markers are evaluated with.
    fn wanted(&self, target: &Target<'_>) -> Result<Wanted, LockError> {
        let extras = self.names(&self.document.extras)?;
        let mut groups = self.names(&self.document.dependency_groups)?;
        let defaults = self.names(&self.document.default_groups)?;
        groups.extend(defaults.iter().cloned());
        self.check_offered("extra", &target.extras, &extras)?;
        self.check_offered("dependency group", &target.groups.named, &groups)?;
        let defaults = defaults.into_iter().filter(|_| target.groups.default);
        Ok(Wanted {
            extras: target.extras.clone(),
            groups: target.groups.named.iter().cloned().chain(defaults).collect(),
        })
    }

    fn check_offered(
        &self,
        what: &'static str,
        wanted: &BTreeSet<ExtraName>,
        offered: &BTreeSet<ExtraName>,
    ) -> Result<(), LockError> {
        let Some(name) = wanted.difference(offered).next() else { return Ok(()) };
        let offered = offered.iter().map(ToString::to_string).collect();
        let problem = Problem::NotOffered { what, name: name.to_string(), offered };
        Err(LockError::new(Place::file(&self.source), problem))
    }

    fn names(&self, names: &[Spanned<String>]) -> Result<BTreeSet<ExtraName>, LockError> {
        let read = |name: &Spanned<String>| {
            let problem = || self.error(name.span().start, Problem::Name(name.get_ref().clone()));
            names::extra(name.get_ref()).ok_or_else(problem)
        };
        names.iter().map(read).collect()
    }

    fn check_python(
        &self,
        wanted: Option<&Spanned<String>>,
        what: &str,
        target: &Target<'_>,
    ) -> Result<(), LockError> {
        let Some(text) = wanted else { return Ok(()) };
        let specifiers: VersionSpecifiers = text
            .get_ref()
            .parse()
            .map_err(|_| self.error(text.span().start, Problem::Specifiers(text.get_ref().clone())))?;
        // A release candidate counts as the release, as it does for pip and uv.
        let found = Version::new(target.markers.python_full_version().version.release());
        if specifiers.contains(&found) {
            return Ok(());
        }
        let problem = Problem::OtherPython {
            what: what.to_owned(),
            wanted: specifiers.to_string(),
            found: found.to_string(),
        };
        Err(self.error(text.span().start, problem))
    }

    fn check_environments(&self, target: &Target<'_>, wanted: &Wanted) -> Result<(), LockError> {
        let environments = &self.document.environments;
        let Some(first) = environments.first() else { return Ok(()) };
        for environment in environments {
            if self.marker(environment)?.holds(target.markers, wanted) {
                return Ok(());
            }
        }
        let all = environments.iter().map(|environment| environment.get_ref().clone()).collect();
        Err(self.error(first.span().start, Problem::OtherEnvironment(all)))
    }

    fn applies(
        &self,
        marker: Option<&Spanned<String>>,
        target: &Target<'_>,
        wanted: &Wanted,
    ) -> Result<bool, LockError> {
        marker.map_or(Ok(true), |marker| Ok(self.marker(marker)?.holds(target.markers, wanted)))
    }

    fn marker(&self, text: &Spanned<String>) -> Result<Marker, LockError> {
        text.get_ref().parse().map_err(|source| {
            self.error(text.span().start, Problem::Marker { text: text.get_ref().clone(), source })
        })
    }
}
