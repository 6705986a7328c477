//! Wheels of what comes as source: distributions, archives, repositories.
//!
//! Building runs code of the package, so it happens in the sandbox, on the image so far, in an isolated environment
//! that uv makes. The wheel is kept as if it had been fetched; which source it came from is remembered together with
//! the image it was built on.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use imagewright_oci::{Digest, Hasher};
use imagewright_sandbox::{Mount, MountSource};
use serde::{Deserialize, Serialize};

use super::artifacts::{Artifact, Artifacts};
use super::error::PipError;
use super::interpreter::PythonFacts;
use super::local::Local;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::step::{self, StepContext};
use crate::uv::Uv;
use crate::workbench::{Command, Finished, Workbench};

/// Where sources are put and wheels come out; the overlay they lie on is thrown away.
const FOLDER: &str = "/.imagewright-build";

/// What a wheel is built from.
pub(super) enum Source<'a> {
    /// A file of the cache, under its own name.
    File { name: &'a str, artifact: &'a Artifact },
    /// A project of this machine, of which the sandbox gets a copy.
    Project(&'a Local),
    /// A commit of a repository.
    Git { address: &'a str, commit: &'a str },
}

/// A wheel that was built.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Built {
    /// Its file name.
    pub(super) name: String,
    pub(super) hash: Digest,
}

/// Builds wheels.
pub(super) struct WheelBuilder<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) uv: &'a Uv,
    pub(super) facts: &'a PythonFacts,
    pub(super) artifacts: &'a Artifacts<'a>,
}

impl WheelBuilder<'_> {
    /// The wheel of the package `name`, built where it is not known.
    pub(super) fn build(
        &self,
        name: &str,
        source: &Source<'_>,
        subdirectory: Option<&str>,
        again: bool,
    ) -> Result<Built, EngineError> {
        let store = self.context.site.store;
        let key = self.key(source, subdirectory);
        let _lock = store.lock(&format!("built-wheel {key}"), || {})?;
        let known: Option<Built> = if again { None } else { store.get_fact("built-wheel", &key)? };
        if let Some(known) = known.filter(|built| self.artifacts.path(&built.name, &built.hash).is_file()) {
            return Ok(known);
        }
        self.context.report.status(format!("building {name}"));
        let mut bench = self.context.bench()?;
        let failed = |finished: &Finished| EngineError::BuildWheel {
            package: name.to_owned(),
            tail: finished.tail_text(),
        };
        let place = self.place(&mut bench, source)?.map_err(|finished| failed(&finished))?;
        let place = match subdirectory {
            Some(inner) => format!("{place}/{inner}"),
            None => place,
        };
        let results = format!("{FOLDER}/wheels");
        let python = &self.facts.interpreter.executable;
        let arguments = ["build", "--wheel", "--python", python, "--out-dir", &results, &place];
        let mut command = self.uv.command(self.context.site.outside, &arguments);
        if let Source::File { artifact, .. } = source {
            let source = MountSource::File { path: artifact.path.clone(), read_only: true };
            command = command.mount(Mount { target: PathBuf::from(&place), source });
        }
        let finished = bench.run(command, self.context.report)?;
        if !finished.succeeded() {
            return Err(failed(&finished));
        }
        let built = self.keep(&inside(&bench, &results), name)?;
        store.put_fact("built-wheel", &key, &built)?;
        Ok(built)
    }

    /// Puts the source into the sandbox; gives its path there.
    fn place(
        &self,
        bench: &mut Workbench<'_>,
        source: &Source<'_>,
    ) -> Result<Result<String, Finished>, EngineError> {
        let folder = inside(bench, FOLDER);
        fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        match source {
            Source::File { name, .. } => Ok(Ok(format!("{INSIDE}/source/{name}"))),
            Source::Project(local) => {
                let copy = folder.join("source");
                local.copy_to(&copy, self.context.epoch, self.context.site.cancel)?;
                Ok(Ok(format!("{FOLDER}/source")))
            }
            Source::Git { address, commit } => {
                let place = format!("{FOLDER}/source");
                self.check_out(bench, address, commit, &place).map(|done| done.map(|()| place))
            }
        }
    }

    /// Gets one commit of a repository, with its submodules.
    fn check_out(
        &self,
        bench: &mut Workbench<'_>,
        address: &str,
        commit: &str,
        place: &str,
    ) -> Result<Result<(), Finished>, EngineError> {
        if bench.view().which(&["git"], bench.search_path()).is_none() {
            return Err(PipError::NoGit { address: address.to_owned() }.into());
        }
        let mut git = |arguments: &[&str]| {
            let command = Command::new(["git", "-c", "advice.detachedHead=false"]);
            bench.run(command.arguments(arguments.iter().copied()), self.context.report)
        };
        let made = git(&["init", "--quiet", place])?;
        let only_this = git(&["-C", place, "fetch", "--quiet", "--depth=1", address, commit])?;
        let fetched = match only_this.succeeded() {
            true => only_this,
            // Servers need not give single commits.
            false => {
                git(&["-C", place, "fetch", "--quiet", "--tags", address, "+refs/heads/*:refs/remotes/it/*"])?
            }
        };
        let checked_out = git(&["-C", place, "checkout", "--quiet", commit])?;
        let complete = git(&["-C", place, "submodule", "--quiet", "update", "--init", "--recursive"])?;
        let mut steps = [made, fetched, checked_out, complete].into_iter();
        Ok(steps.find(|finished| !finished.succeeded()).map_or(Ok(()), Err))
    }

    /// Moves the wheel that was built to where wheels are kept.
    fn keep(&self, results: &Path, package: &str) -> Result<Built, EngineError> {
        let none = || EngineError::BuildWheel {
            package: package.to_owned(),
            tail: "its build system said that it built a wheel, and there is none".to_owned(),
        };
        let entries = fs::read_dir(results).map_err(EngineError::io("list", results))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let wheel = paths.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl"));
        let wheel = wheel.ok_or_else(none)?;
        let name = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unreadable = |error| EngineError::io("read", &wheel)(error);
        let mut file = File::open(&wheel).map_err(unreadable)?;
        let mut hasher = Hasher::default();
        io::copy(&mut file, &mut hasher).map_err(unreadable)?;
        let hash = hasher.finish();
        let target = self.artifacts.path(&name, &hash);
        file.sync_all().map_err(unreadable)?;
        fs::rename(&wheel, &target).map_err(EngineError::io("keep", &target))?;
        Ok(Built { name, hash })
    }

    fn key(&self, source: &Source<'_>, subdirectory: Option<&str>) -> Digest {
        let source = match source {
            Source::File { name, artifact } => ("file", *name, artifact.digest.to_string()),
            // Not the path: a project that was moved is the same.
            Source::Project(local) => ("project", "", local.content().to_string()),
            Source::Git { address, commit } => ("git", *address, (*commit).to_owned()),
        };
        let image = (self.context.parent(), &self.facts.interpreter, &self.uv.digest);
        step::key("built-wheel", &(source, subdirectory, image))
    }
}

fn inside(bench: &Workbench<'_>, path: &str) -> PathBuf {
    bench.upper().join(path.trim_start_matches('/'))
}
