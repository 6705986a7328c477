//! Entries through the API.

use serde_json::{Value, json};

use super::support::TestServer;

#[test]
fn an_entry_is_added_changed_and_removed() {
    let server = TestServer::start();
    let root = server.administrator();
    // Nothing listens there: that is a warning and no refusal.
    let new = json!({"display_name": "Größe 1", "reference": "127.0.0.1:1/team/a:1", "tags": ["x"]});
    let answer = root.post("/images", &new);
    assert_eq!(answer.header("location"), Some("/api/v1/images/groesse-1"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let added = answer.is(201);
    assert_eq!((&added["name"], &added["state"]), (&json!("groesse-1"), &json!("ready")));
    assert_eq!(added["warnings"][0]["pointer"], "/reference");
    assert_eq!(root.post("/images", &new).is(201)["name"], "groesse-1-2");

    let if_match = |revision: &str| {
        root.patch("/images/groesse-1", &[("if-match", revision)], &json!({"description": "d"}))
    };
    assert_eq!(if_match("\"7\"").is(412)["type"], "changed-meanwhile");
    assert_eq!(if_match("nonsense").is(400)["type"], "bad-request");
    let changed = if_match("\"1\"").is(200);
    assert_eq!((&changed["description"], &changed["tags"]), (&json!("d"), &json!(["x"])));

    let history = root.get("/images/groesse-1/history").is(200);
    let actions: Vec<&Value> =
        history["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["image.changed", "image.added"]);
    assert_eq!(history["items"][0]["before"]["description"], Value::Null);
    assert_eq!(history["items"][0]["actor_name"], "root");

    root.delete("/images/groesse-1").is(204);
    assert_eq!(root.get("/images/groesse-1").is(404)["type"], "not-found");
}

#[test]
fn what_is_wrong_is_said_field_by_field() {
    let server = TestServer::start();
    let root = server.administrator();
    let wrong = json!({
        "display_name": "", "reference": "A B", "owner": {"group": "nobody"}, "pull_secret": "none",
    });
    let problem = root.post("/images", &wrong).is(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    let missing =
        json!({"display_name": "a", "reference": "a:1", "owner": {"group": "nobody"}, "pull_secret": "none"});
    let problem = root.post("/images", &missing).is(422);
    let pointers: Vec<&Value> =
        problem["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
    assert_eq!(pointers, ["/owner/group", "/pull_secret"]);
    let unknown = root.post("/images", &json!({"display_name": "a", "urlForGpu": "x"})).is(422);
    assert!(unknown["detail"].as_str().unwrap().contains("unknown field `urlForGpu`"), "{unknown}");
    assert_eq!(root.send("POST", "/images", &[], "{").is(422)["type"], "invalid");
    assert_eq!(root.get("/images?limit=0").is(400)["type"], "bad-request");
    assert_eq!(root.get("/images?cursor=x").is(400)["type"], "bad-request");
    assert_eq!(root.get("/images?type=tpu").is(400)["type"], "bad-request");
    assert_eq!(root.get("/nothing").is(404)["type"], "not-found");
    assert_eq!(root.send("PUT", "/images", &[], "").is(405)["type"], "method-not-allowed");
    // Nothing of all that burnt a name.
    assert_eq!(root.get("/images").is(200)["items"], json!([]));
    assert_eq!(
        root.post("/images", &json!({"display_name": "a", "reference": "127.0.0.1:1/a:1"})).is(201)["name"],
        "a"
    );
}

#[test]
fn members_see_what_is_for_them() {
    let server = TestServer::start();
    let root = server.administrator();
    let ada = server.add_user("ada", &[]);
    for (name, global) in [("open", true), ("closed", false)] {
        let new =
            json!({"display_name": name, "reference": "127.0.0.1:1/a:1", "visibility": {"global": global}});
        root.post("/images", &new).is(201);
    }
    let seen = ada.get("/images").is(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(ada.get("/offers").is(200)[0]["name"], "open");
    ada.get("/images/open").is(200);
    ada.get("/images/closed").is(404);
    ada.delete("/images/open").is(403);
    ada.delete("/images/closed").is(404);
    ada.post("/images", &json!({"display_name": "a", "reference": "a:1"})).is(403);
    for path in ["/images", "/images/open", "/images/closed", "/tokens"] {
        let refused = server.anonymous().get(path);
        assert!(refused.header("www-authenticate").is_some());
        assert_eq!(refused.is(401)["type"], "login-required");
    }
}

#[test]
fn what_was_answered_outlives_a_kill() {
    let server = TestServer::start();
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    let root = server.with_token(&token);
    root.post("/images", &json!({"display_name": "a", "reference": "127.0.0.1:1/a:1"})).is(201);
    let server = TestServer::start_in(server.kill(), &[]);
    let root = server.with_token(&token);
    assert_eq!(root.get("/images").is(200)["items"][0]["name"], "a");
}
