//! The image's Python: which one, what it is like, and what is around it.
//!
//! All of it is found out once for an image so far, by one short program in the sandbox, and remembered as a fact:
//! later builds on the same image look at nothing of it.

use std::collections::BTreeMap;
use std::path::Path;

use imagewright_model::spec::{PythonChoice, PythonEnvironment};
use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::guess::any_processor;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::step::{self, StepContext};
use crate::uv::Uv;
use crate::workbench::{Workbench, contents};

/// The virtual environment made where the interpreter belongs to the distribution (PEP 668).
pub(super) const DEFAULT_ENVIRONMENT: &str = "/opt/venv";
/// Raised when the probe tells more or other things.
const PROBE_VERSION: u32 = 2;
/// Where the probe leaves its answer. The overlay it lies on is thrown away.
const ANSWER: &str = "/.imagewright-python.json";
/// Stands between uv and the interpreter.
const PROBE: &str = include_str!("probe.py");

/// What an interpreter says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interpreter {
    pub(crate) executable: String,
    pub(crate) implementation: String,
    pub(crate) version: String,
    pub(crate) prefix: String,
    pub(crate) externally_managed: bool,
    /// What it adds to the names of bytecode files: `cpython-313`.
    pub(crate) cache_tag: Option<String>,
    /// The digest of its program, which decides the bytecode it makes.
    pub(crate) program: String,
}

/// A distribution that is there already.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Installed {
    /// Normalised name.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its `.dist-info` folder.
    pub(crate) metadata: String,
    /// What `INSTALLER` says.
    pub(crate) installer: String,
    /// Of a distribution that conda installed, the lines of its `METADATA` that say what it needs.
    pub(crate) about: Vec<String>,
    /// Whether an installation into the target replaces it.
    pub(crate) in_target: bool,
}

/// Mode, owner and group of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Folder {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The Python of an image so far, and where packages go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PythonFacts {
    pub(crate) interpreter: Interpreter,
    pub(crate) target: Target,
    /// Whether the virtual environment of the target is there already. The interpreter is then its own.
    pub(crate) environment_exists: bool,
    /// What uv was told when it asked the interpreter; see `imagewright_python::InterpreterReport`.
    pub(crate) report: Value,
    /// Distributions the interpreter finds.
    pub(crate) installed: Vec<Installed>,
    /// Folders on the way to where packages go, as far as they exist.
    pub(crate) folders: BTreeMap<String, Folder>,
    /// Folders that packages go to which are reached through symbolic links, and where they lie.
    pub(crate) links: BTreeMap<String, String>,
}

/// Where packages go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The interpreter's own scheme.
    System,
    /// A virtual environment at this path, made where it is missing.
    Environment(String),
}

impl Interpreter {
    /// Whether it takes bytecode files that hold by themselves (PEP 552).
    pub(super) fn has_bytecode(&self) -> bool {
        let mut parts = self.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        self.cache_tag.is_some() && version >= (3, 7)
    }
}

impl Target {
    /// Where the packages of an interpreter go when the spec says `choice`.
    fn choose(externally_managed: bool, choice: Option<&PythonEnvironment>) -> Self {
        match choice {
            Some(PythonEnvironment::System) => Self::System,
            Some(PythonEnvironment::Venv(path)) => Self::Environment(path.clone()),
            None if externally_managed => Self::Environment(DEFAULT_ENVIRONMENT.to_owned()),
            None => Self::System,
        }
    }

    /// The folder that must come first on the image's search path.
    pub(crate) fn path_prefix(&self) -> Option<String> {
        match self {
            Self::System => None,
            Self::Environment(path) => Some(format!("{path}/bin")),
        }
    }
}

/// What `probe.py` answers.
#[derive(Deserialize)]
struct Answer {
    interpreter: Interpreter,
    report: Value,
    installed: Vec<Installed>,
    folders: BTreeMap<String, Folder>,
    links: BTreeMap<String, String>,
}

impl PythonFacts {
    /// Finds the interpreter: the one that was named, else what a user of the image gets by typing `python3`.
    /// None where the image has no Python.
    pub(super) fn find(
        context: StepContext<'_>,
        uv: &Uv,
        choice: Option<&PythonChoice>,
    ) -> Result<Option<Self>, EngineError> {
        if let Some(known) = Self::known(context, uv, choice)? {
            return Ok(Some(known));
        }
        context.report.status("looking for Python");
        let found = context.on_python(|bench| Self::ask(bench, context, uv, choice))?;
        if let Some(facts) = &found {
            context.site.store.put_fact("python", &key(context, uv, choice), facts)?;
        }
        Ok(found)
    }

