//! `environment-not-on-path`

use imagewright_dockerfile::{Action, Step};
use imagewright_oci::ContainerConfig;

use super::root::variable;
use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::launch::{Look, environment};
use crate::rule::{Found, Level, Rule};
use crate::shell::{commands, script_of};

pub(crate) static ENVIRONMENT_NOT_ON_PATH: Rule = Rule {
    name: "environment-not-on-path",
    level: Level::Warning,
    summary: "An environment that is entered when the container starts is on `PATH` as well.",
    why: "A pipeline runs `sh -c` instead of `ENTRYPOINT` and `CMD`, and that is no login shell: no `conda run`, no `conda activate`, \
          no `.bashrc` is gone through. `python3` is then the one that `PATH` of the image finds, without the packages of the \
          environment.",
    mend: "Put the environment first on `PATH`:\n\n\
           ```dockerfile\nENV PATH=/opt/conda/envs/work/bin:$PATH\n```",
    sources: &[
        "Elyra 4.1.1 as observed: `python3` must be on the `PATH` of the configuration",
        "Elyra, \"Creating a custom runtime container image\", on overridden commands",
    ],
    on_dockerfile: Some(on_dockerfile),
    on_image: Some(on_image),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// The environment that starting a container enters, where `PATH` does not lead to it.
fn entered(container: &ContainerConfig, look: &Look<'_>) -> Option<String> {
    let words = container.entrypoint.iter().chain(&container.cmd).flatten();
    let name = environment(&words.cloned().collect::<Vec<_>>(), look)?;
    is_off_path(container, &name).then_some(name)
}

/// Whether no folder of the search path belongs to the environment.
fn is_off_path(container: &ContainerConfig, name: &str) -> bool {
    let path = variable(container, "PATH").unwrap_or_default();
    // A part of the search path that the base sets may lead there.
    if path.contains('$') {
        return false;
    }
    let name = name.trim_end_matches('/');
    !path.split(':').filter_map(|folder| folder.strip_suffix("/bin")).any(|folder| match name {
        "base" => ["conda", "forge", "mamba"].iter().any(|kind| folder.contains(kind)),
        path if path.starts_with('/') => folder == path,
        name => folder.ends_with(&format!("/{name}")),
    })
}

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let Some(container) = subject.container() else { return Vec::new() };
    let known = |name: &str| variable(container, name);
    let read = |path: &str| subject.text_in_image(path);
    let look = Look::new(&known, &read, false);
    let steps = subject.image_steps();
    // With an unknown base its search path is unknown, too, unless the file leads to the environment itself.
    if !subject.image().iter().all(|stage| stage.is_base_known) && !sets_path(&steps) {
        return Vec::new();
    }
    let starts = |step: &&&Step| step.title.starts_with("ENTRYPOINT ") || step.title.starts_with("CMD ");
    let started = entered(container, &look);
    let started = started.zip(steps.iter().rev().find(starts)).map(|(name, step)| told(step, &name));
    let profile = steps.iter().filter_map(|step| {
        let name = in_profile(step, &known).filter(|name| is_off_path(container, name))?;
        Some(told(step, &name))
    });
    started.into_iter().chain(profile).collect()
}

fn sets_path(steps: &[&Step]) -> bool {
    steps.iter().any(|step| step.title.starts_with("ENV ") && step.title.contains("PATH"))
}

/// The environment that a command writes into what interactive shells read: `echo "conda activate work" >> ~/.bashrc`.
fn in_profile(step: &Step, known: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let Action::Run(run) = &step.action else { return None };
    let (text, _) = script_of(&run.command)?;
    if !text.contains(".bashrc") && !text.contains(".profile") && !text.contains(".bash_profile") {
        return None;
    }
    commands(text, known).iter().find_map(|command| {
        let words = ["echo", "printf"].contains(&command.program()).then(|| command.arguments().join(" "))?;
        let (_, rest) = words.split_once("activate ")?;
        let name = rest.split(|letter: char| letter.is_whitespace() || letter == '\\').next()?;
        let is_name = !name.is_empty() && !name.contains('$');
        (is_name && (words.contains("conda activate") || words.contains("mamba activate")))
            .then(|| name.to_owned())
    })
}

fn told(step: &Step, name: &str) -> Found {
    let message = format!(
        "the environment `{name}` is entered only where this is gone through, and a pipeline does not: its programs are not \
         on PATH"
    );
    let folder = if name.starts_with('/') { name.to_owned() } else { format!("/opt/conda/envs/{name}") };
    Found::new(&step.origin, message).with_mend(format!("ENV PATH={folder}/bin:$PATH"))
}

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    let container = subject.container();
    let known = |name: &str| variable(&container, name);
    let look = Look::new(&known, &|_| None, false);
    let Some(name) = entered(&container, &look) else { return Vec::new() };
    let message = format!(
        "the environment `{name}` is entered by the command of the image, which a pipeline replaces: its programs are not on PATH"
    );
    vec![Found::new(&subject.origin(), message)]
}
