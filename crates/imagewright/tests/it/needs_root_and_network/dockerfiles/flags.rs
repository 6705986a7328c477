//! Flags of `docker build` that scripts have.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use imagewright_testkit::context::TestContext;
use serde_json::Value;

use super::{PYTHON, context, run_in};

#[test]
#[ignore = "needs root and network"]
fn what_scripts_ask_docker_for_they_get() {
    let context = context();
    context.write("image/Dockerfile", &format!("FROM {PYTHON}\nRUN cat /etc/hosts > /seen\n"));
    let flags = [
        "build",
        "-t",
        "flags:1",
        "--iidfile",
        "id",
        "--metadata-file",
        "facts.json",
        "--add-host",
        "index.example:10.1.2.3",
        "--annotation",
        "org.example.team=data",
        "--rm",
        "--force-rm=true",
        "--provenance=false",
        "--load",
        "--cache-from",
        "flags:0",
        "image",
        "--json",
    ];
    let outcome = context.run(flags).success();
    let built = outcome.json();
    for told in ["--load changes nothing here: ", "--cache-from changes nothing here: "] {
        assert!(outcome.stderr.contains(told), "{outcome}");
    }
    assert!(!outcome.stderr.contains("--provenance"), "{outcome}");
    let read = |name: &str| fs::read_to_string(context.work().join(name)).unwrap();
    assert_eq!(read("id"), built["id"]);
    let facts: Value = serde_json::from_str(&read("facts.json")).unwrap();
    assert_eq!(facts["containerimage.digest"], built["digest"]);
    assert_eq!(facts["containerimage.config.digest"], built["id"]);
    assert!(run_in(&context, "flags:1", "cat /seen").contains("10.1.2.3\tindex.example\n"));
    assert!(!run_in(&context, "flags:1", "cat /etc/hosts").contains("index.example"), "the image has it");
    let shown = context.run(["image", "show", &read("id"), "--json"]).success().json();
    assert_eq!(shown["manifest"]["annotations"]["org.example.team"], "data");
}

#[test]
#[ignore = "needs root and network"]
fn a_stage_is_run_again_alone() {
    let context = context();
    let stage =
        |name: &str| format!("FROM {PYTHON} AS {name}\nRUN cat /proc/sys/kernel/random/uuid > /{name}\n");
    let last = format!("FROM {PYTHON}\nCOPY --from=one /one /\nCOPY --from=two /two /\n");
    context.write("image/Dockerfile", &(stage("one") + &stage("two") + &last));
    let build = |flags: &[&str]| {
        let command = ["build", "image", "-t", "fresh:1"].iter().chain(flags);
        let outcome = context.run(command).success();
        let seen = run_in(&context, "fresh:1", "cat /one /two");
        let (one, two) = seen.trim().split_once('\n').unwrap();
        (one.to_owned(), two.to_owned(), outcome.stderr)
    };
    let first = build(&[]);
    let second = build(&["--no-cache-filter", "one"]);
    assert_ne!(first.0, second.0);
    assert_eq!(first.1, second.1);
    let third = build(&["--no-cache-filter", "other"]);
    assert!(third.2.contains("--no-cache-filter other: no stage of that name is built"), "{}", third.2);
}

#[test]
#[ignore = "needs root and network"]
fn a_dockerfile_comes_from_standard_input() {
    let context = context();
    context.write("image/file", "copied");
    let mut build = context.command(["build", "-f", "-", "image", "-t", "piped:1"]);
    let mut build = build.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let text = format!("FROM {PYTHON}\nCOPY file /\n");
    build.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(build.wait_with_output().unwrap().status.success());
    assert_eq!(run_in(&context, "piped:1", "cat /file"), "copied");
}

/// Runs a build that reads `input`; gives its exit code.
fn piped(context: &TestContext, arguments: &[&str], input: &[u8]) -> Option<i32> {
    let mut build = context.command(arguments);
    let mut build = build.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    drop(build.stdin.take().unwrap().write_all(input));
    build.wait().unwrap().code()
}

#[test]
#[ignore = "needs root and network"]
fn a_context_comes_from_standard_input() {
    let context = context();
    context.write("image/Dockerfile", &format!("FROM {PYTHON}\nCOPY . /files/\n"));
    context.write("image/other.Dockerfile", &format!("FROM {PYTHON}\nCOPY folder/file /only\n"));
    context.write("image/folder/file", "streamed");
    context.write("image/left-out", "x");
    context.write("image/.dockerignore", "left-out");
    let mut tar = std::process::Command::new("tar");
    let archive = tar.args(["-cz", "-C"]).arg(context.work().join("image")).arg(".").output().unwrap().stdout;
    assert_eq!(piped(&context, &["build", "-", "-t", "stream:1"], &archive), Some(0));
    let list = "cat /files/folder/file; ls -A /files | tr '\\n' ' '";
    assert_eq!(
        run_in(&context, "stream:1", list),
        "streamed.dockerignore Dockerfile folder other.Dockerfile "
    );
    let other = ["build", "-", "-f", "other.Dockerfile", "-t", "stream:2"];
    assert_eq!(piped(&context, &other, &archive), Some(0));
    assert_eq!(run_in(&context, "stream:2", "cat /only"), "streamed");
    let alone = format!("FROM {PYTHON}\nRUN echo alone > /alone\n");
    assert_eq!(piped(&context, &["build", "-", "-t", "stream:3"], alone.as_bytes()), Some(0));
    assert_eq!(run_in(&context, "stream:3", "cat /alone"), "alone\n");
    let needs_files = format!("FROM {PYTHON}\nCOPY file /\n");
    assert_eq!(piped(&context, &["build", "-"], needs_files.as_bytes()), Some(3));
    assert_eq!(piped(&context, &["build", "-", "-f", "-"], b""), Some(2));
    let large = "# no archive\n".repeat(400_000);
    assert_ne!(piped(&context, &["build", "-"], large.as_bytes()), Some(0), "half of it is no Dockerfile");
    context.assert_nothing_unfinished();
}
