//! Whether a node of an Elyra pipeline runs: `node-preparation-fails`, `notebook-does-not-run`, `r-script-does-not-run`.
//!
//! The lines are those of the container command that Elyra 4.1 writes for Kubeflow. What its bootstrapper then does is done by a
//! script of ours, because its files lie in a storage that is not there: the rule by which packages are installed, papermill, and the
//! kernel that a notebook gets.

use std::time::Duration;

use serde_json::json;

use super::tried;
use crate::profile::ProfileSubject;
use crate::rule::{Outcome, Rule};
use crate::rules::platform::pins::installs_nothing;
use crate::trial::{Ran, RanEnd, Trial, TrialReach, Trials};

pub(crate) static NODE_PREPARATION_FAILS: Rule = Rule {
    name: "node-preparation-fails",
    summary: "What Elyra does in a container before it runs a node succeeds.",
    why: "Elyra makes a folder, installs `packaging`, asks `pip freeze` what is there, and installs its own packages. Whatever of it fails \
          ends the node, minutes after it was submitted. Here the very lines are run, by the image's user.",
    mend: "What the program last said names the cause. Where packages cannot be installed there, bring them along:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir packaging minio papermill nbconvert nbformat jupyter_client ipykernel\n\
           ENV ELYRA_INSTALL_PACKAGES=false\n```",
    sources: &["Elyra 4.1.1 as observed: the container command and the bootstrapper"],
    on_run: Some(node_preparation_fails),
    ..Rule::OF_PLATFORMS
};

pub(crate) static NOTEBOOK_DOES_NOT_RUN: Rule = Rule {
    name: "notebook-does-not-run",
    summary: "papermill runs a notebook with the image's kernel.",
    why: "A node can be prepared and fail nevertheless: a kernel that dies when it starts, packages that do not fit together after Elyra's \
          were installed. A notebook of one cell shows it.",
    mend: "What the program last said names the cause. Often versions do not go together:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir 'ipykernel<7' jupyter_client==7.4.9\n```",
    sources: &["Elyra 4.1.1 as observed: the bootstrapper", "papermill, \"Execute\""],
    on_run: Some(notebook_does_not_run),
    ..Rule::OF_PLATFORMS
};

pub(crate) static R_SCRIPT_DOES_NOT_RUN: Rule = Rule {
    name: "r-script-does-not-run",
    summary: "`Rscript` runs scripts, where the image has it.",
    why: "An R script is run by `Rscript`. One that is there and does not start ends each such node.",
    mend: "```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends r-base-core \\\n    \
           && rm -rf /var/lib/apt/lists/*\n```",
    sources: &["Elyra 4.1.1 as observed: the bootstrapper"],
    on_run: Some(r_script_does_not_run),
    ..Rule::OF_PLATFORMS
};

/// Where files of ours are shown.
const PLACE: &str = "/dev/imagewright/check";
/// The container command, up to where it starts the bootstrapper.
const LINES: &str = "mkdir -p ./jupyter-work-dir && echo 'step: folder'; \
                     python3 -m pip install packaging && echo 'step: packaging' && \
                     python3 -m pip freeze > requirements-current.txt && echo 'step: freeze' && \
                     python3 /dev/imagewright/check/bootstrapper.py";
/// What Elyra's bootstrapper does.
const BOOTSTRAPPER: &str = include_str!("elyra.py");
/// Installing what Elyra wants takes its time, and some of it is built.
const LIMIT: Duration = Duration::from_secs(600);
/// What pip says where it reaches no index.
const UNREACHED: [&str; 4] = [
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "Name or service not known",
    "Network is unreachable",
];

/// The trial; none where another rule says that it cannot be.
fn node(subject: &ProfileSubject<'_>) -> Result<Option<Trial>, String> {
    if !subject.has_program("sh") || !subject.has_program("python3") {
        return Ok(None);
    }
    let parameters = &subject.profile.parameters;
    let pins: Vec<(String, String)> = match &parameters.pins {
        Some(pins) => pins.iter().map(|(name, version)| (name.to_owned(), version.to_string())).collect(),
        None if installs_nothing(subject) => Vec::new(),
        None => {
            let release = parameters.release.as_deref().unwrap_or(&subject.profile.title);
            return Err(format!(
                "what {release} installs is not in this program: name its requirements file"
            ));
        }
    };
    let notebook = json!({
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [{"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": ["print(6 * 7)"]}],
    });
    let script = format!("PINS = {}\n{BOOTSTRAPPER}", json!(pins));
    let reach = if parameters.network { TrialReach::Indexes } else { TrialReach::Itself };
    let trial = Trial { reach, limit: LIMIT, ..Trial::of(["sh", "-c", LINES]) };
    let trial = trial
        .file(&format!("{PLACE}/bootstrapper.py"), script, 0o644)
        .file(&format!("{PLACE}/notebook.ipynb"), notebook.to_string(), 0o644)
        .with("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    Ok(Some(trial))
}

fn has_reached(ran: &Ran, step: &str) -> bool {
    ran.stdout.lines().any(|line| line.strip_prefix("step: ") == Some(step))
}

/// Whether an index was not reached, which is no fault of the image.
fn is_cut_off(ran: &Ran) -> bool {
    let said = |text: &&str| ran.stderr.contains(*text) || ran.stdout.contains(*text);
    UNREACHED.iter().any(said)
}

fn node_preparation_fails(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let trial = match node(subject) {
        Ok(Some(trial)) => trial,
        Ok(None) => return Outcome::fine(),
        Err(why) => return Outcome::unknown(why),
    };
    tried(trials, &trial, |ran| {
        if has_reached(ran, "packages") {
            return Outcome::fine();
        }
        if trial.reach == TrialReach::Indexes && is_cut_off(ran) {
            return Outcome::unknown("pip reaches no package index from here");
        }
        let failed = [
            ("folder", "`mkdir -p ./jupyter-work-dir` fails"),
            ("packaging", "`python3 -m pip install packaging` fails"),
            ("freeze", "`python3 -m pip freeze > requirements-current.txt` fails"),
        ];
        let first = failed.iter().find(|(step, _)| !has_reached(ran, step));
        let what = first.map_or("the packages of Elyra cannot be installed and loaded", |(_, what)| what);
        subject.found(format!("{what}: {}", ran.told())).into()
    })
}

fn notebook_does_not_run(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    // Why there is no trial the rule before has said.
    let Ok(Some(trial)) = node(subject) else { return Outcome::fine() };
    tried(trials, &trial, |ran| {
        if !has_reached(ran, "packages") || has_reached(ran, "notebook") && ran.end == RanEnd::Code(0) {
            return Outcome::fine();
        }
        subject.found(format!("papermill does not run a notebook: {}", ran.told())).into()
    })
}

fn r_script_does_not_run(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    if !subject.has_program("Rscript") {
        return Outcome::fine();
    }
    let script = format!("{PLACE}/script.r");
    let trial = Trial::of(["Rscript", &script]).file(&script, "cat(\"works:\", 6 * 7, \"\\n\")\n", 0o644);
    tried(trials, &trial, |ran| {
        if ran.succeeded() && ran.stdout.contains("works: 42") {
            return Outcome::fine();
        }
        subject.found(format!("`Rscript` runs no script: {}", ran.told())).into()
    })
}
