//! The pip step: solved by `uv` against the image's own interpreter, installed by `uv` in the sandbox.
//!
//! The solution is a PEP 751 lock; installing takes exactly what it names. The step is keyed by names, versions
//! and hashes of the lock, never by the addresses they came from.

use std::collections::BTreeMap;

use imagewright_model::spec::{LockedPip, PipOptions, PipRequirement, PipSpec, PythonChoice};
use imagewright_oci::Digest;
use imagewright_store::overlay::{PathPattern, TidyRules};
use pep440_rs::{Version, VersionSpecifiers};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::python::{self, Interpreter, Target};
use crate::step::{self, SolvedPackage, Step, StepContext, StepResult};
use crate::uv::Uv;
use crate::workbench::{Command, Finished, Workbench, contents};

/// What is there after installing that no image needs.
const JUNK: [&str; 4] = ["tmp/**", "var/tmp/**", "root/.cache/**", "root/.local/share/uv/**"];

/// Installs Python packages on the image so far.
pub(crate) struct PipStep<'a> {
    context: StepContext<'a>,
    uv: Uv,
    spec: &'a PipSpec,
    choice: Option<&'a PythonChoice>,
}

/// What uv answered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Solution {
    interpreter: Interpreter,
    target: Target,
    /// PEP 751 documents, installed in this order.
    locks: Vec<String>,
    packages: Vec<SolvedPackage>,
}

impl<'a> PipStep<'a> {
    pub(crate) fn new(
        context: StepContext<'a>,
        uv: Uv,
        spec: &'a PipSpec,
        choice: Option<&'a PythonChoice>,
    ) -> Self {
        Self { context, uv, spec, choice }
    }
}

impl Step for PipStep<'_> {
    const KIND: &'static str = "pip";
    const RUNS_REMEMBERED_SOLUTIONS: bool = true;
    type Solution = Solution;

    fn question(&self) -> Digest {
        let PipSpec { requirements, constraints, requires_python, locked, options } = self.spec;
        let python: Vec<&str> = requires_python.iter().map(|wanted| wanted.text.as_str()).collect();
        let locked = locked.as_ref().map(|lock| lock.text.as_str());
        let pip = (lines(requirements), lines(constraints), python, locked, options);
        step::key("pip-question", &(self.context.parent(), pip, self.choice, &self.uv.digest))
    }

    fn identity(&self, solution: &Solution) -> Digest {
        let Solution { interpreter, target, packages, .. } = solution;
        let compression = self.context.site.compression.to_string();
        let how = (&self.uv.digest, self.context.epoch, compression);
        step::key("pip", &(self.context.parent(), interpreter, target, packages, how))
    }

    fn solve(&mut self) -> Result<Solution, EngineError> {
        let report = self.context.report;
        let mut bench = self.context.bench()?;
        report.status("looking for Python");
        let interpreter =
            python::find(&mut bench, self.choice, report)?.ok_or_else(|| no_python(self.spec))?;
        check_version(&interpreter, self.spec)?;
        let target = Target::choose(&interpreter, self.choice.and_then(|choice| choice.environment.as_ref()));
        report.status(format!("solving for Python {}", interpreter.version));
        let locks = self.locks(&mut bench, &interpreter, matches!(target, Target::Environment(_)))?;
        let packages = locks.iter().map(|lock| packages_of(lock)).collect::<Result<Vec<_>, _>>()?.concat();
        Ok(Solution { interpreter, target, locks, packages })
    }

    fn run(&mut self, solution: &Solution) -> Result<StepResult, EngineError> {
        let StepContext { draft, report, .. } = self.context;
        let mut bench = self.context.bench()?;
        let (python, prefix) = match &solution.target {
            Target::System => (solution.interpreter.executable.clone(), &solution.interpreter.prefix),
            Target::Environment(path) => {
                self.make_environment(&mut bench, &solution.interpreter, path)?;
                (format!("{path}/bin/python"), path)
            }
        };
        report.status(format!("installing {} packages", solution.packages.len()));
        for lock in &solution.locks {
            let path = format!("{INSIDE}/pylock.toml");
            let install =
                ["pip", "install", "--no-deps", "--break-system-packages", "--python", &python, "-r", &path];
            let command = self.uv(&install).mount(contents(lock.as_str(), &path, 0o644));
            self.run_uv(&mut bench, command, "install the packages")?;
        }
        let layer = bench.seal(draft, tidy_rules(prefix), report)?;
        Ok(StepResult { path_prefix: solution.target.path_prefix(), ..StepResult::of(layer) })
    }
}

