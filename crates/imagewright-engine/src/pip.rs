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

use crate::apt::StepOptions;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::python::{self, Interpreter, Target};
use crate::reporter::StepReporter;
use crate::step_cache::{self, SolvedPackage, StepResult};
use crate::uv::Uv;
use crate::workbench::{Command, Finished, Site, Workbench, contents};

/// What is there after installing that no image needs.
const JUNK: [&str; 4] = ["tmp/**", "var/tmp/**", "root/.cache/**", "root/.local/share/uv/**"];

/// What makes two requests to uv equal.
#[derive(Serialize)]
struct Request<'a> {
    parent: Option<Digest>,
    pip: PipQuestion<'a>,
    python: Option<&'a PythonChoice>,
    uv: &'a Digest,
}

/// What is asked of uv, without where it was written.
#[derive(Serialize)]
struct PipQuestion<'a> {
    requirements: Vec<String>,
    constraints: Vec<String>,
    locked: Option<&'a str>,
    options: &'a PipOptions,
    requires_python: Vec<&'a str>,
}

impl<'a> PipQuestion<'a> {
    fn of(spec: &'a PipSpec) -> Self {
        Self {
            requirements: spec.requirements.iter().map(PipRequirement::line).collect(),
            constraints: spec.constraints.iter().map(PipRequirement::line).collect(),
            locked: spec.locked.as_ref().map(|lock| lock.text.as_str()),
            options: &spec.options,
            requires_python: spec.requires_python.iter().map(|wanted| wanted.text.as_str()).collect(),
        }
    }
}

/// What uv answered.
#[derive(Serialize, Deserialize)]
struct Solution {
    interpreter: Interpreter,
    target: Target,
    /// PEP 751 documents, installed in this order.
    locks: Vec<String>,
    packages: Vec<SolvedPackage>,
}

/// What makes two installations equal.
#[derive(Serialize)]
struct Installation<'a> {
    parent: Option<Digest>,
    interpreter: &'a Interpreter,
    target: &'a Target,
    packages: &'a [SolvedPackage],
    uv: &'a Digest,
    epoch: i64,
    compression: String,
}

/// Installs `spec` on the image so far.
pub(crate) fn install(
    site: Site<'_>,
    uv: &Uv,
    draft: &Draft,
    spec: &PipSpec,
    choice: Option<&PythonChoice>,
    options: StepOptions,
    step: &StepReporter<'_>,
) -> Result<(StepResult, bool), EngineError> {
    let parent = draft.chain().map(|chain| chain.digest().clone());
    let request =
        Request { parent: parent.clone(), pip: PipQuestion::of(spec), python: choice, uv: &uv.digest };
    let request_key = step_cache::key("pip-request", &request);
    let _lock = site.store.lock(&format!("pip-{}", request_key.hex()), || {
        step.status("waiting for another build that does the same");
    })?;
    let known =
        if options.solve_again { None } else { step_cache::solution(site.store, "pip", &request_key)? };
    let solution: Solution = match known {
        Some(solution) => solution,
        None => {
            let solution = solve(site, uv, draft, spec, choice, options.epoch, step)?;
            step_cache::remember_solution(site.store, "pip", &request_key, &solution)?;
            solution
        }
    };
    let installation = Installation {
        parent,
        interpreter: &solution.interpreter,
        target: &solution.target,
        packages: &solution.packages,
        uv: &uv.digest,
        epoch: options.epoch,
        compression: site.compression.to_string(),
    };
    let key = step_cache::key("pip", &installation);
    if !options.run_again
        && let Some(result) = step_cache::result(site.store, &key)?
    {
        return Ok((result, true));
    }
    let layer = run_install(site, uv, draft, &solution, options.epoch, step)?;
    let result = StepResult { layer, path_prefix: solution.target.path_prefix() };
    step_cache::remember_result(site.store, &key, &result)?;
    Ok((result, false))
}

fn solve(
    site: Site<'_>,
    uv: &Uv,
    draft: &Draft,
    spec: &PipSpec,
    choice: Option<&PythonChoice>,
    epoch: i64,
    step: &StepReporter<'_>,
) -> Result<Solution, EngineError> {
    let mut bench = Workbench::on(site, draft, epoch, step)?;
    step.status("looking for Python");
    let interpreter = python::find(&mut bench, choice, step)?.ok_or_else(|| no_python(spec))?;
    check_version(&interpreter, spec)?;
    let target = Target::choose(&interpreter, choice.and_then(|choice| choice.environment.as_ref()));
    step.status(format!("solving for Python {}", interpreter.version));
    let wants_pip = matches!(target, Target::Environment(_));
    let mut locks = Vec::new();
    match &spec.locked {
        None => {
            // Where every package must come with its hash, a pip nobody gave a hash for cannot come along.
            let pip = if wants_pip && !spec.options.require_hashes { "pip\n" } else { "" };
            let requirements = lines(&spec.requirements) + pip;
            let lock = compile(site, uv, &mut bench, &interpreter, spec, &requirements, step)?;
            check_hashes(spec, &lock)?;
            locks.push(lock);
        }
        Some(lock) => {
            if wants_pip && !packages_of(&lock.text)?.iter().any(|package| package.name == "pip") {
                locks.push(compile(site, uv, &mut bench, &interpreter, spec, "pip\n", step)?);
            }
            locks.push(lock.text.clone());
        }
    }
    let packages = locks.iter().map(|lock| packages_of(lock)).collect::<Result<Vec<_>, _>>()?.concat();
    Ok(Solution { interpreter, target, locks, packages })
}

