//! Registries that a server has to do with, and whether they can be reached.

use std::net::TcpListener;
use std::time::Instant;

use imagewright_testkit::registry::{Authentication, Options, TestRegistry};
use serde_json::{Value, json};

use super::support::TestServer;
use crate::support::context;

#[test]
fn registries_are_named_and_asked_with_their_own_secrets() {
    let authentication = Authentication::token("team", "opensesame-1");
    let registry = TestRegistry::with(Options { authentication, ..Options::default() }).unwrap();
    let open = TestRegistry::start().unwrap();
    // It takes connections, and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address.to_string())).unwrap();
    let (host, open_host) = (registry.host(), open.host());
    let context = context()
        .env("IMAGEWRIGHT_REGISTRY__MIRRORS", format!("{{\"{host}\" = [\"{open_host}/cache\"]}}"))
        .env("IMAGEWRIGHT_SERVER__PUSH__PREFIX", format!("{host}/built"));
    let server = TestServer::start_in(context, &[]);
    let root = server.administrator();
    let secret = |name: &str, kind: &str, host: &str, secret: &str| {
        let new = json!({"name": name, "kind": kind, "host": host, "username": "team", "secret": secret});
        root.post("/secrets", &new).is(201);
    };
    secret("right", "pull", &host, "opensesame-1");
    secret("wrong", "push", &host, "opensesame-2");
    secret("index", "index", "index.example", "opensesame-1");
    let kept = json!({"name": "away", "kind": "pull", "host": host, "kept": {"kubernetes": "x"}});
    root.post("/secrets", &kept).is(201);
    let new = json!({"display_name": "A", "reference": format!("{host}/a:1"), "gpu_reference": format!("{host}/a:gpu")});
    root.post("/images", &new).is(201);
    let new = json!({"display_name": "B", "reference": format!("{}/b:1", "127.0.0.1:1")});
    root.post("/images", &new).is(201);

    let found = root.get("/registries").is(200);
    let of = |host: &str| -> Value {
        let all = found["registries"].as_array().unwrap();
        all.iter().find(|registry| registry["host"] == host).cloned().unwrap_or_default()
    };
    let expected = json!({
        "host": host, "is_own": false, "images": 1, "mirrors": [format!("{open_host}/cache")], "mirror_of": [],
        "is_push_target": true, "is_insecure": false,
        "secrets": [{"name": "away", "kind": "pull"}, {"name": "right", "kind": "pull"}, {"name": "wrong", "kind": "push"}],
    });
    assert_eq!(of(&host), expected);
    assert_eq!((&of(&open_host)["mirror_of"], &of("127.0.0.1:1")["images"]), (&json!([host]), &json!(1)));
    assert_eq!(of(&server.address)["is_own"], true);
    assert_eq!(of("index.example"), Value::Null);
    let settings: Vec<&Value> = found["settings"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    let is_told = |name: &str| settings.iter().any(|known| known.as_str().unwrap().starts_with(name));
    assert!(is_told("registry.mirrors.") && is_told("server.push.prefix"), "{settings:?}");

    let check = |host: &str| -> Vec<(Value, Value)> {
        let answers = root.post("/registries/check", &json!({"host": host})).is(200);
        let answers = answers.as_array().unwrap().iter();
        answers.map(|answer| (answer["secret"].clone(), answer["outcome"].clone())).collect()
    };
    let expected = [
        (json!(null), "anonymous"),
        (json!("away"), "unusable"),
        (json!("right"), "known"),
        (json!("wrong"), "refused"),
    ];
    assert_eq!(check(&host), expected.map(|(secret, outcome)| (secret, json!(outcome))));
    assert_eq!(check(&open_host), [(json!(null), json!("open"))]);
    assert_eq!(check("127.0.0.1:1"), [(json!(null), json!("unreachable"))]);
    root.post("/registries/check", &json!({"host": "none.example"})).is(404);

    secret("silent", "pull", &silent.1, "opensesame-1");
    let begun = Instant::now();
    let all = root.post("/registries/check", &json!({})).is(200);
    assert!(begun.elapsed().as_secs() < 25, "{:?}", begun.elapsed());
    let of_silent = all.as_array().unwrap().iter().filter(|answer| answer["host"] == silent.1.as_str());
    let told: Vec<&Value> = of_silent.map(|answer| &answer["detail"]).collect();
    assert_eq!(
        told,
        [&json!("there was no answer within 10 seconds"), &json!("there was no answer within 10 seconds")]
    );
    assert!(!all.to_string().contains("opensesame"), "{all}");

    server.add_visitor(&root, "ada", true);
    server.add_visitor(&root, "bob", false);
    let ada = server.visit("ada");
    let page = ada.get("/admin/registries").page(200);
    assert!(page.contains("results are pushed to it") && page.contains("<code>registry.mirrors."), "{page}");
    let page = ada.post("/admin/registries", &[("host", &host)]).page(200);
    for told in ["answers, also without a login", "lets it in", "does not let it in", "cannot be used here"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("opensesame-1") && !page.contains("opensesame-2"), "{page}");
    assert_eq!(server.visit("bob").get("/admin/registries").status, 403);
}
