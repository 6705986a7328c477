//! Dockerfiles that other engines build: Debian's Docker, which is as old as any that is still in use, and a new one; the
//! latter's BuildKit also by itself.

use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};
use std::thread;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::docker::DockerDaemon;
use imagewright_testkit::processes::{is_running, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{PYTHON, SECRET, context, run_in, secret};

/// Surroundings that know this daemon, which has the base.
fn with(docker: &DockerDaemon) -> TestContext {
    let context = context().env("DOCKER_HOST", docker.host());
    drop(context.run(["image", "export", PYTHON, "docker-archive:base.tar"]).success());
    drop(docker.docker(["load", "--input", context.work().join("base.tar").to_str().unwrap()]).success());
    context
}

/// A build by another engine. The daemons of tests have no network of their own.
fn build(context: &TestContext, engine: &str, arguments: &[&str]) -> Outcome {
    let all = ["build", "image", "--engine", engine, "--network", "host"];
    context.run(all.iter().chain(arguments))
}

fn write_context(context: &TestContext) {
    let text = "ARG BASE=scratch\nFROM $BASE AS first\nARG WORD=none\nLABEL a=one b=two\nCOPY . /files/\n\
         COPY link /linked\n\
         RUN --mount=type=secret,id=token cat /run/secrets/token; echo \"$WORD\" > /word\n\
         FROM first AS second\nRUN false\n";
    context.write("image/Dockerfile", text);
    context.write("image/.dockerignore", "**/left-out\n.dockerignore\nDockerfile\n!keep/left-out\n");
    for path in ["a", "left-out", "folder/b", "folder/left-out", "keep/left-out"] {
        context.write(&format!("image/{path}"), path);
    }
    let link = context.work().join("image/link");
    if !link.is_symlink() {
        symlink("folder/b", link).unwrap();
    }
}

/// Everything of a plain build: arguments, target, labels, names, what is left out, secrets, and where the image is.
fn plain_build(context: &TestContext, engine: &str) -> Value {
    write_context(context);
    let secret = secret(context);
    let base = format!("BASE={PYTHON}");
    let arguments = [
        "--target",
        "first",
        "--build-arg",
        &base,
        "--build-arg",
        "WORD=given",
        "--label",
        "b=three",
        "--secret",
        &secret,
        "-t",
        "other/engine:1",
        "-t",
        "other/engine:2",
        "--json",
        "--progress",
        "json",
    ];
    let outcome = build(context, engine, &arguments).success();
    assert!(!outcome.stderr.contains(SECRET), "{outcome}");
    let events = outcome.events();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!((of("started"), of("finished")), (1, 1), "{outcome}");
    assert_eq!(of("step_started"), of("step_finished"), "{outcome}");
    let prints = events.iter().any(|event| event["event"] == "output" && event["line"] == "****");
    assert_ne!(prints, outcome.json()["unchanged"] == true, "{outcome}");
    let shown = context.run(["image", "show", "other/engine:2", "--json"]).success().json();
    assert_eq!(shown["config"]["config"]["Labels"]["a"], "one", "{shown}");
    assert_eq!(shown["config"]["config"]["Labels"]["b"], "three", "{shown}");
    let found = run_in(
        context,
        "other/engine:1",
        "cat /word /linked; cd /files && find . -type f | sort | tr '\\n' ' '",
    );
    assert_eq!(found, "given\nfolder/b./a ./folder/b ./keep/left-out ");
    let grep = Outcome::of(std::process::Command::new("grep").args(["-rlF", SECRET]).arg(context.root()));
    assert_eq!(grep.stdout, "", "the secret is in the store");
    outcome.json()
}

fn failures(context: &TestContext, engine: &str) {
    context.write("image/there", "x");
    for (text, code, expected) in [
        ("RUN echo before && \\\n    exit 7", 1, "Dockerfile:2: the command exited with code 7\nbefore"),
        ("COPY absent /", 3, "Dockerfile:2: there is no `/absent` in what is copied from"),
        ("COPY there /\nRUNN x", 4, "Dockerfile:3: unknown instruction: RUNN"),
        ("RUN --mount=type=secret,id=no,required=true true", 3, "Dockerfile:2: "),
        ("COPY none* /there/", 0, ""),
    ] {
        context.write("image/Dockerfile", &format!("FROM {PYTHON}\n{text}\n"));
        let outcome = build(context, engine, &[]).exits(code);
        assert!(outcome.stderr.contains(expected), "{text}\n{outcome}");
    }
}

/// Begins a build that goes on for ever, and waits until it does.
fn start_endless(context: &TestContext, engine: &str, marker: &str) -> Child {
    context.write("image/Dockerfile", &format!("FROM {PYTHON}\nRUN sleep {marker}\n"));
    let arguments = ["build", "image", "--engine", engine, "--network", "host"];
    let child = context.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the command runs", || is_running(marker));
    child
}

fn cancelled(context: &TestContext, engine: &str) {
    let marker = format!("{}.25", 2_000_000 + std::process::id());
    for (signal, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGKILL, None)] {
        let child = start_endless(context, engine, &marker);
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, code, "{outcome}");
        wait_until("the daemon has ended the build", || !is_running(&marker));
    }
    drop(context.run(["image", "list"]).success());
    context.assert_nothing_unfinished();
}

