//! Builds that need no sandbox: a base, and words about how its containers start.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::image::TinyImage;
use insta::assert_snapshot;

use crate::support::{context, tiny_image};

/// Surroundings with the layout of an image in `base`.
fn context_with_base() -> TestContext {
    let context = context();
    tiny_image().write_layout(&context.work().join("base"), "demo/base").unwrap();
    context
}

#[test]
fn a_spec_says_how_containers_start() {
    let context = context_with_base();
    let spec = "base: oci:../base\nenv: {PORT: 8888, EMPTY: ''}\nuser: 1000:100\nworkdir: /home/me\n\
                labels: {a: b}\nentrypoint: [tini, --]\ncommand: serve --all\nports: [8888, 53/udp]\nvolumes: [/data]\n\
                stop-signal: SIGINT\ntags: [demo/started:1, demo/started:2]\n";
    context.write("spec/image.yaml", spec);
    assert_snapshot!(context.run(["build", "spec"]), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    [1/1] base oci:spec/../base
      importing the base
    [1/1] base oci:spec/../base: [TIME]
    built sha256:[DIGEST]: [SIZE] in 1 layer, nothing cached, [TIME]
    ");
    let details = context.run(["image", "show", "demo/started:2", "--json"]).success().json();
    assert_eq!(details["names"].as_array().unwrap().len(), 2);
    assert_snapshot!(serde_json::to_string_pretty(&details["config"]["config"]).unwrap(), @r#"
    {
      "User": "1000:100",
      "ExposedPorts": {
        "53/udp": {},
        "8888/tcp": {}
      },
      "Env": [
        "PATH=/usr/bin:/bin",
        "PORT=8888",
        "EMPTY="
      ],
      "Entrypoint": [
        "tini",
        "--"
      ],
      "Cmd": [
        "/bin/sh",
        "-c",
        "serve --all"
      ],
      "Volumes": {
        "/data": {}
      },
      "WorkingDir": "/home/me",
      "Labels": {
        "a": "b"
      },
      "StopSignal": "SIGINT"
    }
    "#);
}

#[test]
fn flags_go_over_the_spec() {
    let context = context_with_base();
    context.write(
        "spec/image.yaml",
        "base: oci:../base\nenv: {A: file, B: file}\nuser: '1'\ntags: [demo/file:1]\n",
    );
    let flags = ["-e", "A=flag", "-u", "2", "-t", "demo/flag:1", "--cmd", "[\"serve\", \"--all\"]"];
    let report = context.run(["build", "spec", "--json"].iter().chain(&flags)).success().json();
    assert_eq!(report["names"], serde_json::json!(["demo/flag:1"]));
    let details = context.run(["image", "show", "demo/flag:1", "--json"]).success().json();
    let config = &details["config"]["config"];
    assert_eq!(config["User"], "2");
    assert_eq!(config["Cmd"], serde_json::json!(["serve", "--all"]));
    let env = config["Env"].as_array().unwrap();
    assert!(env.contains(&"A=flag".into()) && env.contains(&"B=file".into()), "{env:?}");
}

#[test]
fn a_base_brings_no_names_along() {
    let context = context_with_base();
    TinyImage::default().write_layout(&context.work().join("other"), "demo/base").unwrap();
    let ours = context.run(["image", "import", "oci:other"]).success().stdout;
    drop(context.run(["build", "--base", "oci:base", "-l", "a=b", "-t", "demo/built"]).success());
    let shown = context.run(["image", "show", "demo/base", "--json"]).success().json();
    assert!(ours.starts_with(shown["id"].as_str().unwrap()), "the name still means what it meant: {shown}");
}

#[test]
fn the_result_is_told_to_scripts() {
    let context = context_with_base();
    let build = ["build", "--base", "oci:base", "-l", "a=b", "-t", "demo/told", "--digest-file", "digest"];
    let outcome = context.run(build.iter().chain(&["--quiet"])).success();
    assert_eq!(outcome.stderr, "", "quiet is quiet");
    let digest = fs::read_to_string(context.work().join("digest")).unwrap();
    assert_eq!(outcome.stdout.trim(), digest);
    assert_snapshot!(context.run(build.iter().chain(&["--json"])).success().stdout, @r#"
    {
      "names": [
        "demo/told:latest"
      ],
      "id": "sha256:[DIGEST]",
      "digest": "sha256:[DIGEST]",
      "size": 2048,
      "layers": 1,
      "unchanged": true,
      "lock": null
    }
    "#);
}

#[test]
fn progress_is_a_stream_of_events() {
    let context = context_with_base();
    let outcome = context.run(["build", "--base", "oci:base", "-l", "a=b", "--progress", "json"]).success();
    let events = outcome.events();
    assert_eq!(events.len(), outcome.stderr.lines().count(), "each line is an event: {outcome}");
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((names[0], events[0]["version"].as_u64()), ("started", Some(1)));
    assert_eq!(names.last(), Some(&"finished"));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["status"], last["digest"].as_str()),
        (&"succeeded".into(), Some(outcome.stdout.trim()))
    );

    let failed = context.run(["build", "--base", "oci:nowhere", "--progress", "json"]).exits(3);
    let events = failed.events();
    let last = events.last().unwrap();
    assert_eq!(last["status"], "failed");
    assert!(last["error"].as_str().unwrap().contains("nowhere/index.json"), "{failed}");
}

#[test]
fn an_epoch_is_the_latest_date_of_the_image() {
    let context = context_with_base();
    let created = |arguments: &[&str], variable: &str| {
        let build = ["build", "--base", "oci:base", "-l", "a=b", "-t", "demo/dated"];
        let mut command = context.command(build.iter().chain(arguments));
        command.env("SOURCE_DATE_EPOCH", variable);
        drop(Outcome::of(&mut command).success());
        context.run(["image", "show", "demo/dated", "--json"]).success().json()["created"].clone()
    };
    assert_eq!(created(&[], "1800000000"), "2027-01-15T08:00:00Z");
    assert_eq!(created(&["--source-date-epoch", "1900000000"], "1800000000"), "2030-03-17T17:46:40Z");
}