impl PipStep<'_> {
    /// Locks everything that is to be installed, pip itself included where there will be an environment.
    fn locks(
        &self,
        bench: &mut Workbench<'_>,
        interpreter: &Interpreter,
        wants_pip: bool,
    ) -> Result<Vec<String>, EngineError> {
        const PIP: &str = "pip\n";
        match &self.spec.locked {
            None => {
                // Where every package must come with its hash, a pip nobody gave a hash for cannot come along.
                let pip = if wants_pip && !self.spec.options.require_hashes { PIP } else { "" };
                let lock = self.compile(bench, interpreter, &(lines(&self.spec.requirements) + pip))?;
                // uv does not hold what it finds against the hashes of the requirements.
                self.spec.check_hashes(&LockedPip::parse("the solution", &lock)?)?;
                Ok(vec![lock])
            }
            Some(lock) => {
                let has_pip = lock.packages.iter().any(|package| package.name == "pip");
                let pip = wants_pip && !has_pip;
                let pip = pip.then(|| self.compile(bench, interpreter, PIP)).transpose()?;
                Ok(pip.into_iter().chain([lock.text.clone()]).collect())
            }
        }
    }

    /// Has uv turn requirements into a lock.
    fn compile(
        &self,
        bench: &mut Workbench<'_>,
        interpreter: &Interpreter,
        requirements: &str,
    ) -> Result<String, EngineError> {
        let input = format!("{INSIDE}/requirements.in");
        let fixed = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--format", "pylock.toml"];
        let command = self
            .uv(&fixed)
            .arguments(["--python", &interpreter.executable])
            .arguments(options(&self.spec.options))
            .arguments([input.clone()])
            .mount(contents(requirements, &input, 0o644))
            .keep_output();
        let command = if self.spec.constraints.is_empty() {
            command
        } else {
            let path = format!("{INSIDE}/constraints.txt");
            let constraints = contents(lines(&self.spec.constraints), &path, 0o644);
            command.arguments(["--constraints", &path]).mount(constraints)
        };
        let compiled = bench.run(command, self.context.report)?;
        if compiled.succeeded() { Ok(compiled.output) } else { Err(solve_error(&compiled)) }
    }

    fn make_environment(
        &self,
        bench: &mut Workbench<'_>,
        interpreter: &Interpreter,
        path: &str,
    ) -> Result<(), EngineError> {
        if bench.view().is_directory(format!("{path}/bin")) {
            return Ok(());
        }
        self.context.report.status(format!("making {path}"));
        let command = self.uv(&["venv", "--quiet", "--python", &interpreter.executable, path]);
        self.run_uv(bench, command, "make the environment")
    }

    fn uv(&self, arguments: &[&str]) -> Command {
        self.uv.command(self.context.site.outside, arguments)
    }

    fn run_uv(
        &self,
        bench: &mut Workbench<'_>,
        command: Command,
        action: &'static str,
    ) -> Result<(), EngineError> {
        let finished = bench.run(command, self.context.report)?;
        if finished.succeeded() {
            Ok(())
        } else {
            Err(EngineError::Uv { action, tail: finished.tail_text() })
        }
    }
}

