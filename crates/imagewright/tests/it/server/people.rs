//! People, groups and the audit trail through the API.

use serde_json::{Value, json};

use super::support::TestServer;

fn words(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn groups_are_made_by_administrators_and_filled_by_their_own() {
    let server = TestServer::start();
    let root = server.administrator();
    let (ada, bob) = (server.add_user("ada", &[]), server.add_user("bob", &[]));
    let added = root.post("/groups", &json!({"name": "ml", "display_name": " Machine learning "}));
    assert_eq!(added.header("location"), Some("/api/v1/groups/ml"));
    assert_eq!(added.is(201)["display_name"], "Machine learning");
    root.post("/groups", &json!({"name": "bio"})).is(201);
    assert_eq!(root.post("/groups", &json!({"name": "ml"})).is(409)["type"], "conflict");
    root.post("/groups", &json!({"name": "M L"})).is(422);
    root.put("/groups/ml/members/ada", &json!({"role": "admin"})).is(200);
    root.put("/groups/none/members/ada", &json!({"role": "admin"})).is(404);

    // Who looks after a group does so there and nowhere else.
    assert_eq!(ada.put("/groups/ml/members/bob", &json!({"role": "member"})).is(200)["role"], "member");
    ada.put("/groups/ml/members/nobody", &json!({"role": "member"})).is(404);
    ada.put("/groups/bio/members/ada", &json!({"role": "admin"})).is(404);
    assert_eq!(ada.put("/groups/ml/members/bob", &json!({"role": "chief"})).is(422)["type"], "invalid");
    assert_eq!(words(&bob.get("/groups").is(200), "name"), ["ml"]);
    assert_eq!(words(&bob.get("/groups/ml/members").is(200), "person"), ["ada", "bob"]);
    bob.put("/groups/ml/members/bob", &json!({"role": "admin"})).is(403);
    bob.change("/groups/ml", &json!({"display_name": "x"})).is(403);
    bob.get("/groups/bio").is(404);
    let me = bob.get("/me").is(200);
    assert_eq!(
        (&me["name"], &me["memberships"]),
        (&json!("bob"), &json!([{"group": "ml", "role": "member"}]))
    );
    ada.delete("/groups/ml/members/bob").is(204);
    assert_eq!(ada.delete("/groups/ml/members/bob").is(404)["type"], "not-found");
    assert_eq!(bob.get("/groups").is(200), json!([]));

    assert_eq!(
        root.change("/groups/ml", &json!({"display_name": null})).is(200)["display_name"],
        Value::Null
    );
    assert!(
        root.change("/groups/ml", &json!({"name": "x"})).is(422)["detail"]
            .as_str()
            .unwrap()
            .contains("`name`")
    );
    let trail = root.get("/audit?subject=group&name=ml").is(200);
    assert_eq!(
        words(&trail["items"], "action"),
        ["group.changed", "group.member_removed", "group.member_set", "group.member_set", "group.added"]
    );
    assert_eq!(trail["items"][1]["before"], json!({"group": "ml", "person": "bob", "role": "member"}));
    assert_eq!(
        words(&root.get("/audit?actor=ada&limit=1").is(200)["items"], "action"),
        ["group.member_removed"]
    );
    assert_eq!(root.get("/audit?since=yesterday").is(400)["type"], "bad-request");
    ada.get("/audit").is(403);
}

#[test]
fn who_deletes_a_group_says_what_becomes_of_its_images() {
    let server = TestServer::start();
    let root = server.administrator();
    let ada = server.add_user("ada", &[]);
    let image = |name: &str, owner: Value, groups: Value| {
        let new = json!({
            "display_name": name, "reference": "127.0.0.1:1/a:1", "owner": owner, "visibility": {"groups": groups},
        });
        root.post("/images", &new).is(201);
    };
    for (images, left) in [("system", 200), ("delete", 404)] {
        root.post("/groups", &json!({"name": "ml"})).is(201);
        image("own", json!({"group": "ml"}), json!([]));
        image("offered", json!("system"), json!(["ml"]));
        let refused = root.delete("/groups/ml").is(409);
        assert!(refused["detail"].as_str().unwrap().contains("`own`"), "{refused}");
        assert!(refused["hint"].as_str().unwrap().contains("images=delete"), "{refused}");
        root.delete("/groups/ml?images=burn").is(400);
        root.delete(&format!("/groups/ml?images={images}")).is(204);
        root.get("/groups/ml").is(404);
        let own = root.get("/images/own");
        assert_eq!(own.status, left, "{}", own.body);
        if left == 200 {
            assert_eq!(own.is(200)["owner"], "system");
        }
        assert_eq!(root.get("/images/offered").is(200)["visibility"]["groups"], json!([]));
        // A later group of the name is another one.
        root.post("/groups", &json!({"name": "ml"})).is(201);
        root.put("/groups/ml/members/ada", &json!({"role": "admin"})).is(200);
        assert_eq!(ada.get("/images").is(200)["items"], json!([]));
        root.delete("/groups/ml").is(204);
        for name in ["own", "offered"] {
            root.delete(&format!("/images/{name}"));
        }
    }
}

#[test]
fn people_are_looked_after_by_administrators() {
    let server = TestServer::start();
    let root = server.administrator();
    let ada = server.add_user("ada", &[]);
    let wrong = root.post("/people", &json!({"name": "a:b", "email": "nowhere"})).is(422);
    assert_eq!(words(&wrong["errors"], "pointer"), ["/name", "/email"]);
    let wrong = root.post("/people", &json!({"name": "b", "password": "short"})).is(422);
    assert_eq!(words(&wrong["errors"], "pointer"), ["/password"]);
    assert!(
        root.post("/people", &json!({"name": "b", "role": "x"})).is(422)["detail"]
            .as_str()
            .unwrap()
            .contains("`role`")
    );
    let added = root.post(
        "/people",
        &json!({"name": "Bob Ross", "email": "bob@mail.example", "password": "correct horse"}),
    );
    assert_eq!(added.header("location"), Some("/api/v1/people/Bob%20Ross"));
    let added = added.is(201);
    assert!(!added.to_string().contains("horse") && !added.to_string().contains("argon"), "{added}");
    assert_eq!(root.post("/people", &json!({"name": "ada"})).is(409)["type"], "conflict");
    assert_eq!(words(&root.get("/people?search=MAIL").is(200)["items"], "name"), ["Bob Ross"]);
    let page = root.get("/people?limit=2").is(200);
    assert_eq!(words(&page["items"], "name"), ["Bob Ross", "ada"]);
    let next = page["next"].as_str().unwrap();
    assert_eq!(
        words(&root.get(&format!("/people?limit=2&cursor={next}")).is(200)["items"], "name"),
        ["root"]
    );

    let changed = root.change("/people/ada", &json!({"admin": true, "display_name": "Ada"})).is(200);
    assert_eq!((&changed["admin"], &changed["display_name"]), (&json!(true), &json!("Ada")));
    ada.get("/people/Bob%20Ross").is(200);
    root.change("/people/ada", &json!({"disabled": true})).is(200);
    assert_eq!(ada.get("/me").is(401)["type"], "login-required");

    // Whoever is left alone with the keys keeps them.
    for change in [json!({"admin": false}), json!({"disabled": true}), json!({"admin": null})] {
        let refused = root.change("/people/root", &change).is(409);
        assert!(refused["detail"].as_str().unwrap().contains("`root`"), "{refused}");
    }
    root.delete("/people/root").is(409);
    root.change("/people/ada", &json!({"disabled": false})).is(200);
    root.delete("/people/root").is(204);
    assert_eq!(root.get("/me").is(401)["type"], "login-required");
    ada.delete("/people/ada").is(409);
    let trail = ada.get("/audit?subject=person&action=person.deleted").is(200);
    assert_eq!(trail["items"][0]["before"]["name"], "root");
    assert_eq!(trail["items"][0]["actor_name"], "root");
}
