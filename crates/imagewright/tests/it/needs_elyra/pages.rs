//! Our pages and the real Elyra on one folder.

use std::fs;

use serde_json::{Value, json};

use super::{Elyra, environment};
use crate::server::support::TestServer;
use crate::server::visits::value_of;
use crate::support::context;

#[test]
#[ignore = "needs Elyra"]
fn what_one_writes_the_other_shows() {
    let context = context();
    let folder = context.folder().join("elyra");
    let factory = environment().join("share/jupyter");
    let context = context
        .env("ELYRA_METADATA_PATH", &folder)
        .env("IMAGEWRIGHT_SERVER__ELYRA_FOLDER", &folder)
        .env("IMAGEWRIGHT_SERVER__ELYRA_FACTORY_FOLDER", &factory);
    let elyra = Elyra::start();
    let server = TestServer::start_in(context, &[]);
    server.add_visitor(&server.administrator(), "ada", true);
    let ada = server.visit("ada");
    let listed = |options: &[&str]| -> Value {
        let arguments = [&["list", "runtime-images", "--json"], options].concat();
        serde_json::from_str(&elyra.run(&server.context, &arguments).success().stdout).unwrap()
    };
    let record_of = |name: &str| -> Value {
        let all = listed(&["--include-invalid"]);
        all.as_array().unwrap().iter().find(|record| record["name"] == name).cloned().unwrap_or_default()
    };
    // What came with Elyra is here, all of it.
    let shown = ada.get("/runtime-images").page(200);
    for record in listed(&[]).as_array().unwrap() {
        let name = record["name"].as_str().unwrap();
        assert!(shown.contains(&format!(" id=\"{name}\">")), "{name}: {shown}");
    }
    // Ours, theirs.
    let new = [
        ("display_name", "Größe 1"),
        ("image_name", "a/b:1"),
        ("tags", "x, y\r\nz"),
        ("pull_policy", "Never"),
    ];
    ada.post("/runtime-images/new", &new).leads_to();
    let ours = record_of("gre_1");
    assert_eq!(ours["display_name"], "Größe 1");
    assert_eq!(
        ours["metadata"],
        json!({"tags": ["x, y", "z"], "image_name": "a/b:1", "pull_policy": "Never"})
    );
    assert!(ours.get("reason").is_none(), "{ours}");
    ada.post("/runtime-images/gre_1/duplicate", &[]).leads_to();
    assert_eq!(record_of("gre_1-copy1")["metadata"], ours["metadata"]);
    // Theirs, ours.
    let create = [
        "create",
        "runtime-images",
        "--display_name",
        "From Elyra",
        "--image_name",
        "e/e:1",
        "--tags",
        "['t']",
    ];
    drop(elyra.run(&server.context, &create).success());
    let form = ada.get("/runtime-images/from_elyra/edit").page(200);
    assert_eq!(value_of(&form, "image_name"), "e/e:1");
    let version = value_of(&form, "version");
    let edit = [
        ("version", version.as_str()),
        ("display_name", "From Elyra"),
        ("image_name", "e/e:2"),
        ("tags", "t"),
    ];
    ada.post("/runtime-images/from_elyra/edit", &edit).leads_to();
    assert_eq!(record_of("from_elyra")["metadata"], json!({"tags": ["t"], "image_name": "e/e:2"}));
    let update = ["update", "runtime-images", "--name", "from_elyra", "--image_name", "e/e:3"];
    drop(elyra.run(&server.context, &update).success());
    assert!(
        ada.post("/runtime-images/from_elyra/edit", &edit)
            .page(409)
            .contains("has been changed since it was read")
    );
    // The same file is wrong for both, for one reason, and right again.
    let file = folder.join("metadata/runtime-images/from_elyra.json");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("\"e/e:3\"", "5")).unwrap();
    assert_eq!(record_of("from_elyra")["reason"], "ValidationError");
    assert!(ada.get("/runtime-images").page(200).contains("5 is not of type 'string'"));
    let version = value_of(&ada.get("/runtime-images/from_elyra/edit").page(200), "version");
    let repaired = [
        ("version", version.as_str()),
        ("display_name", "From Elyra"),
        ("image_name", "e/e:4"),
        ("tags", "t"),
    ];
    ada.post("/runtime-images/from_elyra/edit", &repaired).leads_to();
    let mended = record_of("from_elyra");
    assert!(mended.get("reason").is_none() && mended["metadata"]["image_name"] == "e/e:4", "{mended}");
    // A record of Elyra's own is hidden from both, and comes back.
    assert_ne!(record_of("pandas"), Value::Null);
    ada.post("/runtime-images/pandas/hide", &[]).leads_to();
    assert!(!listed(&[]).as_array().unwrap().iter().any(|record| record["name"] == "pandas"));
    ada.post("/runtime-images/pandas/delete", &[]).leads_to();
    assert!(listed(&[]).as_array().unwrap().iter().any(|record| record["name"] == "pandas"));
    ada.post("/runtime-images/gre_1/delete", &[]).leads_to();
    assert_eq!(record_of("gre_1"), Value::Null);
}
