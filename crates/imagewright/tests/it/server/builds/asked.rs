//! What is asked for, and what comes of it.

use imagewright_testkit::processes::wait_until;
use serde_json::{Value, json};

use super::support::{BASE, add, building, count, events, last_build, processes, spec, wait_at, wait_for};

#[test]
fn an_image_is_built_offered_and_built_again() {
    let (server, _packages) = building();
    let root = server.administrator();
    let new = json!({
        "display_name": "Analysis", "spec": spec(&["tool=1.0"]), "visibility": {"global": true},
    });
    let added = root.post("/images", &new).is(201);
    assert_eq!((&added["state"], &added["reference"]), (&json!("building"), &Value::Null));
    assert_ne!(root.get("/offers").is(200)[0]["disabled"], Value::Null);

    let first = wait_for(&root, &last_build(&root, "analysis"), &["succeeded", "failed"]);
    assert_eq!(first["state"], "succeeded", "{first}");
    assert!(first["lock"].as_str().unwrap().contains("tool"), "{first}");
    let image = root.get("/images/analysis").is(200);
    let name = format!("{}/analysis:1", server.address);
    assert_eq!((&image["reference"], &image["state"]), (&json!(name), &json!("ready")));
    assert_eq!(image["pin"]["digest"], first["digest"]);
    assert_eq!(image["offered_build"], first["id"]);
    let shown = server.context.run(["image", "show", &name, "--json"]).success().json();
    assert_eq!(shown["digest"], first["digest"]);
    let history = root.get("/images/analysis/history").is(200);
    assert_eq!(history["items"][0]["action"], "image.built");

    // Another spec, by the same entry: what is on offer stays until there is something else.
    let again = json!({"spec": spec(&["tool=1.0", "other"])});
    let second = root.post("/images/analysis/builds", &again).is(201);
    assert_eq!(second["number"], 2);
    let second = wait_for(&root, &second, &["succeeded", "failed"]);
    assert_eq!(second["state"], "succeeded", "{second}");
    assert_eq!(
        root.get("/images/analysis").is(200)["reference"],
        json!(format!("{}/analysis:2", server.address))
    );
    let path = |before: &Value, after: &Value| {
        format!("/builds/{}/diff/{}", before["id"].as_str().unwrap(), after["id"].as_str().unwrap())
    };
    let difference = root.get(&path(&first, &second)).is(200);
    let came = json!([{"kind": "conda", "name": "other", "before": null, "after": "0.1"}]);
    assert_eq!(difference["packages"], came, "{difference}");
    assert!(difference["layers"]["shared"].as_u64().unwrap() > 0, "{difference}");
    let back = root.get(&path(&second, &first)).is(200);
    assert_eq!(back["packages"][0]["before"], "0.1");

    // The same once more, and versions stay what they were until somebody asks for newer ones.
    let retried =
        root.post(&format!("/builds/{}/retry", first["id"].as_str().unwrap()), &Value::Null).is(201);
    let retried = wait_for(&root, &retried, &["succeeded", "failed"]);
    assert_eq!((&retried["digest"], &retried["retry_of"]), (&first["digest"], &first["id"]));

    let told = events(&root, &first);
    assert_eq!(told[0]["event"], "started");
    assert_eq!(told.last().unwrap()["event"], "finished");
    assert_eq!(told.last().unwrap()["digest"], first["digest"]);
    let log = root.get(&format!("/builds/{}/log", first["id"].as_str().unwrap())).body;
    assert!(
        log.contains("[1] base") && log.trim_end().lines().last().unwrap().starts_with("built sha256:"),
        "{log}"
    );
    let tail = root.get(&format!("/builds/{}/log?tail=2", first["id"].as_str().unwrap())).body;
    assert_eq!(tail.lines().count(), 2);
    assert!(log.ends_with(&tail));
}

