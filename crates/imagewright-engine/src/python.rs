//! The image's Python: which one, what it is like, and where packages go.

use std::path::Path;

use imagewright_model::spec::{PythonChoice, PythonEnvironment};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::reporter::StepReporter;
use crate::workbench::{Command, Workbench};

/// The virtual environment made where the interpreter belongs to the distribution (PEP 668).
pub(crate) const DEFAULT_ENVIRONMENT: &str = "/opt/venv";

/// Answers with one line of JSON. Kept to what every Python 3 has.
const PROBE: &str = r#"
import json, os, sys, sysconfig
marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
print(json.dumps({
    "executable": sys.executable,
    "implementation": sys.implementation.name,
    "version": ".".join(map(str, sys.version_info[:3])),
    "prefix": sys.prefix,
    "externally_managed": sys.prefix == sys.base_prefix and os.path.exists(marker),
}))
"#;

/// What an interpreter says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interpreter {
    pub(crate) executable: String,
    pub(crate) implementation: String,
    pub(crate) version: String,
    pub(crate) prefix: String,
    pub(crate) externally_managed: bool,
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

impl Target {
    /// Where the packages of `interpreter` go when the spec says `choice`.
    pub(crate) fn choose(interpreter: &Interpreter, choice: Option<&PythonEnvironment>) -> Self {
        match choice {
            Some(PythonEnvironment::System) => Self::System,
            Some(PythonEnvironment::Venv(path)) => Self::Environment(path.clone()),
            None if interpreter.externally_managed => Self::Environment(DEFAULT_ENVIRONMENT.to_owned()),
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

/// Finds the interpreter: the one that was named, else what a user of the image gets by typing `python3`.
///
/// None where the image has no Python.
pub(crate) fn find(
    bench: &mut Workbench<'_>,
    choice: Option<&PythonChoice>,
    step: &StepReporter<'_>,
) -> Result<Option<Interpreter>, EngineError> {
    let view = bench.view();
    let path = match choice.and_then(|choice| choice.interpreter.as_deref()) {
        Some(named) if view.is_executable(named) => Some(named.into()),
        Some(named) => return Err(EngineError::NoSuchInterpreter { interpreter: named.to_owned() }),
        None => view.which(&["python3", "python"], bench.search_path()),
    };
    path.map(|path| probe(bench, &path, step)).transpose()
}

fn probe(
    bench: &mut Workbench<'_>,
    path: &Path,
    step: &StepReporter<'_>,
) -> Result<Interpreter, EngineError> {
    let path = path.to_string_lossy();
    let command = Command::new([&*path, "-I", "-c", PROBE]).without_network().keep_output();
    let answer = bench.run(command, step)?;
    serde_json::from_str(&answer.output)
        .ok()
        .filter(|_| answer.succeeded())
        .ok_or_else(|| EngineError::BrokenPython { interpreter: path.into_owned(), tail: answer.tail_text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_stay_out_of_what_the_distribution_manages() {
        let mut interpreter = Interpreter {
            executable: "/usr/bin/python3".into(),
            implementation: "cpython".into(),
            version: "3.13.5".into(),
            prefix: "/usr".into(),
            externally_managed: true,
        };
        let venv = Target::Environment(DEFAULT_ENVIRONMENT.into());
        assert_eq!(Target::choose(&interpreter, None), venv);
        assert_eq!(venv.path_prefix().as_deref(), Some("/opt/venv/bin"));
        assert_eq!(Target::choose(&interpreter, Some(&PythonEnvironment::System)), Target::System);
        interpreter.externally_managed = false;
        assert_eq!(Target::choose(&interpreter, None), Target::System);
        let elsewhere = PythonEnvironment::Venv("/srv/env".into());
        assert_eq!(Target::choose(&interpreter, Some(&elsewhere)), Target::Environment("/srv/env".into()));
    }
}