/// What a step says to the agent it is given comes to that of the user, and back.
fn agent(context: &TestContext, engine: &str) {
    let socket = context.folder().join("agent");
    let listener = UnixListener::bind(&socket).unwrap();
    let agent = thread::spawn(move || {
        let (mut step, _) = listener.accept().unwrap();
        let mut said = [0; 5];
        step.read_exact(&mut said).unwrap();
        step.write_all(b"answer").unwrap();
        said
    });
    let talk = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); \
                s.sendall(b'hello'); open('/answer', 'wb').write(s.recv(6))";
    let text = format!("FROM {PYTHON}\nRUN --mount=type=ssh,id=git python3 -c \"{talk}\"\n");
    context.write("image/Dockerfile", &text);
    let flag = format!("git={}", socket.display());
    drop(build(context, engine, &["--ssh", &flag, "-t", "with/agent:1"]).success());
    assert_eq!(&agent.join().unwrap(), b"hello");
    assert_eq!(run_in(context, "with/agent:1", "cat /answer"), "answer");
}

mod needs_docker {
    use super::*;

    #[test]
    #[ignore = "needs root, network and docker"]
    fn an_image_is_in_docker_and_in_the_store() {
        let docker = DockerDaemon::start();
        let context = with(&docker);
        let first = plain_build(&context, "docker");
        let inspected = docker.docker(["image", "inspect", "other/engine:1"]).success().json();
        assert_eq!(inspected[0]["Id"], first["id"]);
        assert_eq!(inspected[0]["RepoTags"].as_array().unwrap().len(), 2);
        let again = plain_build(&context, "docker");
        assert_eq!((&again["digest"], &again["unchanged"]), (&first["digest"], &Value::Bool(true)));
        assert!(!docker.log().contains(SECRET), "the daemon's log holds the secret");
        // Where nothing asks for it, it may stay in Docker.
        let context = context.env("IMAGEWRIGHT_DOCKER__IMPORT", "false");
        context.write("image/Dockerfile", &format!("FROM {PYTHON}\nRUN touch /there\n"));
        drop(build(&context, "docker", &["-t", "other/left:1"]).success());
        drop(docker.docker(["image", "inspect", "other/left:1"]).success());
        drop(context.run(["image", "show", "other/left:1"]).exits(3));
        drop(build(&context, "docker", &["-t", "other/left:1", "--digest-file", "digest"]).success());
        drop(context.run(["image", "show", "other/left:1"]).success());
    }

    #[test]
    #[ignore = "needs root, network and docker"]
    fn what_goes_wrong_names_its_line() {
        let docker = DockerDaemon::start();
        failures(&with(&docker), "docker");
    }

    #[test]
    #[ignore = "needs root, network and docker"]
    fn a_build_that_is_stopped_is_stopped_in_the_daemon() {
        let docker = DockerDaemon::start();
        cancelled(&with(&docker), "docker");
    }

    #[test]
    #[ignore = "needs root, network and docker"]
    fn who_cannot_build_asks_who_can() {
        let docker = DockerDaemon::start();
        let context = with(&docker);
        let text = format!("FROM {PYTHON}\nRUN cat /proc/net/dev | grep -c : > /interfaces\n");
        context.write("image/Dockerfile", &text);
        let outcome = context.run(["build", "image", "--engine", "auto", "-t", "auto/here:1"]).success();
        assert!(!outcome.stderr.contains("builds instead"), "{outcome}");
        drop(docker.docker(["image", "inspect", "auto/here:1"]).exits(1));
        context.write("image/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
        let foreign =
            ["build", "image", "--engine", "auto", "--platform", "linux/arm64", "-t", "auto/there:1"];
        let outcome = context.run(foreign).success();
        assert!(outcome.stderr.contains(&format!("{} builds instead", docker.host())), "{outcome}");
        let there = docker.docker(["image", "inspect", "auto/there:1"]).success().json();
        assert_eq!(there[0]["Architecture"], "arm64");
    }

    #[test]
    #[ignore = "needs root, network and docker"]
    fn what_is_new_is_refused_by_what_is_old() {
        let docker = DockerDaemon::start();
        let context = with(&docker);
        context.write("image/Dockerfile", "FROM base\n");
        let base = format!("base=docker-image://{PYTHON}");
        let outcome = build(&context, "docker", &["--build-context", &base]).exits(8);
        assert!(outcome.stderr.contains("is too old for `--build-context`"), "{outcome}");
    }
}

mod needs_buildkit {
    use imagewright_testkit::buildkit::BuildKitSocket;
    use imagewright_testkit::shared;