/// Checks what was found against the hashes of the requirements, which uv does not do while solving.
fn check_hashes(spec: &PipSpec, lock: &str) -> Result<(), EngineError> {
    Ok(spec.check_hashes(&LockedPip::parse("the solution", lock)?)?)
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

/// The options of a spec as uv takes them.
fn options(options: &PipOptions) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |name: &str, values: &[String]| {
        arguments.extend(values.iter().flat_map(|value| [name.to_owned(), value.clone()]));
    };
    add("--default-index", options.index.as_slice());
    add("--index", &options.extra_indexes);
    add("--find-links", &options.find_links);
    add("--no-binary", &options.no_binary);
    add("--only-binary", &options.only_binary);
    if options.no_index {
        arguments.push("--no-index".to_owned());
    }
    if options.pre == Some(true) {
        arguments.extend(["--prerelease".to_owned(), "allow".to_owned()]);
    }
    arguments
}

/// Has uv turn requirements into a lock.
fn compile(
    site: Site<'_>,
    uv: &Uv,
    bench: &mut Workbench<'_>,
    interpreter: &Interpreter,
    spec: &PipSpec,
    requirements: &str,
    step: &StepReporter<'_>,
) -> Result<String, EngineError> {
    let input = format!("{INSIDE}/requirements.in");
    let fixed = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--format", "pylock.toml"];
    let command = uv
        .command(site.outside, &fixed)
        .arguments(["--python", &interpreter.executable])
        .arguments(options(&spec.options))
        .arguments([input.clone()])
        .mount(contents(requirements, &input, 0o644))
        .keep_output();
    let command = if spec.constraints.is_empty() {
        command
    } else {
        let path = format!("{INSIDE}/constraints.txt");
        command.arguments(["--constraints", &path]).mount(contents(lines(&spec.constraints), &path, 0o644))
    };
    let compiled = bench.run(command, step)?;
    if compiled.succeeded() { Ok(compiled.output) } else { Err(solve_error(&compiled)) }
}

fn solve_error(compiled: &Finished) -> EngineError {
    let tail = compiled.tail_text();
    if tail.contains("No solution found") {
        EngineError::Unsolvable { explanation: tail }
    } else {
        EngineError::Uv { action: "solve the requirements", tail }
    }
}

fn run_install(
    site: Site<'_>,
    uv: &Uv,
    draft: &Draft,
    solution: &Solution,
    epoch: i64,
    step: &StepReporter<'_>,
) -> Result<Option<crate::draft::DraftLayer>, EngineError> {
    let mut bench = Workbench::on(site, draft, epoch, step)?;
    let mut junk: Vec<String> = JUNK.map(str::to_owned).to_vec();
    let python = match &solution.target {
        Target::System => solution.interpreter.executable.clone(),
        Target::Environment(path) => {
            if !bench.view().is_directory(format!("{path}/bin")) {
                step.status(format!("making {path}"));
                let venv = uv.command(site.outside, &["venv", "--quiet", "--python"]);
                run_uv(
                    &mut bench,
                    venv.arguments([&solution.interpreter.executable, path]),
                    "make the environment",
                    step,
                )?;
            }
            // uv's own lock file stays behind.
            junk.push(format!("{}/.lock", path.trim_start_matches('/')));
            format!("{path}/bin/python")
        }
    };
    step.status(format!("installing {} packages", solution.packages.len()));
    for lock in &solution.locks {
        let path = format!("{INSIDE}/pylock.toml");
        let install =
            ["pip", "install", "--no-deps", "--break-system-packages", "--python", &python, "-r", &path];
        let command = uv.command(site.outside, &install).mount(contents(lock.as_str(), &path, 0o644));
        run_uv(&mut bench, command, "install the packages", step)?;
    }
    let rules = TidyRules {
        remove: junk.iter().map(|glob| PathPattern::new(glob)).collect(),
        drop_timestamped_bytecode: true,
        ..TidyRules::default()
    };
    bench.seal(draft, rules, step)
}

fn run_uv(
    bench: &mut Workbench<'_>,
    command: Command,
    action: &'static str,
    step: &StepReporter<'_>,
) -> Result<(), EngineError> {
    let finished = bench.run(command, step)?;
    if finished.succeeded() { Ok(()) } else { Err(EngineError::Uv { action, tail: finished.tail_text() }) }
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