/// What is removed before a pip layer is written.
fn tidy_rules(prefix: &str) -> TidyRules {
    // uv's own lock stays behind where it installed.
    let lock = format!("{}/.lock", prefix.trim_start_matches('/'));
    TidyRules {
        remove: JUNK.into_iter().chain([lock.as_str()]).map(PathPattern::new).collect(),
        drop_timestamped_bytecode: true,
        ..TidyRules::default()
    }
}

fn no_python(spec: &PipSpec) -> EngineError {
    let first = spec.requirements.first().map(|first| (first.text.clone(), first.origin.clone()));
    let locked = || spec.locked.as_ref().map(|lock| (lock.source.clone(), lock.origin()));
    let (requirement, origin) = first.or_else(locked).expect("a pip step has requirements or a lock");
    EngineError::NoPython { requirement, origin }
}

/// Checks the interpreter against what `pyproject.toml` asks for.
fn check_version(interpreter: &Interpreter, spec: &PipSpec) -> Result<(), EngineError> {
    let Ok(version) = interpreter.version.parse::<Version>() else { return Ok(()) };
    let unmet = spec.requires_python.iter().find(|wanted| {
        wanted.text.parse::<VersionSpecifiers>().is_ok_and(|specifiers| !specifiers.contains(&version))
    });
    match unmet {
        Some(wanted) => Err(EngineError::PythonVersion {
            found: interpreter.version.clone(),
            wanted: wanted.text.clone(),
            origin: wanted.origin.clone(),
        }),
        None => Ok(()),
    }
}

fn lines(requirements: &[PipRequirement]) -> String {
    requirements.iter().map(|requirement| requirement.line() + "\n").collect()
}

/// The packages a PEP 751 lock names.
fn packages_of(lock: &str) -> Result<Vec<SolvedPackage>, EngineError> {
    let lock: Lock = toml::from_str(lock).map_err(|source| EngineError::Uv {
        action: "give a lock that can be read",
        tail: source.to_string(),
    })?;
    Ok(lock.packages.into_iter().map(LockedPackage::solved).collect())
}

/// The part of PEP 751 that tells what is installed.
#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    wheels: Vec<Artefact>,
    #[serde(default)]
    sdist: Option<Artefact>,
    #[serde(default)]
    archive: Option<Artefact>,
    #[serde(default)]
    vcs: Option<toml::Value>,
}

#[derive(Deserialize)]
struct Artefact {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl LockedPackage {
    fn solved(self) -> SolvedPackage {
        let artefacts = self.wheels.into_iter().chain(self.sdist).chain(self.archive);
        let hashes =
            artefacts.flat_map(|artefact| artefact.hashes.into_iter().filter(|(name, _)| name == "sha256"));
        let commit = self.vcs.and_then(|vcs| Some(vcs.get("commit-id")?.as_str()?.to_owned()));
        let mut sha256: Vec<String> = hashes.map(|(_, hash)| hash).chain(commit).collect();
        sha256.sort();
        SolvedPackage {
            name: self.name,
            version: self.version.unwrap_or_default(),
            architecture: String::new(),
            sha256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_known_by_names_versions_and_hashes_alone() {
        let lock = |host: &str| {
            format!(
                "lock-version = \"1.0\"\ncreated-by = \"uv\"\n[[packages]]\nname = \"six\"\nversion = \"1.17.0\"\n\
                 sdist = {{ url = \"https://{host}/six.tar.gz\", hashes = {{ sha256 = \"ff\" }} }}\n\
                 wheels = [{{ url = \"https://{host}/six.whl\", hashes = {{ sha256 = \"47\" }} }}]\n"
            )
        };
        let packages = packages_of(&lock("a.example")).unwrap();
        assert_eq!(packages, packages_of(&lock("b.example")).unwrap());
        assert_eq!((packages[0].name.as_str(), packages[0].version.as_str()), ("six", "1.17.0"));
        assert_eq!(packages[0].sha256, ["47", "ff"]);
        assert!(packages_of("not toml").is_err());
    }
}
