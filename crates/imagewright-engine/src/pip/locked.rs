//! Python packages as an image lock has them.

use imagewright_model::lock::LockedPython;
use imagewright_oci::Digest;
use imagewright_python::lock::{Artifact, FileSource, Location, Lock, write_lock};

use super::given::{self, Given};
use super::interpreter::{PythonFacts, Target};
use super::replaced;
use super::select::Chosen;
use super::{PipStep, Solution};
use crate::error::EngineError;
use crate::lock::{Kept, KeptPython};
use crate::versions_error::VersionsError;

/// How a lock names the interpreter's own place for packages.
const SYSTEM: &str = "system";

impl PipStep<'_> {
    /// A solution as a lock has it, but for what the spec says of it.
    pub(crate) fn locked(&self, solution: &Solution) -> Result<LockedPython, EngineError> {
        let document = LockedPython::document_of(&self.pylock(solution)?)
            .map_err(|source| EngineError::LockText { source: Box::new(source) })?;
        let python = &solution.python;
        Ok(LockedPython {
            key: Digest::of(b""),
            asked: Vec::new(),
            interpreter: python.interpreter.executable.clone(),
            version: python.interpreter.version.clone(),
            environment: environment(python).to_owned(),
            document,
        })
    }

    /// A solution as the text of a `pylock.toml`: one file for each package.
    pub(crate) fn pylock(&self, solution: &Solution) -> Result<String, EngineError> {
        let selector = self.selector(&solution.python)?;
        let chosen = selector.choose(&solution.locks, self.context.report)?;
        let mut packages: Vec<_> = chosen.into_iter().map(|chosen| chosen.package).collect();
        for package in &mut packages {
            self.name_path(&mut package.artifact);
            if let Artifact::Wheel { file, .. } | Artifact::Sdist { file } | Artifact::Archive { file, .. } =
                &mut package.artifact
            {
                self.leave_folder_out(file);
            }
        }
        Ok(write_lock(&Lock { packages, ..Lock::default() }))
    }

    /// What is named by its contents here, everybody else finds by its path.
    fn name_path(&self, artifact: &mut Artifact) {
        let path = match artifact {
            Artifact::Directory { path, .. } => path,
            Artifact::Archive { file, .. } | Artifact::Wheel { file, .. } | Artifact::Sdist { file } => {
                match &mut file.location {
                    Location::Path(path) => path,
                    Location::Url(_) => return,
                }
            }
            Artifact::Vcs(_) => return,
        };
        if let Some(local) = self.locals.of_pinned(path) {
            path.clone_from(&local.path);
        }
    }

    /// Where this machine has its folders of distribution files is nobody else's business.
    fn leave_folder_out(&self, file: &mut FileSource) {
        let name = match &file.location {
            Location::Url(url) => self.context.site.outside.name_in_folder(url.expose()),
            Location::Path(_) => None,
        };
        if let Some(name) = name {
            file.location = Location::Path(name);
        }
    }

    /// What the spec names by path and is not as it was locked, a sentence each.
    pub(super) fn changed(&self) -> Result<Vec<String>, EngineError> {
        match &self.kept {
            Kept::Exactly(kept) => Ok(self.locals.pin_lock(&kept.python.pylock())?.changed),
            Kept::Preferred(_) | Kept::Nothing => Ok(Vec::new()),
        }
    }

    /// What the lock decided, where it is for this Python.
    pub(super) fn kept_locks(
        &self,
        python: &PythonFacts,
        given: &Given<'_>,
    ) -> Result<Option<Vec<String>>, EngineError> {
        let Kept::Exactly(KeptPython { python: locked, locked: must_fit, .. }) = &self.kept else {
            return Ok(None);
        };
        let found = (&python.interpreter.executable, &python.interpreter.version, environment(python));
        if (&locked.interpreter, &locked.version, locked.environment.as_str()) == found {
            let mut pinned = self.locals.pin_lock(&locked.pylock())?;
            let others = locked.packages().filter_map(|(name, version)| given.other(name, version));
            pinned.changed.extend(others.map(|there| format!("conda installs {}", given::shown(there))));
            return match pinned.changed {
                nothing if nothing.is_empty() => Ok(Some(vec![pinned.text])),
                differences if *must_fit => Err(VersionsError::LockDiffers { differences }.into()),
                _ => Ok(None),
            };
        }
        let shown = |(interpreter, version, environment): (&String, &String, &str)| {
            format!("Python {version} at `{interpreter}` with packages in `{environment}`")
        };
        let differences = vec![format!(
            "it is for {}, and the image has {}",
            shown((&locked.interpreter, &locked.version, &locked.environment)),
            shown(found)
        )];
        match must_fit {
            true => Err(VersionsError::LockDiffers { differences }.into()),
            false => Ok(None),
        }
    }

    /// Versions to keep where that is possible: those of the lock before those that are there.
    pub(super) fn preferred(&self, python: &PythonFacts) -> Vec<(String, String)> {
        let kept = match &self.kept {
            Kept::Nothing => None,
            Kept::Preferred(kept) | Kept::Exactly(kept) => Some(kept),
        };
        let locked = kept.into_iter().flat_map(|kept| kept.python.packages());
        let locked = locked.map(|(name, version)| (name.to_owned(), version.to_owned()));
        let may_change = |name: &String| kept.is_some_and(|kept| kept.upgraded.contains(name));
        let mut preferred: Vec<(String, String)> =
            locked.filter(|(name, version)| !may_change(name) && !version.is_empty()).collect();
        for there in replaced::in_target(python) {
            if !may_change(&there.name) && !preferred.iter().any(|(name, _)| *name == there.name) {
                preferred.push((there.name.clone(), there.version.clone()));
            }
        }
        preferred
    }
}

impl Chosen {
    /// Where it lies on this machine, as solutions have it.
    pub(super) fn path(&self) -> Option<&str> {
        match &self.package.artifact {
            Artifact::Directory { path, .. }
            | Artifact::Archive { file: FileSource { location: Location::Path(path), .. }, .. } => Some(path),
            _ => None,
        }
    }

    /// The file it is made from, where it is one.
    pub(super) fn file(&self) -> Option<&FileSource> {
        match &self.package.artifact {
            Artifact::Wheel { file, .. } | Artifact::Sdist { file } | Artifact::Archive { file, .. } => {
                Some(file)
            }
            Artifact::Directory { .. } | Artifact::Vcs(_) => None,
        }
    }
}

fn environment(python: &PythonFacts) -> &str {
    match &python.target {
        Target::System => SYSTEM,
        Target::Environment(path) => path,
    }
}
