//! Programs that a platform runs in every container: `shell-missing`, `curl-missing`, `tar-missing`, `gzip-missing`,
//! `mkdir-missing`.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Outcome, PlatformCheck, Rule};
use crate::view::Right;

const SOURCES: &[&str] = &[
    "Elyra, \"Creating a custom runtime container image\", section \"Prerequisites\"",
    "Elyra 4.1.1 as observed: the commands that it gives a container",
];

pub(crate) static SHELL_MISSING: Rule = Rule {
    name: "shell-missing",
    summary: "There is a shell, `sh`, on `PATH`.",
    why: "The container is started with `sh -c …` in the place of its own command. Without a shell it does not start at all.",
    mend: "Images made from nothing, or without a distribution, have no shell. Take a base that has one:\n\n\
           ```dockerfile\nFROM debian:bookworm-slim\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(|subject| missing(subject, "sh", "dash", "no container starts"))),
    ..Rule::OF_PLATFORMS
};

pub(crate) static CURL_MISSING: Rule = Rule {
    name: "curl-missing",
    summary: "`curl` is on `PATH`.",
    why: "What runs a node is fetched with `curl` when the container starts. Without it a pipeline on Kubeflow ends with exit code 2 \
          (a script that was not fetched is not found), one on Airflow with 127.",
    mend: "```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends curl ca-certificates \\\n    \
           && rm -rf /var/lib/apt/lists/*\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(|subject| {
        missing(subject, "curl", "curl", "what runs a node cannot be fetched")
    })),
    ..Rule::OF_PLATFORMS
};

pub(crate) static TAR_MISSING: Rule = Rule {
    name: "tar-missing",
    summary: "`tar` is on `PATH`.",
    why: "The files of a node come as an archive, which is unpacked with `tar -zxvf` before the node runs.",
    mend: "```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends tar gzip \\\n    \
           && rm -rf /var/lib/apt/lists/*\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(|subject| {
        missing(subject, "tar", "tar", "the files of a node cannot be unpacked")
    })),
    ..Rule::OF_PLATFORMS
};

pub(crate) static GZIP_MISSING: Rule = Rule {
    name: "gzip-missing",
    summary: "`gzip` is on `PATH`, where `tar` needs it.",
    why: "The files of a node come compressed. GNU tar starts `gzip` to read them; where there is none, the node fails later, and the \
          message names a log that does not exist. The `tar` of busybox needs no other program.",
    mend: "```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends gzip \\\n    \
           && rm -rf /var/lib/apt/lists/*\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(gzip_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static MKDIR_MISSING: Rule = Rule {
    name: "mkdir-missing",
    summary: "`mkdir` is on `PATH`.",
    why: "The first thing that is done in a container is `mkdir -p ./jupyter-work-dir`. On Airflow a node ends there with exit code \
          127; on Kubeflow it goes on in the working directory.",
    mend: "```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends coreutils \\\n    \
           && rm -rf /var/lib/apt/lists/*\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(|subject| {
        missing(subject, "mkdir", "coreutils", "the folder that a node works in cannot be made")
    })),
    ..Rule::OF_PLATFORMS
};

/// Finds a program that is not there, or that whoever runs it may not execute.
pub(super) fn missing(subject: &ProfileSubject<'_>, name: &str, package: &str, effect: &str) -> Outcome {
    let path = subject.search_path();
    let Some(program) = subject.view.which(name, &path) else {
        let message = format!("there is no `{name}` on `PATH` ({path}): {effect}");
        return subject.found(message).with_remedy(Remedy::apt([package])).into();
    };
    match subject.user().filter(|user| !user.may(Right::Execute, &program)) {
        Some(user) => {
            let path = program.path();
            let message = format!("user {} of the image may not run `{path}`: {effect}", user.uid);
            subject.found(message).with_mend(format!("RUN chmod a+rx {path}")).into()
        }
        None => Outcome::fine(),
    }
}

fn gzip_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let tar = subject.view.which("tar", &subject.search_path());
    match tar {
        Some(tar) if tar.name() != "busybox" => {
            missing(subject, "gzip", "gzip", "`tar` cannot read the files of a node")
        }
        // That tar is missing is told already.
        _ => Outcome::fine(),
    }
}
