//! Kernelspecs for images of the catalogue: by programs, and on pages.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::registry::client;
use super::support::{Caller, TestServer};
use crate::support::context;

/// A server with a folder that a gateway reads.
fn server() -> (TestServer, PathBuf) {
    let context = context();
    let folder = context.folder().join("kernels");
    let context = context.env("IMAGEWRIGHT_SERVER__KERNELS_FOLDER", &folder);
    (TestServer::start_in(context, &[]), folder)
}

fn add_image(root: &Caller<'_>, name: &str, reference: &str) {
    let new = json!({"display_name": name, "reference": reference, "visibility": {"global": true}});
    root.post("/images", &new).is(201);
}

#[test]
fn one_is_put_where_the_gateway_reads_it_and_taken_away() {
    let (server, folder) = server();
    let (root, bob) = (server.administrator(), server.add_user("bob", &[]));
    add_image(&root, "Team Python", "registry.example:5000/team/kernel-py:1");
    add_image(&root, "Other", "registry.example:5000/team/other:1");
    let new =
        json!({"proxy": "docker", "language": "python", "env": {"A": "1"}, "authorized_users": ["bob"]});
    let made = root.post("/images/team-python/kernelspecs", &new).is(201);
    assert_eq!(made["allowed_kernels"], json!("'team_python'"));
    assert_eq!(made["kernelspec"]["problems"], json!([]));
    let written: Value =
        serde_json::from_slice(&fs::read(folder.join("team_python/kernel.json")).unwrap()).unwrap();
    assert_eq!(written["display_name"], json!("Team Python"));
    assert_eq!(
        written["metadata"]["process_proxy"]["config"]["image_name"],
        json!("registry.example:5000/team/kernel-py:1")
    );
    // It is listed for its image, and for no other one.
    let of = |name: &str| bob.get(&format!("/images/{name}/kernelspecs")).is(200).as_array().unwrap().len();
    assert_eq!((of("team-python"), of("other")), (1, 0));
    assert_eq!(
        bob.get("/kernelspecs").is(200)["kernelspecs"][0]["image"],
        json!("registry.example:5000/team/kernel-py:1")
    );
    // Twice is a conflict, unless it may be replaced.
    root.post("/images/team-python/kernelspecs", &new).is(409);
    let again = json!({"proxy": "docker", "language": "python", "replace": true, "pin": true});
    root.post("/images/team-python/kernelspecs", &again).is(201);
    bob.delete("/kernelspecs/team_python").is(403);
    root.delete("/kernelspecs/none").is(404);
    root.delete("/kernelspecs/team_python").is(204);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let trail = root.get("/audit?subject=kernelspec").is(200);
    let done: Vec<&str> =
        trail["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(done, ["kernelspec.deleted", "kernelspec.changed", "kernelspec.added"]);
}

#[test]
fn one_is_taken_along_by_who_sees_the_image() {
    let server = TestServer::start();
    let (root, bob) = (server.administrator(), server.add_user("bob", &[]));
    add_image(&root, "Team Python", "registry.example/team/kernel-py:1");
    let new = json!({"proxy": "kubernetes", "language": "python", "display_name": "Mine"});
    let answer = bob.post("/images/team-python/kernelspecs/archive", &new);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/gzip")));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"mine.tar.gz\""));
    // Without a folder there is none to be read, and nowhere to put one.
    assert_eq!(bob.get("/kernelspecs").is(200), json!({"kernelspecs": [], "allowed_kernels": ""}));
    root.post("/images/team-python/kernelspecs", &new).is(409);
}

#[test]
fn the_language_is_what_the_image_says_where_the_server_has_it() {
    let (server, folder) = server();
    let root = server.administrator();
    let name = format!("{}/team/kernel", server.address);
    let pusher = client(&server, "root", &root.token());
    let image = imagewright_testkit::image::TinyImage::default().variable("KERNEL_LANGUAGE=R");
    image.write_layout(&pusher.work().join("kernel"), "team/kernel:1").unwrap();
    drop(pusher.run(["image", "import", "oci:kernel"]).success());
    drop(pusher.run(["push", "team/kernel:1", &format!("{name}:1")]).success());
    root.post("/images/team-kernel/kernelspecs", &json!({"proxy": "docker", "name": "pushed"})).is(201);
    let written: Value =
        serde_json::from_slice(&fs::read(folder.join("pushed/kernel.json")).unwrap()).unwrap();
    assert_eq!(written["language"], json!("r"));
    let mut archive = Vec::new();
    root.open("/kernelspecs/pushed/archive", &[]).read_to_end(&mut archive).unwrap();
    assert_eq!(archive[..2], [0x1f, 0x8b]);
}