#[test]
fn versions_are_kept_until_newer_ones_are_wanted() {
    let (server, _packages) = building();
    let root = server.administrator();
    let first = wait_for(&root, &add(&root, "a", &["tool=1.0"]), &["succeeded"]);
    let loose = json!({"spec": spec(&["tool"])});
    let kept = root.post("/images/a/builds", &loose).is(201);
    let kept = wait_for(&root, &kept, &["succeeded"]);
    let newer = root.post("/images/a/builds", &json!({"upgrade": true})).is(201);
    let newer = wait_for(&root, &newer, &["succeeded"]);
    let changed = |after: &Value| {
        let (before, after) = (first["id"].as_str().unwrap(), after["id"].as_str().unwrap());
        root.get(&format!("/builds/{before}/diff/{after}")).is(200)["packages"].clone()
    };
    assert_eq!(changed(&kept), json!([]));
    assert_eq!(changed(&newer), json!([{"kind": "conda", "name": "tool", "before": "1.0", "after": "2.0"}]));
}

#[test]
fn what_cannot_be_built_is_refused_before_it_is_queued() {
    let (server, _packages) = building();
    let root = server.administrator();
    let refused = |spec: Value, pointer: &str, said: &str| {
        let problem = root.post("/images", &json!({"display_name": "a", "spec": spec})).is(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(said), "{problem}");
    };
    refused(spec(&["nosuch"]), "/spec/conda/packages/0", "nosuch");
    refused(json!({"base": BASE, "packages": []}), "/spec/packages", "unknown key `packages`");
    refused(json!({"base": "oci:/srv"}), "/spec/base", "from registries and from packages");
    refused(json!({"base": BASE, "tags": ["other:1"]}), "/spec/tags", "leave `tags` out");
    let missing = json!({"display_name": "a", "spec": spec(&["tool"]), "base_pull_secret": "none"});
    let problem = root.post("/images", &missing).is(422);
    assert_eq!(problem["errors"][0]["pointer"], "/base_pull_secret", "{problem}");
    // Nothing of that is left.
    assert_eq!(root.get("/images").is(200)["items"], json!([]));
    assert_eq!(root.get("/builds").is(200)["items"], json!([]));

    let plan = root.post("/plans", &json!({"spec": spec(&["tool"])})).is(200);
    assert_eq!(plan["conflict"], Value::Null, "{plan}");
    assert_eq!(plan["plan"]["steps"][0]["packages"][0]["name"], "tool", "{plan}");
    let plan = root.post("/plans", &json!({"spec": spec(&["tool=9"])})).is(200);
    assert_eq!(plan["conflict"]["pointer"], "/spec", "{plan}");
    assert!(plan["conflict"]["detail"].as_str().unwrap().contains("tool 9"), "{plan}");

    root.post("/images", &json!({"display_name": "plain", "reference": "127.0.0.1:1/a:1"})).is(201);
    assert_eq!(root.post("/images/plain/builds", &json!({})).is(409)["type"], "conflict");
    assert_eq!(root.get("/builds/none").is(404)["type"], "not-found");
    assert_eq!(root.get("/builds?state=odd").is(400)["type"], "bad-request");
    assert_eq!(root.post("/images/plain/builds", &json!({"odd": 1})).is(422)["type"], "invalid");
}

#[test]
fn a_build_that_fails_changes_nothing_but_itself() {
    let (server, _packages) = building();
    let root = server.administrator();
    wait_for(&root, &add(&root, "a", &["tool"]), &["succeeded"]);
    let before = root.get("/images/a").is(200);
    let wrong = root.post("/images/a/builds?plan=false", &json!({"spec": spec(&["nosuch"])})).is(201);
    let failed = wait_for(&root, &wrong, &["failed", "succeeded"]);
    assert!(failed["error"].as_str().unwrap().contains("nosuch"), "{failed}");
    let after = root.get("/images/a").is(200);
    assert_eq!((&after["reference"], &after["pin"]), (&before["reference"], &before["pin"]));
    assert_eq!(after["state"], "failed");
    let told = events(&root, &failed);
    assert_eq!((&told.last().unwrap()["status"], count(&told, "finished")), (&json!("failed"), 1));
    let path = format!("/builds/{0}/diff/{0}", failed["id"].as_str().unwrap());
    assert_eq!(root.get(&path).is(409)["type"], "conflict");
}

