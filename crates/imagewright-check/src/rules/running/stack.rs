//! Whether the start script of docker-stacks does what it says: `root-start-ignored`, `other-users-not-prepared`,
//! `start-hooks-not-run`, `start-variables-ignored`, `start-logs-misplaced`.

use super::tried;
use crate::profile::ProfileSubject;
use crate::rule::{Level, Outcome, Rule};
use crate::trial::{Question, Ran, Trial, TrialUser, Trials};

const SOURCES: &[&str] = &["Jupyter Docker Stacks, \"Common features\""];

pub(crate) static ROOT_START_IGNORED: Rule = Rule {
    name: "root-start-ignored",
    level: Level::Warning,
    summary: "Started as root, the container becomes the user that `NB_USER`, `NB_UID` and `NB_GID` name.",
    why: "Sites start these images as root to have notebooks run as the person they are for: the name, the numbers, the home, and `sudo` \
          where it is granted. An image that does not go by these variables runs everybody as jovyan, or as root.",
    mend: "```dockerfile\nENTRYPOINT [\"tini\", \"-g\", \"--\", \"start.sh\"]\n```",
    sources: SOURCES,
    on_run: Some(root_start_ignored),
    ..Rule::OF_PLATFORMS
};

pub(crate) static OTHER_USERS_NOT_PREPARED: Rule = Rule {
    name: "other-users-not-prepared",
    level: Level::Warning,
    summary: "Started as somebody whom the image does not know, it goes on, and says once what it could not do.",
    why: "Programs look up the name and the home of their user. The start script adds an entry for a user id that has none, and warns \
          once of each thing that was asked for and takes root: a name, numbers, `sudo`.",
    mend: "```dockerfile\nRUN chmod g+w /etc/passwd\n```",
    sources: SOURCES,
    on_run: Some(other_users_not_prepared),
    ..Rule::OF_PLATFORMS
};

pub(crate) static START_HOOKS_NOT_RUN: Rule = Rule {
    name: "start-hooks-not-run",
    level: Level::Warning,
    summary: "Scripts in `before-notebook.d` are run before anything starts.",
    why: "What ends in `.sh` is read by the start script, so that it can set variables; what else may be executed is run; the rest is left \
          alone. One that fails is told of and stops nothing. Sites put their own there.",
    mend: "```dockerfile\nCOPY --chmod=755 run-hooks.sh start.sh /usr/local/bin/\n```",
    sources: SOURCES,
    on_run: Some(start_hooks_not_run),
    ..Rule::OF_PLATFORMS
};

pub(crate) static START_VARIABLES_IGNORED: Rule = Rule {
    name: "start-variables-ignored",
    level: Level::Warning,
    summary: "`JUPYTER_ENV_VARS_TO_UNSET` and `NOTEBOOK_ARGS` count.",
    why: "Sites keep secrets of the start out of notebooks by the first, and pass options to the server by the second.",
    mend: "```dockerfile\nCMD [\"start-notebook.py\"]\n```",
    sources: SOURCES,
    on_run: Some(start_variables_ignored),
    ..Rule::OF_PLATFORMS
};

pub(crate) static START_LOGS_MISPLACED: Rule = Rule {
    name: "start-logs-misplaced",
    level: Level::Warning,
    summary: "The start script speaks on standard error, and less where that is asked for.",
    why: "Whoever runs a program in the image reads its standard output, and gets the words of the start script with it where they are not \
          on standard error. `JUPYTER_DOCKER_STACKS_QUIET` takes away what is for information, and no warnings.",
    mend: "```sh\necho \"WARNING: …\" >&2\n```",
    sources: SOURCES,
    on_run: Some(start_logs_misplaced),
    ..Rule::OF_PLATFORMS
};

const START: &str = "/usr/local/bin/start.sh";
const HOOKS: &str = "/usr/local/bin/before-notebook.d";

/// The start script with something to start; none where the image has none, which another rule says.
fn start(subject: &ProfileSubject<'_>, script: &str) -> Option<Trial> {
    subject
        .view
        .find(START)
        .is_some_and(|entry| entry.is_program())
        .then(|| Trial::of([START, "sh", "-c", script]))
}

