//! The one file of each package that fits the image's interpreter.

use std::collections::BTreeMap;

use imagewright_model::spec::PipSpec;
use imagewright_python::lock::{
    Artifact, FileSource, Formats, Groups, Location, Lock, LockFile, LockedPackage, PackageSet, Target,
    direct_url,
};
use imagewright_python::markers::InterpreterReport;
use imagewright_python::tags::Tags;

use super::error::PipError;
use super::interpreter::PythonFacts;
use crate::error::EngineError;
use crate::reporter::StepReporter;
use crate::step::SolvedPackage;

/// Chooses for one interpreter.
pub(super) struct Selector<'a> {
    spec: &'a PipSpec,
    /// The lock of the spec, as it stands among those that are chosen from.
    locked: Option<String>,
    report: InterpreterReport,
    tags: Tags,
    formats: Formats,
}

/// A package that is to be installed.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) package: LockedPackage,
    version: Option<String>,
}

impl<'a> Selector<'a> {
    pub(super) fn new(
        python: &PythonFacts,
        spec: &'a PipSpec,
        locked: Option<String>,
    ) -> Result<Self, EngineError> {
        let report = InterpreterReport::parse(&python.report.to_string())
            .map_err(|source| PipError::PythonReport { source })?;
        let set = |names: &[String]| PackageSet::parse(names.iter().map(String::as_str));
        let wrong = |source| EngineError::from(PipError::PackageName { source });
        let formats = Formats {
            no_binary: set(&spec.options.no_binary).map_err(wrong)?,
            only_binary: set(&spec.options.only_binary).map_err(wrong)?,
        };
        let tags = report.tags();
        Ok(Self { spec, locked, report, tags, formats })
    }

    pub(super) fn report(&self) -> &InterpreterReport {
        &self.report
    }

    /// What the locks name for this interpreter, by name; of a package in several locks, that of the last.
    pub(super) fn choose(
        &self,
        locks: &[String],
        step: &StepReporter<'_>,
    ) -> Result<Vec<Chosen>, EngineError> {
        let target = Target {
            markers: &self.report.markers,
            tags: &self.tags,
            extras: Default::default(),
            groups: Groups::default(),
            formats: &self.formats,
        };
        let mut packages = BTreeMap::new();
        for lock in locks {
            let source = self.spec.locked.as_ref().filter(|_| self.locked.as_ref() == Some(lock));
            let source = source.map_or("the solution", |locked| locked.source.as_str());
            let wrong = |source| EngineError::from(PipError::Lock { source: Box::new(source) });
            let selection =
                LockFile::parse(source, lock).and_then(|file| file.select(&target)).map_err(wrong)?;
            for note in selection.notes {
                step.warn(note);
            }
            packages.extend(selection.packages.into_iter().map(|package| (package.name.clone(), package)));
        }
        let chosen = packages.into_values().map(|package| {
            let version = package.version.as_ref().map(ToString::to_string);
            Chosen { package, version }
        });
        Ok(chosen.collect())
    }
}

impl Chosen {
    pub(super) fn name(&self) -> &str {
        self.package.name.as_ref()
    }

    pub(super) fn version(&self) -> Option<&String> {
        self.version.as_ref()
    }

    /// Whether a wheel has to be built first.
    pub(super) fn is_source(&self) -> bool {
        self.wheel().is_none()
    }

    /// The wheel, where the lock names one.
    pub(super) fn wheel(&self) -> Option<&FileSource> {
        match &self.package.artifact {
            Artifact::Wheel { file, .. } => Some(file),
            Artifact::Archive { file, .. } => Some(file).filter(|file| file.is_wheel()),
            Artifact::Sdist { .. } | Artifact::Directory { .. } | Artifact::Vcs(_) => None,
        }
    }

    /// Bytes to fetch, where the lock tells.
    pub(super) fn size(&self) -> Option<u64> {
        match &self.package.artifact {
            Artifact::Wheel { file, .. } | Artifact::Sdist { file } | Artifact::Archive { file, .. } => {
                file.size
            }
            Artifact::Directory { .. } | Artifact::Vcs(_) => None,
        }
    }

    /// The text of `direct_url.json`, for what does not come from an index. Where a file or folder lies on this machine
    /// is in no image: what it is called stands for that.
    pub(super) fn direct_url(&self) -> Option<String> {
        let mut artifact = self.package.artifact.clone();
        match &mut artifact {
            Artifact::Directory { path, editable, .. } => {
                self.name().clone_into(path);
                *editable = None;
            }
            Artifact::Archive { file, .. } if matches!(file.location, Location::Path(_)) => {
                file.location = Location::Path(file.name.clone());
            }
            _ => {}
        }
        direct_url(&artifact, "/")
    }

    /// The package as keys know it: no address and no path.
    pub(super) fn solved(&self) -> SolvedPackage {
        let lock = Lock { packages: vec![self.package.clone()], ..Lock::default() };
        let identity = lock.identity().pop().and_then(|identified| identified.artifact);
        SolvedPackage {
            name: self.name().to_owned(),
            version: self.version.clone().unwrap_or_default(),
            architecture: String::new(),
            sha256: identity.into_iter().chain(self.direct_url()).collect(),
            size: None,
        }
    }
}
