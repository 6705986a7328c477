//! Bases from registries, and results that go to one.

use imagewright_testkit::registry::{Authentication, Options, TestRegistry};
use serde_json::{Value, json};

use super::support::{BASE, add, building, events, last_build, spec, surroundings, wait_for};
use crate::server::support::TestServer;

#[test]
fn results_go_to_a_registry_that_is_configured() {
    let registry = TestRegistry::start().unwrap();
    let (context, _packages) = surroundings();
    let prefix = format!("{}/team", registry.host());
    let context = context.env("IMAGEWRIGHT_SERVER__PUSH__PREFIX", &prefix);
    let server = TestServer::start_in(context, &[]);
    let root = server.administrator();
    let done = wait_for(&root, &add(&root, "a", &["tool"]), &["succeeded", "failed"]);
    assert_eq!(done["state"], "succeeded", "{done}");
    let image = root.get("/images/a").is(200);
    assert_eq!(image["reference"], json!(format!("{prefix}/a:1")));
    assert_eq!(image["pull_secret"], Value::Null);
    let digest = done["digest"].as_str().unwrap();
    let (_, manifest) = registry.manifest("team/a", "1").expect("it was pushed");
    assert_eq!(imagewright_oci::Digest::of(&manifest).to_string(), digest);
    // It is over when the image is where it belongs, and not before.
    let told = events(&root, &done);
    let push = format!("push {prefix}/a:1");
    assert!(told.iter().any(|event| event["title"] == push.as_str()), "{told:?}");
    assert_eq!(told.last().unwrap()["digest"], digest);
}

#[test]
fn what_cannot_be_pushed_is_not_offered() {
    let authentication = Authentication::token("builder", "word");
    let registry = TestRegistry::with(Options { authentication, ..Options::default() }).unwrap();
    let (context, _packages) = surroundings();
    let context = context.env("IMAGEWRIGHT_SERVER__PUSH__PREFIX", format!("{}/team", registry.host()));
    let server = TestServer::start_in(context.env("IMAGEWRIGHT_SERVER__PUSH__SECRET", "push"), &[]);
    let root = server.administrator();
    let failed = wait_for(&root, &add(&root, "a", &["tool"]), &["succeeded", "failed"]);
    assert_eq!((&failed["state"], &failed["error"]), (&json!("failed"), &json!("there is no secret `push`")));
    assert_eq!(root.get("/images/a").is(200)["reference"], Value::Null);
}

#[test]
fn a_result_is_whole_though_its_base_stayed_in_its_registry() {
    let registry = TestRegistry::start().unwrap();
    let (server, _packages) = building();
    let root = server.administrator();
    let base = format!("{}/base:1", registry.host());
    drop(server.context.run(["push", BASE, &base]).success());
    let mut wanted = spec(&["tool"]);
    wanted["base"] = json!(base);
    root.post("/images", &json!({"display_name": "a", "spec": wanted})).is(201);
    let done = wait_for(&root, &last_build(&root, "a"), &["succeeded", "failed"]);
    assert_eq!(done["state"], "succeeded", "{done}");
    let digest = done["digest"].as_str().unwrap();
    let shown = server.context.run(["image", "show", digest, "--json"]).success().json();
    assert_eq!(shown["missing_layers"], 0);
}