#[test]
fn what_is_wrong_is_told_field_by_field() {
    let (server, folder) = server();
    let root = server.administrator();
    add_image(&root, "Team", "registry.example/team/kernel-py:1");
    for (new, pointer) in [
        (json!({}), "/proxy"),
        (json!({"proxy": "dockr", "language": "r"}), "/proxy"),
        (json!({"proxy": "docker"}), "/language"),
        (json!({"proxy": "docker", "language": "r", "name": "a b"}), "/name"),
        (json!({"proxy": "docker", "language": "r", "port_range": "1"}), "/port_range"),
        (json!({"proxy": "docker", "language": "r", "env": {"KERNEL_ID": "1"}}), "/env"),
        (json!({"proxy": "docker", "language": "r", "remote_hosts": ["a"]}), "/remote_hosts"),
        (json!({"proxy": "docker", "language": "r", "executor_image": "A"}), "/executor_image"),
    ] {
        let refused = root.post("/images/team/kernelspecs", &new).is(422);
        assert_eq!(refused["errors"][0]["pointer"], json!(pointer), "{new}: {refused}");
    }
    assert!(!folder.exists());
}

#[test]
fn pages_make_list_and_remove_them() {
    let (server, folder) = server();
    let root = server.administrator();
    add_image(&root, "Team Python", "registry.example/team/kernel-py:1");
    server.add_visitor(&root, "ada", true);
    server.add_visitor(&root, "bob", false);
    let (ada, bob) = (server.visit("ada"), server.visit("bob"));
    assert!(ada.get("/images/team-python").page(200).contains("href=\"/images/team-python/kernelspecs\""));
    let form = bob.get("/images/team-python/kernelspecs").page(200);
    assert!(form.contains("value=\"download\"") && !form.contains("value=\"put\""), "{form}");
    let fields = [("proxy", "docker"), ("language", "python"), ("env", "A"), ("then", "put")];
    let refused = ada.post("/images/team-python/kernelspecs", &fields).page(422);
    assert!(refused.contains("is not of the form NAME=VALUE"), "{refused}");
    let fields = [("proxy", "docker"), ("display_name", "Mine"), ("language", "python"), ("then", "put")];
    let sent = bob.post("/images/team-python/kernelspecs", &fields);
    assert_eq!(sent.status, 403);
    let sent = ada.post("/images/team-python/kernelspecs", &fields);
    assert_eq!((sent.status, sent.header("location")), (303, Some("/kernelspecs?done=added#mine")));
    assert!(folder.join("mine/kernel.json").is_file());
    assert!(ada.post("/images/team-python/kernelspecs", &fields).page(409).contains("there is a kernelspec"));
    let list = bob.get("/kernelspecs").page(200);
    assert!(list.contains("EG_ALLOWED_KERNELS=\"'mine'\""), "{list}");
    assert!(!list.contains("/kernelspecs/mine/delete"), "{list}");
    assert_eq!(bob.get("/kernelspecs/mine/archive").header("content-type"), Some("application/gzip"));
    let fields = [("proxy", "docker"), ("language", "python"), ("then", "download")];
    assert_eq!(
        bob.post("/images/team-python/kernelspecs", &fields).header("content-type"),
        Some("application/gzip")
    );
    // What will not work is told first.
    let doubtful =
        [("proxy", "docker-swarm"), ("language", "python"), ("spark", "lazy"), ("then", "download")];
    let asked = bob.post("/images/team-python/kernelspecs", &doubtful).page(200);
    assert!(asked.contains("Swarm") && asked.contains("name=\"sure\""), "{asked}");
    let sure = [doubtful.as_slice(), &[("sure", "true")]].concat();
    assert_eq!(
        bob.post("/images/team-python/kernelspecs", &sure).header("content-type"),
        Some("application/gzip")
    );
    assert_eq!(bob.get("/kernelspecs/mine/delete").status, 403);
    assert!(ada.get("/kernelspecs/mine/delete").page(200).contains("Remove mine"));
    assert_eq!(ada.post("/kernelspecs/mine/delete", &[]).status, 303);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
