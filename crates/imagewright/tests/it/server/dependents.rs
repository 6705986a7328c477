//! What depends on an image is told before it is deleted.

use std::fs;

use serde_json::{Value, json};

use super::registry::client;
use super::support::TestServer;
use crate::support::context;

#[test]
fn what_depends_on_an_image_is_named_to_who_may_know() {
    let context = context();
    let elyra = context.folder().join("elyra");
    let server = TestServer::start_in(context.env("IMAGEWRIGHT_SERVER__ELYRA_FOLDER", &elyra), &[]);
    let root = server.administrator();
    let ann = server.add_user("ann", &[]);
    root.post("/groups", &json!({"name": "ml"})).is(201);
    root.put("/groups/ml/members/ann", &json!({"role": "admin"})).is(200);
    let name = format!("{}/ml/tiny", server.address);
    let pusher = client(&server, "ann", &ann.token());
    drop(pusher.run(["push", "demo/tiny:1", &format!("{name}:1")]).success());
    let none = json!({"names": [], "unseen": 0});
    let dependents = ann.get("/images/ml-tiny/dependents").is(200);
    let expected = json!({
        "based_on_it": none, "replaced_by_it": none, "recent_pulls": {"count": 0, "days": 30}, "runtime_images": [],
    });
    assert_eq!(dependents, expected);

    drop(client(&server, "ann", &ann.token()).run(["pull", &format!("{name}:1")]).success());
    let add = |name: &str, base: &str, owner: Value| {
        let new = json!({"display_name": name, "spec": {"base": base, "pip": ["numpy"]}, "owner": owner});
        root.post("/images?plan=false", &new).is(201);
    };
    add("ours", &format!("{name}:0"), json!({"group": "ml"}));
    add("theirs", &format!("{name}:1"), json!("system"));
    add("other", "127.0.0.1:1/ml/tiny:1", json!({"group": "ml"}));
    let old = json!({"display_name": "Old", "reference": "127.0.0.1:1/a:1", "owner": {"group": "ml"}});
    root.post("/images", &old).is(201);
    root.change("/images/old", &json!({"deprecated": {"replaced_by": "ml-tiny"}})).is(200);
    let records = elyra.join("metadata/runtime-images");
    fs::create_dir_all(&records).unwrap();
    for (file, image) in [("a", format!("{name}:1")), ("b", "x/y:1".to_owned())] {
        let record = json!({"display_name": "In Elyra", "metadata": {"image_name": image}, "schema_name": "runtime-image"});
        fs::write(records.join(format!("{file}.json")), record.to_string()).unwrap();
    }
    fs::write(records.join("c.json"), "{").unwrap();
    let expected = |names: Value, unseen: u64| {
        json!({
            "based_on_it": {"names": names, "unseen": unseen}, "replaced_by_it": {"names": ["old"], "unseen": 0},
            "recent_pulls": {"count": 1, "days": 30}, "runtime_images": [{"name": "a", "display_name": "In Elyra"}],
        })
    };
    assert_eq!(ann.get("/images/ml-tiny/dependents").is(200), expected(json!(["ours"]), 1));
    assert_eq!(root.get("/images/ml-tiny/dependents").is(200), expected(json!(["ours", "theirs"]), 0));

    server.add_visitor(&root, "ada", true);
    let page = server.visit("ada").get("/images/ml-tiny/delete").page(200);
    for told in [
        "href=\"/images/ours\"",
        "href=\"/images/theirs\"",
        "1 in the last 30 days",
        ">In Elyra</a>",
        "href=\"/images/old\"",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let machine = crate::support::context()
        .env("IMAGEWRIGHT_SERVER", format!("http://{}", server.address))
        .env("IMAGEWRIGHT_TOKEN", ann.token());
    let asked = machine.run(["catalog", "remove", "ml-tiny"]).exits(2);
    let told = "(`ml-tiny`: images are built on it: `ours`, 1 that you may not see; it was pulled 1 times in the last 30 days; \
                runtime images name it: `a`; it is to be used instead of `old`)";
    assert!(asked.stderr.contains(told), "{asked}");
    let removed = machine.run(["catalog", "remove", "ml-tiny", "--yes", "--json"]).success().json();
    assert_eq!(removed, json!([{"name": "ml-tiny", "dependents": expected(json!(["ours"]), 1)}]));
    root.get("/images/ml-tiny").is(404);
}
