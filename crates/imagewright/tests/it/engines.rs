//! Who builds a Dockerfile: what is decided without a daemon.

use std::os::unix::net::UnixListener;

use imagewright_testkit::context::TestContext;

use crate::support::context;

/// Surroundings in which no daemon is, with a Dockerfile.
fn without_daemon(text: &str) -> TestContext {
    let context = context();
    context.write("image/Dockerfile", text);
    let socket = format!("unix://{}", context.folder().join("no-socket").display());
    context.env("DOCKER_HOST", &socket).env("BUILDKIT_HOST", &socket)
}

#[test]
fn a_daemon_that_does_not_answer_is_named() {
    let context = without_daemon("FROM scratch\n");
    for engine in ["docker", "buildkit"] {
        let outcome = context.run(["build", "image", "--engine", engine]).exits(6);
        for words in [
            "error: the daemon at `unix://",
            "cannot be reached",
            "hint: start it, say where it is with DOCKER_HOST",
        ] {
            assert!(outcome.stderr.contains(words), "{outcome}");
        }
    }
    let context = context.env("DOCKER_HOST", "ssh://docker.example");
    let outcome = context.run(["build", "image", "--engine", "docker"]).exits(2);
    assert!(outcome.stderr.contains("`ssh://docker.example` is no address of a daemon"), "{outcome}");
}

#[test]
fn something_else_than_a_daemon_is_not_waited_for() {
    let context = without_daemon("FROM scratch\n");
    let socket = context.folder().join("mute");
    let listener = UnixListener::bind(&socket).unwrap();
    // Takes the connection and hangs up.
    let ends = std::thread::spawn(move || listener.accept().map(drop));
    let context = context.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let outcome = context.run(["build", "image", "--engine", "docker"]).exits(6);
    assert!(outcome.stderr.contains("the conversation with the daemon broke off"), "{outcome}");
    ends.join().unwrap().unwrap();
}

#[test]
fn the_setting_counts_and_the_flag_goes_over_it() {
    let context = without_daemon("FROM scratch\n").env("IMAGEWRIGHT_ENGINE", "buildkit");
    drop(context.run(["build", "image"]).exits(6));
    let outcome = context.run(["build", "image", "--engine", "docker", "--offline"]).exits(2);
    assert!(
        outcome.stderr.contains("`--engine docker` cannot do what these flags ask for: --offline"),
        "{outcome}"
    );
    let context = context.env("IMAGEWRIGHT_ENGINE", "podman");
    drop(context.run(["build", "image"]).exits(4));
}

#[test]
fn specs_are_built_by_our_own_engine() {
    let context = without_daemon("FROM scratch\n");
    let outcome = context.run(["build", "--base", "bootstrap", "--engine", "docker"]).exits(2);
    let text = "packages are installed by our own engine, and `docker` was asked to build";
    assert!(outcome.stderr.contains(text) && outcome.stderr.contains("--engine native"), "{outcome}");
}

#[test]
fn where_nobody_else_answers_the_reason_of_our_own_engine_counts() {
    let context = without_daemon("FROM scratch\nRUN --security=insecure true\n");
    let outcome = context.run(["build", "image", "--engine", "auto"]).exits(4);
    assert!(outcome.stderr.contains("`RUN --security=insecure` is not supported"), "{outcome}");
}
