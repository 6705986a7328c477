//! `service-not-started`

use imagewright_dockerfile::Step;
use imagewright_model::spec::Origin;
use imagewright_oci::ContainerConfig;

use super::root::variable;
use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::launch::{Look, Starts, starts};
use crate::rule::{Found, Level, Rule};
use crate::shell::script_of;

pub(crate) static SERVICE_NOT_STARTED: Rule = Rule {
    name: "service-not-started",
    level: Level::Warning,
    summary: "`CMD` and `ENTRYPOINT` start nothing that a notebook relies on.",
    why: "A pipeline gives the container a command of its own, `sh -c …`, which takes the place of both `ENTRYPOINT` and `CMD`. A \
          service that they start when somebody runs the image is then not there, and the notebook waits for it or fails.\n\n\
          Shells, interpreters without a script, notebook servers and kernels are no such services, nor are wrappers in front of \
          them (`tini`, `start.sh`, `conda run`, scripts that end in `exec \"$@\"`). Of a program that is none of these and not known \
          to serve anybody, a note is made.",
    mend: "Start it in the first cell of the notebook, in the background:\n\n\
           ```python\nimport subprocess\nimport time\n\n\
           # launch the application in the background\n\
           subprocess.Popen([\"python3\", \"/path/to/application-or-service\"])\n\
           # wait for it to come up\ntime.sleep(2)\n```\n\n\
           Or run the service outside, where notebooks reach it by its address. Where no notebook needs it, ignore the rule.",
    sources: &[
        "Elyra, \"Creating a custom runtime container image\", sections on `CMD` and `ENTRYPOINT`",
        "Elyra 4.1.1 as observed: containers of Kubeflow Pipelines and Airflow run `sh -c`",
    ],
    on_dockerfile: Some(on_dockerfile),
    on_image: Some(on_image),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// What starts with a container, and which of both instructions says so.
fn judged(container: &ContainerConfig, look: &Look<'_>) -> Option<(&'static str, Starts)> {
    let entrypoint = container.entrypoint.clone().unwrap_or_default();
    let command = container.cmd.clone().unwrap_or_default();
    let whole: Vec<String> = entrypoint.iter().chain(&command).cloned().collect();
    let found = starts(&whole, look);
    if found == Starts::Nothing {
        return None;
    }
    // What the entry point starts by itself, `CMD` only adds arguments to.
    let by_itself = starts(&entrypoint, look);
    let is_entrypoint = !by_itself.words().is_empty() && found.words().starts_with(by_itself.words());
    let keyword = if is_entrypoint { "ENTRYPOINT" } else { "CMD" };
    Some((keyword, found))
}

fn listens(container: &ContainerConfig) -> bool {
    let checks = container.extra.get("Healthcheck").and_then(|check| check["Test"][0].as_str());
    container.exposed_ports.as_ref().is_some_and(|ports| !ports.is_empty())
        || checks.is_some_and(|test| test != "NONE")
}

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let Some(container) = subject.container() else { return Vec::new() };
    let variable = |name: &str| variable(container, name);
    let read = |path: &str| {
        let folder = container.working_dir.trim_end_matches('/');
        match path.starts_with('/') {
            true => subject.text_in_image(path),
            false => subject.text_in_image(&format!("{folder}/{}", path.trim_start_matches("./"))),
        }
    };
    let look = Look::new(&variable, &read, listens(container));
    let Some((keyword, found)) = judged(container, &look) else { return Vec::new() };
    let (origin, of_base) = said_in(subject, keyword);
    let of_base = if of_base { " of the base" } else { "" };
    vec![told(&origin, &format!("`{keyword}`{of_base}"), found)]
}

/// Where the image got its `CMD` or `ENTRYPOINT`: the last such instruction, or the base.
fn said_in(subject: &DockerfileSubject<'_>, keyword: &str) -> (Origin, bool) {
    let is_it = |step: &&&Step| step.title.split(' ').next() == Some(keyword);
    match subject.image_steps().iter().rev().find(is_it) {
        Some(step) => (step.origin.clone(), false),
        None => {
            (subject.image().first().map_or_else(|| Origin::file(""), |it| it.planned.origin.clone()), true)
        }
    }
}

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    let container = subject.container();
    let variable = |name: &str| variable(&container, name);
    let look = Look::new(&variable, &|_| None, listens(&container));
    let found = judged(&container, &look);
    found
        .map(|(keyword, found)| told(&subject.origin(), &format!("`{keyword}`"), found))
        .into_iter()
        .collect()
}

fn told(origin: &Origin, said_by: &str, found: Starts) -> Found {
    let (words, level, text) = match found {
        Starts::Service(words) => (words, Level::Warning, "a notebook that relies on it must start it"),
        Starts::Something(words) => {
            (words, Level::Note, "should a notebook rely on it, the notebook must start it")
        }
        Starts::Nothing => unreachable!("nothing is nothing to tell of"),
    };
    let shown = words.join(" ");
    let message =
        format!("{said_by} starts `{shown}`, and a pipeline runs a command of its own instead: {text}");
    Found::new(origin, message).with_level(level).with_mend(cell(&words))
}

/// A cell that starts what would have been started.
fn cell(words: &[String]) -> String {
    let words = script_of(words).map_or_else(|| words.to_vec(), |(script, _)| vec![script.to_owned()]);
    let literal = |word: &String| serde_json::Value::from(word.as_str()).to_string();
    let list = words.iter().map(literal).collect::<Vec<_>>().join(", ");
    format!("import subprocess, time\nsubprocess.Popen([{list}])\ntime.sleep(2)")
}
