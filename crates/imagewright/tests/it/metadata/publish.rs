//! `build --publish elyra`.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::registry::{Fault, TestRegistry};
use serde_json::Value;

use super::{create, put, records, run};
use crate::support::{context, tiny_image};

fn context_with_base() -> TestContext {
    let context = context();
    tiny_image().write_layout(&context.work().join("base"), "demo/base").unwrap();
    context
}

fn build(context: &TestContext, tag: &str, more: &[&str]) -> Outcome {
    context.run([&["build", "--base", "oci:base", "--tag", tag, "--json"], more].concat())
}

fn record(context: &TestContext, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(records(context).join(format!("{name}.json"))).unwrap()).unwrap()
}

#[test]
fn what_was_built_is_pushed_and_its_record_written() {
    let (context, registry) = (context_with_base(), TestRegistry::start().unwrap());
    let tag = format!("{}/team/analysis:1", registry.host());
    let labels = [
        "-l",
        "org.opencontainers.image.title=Data analysis",
        "-l",
        "org.opencontainers.image.description=For the team",
    ];
    let built = build(&context, &tag, &[&["--publish", "elyra"], &labels[..]].concat()).success();
    assert!(built.stderr.contains("created runtime image 'data_analysis'"), "{built}");
    let built = built.json();
    let digest = built["digest"].as_str().unwrap();
    assert!(registry.manifest("team/analysis", digest).is_some(), "publishing pushes");
    let published = &built["published"];
    assert_eq!(published["name"], "data_analysis");
    assert_eq!(published["image_name"], format!("{tag}@{digest}"));
    assert_eq!(published["new"], true);
    let expected = serde_json::json!({
        "display_name": "Data analysis",
        "metadata": {"image_name": format!("{tag}@{digest}"), "description": "For the team"},
        "schema_name": "runtime-image",
    });
    assert_eq!(record(&context, "data_analysis"), expected);
    let shown = run(&context, "show", &["--name", "data_analysis", "--json"]).success().json();
    assert_eq!(shown["imagewright"]["built"], built["id"]);
    drop(run(&context, "verify", &["--strict"]).success());
    drop(run(&context, "unpin", &["--all"]).success());
    assert_eq!(record(&context, "data_analysis")["metadata"]["image_name"], tag);
}

#[test]
fn a_record_that_is_there_keeps_what_it_has() {
    let (context, registry) = (context_with_base(), TestRegistry::start().unwrap());
    let tag = format!("{}/team/analysis:1", registry.host());
    drop(create(&context, "mine", "a/b:1", &["--tags", "x", "--description", "d"]).success());
    let built = build(&context, &tag, &["--publish", "elyra=mine", "--publish-by", "tag"]).success().json();
    assert_eq!(built["published"]["new"], false);
    let mine = record(&context, "mine");
    assert_eq!(mine["metadata"], serde_json::json!({"description": "d", "tags": ["x"], "image_name": tag}));
    assert_eq!(mine["display_name"], "mine");
    // A display name renames what is shown, not the record.
    drop(build(&context, &tag, &["--publish=elyra=MINE"]).success());
    assert_eq!(record(&context, "mine")["display_name"], "MINE");
}

#[test]
fn without_a_title_the_repository_gives_the_name() {
    let (context, registry) = (context_with_base(), TestRegistry::start().unwrap());
    drop(build(&context, &format!("{}/team/analysis", registry.host()), &["--publish", "elyra"]).success());
    let image_name = record(&context, "analysis")["metadata"]["image_name"].as_str().unwrap().to_owned();
    assert!(image_name.contains("/team/analysis:latest@sha256:"), "{image_name}");
}

#[test]
fn what_cannot_be_published_is_said_before_anything_is_built() {
    let (context, registry) = (context_with_base(), TestRegistry::start().unwrap());
    let tag = format!("{}/team/analysis:1", registry.host());
    for (words, text) in [
        (&["--publish", "kfp"][..], "`kfp` is not a place to publish to"),
        (&["--publish", "elyra="], "no name of a record can be made of ``"),
        (&["--publish", "elyra=!!!"], "no name of a record can be made of `!!!`"),
        (&["--publish-by", "tag"], "--publish"),
    ] {
        let wrong = build(&context, &tag, words).exits(2);
        assert!(wrong.stderr.contains(text), "{wrong}");
    }
    assert_eq!(registry.requests().len(), 0);
    assert_eq!(context.run(["image", "list", "--json"]).success().json(), serde_json::json!([]));
}

#[test]
fn an_image_stays_pushed_when_its_record_cannot_be_written() {
    let (context, registry) = (context_with_base(), TestRegistry::start().unwrap());
    let tag = format!("{}/team/analysis:1", registry.host());
    put(&context, "analysis.json", "{");
    let failed = build(&context, &tag, &["--publish", "elyra"]).exits(4);
    assert!(failed.stderr.contains("was pushed, but its runtime image record was not written"), "{failed}");
    assert!(registry.manifest("team/analysis", "1").is_some());
    assert_eq!(fs::read_to_string(records(&context).join("analysis.json")).unwrap(), "{");
    // And nothing is written of an image that was not pushed.
    fs::remove_file(records(&context).join("analysis.json")).unwrap();
    registry.fail("PUT", "/manifests/", &Fault::Status(403, "content-type", String::new()), 9);
    registry.fail("HEAD", "/manifests/", &Fault::Status(404, "content-type", String::new()), 9);
    drop(build(&context, &tag, &["--publish", "elyra"]).exits(7));
    assert!(!records(&context).join("analysis.json").exists());
}
