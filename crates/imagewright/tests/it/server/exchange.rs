//! Handing over to other systems, and taking from them.

use serde_json::json;

use super::support::TestServer;

const MANIFEST: &str = "apiVersion: primehub.io/v1alpha1
kind: Image
metadata: {name: tools}
spec: {displayName: Tools, type: both, url: '127.0.0.1:1/tools:1', urlForGpu: '127.0.0.1:1/tools:gpu', pullSecret: ''}
";

#[test]
fn primehubs_images_come_in_and_go_out() {
    let server = TestServer::start();
    let root = server.administrator();
    let import = |query: &str, text: &str| root.send("POST", &format!("/imports/primehub{query}"), &[], text);
    assert_eq!(import("?dry_run=true", MANIFEST).is(200)[0]["added"], true);
    root.get("/images/tools").is(404);
    // All or none.
    let with_unknown_group = format!(
        "{MANIFEST}---\n{}",
        MANIFEST.replace("tools}", "b}").replace("type: both", "type: both, groupName: ml")
    );
    let problem = import("", &with_unknown_group).is(422);
    assert_eq!(problem["errors"][0]["pointer"], "/1/owner/group", "{problem}");
    root.get("/images/tools").is(404);
    assert_eq!(
        import("?global=true", MANIFEST).is(200),
        json!([{"name": "tools", "added": true, "warnings": []}])
    );
    assert_eq!(import("", MANIFEST).is(200)[0]["added"], false);
    let differs = MANIFEST.replace("Tools", "Other");
    assert_eq!(import("", &differs).is(422)["errors"][0]["pointer"], "/0/metadata/name");
    assert_eq!(import("", "kind: Pod").is(422)["type"], "invalid");

    let ada = server.add_user("ada", &[]);
    let profiles = ada.get("/exports/jupyterhub?gpu=true").body;
    assert!(
        profiles.contains("image: 127.0.0.1:1/tools:gpu") && profiles.contains("nvidia.com/gpu: \"1\""),
        "{profiles}"
    );
    let records = ada.get("/exports/elyra").is(200);
    assert_eq!(records["tools"]["metadata"]["image_name"], "127.0.0.1:1/tools:1");
    let manifests = ada.get("/exports/primehub").body;
    assert!(manifests.contains("urlForGpu: 127.0.0.1:1/tools:gpu"), "{manifests}");
    ada.get("/exports/nothing").is(404);
    ada.send("POST", "/imports/primehub", &[], &MANIFEST.replace("tools", "more")).is(403);
}

#[test]
fn images_to_begin_with_come_in_once() {
    let server = TestServer::start();
    let root = server.administrator();
    let import = |query: &str| root.post(&format!("/imports/starter{query}"), &json!(null));
    let added = |outcomes: &serde_json::Value| -> Vec<bool> {
        outcomes.as_array().unwrap().iter().map(|outcome| outcome["added"].as_bool().unwrap()).collect()
    };
    assert_eq!(added(&import("?dry_run=true").is(200)), [true; 6]);
    root.get("/images/pandas").is(404);
    let outcomes = import("?only=pandas,%20r&global=true").is(200);
    assert_eq!(
        outcomes,
        json!([
            {"name": "pandas", "added": true, "warnings": []},
            {"name": "r", "added": true, "warnings": []},
        ])
    );
    let pandas = root.get("/images/pandas").is(200);
    assert_eq!(
        (&pandas["visibility"]["global"], &pandas["spec"]["kernel"]),
        (&json!(true), &json!("python"))
    );
    assert_eq!(root.get("/images/pandas/builds").is(200)["items"], json!([]));
    // What is there stays, also where it is another one.
    root.patch("/images/r", &[], &json!({"display_name": "Ours"})).is(200);
    assert_eq!(added(&import("?build=true").is(200)), [false, true, true, true, false, true]);
    assert_eq!(root.get("/images/r").is(200)["display_name"], "Ours");
    assert_eq!(root.get("/images/pytorch/builds").is(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(root.get("/images/r/builds").is(200)["items"], json!([]));
    let problem = import("?only=panda").is(422);
    assert_eq!(problem["errors"][0]["pointer"], "/only", "{problem}");
    server.add_user("ada", &[]).post("/imports/starter?only=anaconda", &json!(null)).is(403);
}
