//! Secrets through the API, and where they are sent.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use imagewright_testkit::registry::{Authentication, Options, TestRegistry};
use serde_json::{Value, json};

use super::support::TestServer;
use crate::support::{context, tiny_image};

const SECRET: &str = "correct-horse-battery";

#[test]
fn secrets_come_in_and_never_out() {
    let context = context().env("IMAGEWRIGHT_SECRET_INDEX", SECRET);
    let server = TestServer::start_in(context, &[]);
    let root = server.administrator();
    let ada = server.add_user("ada", &[]);
    let stored = json!({"name": "here", "kind": "pull", "host": "Registry.example", "username": "robot", "secret": SECRET});
    let added = root.post("/secrets", &stored);
    assert_eq!(added.header("location"), Some("/api/v1/secrets/here"));
    assert_eq!(added.is(201)["kept"], "stored");
    let named = json!({"name": "index", "kind": "index", "host": "mirror.example", "kept": {"environment": "IMAGEWRIGHT_SECRET_INDEX"}});
    root.post("/secrets", &named).is(201);
    assert_eq!(root.post("/secrets", &stored).is(409)["type"], "conflict");

    // All that is wrong is said, field by field.
    let pointers = |new: Value| -> Vec<String> {
        let problem = root.post("/secrets", &new).is(422);
        let errors = problem["errors"].as_array().unwrap().iter();
        errors.map(|it| it["pointer"].as_str().unwrap().to_owned()).collect()
    };
    let base = |kept: Value| json!({"name": "x", "kind": "pull", "host": "registry.example", "kept": kept});
    assert_eq!(
        pointers(json!({"name": "x", "kind": "pull", "host": "https://a", "username": "a:b"})),
        ["/host", "/username", "/secret"]
    );
    assert_eq!(pointers(base(json!({"environment": "PATH"}))), ["/kept"]);
    assert_eq!(pointers(base(json!({"file": "/etc/shadow"}))), ["/kept"]);
    assert_eq!(pointers(json!({"name": "x", "kind": "pull", "host": "a", "secret": ""})), ["/secret"]);

    // Who looks after a group chooses among names.
    root.post("/groups", &json!({"name": "ml"})).is(201);
    assert_eq!(ada.get("/secrets").is(403)["type"], "forbidden");
    root.put("/groups/ml/members/ada", &json!({"role": "admin"})).is(200);
    let seen = ada.get("/secrets").is(200);
    assert_eq!(
        (&seen[0]["name"], &seen[0]["username"], &seen[1]["kept"]),
        (&json!("here"), &json!("robot"), &Value::Null)
    );
    assert_eq!(
        root.get("/secrets/index").is(200)["kept"],
        json!({"environment": "IMAGEWRIGHT_SECRET_INDEX"})
    );
    ada.change("/secrets/here", &json!({"username": "x"})).is(403);
    ada.delete("/secrets/here").is(403);

    // Another host gets it from nobody who does not know it.
    assert_eq!(
        root.change("/secrets/here", &json!({"host": "evil.example"})).is(422)["errors"][0]["pointer"],
        "/secret"
    );
    root.change("/secrets/here", &json!({"username": "other"})).is(200);
    let trail = root.get("/audit?subject=secret").is(200);
    assert!(
        !trail.to_string().contains(SECRET) && trail["items"][0]["action"] == "secret.changed",
        "{trail}"
    );

    // Neither the records nor the key give it away alone.
    let folder = server.context.root().join("server");
    for entry in fs::read_dir(&folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    }
    let mode = fs::metadata(folder.join("secrets.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    root.delete("/secrets/here").is(204);
    root.get("/secrets/here").is(404);
}

/// A registry with `team/a:1`, for one user alone.
fn closed_registry() -> TestRegistry {
    let authentication = Authentication::Basic { username: "robot".to_owned(), password: SECRET.to_owned() };
    let registry = TestRegistry::with(Options { authentication, ..Options::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    tiny_image().write_layout(folder.path(), "a").unwrap();
    let index: Value = serde_json::from_slice(&fs::read(folder.path().join("index.json")).unwrap()).unwrap();
    let manifest = index["manifests"][0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    for entry in fs::read_dir(folder.path().join("blobs/sha256")).unwrap() {
        let entry = entry.unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        match entry.file_name() == manifest {
            true => {
                let kind = "application/vnd.oci.image.manifest.v1+json";
                registry.put_manifest("team/a", "1", kind, &bytes);
            }
            false => drop(registry.put_blob("team/a", &bytes)),
        }
    }
    registry
}

#[test]
fn a_pull_secret_opens_its_registry_and_no_other() {
    let registry = closed_registry();
    let server = TestServer::start();
    let root = server.administrator();
    let host = registry.host();
    let secret = |name: &str, kind: &str, host: &str, secret: &str| {
        let new = json!({"name": name, "kind": kind, "host": host, "username": "robot", "secret": secret});
        root.post("/secrets", &new).is(201);
    };
    secret("good", "pull", &host, SECRET);
    secret("wrong", "pull", &host, "something-else");
    secret("elsewhere", "pull", "registry.example", SECRET);
    secret("push", "push", &host, SECRET);
    let image = |secret: Option<&str>| {
        let new =
            json!({"display_name": "a", "reference": format!("{host}/team/a:1"), "pull_secret": secret});
        root.post("/images", &new)
    };
    let found = image(Some("good")).is(201);
    assert!(found["pin"]["digest"].as_str().unwrap().starts_with("sha256:"), "{found}");
    let pointers = |answer: Value| -> Vec<String> {
        assert_eq!(answer["pin"], Value::Null, "{answer}");
        let warnings = answer["warnings"].as_array().unwrap().iter();
        warnings.map(|it| it["pointer"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(pointers(image(None).is(201)), ["/reference"]);
    assert_eq!(pointers(image(Some("wrong")).is(201)), ["/reference"]);
    assert_eq!(pointers(image(Some("elsewhere")).is(201)), ["/pull_secret", "/reference"]);
    assert_eq!(image(Some("push")).is(422)["errors"][0]["pointer"], "/pull_secret");
    let refused = root.delete("/secrets/good").is(409);
    assert!(refused["detail"].as_str().unwrap().contains("`a`"), "{refused}");

    // With another key, all is as it was.
    let old = fs::read_to_string(server.context.root().join("server/secrets.key")).unwrap();
    let said = server.context.run(["admin", "secrets", "rekey"]).success().stderr;
    assert!(said.contains("4 secrets"), "{said}");
    let new = fs::read_to_string(server.context.root().join("server/secrets.key")).unwrap();
    assert_ne!(new, old);
    assert_eq!(new.lines().count(), 1);
    assert!(image(Some("good")).is(201)["pin"]["digest"].is_string());
}
