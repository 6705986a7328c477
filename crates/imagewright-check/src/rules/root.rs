//! `runs-as-root`

use imagewright_dockerfile::Step;
use imagewright_oci::ContainerConfig;

use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::launch::changes_user;
use crate::rule::{Found, Level, Rule};
use crate::shell::commands;

pub(crate) static RUNS_AS_ROOT: Rule = Rule {
    name: "runs-as-root",
    level: Level::Warning,
    summary: "Containers of the image run as a user who is not root.",
    why: "What a notebook runs can do in the container whatever its user can. Enterprise Gateway starts kernels as user 1000 of group \
          100 and refuses root; OpenShift and many clusters do not start containers of root at all. An image that was only ever \
          tried as root fails there, for example because its folders cannot be written to.\n\n\
          An entry point that gives root up by itself (`gosu`, `su-exec`, `setpriv` …) is no matter.",
    mend: "Make a user and end with it; where the base has one, switch back to it:\n\n\
           ```dockerfile\nUSER root\nRUN apt-get update && …\n\n\
           # jovyan of Jupyter's images; elsewhere: RUN useradd --create-home --uid 1000 --gid 100 jovyan\n\
           USER ${NB_UID}\n```",
    sources: &[
        "Enterprise Gateway, \"Docker Images\": custom kernel images are recommended not to run as root",
        "hadolint DL3002",
    ],
    on_dockerfile: Some(on_dockerfile),
    on_image: Some(on_image),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// The value of a variable of a container; none where nothing is known of it.
pub(super) fn variable(container: &ContainerConfig, name: &str) -> Option<String> {
    let value = container.env.iter().rev().find_map(|entry| {
        let (known, value) = entry.split_once('=')?;
        (known == name).then_some(value)
    })?;
    // What stands in for the value of an unknown base says nothing.
    (value.strip_prefix('$') != Some(name)).then(|| value.to_owned())
}

fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    name.is_empty() || name == "root" || (name.chars().all(|digit| digit == '0'))
}

/// Whether what the container starts becomes somebody else by itself.
fn gives_up_root(container: &ContainerConfig, read: &dyn Fn(&str) -> Option<String>) -> bool {
    let words: Vec<&String> = container.entrypoint.iter().chain(&container.cmd).flatten().collect();
    let in_script = |text: String| {
        commands(&text, &|_| None).iter().any(|command| command.words.iter().any(|word| changes_user(word)))
    };
    let is_script = |word: &&&String| word.starts_with('/');
    words.iter().any(|word| changes_user(word) || word.ends_with("start.sh"))
        || words.iter().filter(is_script).filter_map(|word| read(word)).any(in_script)
        || words.iter().any(|word| word.contains(' ') && in_script((*word).clone()))
}

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let chain = subject.image();
    let (Some(first), Some(container)) = (chain.first(), subject.container()) else { return Vec::new() };
    let is_user = |step: &&&Step| step.title.starts_with("USER ");
    let steps = subject.image_steps();
    let last = steps.iter().rev().find(is_user);
    if !is_root(&container.user) || gives_up_root(container, &|path| subject.text_in_image(path)) {
        return Vec::new();
    }
    match last {
        Some(step) => {
            let message = "the last USER is root, so containers of this image run as root";
            vec![Found::new(&step.origin, message)]
        }
        None if first.is_base_known => {
            let message =
                "the base runs as root and no USER follows, so containers of this image run as root";
            vec![Found::new(&first.planned.origin, message)]
        }
        None => Vec::new(),
    }
}

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    let container = subject.container();
    match is_root(&container.user) && !gives_up_root(&container, &|_| None) {
        true => vec![Found::new(&subject.origin(), "containers of this image run as root")],
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_several_names() {
        for user in ["", "root", "0", "0:0", "root:users", "00"] {
            assert!(is_root(user), "{user}");
        }
        for user in ["1000", "1000:0", "jovyan", "$NB_UID", "10"] {
            assert!(!is_root(user), "{user}");
        }
    }
}
