//! Pages of runtime images, on files that anybody may have written.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::TestServer;
use super::visits::value_of;
use crate::support::context;

/// A server with a folder of Elyra's, and one of records that came with it.
fn server() -> (TestServer, PathBuf) {
    let context = context();
    let (folder, factory) = (context.folder().join("elyra"), context.folder().join("factory"));
    let records = |folder: &PathBuf| folder.join("metadata/runtime-images");
    for folder in [&folder, &factory] {
        fs::create_dir_all(records(folder)).unwrap();
    }
    fs::write(
        records(&factory).join("pandas.json"),
        record("Pandas", "registry.example/amancevice/pandas:1"),
    )
    .unwrap();
    let written = records(&folder);
    let context = context
        .env("IMAGEWRIGHT_SERVER__ELYRA_FOLDER", &folder)
        .env("IMAGEWRIGHT_SERVER__ELYRA_FACTORY_FOLDER", &factory);
    (TestServer::start_in(context, &[]), written)
}

fn record(display_name: &str, image_name: &str) -> String {
    let record = json!({"display_name": display_name, "metadata": {"image_name": image_name, "tags": ["data"]}, "schema_name": "runtime-image"});
    record.to_string()
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn one_is_added_changed_copied_and_deleted() {
    let (server, folder) = server();
    let root = server.administrator();
    server.add_visitor(&root, "ada", true);
    let ada = server.visit("ada");
    let shown = ada.get("/runtime-images").page(200);
    assert!(shown.contains("Pandas") && shown.contains("came with Elyra"), "{shown}");
    assert!(shown.contains("href=\"https://registry.example/amancevice/pandas\""), "{shown}");
    let new = [
        ("display_name", "Team analysis"),
        ("image_name", ""),
        ("tags", "a, b\r\nc\r\n"),
        ("pull_secret", "x"),
    ];
    let refused = ada.post("/runtime-images/new", &new).page(422);
    assert!(refused.contains("'' should be non-empty") && refused.contains("a, b\r\nc"), "{refused}");
    let refused = ada
        .post("/runtime-images/new", &[("display_name", "T"), ("image_name", "a/b"), ("pull_secret", "x")]);
    assert!(refused.page(422).contains("'x' does not match '^[a-z0-9][a-z0-9-.]*[a-z0-9]$'"));
    let new = [
        ("display_name", "Team analysis"),
        ("image_name", "a/b:1"),
        ("tags", "a, b\r\nc\r\n"),
        ("description", ""),
    ];
    assert_eq!(ada.post("/runtime-images/new", &new).leads_to(), "/runtime-images?done=added#team_analysis");
    let file = folder.join("team_analysis.json");
    let expected = json!({"display_name": "Team analysis", "metadata": {"tags": ["a, b", "c"], "image_name": "a/b:1"}, "schema_name": "runtime-image"});
    assert_eq!(read(&file), expected);
    // The same display name gives the same name; one in other letters needs one to be given.
    assert!(
        ada.post("/runtime-images/new", &new)
            .page(422)
            .contains("there is a runtime image `team_analysis` already")
    );
    let unnamed = [("display_name", "解析"), ("image_name", "a/b:1")];
    assert!(
        ada.post("/runtime-images/new", &unnamed)
            .page(422)
            .contains("no name can be made of this display name")
    );
    ada.post("/runtime-images/new", &[("name", "kaiseki"), unnamed[0], unnamed[1]]).leads_to();
    // What the form does not know stays.
    let mut with_more = expected.clone();
    with_more["metadata"]["own"] = json!({"a": [1, 2.5]});
    fs::write(&file, with_more.to_string()).unwrap();
    let form = ada.get("/runtime-images/team_analysis/edit").page(200);
    assert!(form.contains("Elyra does not know these. They stay."), "{form}");
    let version = value_of(&form, "version");
    let edit = [
        ("version", version.as_str()),
        ("display_name", "Team analysis"),
        ("image_name", "a/b:2"),
        ("tags", "a, b\r\nc"),
        ("pull_policy", "Never"),
    ];
    assert_eq!(
        ada.post("/runtime-images/team_analysis/edit", &edit).leads_to(),
        "/runtime-images?done=saved#team_analysis"
    );
    with_more["metadata"]["image_name"] = "a/b:2".into();
    with_more["metadata"]["pull_policy"] = "Never".into();
    assert_eq!(read(&file), with_more);
    // Sent once more it is on what the file was before: nothing is overwritten, and nothing typed is lost.
    let late = ada.post("/runtime-images/team_analysis/edit", &edit).page(409);
    assert!(
        late.contains("has been changed since it was read") && late.contains("value=\"a/b:2\""),
        "{late}"
    );
    let copy = ada.post("/runtime-images/team_analysis/duplicate", &[]).leads_to();
    assert_eq!(copy, "/runtime-images/team_analysis-copy1/edit?done=duplicated");
    assert_eq!(read(&folder.join("team_analysis-copy1.json"))["metadata"], with_more["metadata"]);
    assert!(ada.get("/runtime-images/team_analysis/delete").page(200).contains("Its file is deleted"));
    assert_eq!(
        ada.post("/runtime-images/team_analysis/delete", &[]).leads_to(),
        "/runtime-images?done=removed"
    );
    assert!(!file.exists());
    // Somebody who still had the form open keeps what was typed.
    let gone = ada.post("/runtime-images/team_analysis/edit", &edit).page(409);
    assert!(gone.contains("there is no runtime image") && gone.contains("value=\"a/b:2\""), "{gone}");
    assert_eq!(value_of(&gone, "name"), "team_analysis");
    let trail = root.get("/audit?subject=runtime_image&name=team_analysis").is(200);
    let actions: Vec<&Value> =
        trail["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["runtime_image.deleted", "runtime_image.changed", "runtime_image.added"]);
    assert_eq!(trail["items"][1]["before"]["metadata"]["image_name"], "a/b:1");
    assert_eq!(trail["items"][1]["after"]["metadata"]["image_name"], "a/b:2");
}

#[test]
fn what_came_with_elyra_is_copied_and_hidden() {
    let (server, folder) = server();
    server.add_visitor(&server.administrator(), "ada", true);
    let ada = server.visit("ada");
    let form = ada.get("/runtime-images/pandas/edit").page(200);
    assert!(form.contains("saving makes a copy that counts in its place"), "{form}");
    let edit = [
        ("version", value_of(&form, "version")),
        ("display_name", "Pandas".to_owned()),
        ("image_name", "a/p:2".to_owned()),
    ];
    let edit: Vec<(&str, &str)> = edit.iter().map(|(name, value)| (*name, value.as_str())).collect();
    ada.post("/runtime-images/pandas/edit", &edit).leads_to();
    assert_eq!(read(&folder.join("pandas.json"))["metadata"]["image_name"], "a/p:2");
    assert!(ada.get("/runtime-images").page(200).contains("instead of Elyra's"));
    assert!(ada.get("/runtime-images/pandas/delete").page(200).contains("counts again"));
    ada.post("/runtime-images/pandas/delete", &[]).leads_to();
    assert!(ada.get("/runtime-images/pandas/delete").page(200).contains("is not permitted!"));
    assert!(ada.post("/runtime-images/pandas/delete", &[]).page(409).contains("is not permitted!"));
    assert_eq!(ada.post("/runtime-images/pandas/hide", &[]).leads_to(), "/runtime-images?done=hidden#pandas");
    let shown = ada.get("/runtime-images").page(200);
    assert!(
        shown.contains("kept out of sight") && shown.contains("Show again") && !shown.contains("invalid"),
        "{shown}"
    );
    assert_eq!(ada.get("/runtime-images/pandas/edit").leads_to(), "/runtime-images");
    ada.post("/runtime-images/pandas/delete", &[]).leads_to();
    assert!(!ada.get("/runtime-images").page(200).contains("kept out of sight"));
}

#[test]
fn broken_files_are_listed_with_their_reason_and_repaired() {
    let (server, folder) = server();
    server.add_visitor(&server.administrator(), "ada", true);
    let ada = server.visit("ada");
    let broken = "{\n  \"display_name\": \"Broken one\",\n  \"metadata\": {\n    \"image_name\": \"a/b:1\"\n    \"own\": 5\n  }\n}";
    fs::write(folder.join("broken.json"), broken).unwrap();
    let wrong = r#"{"display_name": 7, "schema_name": "runtime-image", "version": 3, "metadata": {"image_name": "a/w:1", "tags": "x", "own": 5}}"#;
    fs::write(folder.join("wrong.json"), wrong).unwrap();
    fs::create_dir(folder.join("folder.json")).unwrap();
    let shown = ada.get("/runtime-images").page(200);
    for reason in
        ["Expecting ',' delimiter: line 5 column 5", "7 is not of type 'string'", "[Errno 21] Is a directory"]
    {
        assert!(shown.contains(reason), "{reason}: {shown}");
    }
    // By its fields: what can be read is there, what would go is named, and goes only when that is said.
    let form = ada.get("/runtime-images/broken/edit").page(200);
    assert!(form.contains("Expecting ',' delimiter") && form.contains("\"own\": 5"), "{form}");
    assert_eq!(
        (value_of(&form, "display_name"), value_of(&form, "image_name")),
        ("Broken one".to_owned(), "a/b:1".to_owned())
    );
    let version = value_of(&form, "version");
    let fields = [
        ("version", version.as_str()),
        ("display_name", "Broken one"),
        ("image_name", "a/b:1"),
        ("then", "save"),
    ];
    assert!(ada.post("/runtime-images/broken/edit", &fields).page(422).contains("this would be lost"));
    assert_eq!(fs::read_to_string(folder.join("broken.json")).unwrap(), broken);
    // By its text: nothing of it is lost.
    let text = broken.replace("1\"\n", "1\",\r\n");
    let still = [("version", version.as_str()), ("text", &text), ("then", "text")];
    assert!(ada.post("/runtime-images/broken/edit", &still).page(422).contains("schema_name: it is missing"));
    let text = text.replace("  }\n}", "  },\n  \"schema_name\": \"runtime-image\"\n}");
    let mended = [("version", version.as_str()), ("text", &text), ("then", "text")];
    ada.post("/runtime-images/broken/edit", &mended).leads_to();
    assert_eq!(read(&folder.join("broken.json"))["metadata"], json!({"image_name": "a/b:1", "own": 5}));
    // Of what only does not fit the schema, all that is no field stays.
    let form = ada.get("/runtime-images/wrong/edit").page(200);
    assert!(form.contains("This may go when it is saved: `version`"), "{form}");
    let version = value_of(&form, "version");
    let mut fields =
        vec![("version", version.as_str()), ("display_name", "7"), ("image_name", "a/w:1"), ("tags", "x")];
    assert!(
        ada.post("/runtime-images/wrong/edit", &fields).page(422).contains("this would be lost: `version`")
    );
    fields.push(("may_drop", "true"));
    ada.post("/runtime-images/wrong/edit", &fields).leads_to();
    let expected = json!({"display_name": "7", "metadata": {"image_name": "a/w:1", "tags": ["x"], "own": 5}, "schema_name": "runtime-image"});
    assert_eq!(read(&folder.join("wrong.json")), expected);
    ada.post("/runtime-images/folder/delete", &[]).leads_to();
    assert!(!folder.join("folder.json").exists());
}

#[test]
fn search_and_tags_are_in_the_address() {
    let (server, folder) = server();
    server.add_visitor(&server.administrator(), "ada", true);
    let ada = server.visit("ada");
    for (name, display_name, tags) in
        [("b", "beta", json!(["x"])), ("a", "Alpha", json!(["y"])), ("c", "Gamma", json!(["x", "y", 5]))]
    {
        let record = json!({"display_name": display_name, "metadata": {"image_name": "o/i:1", "tags": tags}, "schema_name": "runtime-image"});
        fs::write(folder.join(format!("{name}.json")), record.to_string()).unwrap();
    }
    let found = |query: &str| -> Vec<String> {
        let page = ada.get(&format!("/runtime-images{query}")).page(200);
        page.split("<strong>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
    };
    assert_eq!(found(""), ["Alpha", "beta", "Gamma", "Pandas"]);
    assert_eq!(found("?search=PH"), ["Alpha"]);
    assert_eq!(found("?tag=x"), ["beta", "Gamma"]);
    assert_eq!(found("?tag=x&tag=data"), ["beta", "Gamma", "Pandas"]);
    assert_eq!(found("?tag=x&tag=data&search=a"), ["beta", "Gamma", "Pandas"]);
    assert_eq!(found("?tag=y&search=be"), [""; 0]);
}

#[test]
fn administrators_change_and_others_read() {
    let (server, folder) = server();
    server.add_visitor(&server.administrator(), "bob", false);
    let bob = server.visit("bob");
    let shown = bob.get("/runtime-images").page(200);
    assert!(shown.contains("Pandas") && !shown.contains("/runtime-images/pandas/"), "{shown}");
    for path in ["/runtime-images/new", "/runtime-images/pandas/edit", "/runtime-images/pandas/delete"] {
        assert_eq!(bob.get(path).status, 403, "{path}");
    }
    for path in ["new", "pandas/edit", "pandas/duplicate", "pandas/delete", "pandas/hide"] {
        let sent =
            bob.post(&format!("/runtime-images/{path}"), &[("display_name", "a"), ("image_name", "a/b")]);
        assert_eq!(sent.status, 403, "{path}");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn without_a_folder_it_is_said_what_to_set() {
    let server = TestServer::start();
    let root = server.administrator();
    server.add_visitor(&root, "ada", true);
    server.add_visitor(&root, "bob", false);
    let (ada, bob) = (server.visit("ada"), server.visit("bob"));
    let shown = ada.get("/runtime-images").page(200);
    assert!(shown.contains("Set <code>server.elyra-folder</code>"), "{shown}");
    assert_eq!(ada.get("/runtime-images/new").leads_to(), "/runtime-images");
    assert_eq!(ada.post("/runtime-images/new", &[("display_name", "a"), ("image_name", "a/b")]).status, 409);
    assert!(ada.get("/images").page(200).contains("href=\"/runtime-images\""));
    assert!(!bob.get("/images").page(200).contains("href=\"/runtime-images\""));
}

#[test]
fn one_is_made_of_an_image() {
    let (server, folder) = server();
    let root = server.administrator();
    server.add_visitor(&root, "ada", true);
    let new = json!({"display_name": "Team", "reference": "127.0.0.1:1/team/a:1", "tags": ["x"], "type": "gpu", "pull_policy": "Never", "description": "d"});
    root.post("/images", &new).is(201);
    let ada = server.visit("ada");
    assert!(ada.get("/images/team").page(200).contains("/runtime-images/new?of=team"));
    let form = ada.get("/runtime-images/new?of=team").page(200);
    assert_eq!(value_of(&form, "image_name"), "127.0.0.1:1/team/a:1");
    assert!(form.contains("x\ngpu</textarea>") && form.contains("value=\"Never\" selected"), "{form}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "nothing is written before it is sent");
}
