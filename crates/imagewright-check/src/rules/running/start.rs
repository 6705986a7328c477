//! Whether anything starts at all: `shell-does-not-start`, `python-does-not-start`, `default-command-ends`.

use std::time::Duration;

use super::tried;
use crate::profile::ProfileSubject;
use crate::rule::{Outcome, Rule};
use crate::trial::{Trial, TrialUser, Trials};

pub(crate) static SHELL_DOES_NOT_START: Rule = Rule {
    name: "shell-does-not-start",
    summary: "A shell starts, whoever runs the container.",
    why: "A shell may be there and not start: for another processor, without the library it is linked to, or not to be executed by \
          others than its owner. Clusters run images under users of their own, with a high number, in group 0, without capabilities.",
    mend: "Take the shell of the distribution, for the platform of the image, and leave its rights alone:\n\n\
           ```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends dash && rm -rf /var/lib/apt/lists/*\n```",
    sources: &["OpenShift, \"Creating images\", section \"Support arbitrary user ids\""],
    on_run: Some(shell_does_not_start),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PYTHON_DOES_NOT_START: Rule = Rule {
    name: "python-does-not-start",
    summary: "Python starts and computes, whoever runs the container.",
    why: "A Python that is there may not start: a link into a folder that only root may enter, a `PYTHONHOME` of another one, a library \
          that is missing. Clusters run images under users of their own, and what works as the image's user may fail there.",
    mend: "Put Python where everybody may read it, and try it as somebody else:\n\n\
           ```sh\nimagewright image run --user 123456:0 IMAGE -- python3 -c 'print(1)'\n```",
    sources: &["OpenShift, \"Creating images\", section \"Support arbitrary user ids\""],
    on_run: Some(python_does_not_start),
    ..Rule::OF_PLATFORMS
};

pub(crate) static DEFAULT_COMMAND_ENDS: Rule = Rule {
    name: "default-command-ends",
    summary: "What the image starts goes on.",
    why: "The platform starts the image's own command and expects a server. A command that ends takes the container with it: it is started \
          again and again, and the notebook is never there.",
    mend: "Have the command stay in the foreground:\n\n```dockerfile\nCMD [\"jupyter\", \"lab\", \"--ip=0.0.0.0\"]\n```",
    sources: &["Kubernetes, \"Pod lifecycle\", section \"Container restart policy\""],
    on_run: Some(default_command_ends),
    ..Rule::OF_PLATFORMS
};

/// What a program prints that works.
const WORKS: &str = "works: 42";

fn users(trial: &Trial) -> [Trial; 2] {
    [trial.clone().by(TrialUser::OfImage), trial.clone().by_anybody()]
}

/// Finds those users for whom a program does not print that it works.
fn for_all(subject: &ProfileSubject<'_>, trials: &Trials<'_>, trial: &Trial, program: &str) -> Outcome {
    users(trial).iter().fold(Outcome::fine(), |outcome, trial| {
        outcome.and(tried(trials, trial, |ran| {
            if ran.succeeded() && ran.stdout.contains(WORKS) {
                return Outcome::fine();
            }
            subject
                .found(format!("`{program}` does not work as {}: {}", trial.user.told(), ran.told()))
                .into()
        }))
    })
}

fn shell_does_not_start(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    // Where there is none another rule says so.
    if !subject.has_program("sh") {
        return Outcome::fine();
    }
    for_all(subject, trials, &Trial::of(["sh", "-c", "echo works: $((6 * 7))"]), "sh -c")
}

fn python_does_not_start(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    if !subject.has_program("python3") {
        return Outcome::fine();
    }
    let script = "import os, sys; print('works:', 6 * 7)";
    for_all(subject, trials, &Trial::of(["python3", "-c", script]), "python3 -c")
}

/// So long something has to stay up to count as something that stays.
const STAYS: Duration = Duration::from_secs(5);

fn default_command_ends(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    if subject.command().is_empty() {
        return subject.found("the image starts nothing: it has no `CMD` and no `ENTRYPOINT`").into();
    }
    let trial = Trial { stays: Some(STAYS), ..Trial::of_image() };
    tried(trials, &trial, |ran| {
        if ran.stayed() {
            return Outcome::fine();
        }
        let command = subject.command().join(" ");
        subject.found(format!("`{command}` does not go on: {}", ran.told())).into()
    })
}