    use super::super::needs_buildkit::{differences, settings};
    use super::super::{build as build_here, cases};
    use super::*;

    #[test]
    #[ignore = "needs root, network and buildkit"]
    fn a_new_docker_builds() {
        let docker = DockerDaemon::start_newest(&shared::folder());
        let context = with(&docker);
        let first = plain_build(&context, "docker");
        drop(docker.docker(["image", "inspect", "other/engine:1"]).success());
        let again = plain_build(&context, "docker");
        assert_eq!((&again["digest"], &again["unchanged"]), (&first["digest"], &Value::Bool(true)));
        failures(&context, "docker");
        cancelled(&context, "docker");
        agent(&context, "docker");
        let text = "FROM base\nCOPY --from=files a /copied\n";
        context.write("image/Dockerfile", text);
        context.write("files/a", "one");
        context.write("files/.dockerignore", "left-out");
        let base = format!("base=docker-image://{PYTHON}");
        let named = ["-t", "named:1", "--build-context", &base, "--build-context", "files=files"];
        drop(build(&context, "docker", &named).success());
        assert_eq!(run_in(&context, "named:1", "cat /copied"), "one");
    }

    #[test]
    #[ignore = "needs root, network and buildkit"]
    fn a_buildkit_daemon_builds_into_the_store() {
        let docker = DockerDaemon::start_newest(&shared::folder());
        let buildkit = BuildKitSocket::to(&docker.socket());
        let context =
            with(&docker).env("DOCKER_HOST", "unix:///no-socket").env("BUILDKIT_HOST", buildkit.host());
        let first = plain_build(&context, "buildkit");
        drop(docker.docker(["image", "inspect", "other/engine:1"]).exits(1));
        let again = plain_build(&context, "buildkit");
        assert_eq!((&again["digest"], &again["unchanged"]), (&first["digest"], &Value::Bool(true)));
        failures(&context, "buildkit");
        cancelled(&context, "buildkit");
        agent(&context, "buildkit");
        context.write("image/Dockerfile", &format!("FROM {PYTHON}\nRUN touch /there\n"));
        let zstd = ["--compression", "zstd:5", "-t", "other/zstd:1"];
        drop(build(&context, "buildkit", &zstd).success());
        let shown = context.run(["image", "show", "other/zstd:1", "--json"]).success().json();
        let last = shown["manifest"]["layers"].as_array().unwrap().last().unwrap();
        assert!(last["mediaType"].as_str().unwrap().ends_with("+zstd"), "{shown}");
    }

    #[test]
    #[ignore = "needs root, network and buildkit"]
    fn an_image_is_the_same_whoever_builds() {
        let docker = DockerDaemon::start_newest(&shared::folder());
        let context = with(&docker);
        let mut wrong = Vec::new();
        for (name, folder) in cases(&context, "buildkit").into_iter().take(2) {
            let (ours, theirs) = (format!("ours/{name}:1"), format!("theirs/{name}:1"));
            drop(build_here(&context, &folder, &ours));
            let archive = format!("{name}.tar");
            drop(context.run(["image", "export", &ours, &format!("docker-archive:{archive}")]).success());
            drop(
                docker.docker(["load", "--input", context.work().join(&archive).to_str().unwrap()]).success(),
            );
            let (folder, secret) = (folder.to_str().unwrap(), secret(&context));
            let command = [
                "build",
                folder,
                "--engine",
                "docker",
                "--network",
                "host",
                "--secret",
                &secret,
                "-t",
                &theirs,
            ];
            drop(context.run(command).success());
            wrong.extend(differences(&docker.files(&ours), &docker.files(&theirs)));
            let settings = settings(&docker, &ours).into_iter().zip(settings(&docker, &theirs));
            wrong.extend(
                settings.filter(|(ours, theirs)| ours != theirs).map(|pair| format!("{name}: {pair:?}")),
            );
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