    /// What was found out before.
    pub(super) fn known(
        context: StepContext<'_>,
        uv: &Uv,
        choice: Option<&PythonChoice>,
    ) -> Result<Option<Self>, EngineError> {
        Ok(context.site.store.get_fact("python", &key(context, uv, choice))?)
    }

    fn ask(
        mut bench: Workbench<'_>,
        context: StepContext<'_>,
        uv: &Uv,
        choice: Option<&PythonChoice>,
    ) -> Result<Option<Self>, EngineError> {
        let Some((path, environment_exists)) = locate(&bench, choice)? else { return Ok(None) };
        let environment = choice.and_then(|choice| choice.environment.as_ref());
        let wished = match environment {
            Some(PythonEnvironment::Venv(path)) => path.as_str(),
            _ => DEFAULT_ENVIRONMENT,
        };
        let Answer { interpreter, mut report, installed, folders, links } =
            probe(&mut bench, context, uv, &path, wished)?;
        if let Some(processor) = report.get_mut("cpu_info") {
            // What is known of an image holds on each machine.
            *processor = any_processor();
        }
        let target = Target::choose(interpreter.externally_managed, environment);
        Ok(Some(Self { interpreter, target, environment_exists, report, installed, folders, links }))
    }

    /// Whether packages go into a virtual environment that has to be made first.
    pub(super) fn new_environment(&self) -> Option<&str> {
        match &self.target {
            Target::Environment(path) if !self.environment_exists => Some(path),
            _ => None,
        }
    }
}

/// What of a choice decides which Python it is.
pub(super) fn wanted(choice: Option<&PythonChoice>) -> (Option<&String>, Option<&PythonEnvironment>) {
    let interpreter = choice.and_then(|choice| choice.interpreter.as_ref());
    (interpreter, choice.and_then(|choice| choice.environment.as_ref()))
}

fn key(context: StepContext<'_>, uv: &Uv, choice: Option<&PythonChoice>) -> Digest {
    let search_path = context.draft.config.env("PATH");
    step::key("python", &(PROBE_VERSION, context.parent(), search_path, wanted(choice), &uv.digest))
}

/// The path of the interpreter, and whether it is that of the environment that packages are to go to.
fn locate(
    bench: &Workbench<'_>,
    choice: Option<&PythonChoice>,
) -> Result<Option<(String, bool)>, EngineError> {
    let view = bench.view();
    if let Some(PythonEnvironment::Venv(path)) = choice.and_then(|choice| choice.environment.as_ref()) {
        let own = format!("{path}/bin/python");
        if view.is_executable(&own) {
            return Ok(Some((own, true)));
        }
    }
    match choice.and_then(|choice| choice.interpreter.as_deref()) {
        Some(named) if view.is_executable(named) => Ok(Some((named.to_owned(), false))),
        Some(named) => Err(EngineError::NoSuchInterpreter { interpreter: named.to_owned() }),
        None => {
            let found = view.which(&["python3", "python"], bench.search_path());
            Ok(found.map(|path| (path.to_string_lossy().into_owned(), false)))
        }
    }
}

/// Lets uv ask the interpreter through `probe.py`, which keeps the answer and adds what we want to know.
fn probe(
    bench: &mut Workbench<'_>,
    context: StepContext<'_>,
    uv: &Uv,
    path: &str,
    environment: &str,
) -> Result<Answer, EngineError> {
    let between = format!("{INSIDE}/python");
    let text = PROBE.replace("@INTERPRETER@", path);
    let command = uv
        .command(context.site.outside, &["python", "find", "--no-cache", &between])
        .mount(contents(text, &between, 0o755))
        .env("IMAGEWRIGHT_ANSWER", ANSWER)
        .env("IMAGEWRIGHT_ENVIRONMENT", environment)
        .without_network()
        .keep_output();
    let finished = bench.run(command, context.report)?;
    let answer = bench.view().read_to_string(Path::new(ANSWER)).unwrap_or_default();
    serde_json::from_str(&answer)
        .ok()
        .filter(|_| finished.succeeded())
        .ok_or_else(|| EngineError::BrokenPython { interpreter: path.to_owned(), tail: finished.tail_text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_stay_out_of_what_the_distribution_manages() {
        let venv = Target::Environment(DEFAULT_ENVIRONMENT.into());
        assert_eq!(Target::choose(true, None), venv);
        assert_eq!(venv.path_prefix().as_deref(), Some("/opt/venv/bin"));
        assert_eq!(Target::choose(true, Some(&PythonEnvironment::System)), Target::System);
        assert_eq!(Target::choose(false, None), Target::System);
        let elsewhere = PythonEnvironment::Venv("/srv/env".into());
        assert_eq!(Target::choose(false, Some(&elsewhere)), Target::Environment("/srv/env".into()));
    }
}