#[test]
fn builds_are_for_those_who_look_after_the_image() {
    let (server, _packages) = building();
    let root = server.administrator();
    let member = server.add_user("ada", &[]);
    let build = wait_for(&root, &add(&root, "a", &["tool"]), &["succeeded"]);
    root.patch("/images/a", &[], &json!({"visibility": {"global": true}})).is(200);
    let id = build["id"].as_str().unwrap();
    member.get("/images/a").is(200);
    for path in [String::new(), "/events".to_owned(), "/log".to_owned(), format!("/diff/{id}")] {
        member.get(&format!("/builds/{id}{path}")).is(404);
        server.anonymous().get(&format!("/builds/{id}{path}")).is(401);
    }
    for action in ["cancel", "retry"] {
        member.post(&format!("/builds/{id}/{action}"), &Value::Null).is(404);
    }
    member.post("/images/a/builds", &json!({})).is(403);
    member.post("/plans", &json!({"spec": spec(&["tool"])})).is(403);
    assert_eq!(member.get("/builds").is(200)["items"], json!([]));
    server.anonymous().get("/builds").is(401);
}

#[test]
fn builds_are_cancelled_while_they_wait_and_while_they_run() {
    let (server, packages) = building();
    let root = server.administrator();
    packages.gate.close();
    let running = add(&root, "a", &["tool"]);
    wait_at(&packages.gate);
    let waiting = root.post("/images/a/builds?plan=false", &json!({})).is(201);
    let path = |build: &Value| format!("/builds/{}/cancel", build["id"].as_str().unwrap());
    assert_eq!(root.post(&path(&waiting), &Value::Null).is(200)["state"], "cancelled");
    assert_eq!(root.post(&path(&waiting), &Value::Null).is(409)["type"], "conflict");
    assert_eq!(events(&root, &waiting).last().unwrap()["status"], "cancelled");
    assert_eq!(root.post(&path(&running), &Value::Null).is(200)["cancel_requested"], true);
    let cancelled = wait_for(&root, &running, &["cancelled", "succeeded", "failed"]);
    assert_eq!(cancelled["state"], "cancelled");
    let told = events(&root, &running);
    assert_eq!((&told.last().unwrap()["status"], count(&told, "finished")), (&json!("cancelled"), 1));
    wait_until("no process is left", || processes(&server.context).is_empty());
    packages.gate.open();
    let again =
        root.post(&format!("/builds/{}/retry", running["id"].as_str().unwrap()), &Value::Null).is(201);
    wait_for(&root, &again, &["succeeded"]);
}

#[test]
fn nobody_fills_the_queue() {
    let (context, packages) = super::support::surroundings();
    let context = context.env("IMAGEWRIGHT_SERVER__BUILDS__QUEUED_PER_PERSON", "2");
    let server = crate::server::support::TestServer::start_in(context, &[]);
    let root = server.administrator();
    packages.gate.close();
    add(&root, "a", &["tool"]);
    wait_at(&packages.gate);
    let ask = || root.post("/images/a/builds?plan=false", &json!({}));
    ask().is(201);
    ask().is(201);
    assert_eq!(ask().is(429)["type"], "quota");
    let new = json!({"display_name": "b", "spec": spec(&["tool"])});
    root.post("/images?plan=false", &new).is(429);
    root.get("/images/b").is(404);
    packages.gate.open();
}

#[test]
fn a_build_that_takes_too_long_is_stopped() {
    let (context, packages) = super::support::surroundings();
    let context = context.env("IMAGEWRIGHT_SERVER__BUILDS__TIME_LIMIT", "2");
    let server = crate::server::support::TestServer::start_in(context, &[]);
    let root = server.administrator();
    packages.gate.close();
    let stopped = wait_for(&root, &add(&root, "a", &["tool"]), &["cancelled", "failed", "succeeded"]);
    assert_eq!(stopped["state"], "cancelled");
    assert_eq!(stopped["error"], "it was stopped after its time limit of 2 s");
    packages.gate.open();
}
