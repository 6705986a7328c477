//! Entries that begin as others, and references to the server itself.

use imagewright_testkit::context::TestContext;
use serde_json::{Value, json};

use super::support::{Caller, TestServer};
use crate::support::context_with_image;

/// Pushes an image, and gives the digest of its manifest.
fn push(server: &TestServer, caller: &Caller<'_>, name: &str) -> String {
    let machine: TestContext = context_with_image();
    let mut login = machine.command(["login", &server.address, "-u", "root", "--password-stdin"]);
    let token = machine.write("token", &caller.token());
    let status = login.stdin(std::fs::File::open(token).unwrap()).status().unwrap();
    assert!(status.success());
    drop(machine.run(["push", "demo/tiny:1", &format!("{}/{name}", server.address)]).success());
    let shown = machine.run(["image", "show", "demo/tiny:1", "--json"]).success().json();
    shown["manifest_digest"].as_str().or(shown["digest"].as_str()).unwrap().to_owned()
}

#[test]
fn a_copy_has_what_the_entry_has_and_a_name_of_its_own() {
    let server = TestServer::start();
    let root = server.administrator();
    let digest = push(&server, &root, "tiny:1");
    let change = json!({"description": "d", "tags": ["x"], "type": "cpu", "deprecated": {"reason": "old"}});
    let original = root.change("/images/tiny", &change).is(200);
    let answer = root.post("/images/tiny/duplicate", &json!({}));
    assert_eq!(answer.header("location"), Some("/api/v1/images/tiny-copy"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let copy = answer.is(201);
    for field in ["description", "tags", "type", "reference", "pin", "owner", "visibility", "source"] {
        assert_eq!(copy[field], original[field], "{field}");
    }
    assert_eq!((&copy["pin"]["digest"], &copy["deprecated"]), (&json!(digest), &Value::Null));
    assert_eq!((&copy["display_name"], &copy["state"]), (&json!("tiny (copy)"), &json!("ready")));
    assert_eq!(root.post("/images/tiny/duplicate", &json!({})).is(201)["name"], "tiny-copy-2");
    let history = root.get("/images/tiny-copy/history").is(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 1);
    assert_eq!(history["items"][0]["action"], "image.duplicated");
    assert_eq!(history["items"][0]["after"]["copy_of"], "tiny");

    let pointer = |copy: Value, status| {
        root.post("/images/tiny/duplicate", &copy).is(status)["errors"][0]["pointer"].clone()
    };
    assert_eq!(pointer(json!({"owner": {"group": "none"}}), 422), "/owner/group");
    assert_eq!(pointer(json!({"display_name": " "}), 422), "/display_name");
    assert_eq!(root.post("/images/tiny/duplicate", &json!({"name": "tiny"})).is(409)["type"], "conflict");
    root.post("/images/none/duplicate", &json!({})).is(404);
}

#[test]
fn what_is_here_is_looked_up_here_as_far_as_whoever_asks_may() {
    let server = TestServer::start();
    let root = server.administrator();
    root.post("/groups", &json!({"name": "ml"})).is(201);
    let ada = server.add_user("ada", &[]);
    root.put("/groups/ml/members/ada", &json!({"role": "admin"})).is(200);
    let digest = push(&server, &root, "team/tiny:1");
    let add = |caller: &Caller<'_>, reference: &str| {
        let new = json!({
            "display_name": "a", "reference": format!("{}/{reference}", server.address), "owner": {"group": "ml"},
        });
        caller.post("/images", &new).is(201)
    };
    let found = add(&root, "team/tiny:1");
    assert_eq!((&found["pin"]["digest"], &found["warnings"]), (&json!(digest), &Value::Null), "{found}");
    assert!(
        found["pin"]["size"].as_u64().unwrap() > 0 && found["pin"]["platforms"][0].is_string(),
        "{found}"
    );
    let by_digest = add(&root, &format!("team/tiny@{digest}"));
    assert_eq!(by_digest["pin"]["digest"], digest.as_str());
    // What one may not see is not there.
    for (caller, reference) in
        [(&ada, "team/tiny:1"), (&root, "team/tiny:2"), (&root, "none:1"), (&ada, "none:1")]
    {
        let unknown = add(caller, reference);
        assert_eq!(
            (&unknown["pin"], &unknown["warnings"][0]["pointer"]),
            (&Value::Null, &json!("/reference"))
        );
        let detail = unknown["warnings"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("there is no image") && detail.contains(reference), "{detail}");
    }
    root.change("/images/team-tiny", &json!({"visibility": {"groups": ["ml"]}})).is(200);
    assert_eq!(add(&ada, "team/tiny:1")["pin"]["digest"], digest.as_str());
    let moved = root.change(
        &format!("/images/{}", found["name"].as_str().unwrap()),
        &json!({"reference": format!("{}/team/tiny:2", server.address)}),
    );
    assert_eq!(moved.is(200)["pin"], Value::Null);
}

#[test]
fn an_entry_of_what_was_built_here_finds_it() {
    let server = TestServer::start();
    let root = server.administrator();
    let name = format!("{}/own:1", server.address);
    put_into_store(&server, &name);
    let added = root.post("/images", &json!({"display_name": "own", "reference": name})).is(201);
    assert!(added["pin"]["digest"].is_string() && added["warnings"].is_null(), "{added}");
}

/// Has the store of the server have an image, as if it was built there.
fn put_into_store(server: &TestServer, name: &str) {
    let layout = imagewright_testkit::image::TinyImage::default();
    layout.write_layout(&server.context.work().join("layout"), "one").unwrap();
    drop(server.context.run(["image", "import", "oci:layout", "--tag", name]).success());
}
