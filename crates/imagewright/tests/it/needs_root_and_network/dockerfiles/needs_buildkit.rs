//! The corpus, built by us and by the BuildKit of today's Docker, and compared: files, settings, history.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::docker::DockerDaemon;
use imagewright_testkit::shared;
use serde_json::Value;

use super::answers::{DIFFERENT, SNIPPETS};
use super::{PYTHON, build, cases, context, secret};

pub(super) fn differences(ours: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>) -> Vec<String> {
    let paths: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    paths
        .into_iter()
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| format!("ours   {:?}\ntheirs {:?}", ours.get(path), theirs.get(path)))
        .collect()
}

const SETTINGS: [&str; 12] = [
    "Env",
    "Cmd",
    "Entrypoint",
    "User",
    "WorkingDir",
    "Labels",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Healthcheck",
    "OnBuild",
    "Shell",
];

pub(super) fn settings(docker: &DockerDaemon, image: &str) -> Vec<(&'static str, Value)> {
    let inspected = docker.docker(["image", "inspect", image]).success().json();
    // Empty and absent are the same.
    let value = |name: &str| match &inspected[0]["Config"][name] {
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Object(items) if items.is_empty() => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        value => value.clone(),
    };
    SETTINGS.into_iter().map(|name| (name, value(name))).collect()
}

/// The instructions of the history, newest first.
fn history(docker: &DockerDaemon, image: &str) -> Vec<String> {
    let format = ["history", "--no-trunc", "--format", "{{.CreatedBy}}", image];
    let told = docker.docker(format).success().stdout;
    told.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
#[ignore = "needs root, network and buildkit"]
fn images_are_as_buildkit_makes_them() {
    let context = context();
    let docker = DockerDaemon::start_newest(&shared::folder());
    let load = |image: &str, file: &str| {
        drop(context.run(["image", "export", image, &format!("docker-archive:{file}")]).success());
        drop(docker.docker(["load", "--input", context.work().join(file).to_str().unwrap()]).success());
    };
    load(PYTHON, "base.tar");
    let mut wrong = Vec::new();
    for (name, folder) in cases(&context, "buildkit") {
        let (ours, theirs) = (format!("ours/{name}:1"), format!("theirs/{name}:1"));
        drop(build(&context, &folder, &ours));
        load(&ours, &format!("{name}.tar"));
        let folder = folder.to_str().unwrap();
        let secret = secret(&context);
        let command = ["build", "--network", "host", "--secret", &secret, "--tag", &theirs, folder];
        drop(docker.docker(command).success());
        let files = (docker.files(&ours), docker.files(&theirs));
        assert!(files.0.contains_key("/usr/bin/python3"), "{name}");
        let differences = differences(&files.0, &files.1);
        wrong.extend(differences.into_iter().map(|text| format!("{name}:\n{text}")));
        for (ours, theirs) in settings(&docker, &ours).into_iter().zip(settings(&docker, &theirs)) {
            if ours != theirs {
                wrong.push(format!("{name}:\nours   {ours:?}\ntheirs {theirs:?}"));
            }
        }
        let (ours, theirs) = (history(&docker, &ours), history(&docker, &theirs));
        if ours != theirs {
            wrong.push(format!("{name}:\nours   {ours:?}\ntheirs {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of a snippet as a Dockerfile.
fn whole(snippet: &str) -> String {
    let stands_alone = ["FROM", "ARG B", "#", "ENV A=b\nFROM"].iter().any(|begin| snippet.starts_with(begin));
    if stands_alone { format!("{snippet}\n") } else { format!("FROM {PYTHON}\n{snippet}\n") }
}

/// Where snippets are built.
fn snippet_context(context: &TestContext) -> String {
    for (path, text) in [
        ("there", "x"),
        ("left-out", "x"),
        (".dockerignore", "left-out"),
        ("folder/in", "y"),
        ("broken.tar.gz", "no archive"),
    ] {
        context.write(&format!("snippet/{path}"), text);
    }
    let folder = context.work().join("snippet");
    symlink("/etc", folder.join("outside")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs root, network and buildkit"]
fn what_buildkit_refuses_is_refused_and_nothing_else() {
    let context = context();
    let docker = DockerDaemon::start_newest(&shared::folder());
    drop(context.run(["image", "export", PYTHON, "docker-archive:base.tar"]).success());
    drop(docker.docker(["load", "--input", context.work().join("base.tar").to_str().unwrap()]).success());
    let (folder, secret) = (snippet_context(&context), secret(&context));
    let mut wrong = Vec::new();
    for snippet in SNIPPETS {
        context.write("snippet/Dockerfile", &whole(snippet));
        let ours = context.run(["build", &folder, "--secret", &secret, "--quiet"]);
        let theirs = docker.docker(["build", "--quiet", "--network", "host", "--secret", &secret, &folder]);
        let built = |outcome: &Outcome| outcome.code == Some(0);
        let known = DIFFERENT.iter().any(|(other, _)| other == snippet);
        if (built(&ours) == built(&theirs)) == known {
            wrong.push(format!("{snippet}\nours   {ours}\ntheirs {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), SNIPPETS.len(), wrong.join("\n\n"));
}