fn root() -> TrialUser {
    TrialUser::Numbers { uid: 0, gid: 0, groups: Vec::new() }
}

/// The words after a mark.
fn said<'a>(ran: &'a Ran, mark: &str) -> Option<&'a str> {
    ran.stdout.lines().find_map(|line| line.strip_prefix(mark)).map(str::trim)
}

fn root_start_ignored(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let script = "echo \"who: $(id -un) $(id -u) $(id -g)\"; echo \"home: $HOME\"; echo \"kept: $KEPT_OF_CHECK\"; \
                  touch \"$HOME/of-check\" && echo 'home can be written to'; sudo -n true && echo 'sudo works'";
    let Some(trial) = start(subject, script) else { return Outcome::fine() };
    let trial = trial
        .by(root())
        .with("NB_USER", "alice")
        .with("NB_UID", "4711")
        .with("NB_GID", "4712")
        .with("CHOWN_HOME", "yes")
        .with("GRANT_SUDO", "yes")
        .with("KEPT_OF_CHECK", "yes");
    tried(trials, &trial, |ran| {
        let who = said(ran, "who: ").unwrap_or("nobody");
        let has = |line: &str| ran.stdout.lines().any(|said| said == line);
        let text = match () {
            () if who != "alice 4711 4712" => {
                format!(
                    "with `NB_USER=alice`, `NB_UID=4711` and `NB_GID=4712` it runs as {who}: {}",
                    ran.told()
                )
            }
            () if said(ran, "home: ") != Some("/home/alice") => {
                format!("with `NB_USER=alice` its home is `{}`", said(ran, "home: ").unwrap_or_default())
            }
            () if !has("home can be written to") => {
                "with `CHOWN_HOME=yes` the home cannot be written to".to_owned()
            }
            () if said(ran, "kept: ") != Some("yes") => {
                "variables are lost where the user changes".to_owned()
            }
            () if subject.has_program("sudo") && !has("sudo works") => {
                "with `GRANT_SUDO=yes` there is no `sudo`".to_owned()
            }
            () => return Outcome::fine(),
        };
        subject.found(text).into()
    })
}

fn other_users_not_prepared(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let Some(trial) = start(subject, "echo \"who: $(id -un)\"") else { return Outcome::fine() };
    let user = TrialUser::Numbers { uid: 4711, gid: 0, groups: vec![100] };
    let trial = trial
        .by(user)
        .with("NB_USER", "alice")
        .with("NB_UID", "4712")
        .with("NB_GID", "4713")
        .with("GRANT_SUDO", "yes");
    tried(trials, &trial, |ran| {
        if !ran.succeeded() {
            return subject.found(format!("as user 4711 it does not start: {}", ran.told())).into();
        }
        let passwd_is_open = subject.view.find("/etc/passwd").is_some_and(|entry| entry.mode() & 0o020 != 0);
        let has_name = said(ran, "who: ").is_some_and(|name| !name.is_empty() && name != "4711");
        let unnamed = (passwd_is_open && !has_name)
            .then(|| subject.found("user 4711 gets no entry in `/etc/passwd`, which could be written to"));
        let of_words = ["NB_USER", "NB_UID", "NB_GID", "sudo"].into_iter().filter_map(|word| {
            let warns = |line: &&str| line.contains("WARNING") && line.contains(word);
            let count = ran.stderr.lines().filter(warns).count();
            let how = if count == 0 { "not".to_owned() } else { format!("{count} times") };
            (count != 1).then(|| subject.found(format!("that `{word}` takes root is warned of {how}")))
        });
        unnamed.into_iter().chain(of_words).collect::<Vec<_>>().into()
    })
}

fn start_hooks_not_run(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let Some(trial) = start(subject, "echo \"read: $READ_OF_CHECK\"") else { return Outcome::fine() };
    // Without the folder there are no hooks, which another rule says.
    if !subject.view.find(HOOKS).is_some_and(|entry| entry.is_directory()) {
        return Outcome::fine();
    }
    let hook = |name: &str| format!("{HOOKS}/{name}");
    let trial = trial
        .file(&hook("60-check-reads.sh"), "export READ_OF_CHECK=yes\n", 0o644)
        .file(&hook("61-check-runs"), "#!/bin/sh\necho 'hook of check ran'\n", 0o755)
        .file(&hook("62-check-stays"), "#!/bin/sh\necho 'no hook of check ran'\n", 0o644)
        .file(&hook("63-check-fails"), "#!/bin/sh\nexit 7\n", 0o755);
    tried(trials, &trial, |ran| {
        let printed = |text: &str| ran.stdout.lines().chain(ran.stderr.lines()).any(|line| line == text);
        let text = match () {
            () if !ran.succeeded() => format!("a hook that fails keeps it from starting: {}", ran.told()),
            () if said(ran, "read: ") != Some("yes") => {
                format!("variables that a script in `{HOOKS}` sets are not there")
            }
            () if !printed("hook of check ran") => format!("a program in `{HOOKS}` is not run"),
            () if printed("no hook of check ran") => {
                format!("a file in `{HOOKS}` is run that may not be executed")
            }
            () if !ran.stderr.contains("63-check-fails") => "a hook that fails is not told of".to_owned(),
            () => return Outcome::fine(),
        };
        subject.found(text).into()
    })
}

fn start_variables_ignored(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let Some(trial) = start(subject, "echo \"secret: ${SECRET_OF_CHECK-}\"") else { return Outcome::fine() };
    let trial = trial
        .with("SECRET_OF_CHECK", "told")
        .with("OTHER_OF_CHECK", "x")
        .with("JUPYTER_ENV_VARS_TO_UNSET", "OTHER_OF_CHECK,SECRET_OF_CHECK");
    let unset = tried(trials, &trial, |ran| match said(ran, "secret: ") {
        Some("") => Outcome::fine(),
        Some(_) => subject.found("`JUPYTER_ENV_VARS_TO_UNSET` takes no variable away").into(),
        None => subject.found(format!("nothing starts: {}", ran.told())).into(),
    });
    if !subject.command().iter().any(|word| word.contains("start-notebook")) {
        return unset;
    }
    let question = Question { port: 8888, path: "/of-check/api".to_owned(), headers: Vec::new() };
    let trial = Trial { questions: vec![question], ..Trial::of_image() }
        .with("NOTEBOOK_ARGS", "--ServerApp.base_url=/of-check");
    unset.and(tried(trials, &trial, |ran| match ran.answers.first() {
        Some(Some(answer)) if answer.status == 200 => Outcome::fine(),
        _ => {
            let text =
                "with `NOTEBOOK_ARGS=--ServerApp.base_url=/of-check` nothing answers at `/of-check/api`";
            subject.found(format!("{text}: {}", ran.told())).into()
        }
    }))
}

fn start_logs_misplaced(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let Some(trial) = start(subject, "echo alone") else { return Outcome::fine() };
    // Something to warn of.
    let trial = trial.with("GRANT_SUDO", "yes");
    let placed = tried(trials, &trial, |ran| {
        if !ran.succeeded() || ran.stdout.trim() == "alone" {
            return Outcome::fine();
        }
        subject.found("the start script speaks on standard output").into()
    });
    if !placed.found.is_empty() {
        return placed;
    }
    let quiet = trial.with("JUPYTER_DOCKER_STACKS_QUIET", "1");
    placed.and(tried(trials, &quiet, |ran| {
        let is_about = |word: &str| ran.stderr.lines().any(|line| line.contains(word));
        let has_root = subject.user().is_some_and(|user| user.is_root());
        let text = match () {
            () if is_about("INFO") => "with `JUPYTER_DOCKER_STACKS_QUIET` it informs nevertheless",
            () if !has_root && ran.succeeded() && !is_about("WARNING") => {
                "with `JUPYTER_DOCKER_STACKS_QUIET` warnings are gone as well"
            }
            () => return Outcome::fine(),
        };
        subject.found(text).into()
    }))
}
