//! Our REST router held against a running Elyra: the same requests, the same answers.

use std::fs;

use imagewright_elyra::rest::{Request, Router};
use imagewright_elyra::{Folders, Records};
use serde_json::Value;

use super::server::{Answer, Server};
use super::{context_with_elyra, environment, records, tree};

const RECORDS: &str = "/elyra/metadata/runtime-images";

/// Method, path, body; and our status where Elyra's is wrong.
const REQUESTS: &[(&str, &str, &str, Option<u16>)] = &[
    ("GET", "/elyra/schemaspace/runtime-images", "", None),
    ("GET", "/elyra/schemaspace/119C9740-d73f-48c6-a97a-599d3acaf41d", "", None),
    ("GET", "/elyra/schema/runtime-images", "", None),
    ("GET", "/elyra/schema/Runtime-Images/runtime-image", "", None),
    ("GET", "/elyra/schema/runtime-images/nothing", "", None),
    ("GET", RECORDS, "", None),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "display_name": "A </b>", "metadata": {"image_name": "a/b", "x": [1e5, NaN]}}"#,
        None,
    ),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "display_name": "A </b>", "metadata": {"image_name": "a/b"}}"#,
        None,
    ),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "name": "", "display_name": "B", "metadata": {"image_name": "b"}, "unknown": 1}"#,
        None,
    ),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "name": "pandas", "display_name": "B", "metadata": {"image_name": "b"}}"#,
        None,
    ),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "nothing", "display_name": "C", "metadata": {"image_name": "b"}}"#,
        None,
    ),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "name": "Wrong", "display_name": "C", "metadata": {"image_name": "b"}}"#,
        None,
    ),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "name": "c", "metadata": {"image_name": "b"}}"#,
        None,
    ),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "display_name": "C", "metadata": {"image_name": ""}}"#,
        None,
    ),
    ("POST", RECORDS, r#"{"schema_name": "runtime-image", "display_name": "C"}"#, None),
    ("POST", RECORDS, r#"{"display_name": "C", "metadata": {}}"#, None),
    ("POST", RECORDS, r#"{"schema_name": "runtime-image", "metadata": {}}"#, None),
    ("POST", RECORDS, "{", Some(400)),
    ("POST", RECORDS, "", Some(400)),
    (
        "POST",
        RECORDS,
        r#"{"schema_name": "runtime-image", "display_name": "!!!", "metadata": {"image_name": "b"}}"#,
        Some(400),
    ),
    ("GET", "/elyra/metadata/runtime-images/a_b", "", None),
    ("GET", "/elyra/metadata/runtime-images/nothing", "", None),
    ("GET", "/elyra/metadata/runtime-images/broken", "", None),
    ("GET", "/elyra/metadata/runtime-images/wrong", "", None),
    ("GET", "/elyra/metadata/runtime-images/other", "", Some(400)),
    (
        "PUT",
        "/elyra/metadata/runtime-images/a_b",
        r#"{"schema_name": "runtime-image", "display_name": "A2", "metadata": {"image_name": "c/d"}}"#,
        None,
    ),
    (
        "PUT",
        "/elyra/metadata/runtime-images/a_b",
        r#"{"name": "a_b", "schema_name": "runtime-image", "display_name": "A3", "metadata": {"image_name": "c/d"}}"#,
        None,
    ),
    (
        "PUT",
        "/elyra/metadata/runtime-images/a_b",
        r#"{"name": "b", "schema_name": "runtime-image", "display_name": "A", "metadata": {}}"#,
        None,
    ),
    (
        "PUT",
        "/elyra/metadata/runtime-images/a_b",
        r#"{"schema_name": "runtime-image", "display_name": "A", "metadata": {}}"#,
        None,
    ),
    (
        "PUT",
        "/elyra/metadata/runtime-images/nothing",
        r#"{"schema_name": "runtime-image", "display_name": "A", "metadata": {}}"#,
        None,
    ),
    (
        "PUT",
        "/elyra/metadata/runtime-images/wrong",
        r#"{"schema_name": "runtime-image", "display_name": "A", "metadata": {"image_name": "x"}}"#,
        None,
    ),
    (
        "PUT",
        "/elyra/metadata/runtime-images/a_b",
        r#"{"display_name": "A", "metadata": {"image_name": "x"}}"#,
        Some(400),
    ),
    (
        "PUT",
        "/elyra/metadata/runtime-images/a_b",
        r#"{"schema_name": "nothing", "display_name": "A", "metadata": {"image_name": "x"}}"#,
        Some(404),
    ),
    ("PUT", "/elyra/metadata/runtime-images/a_b", "", Some(400)),
    (
        "PUT",
        "/elyra/metadata/runtime-images/pandas",
        r#"{"schema_name": "runtime-image", "display_name": "Mine", "metadata": {"image_name": "x/y"}}"#,
        None,
    ),
    ("DELETE", "/elyra/metadata/runtime-images/pandas", "", None),
    ("DELETE", "/elyra/metadata/runtime-images/pandas", "", None),
    ("DELETE", "/elyra/metadata/runtime-images/a_b", "", None),
    ("DELETE", "/elyra/metadata/runtime-images/a_b", "", None),
    ("DELETE", "/elyra/metadata/runtime-images/broken", "", None),
    ("DELETE", "/elyra/metadata/runtime-images/wrong", "", None),
    ("DELETE", "/elyra/metadata/runtime-images/other", "", Some(400)),
    ("DELETE", RECORDS, "", None),
    ("PATCH", "/elyra/metadata/runtime-images/b", "", None),
    ("GET", RECORDS, "", None),
];

#[test]
#[ignore = "needs Elyra"]
fn requests_are_answered_as_by_elyra() {
    let (mine, theirs) = (context_with_elyra(), context_with_elyra());
    for context in [&mine, &theirs] {
        let folder = records(context);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("broken.json"), "{").unwrap();
        fs::write(
            folder.join("wrong.json"),
            r#"{"schema_name": "runtime-image", "display_name": "W", "metadata": {}}"#,
        )
        .unwrap();
        fs::write(
            folder.join("other.json"),
            r#"{"schema_name": "nothing", "display_name": "O", "metadata": {}}"#,
        )
        .unwrap();
    }
    let factory = environment().join("share/jupyter/metadata/runtime-images");
    let router = Router::new(Records::new(Folders::new(records(&mine), [factory])), "/");
    let server = Server::start(&theirs);
    for (method, path, body, status) in REQUESTS {
        let response = router.handle(Request { method, path, body: body.as_bytes() }, "[TIME]");
        let answer: Answer = (response.status, response.body);
        let expected = server.ask(method, path, body);
        match status {
            None => assert_eq!(comparable(&answer), comparable(&expected), "{method} {path} {body}"),
            Some(status) => {
                assert_eq!((answer.0, expected.0), (*status, 500), "{method} {path} {body}: {answer:?}");
            }
        }
        assert_eq!(tree(&records(&mine)), tree(&records(&theirs)), "{method} {path} {body}");
    }
    // What the servers have in common ends here: ours has one schemaspace.
    let unknown = router.handle(Request { method: "GET", path: "/elyra/metadata/runtimes", body: b"" }, "");
    assert_eq!(unknown.status, 400);
    assert_eq!(server.ask("GET", "/elyra/metadata/nothing", "").0, 400);
}

/// Without times, and lists by name.
fn comparable((status, body): &Answer) -> (u16, String) {
    let Ok(mut value) = serde_json::from_str::<Value>(&body.replace("NaN", "\"NaN\"")) else {
        return (*status, body.clone());
    };
    if let Some(object) = value.as_object_mut() {
        object.remove("timestamp");
        object.remove("traceback");
        for list in object.values_mut().filter_map(Value::as_array_mut) {
            list.sort_by_key(|record| record["name"].to_string());
        }
    }
    (*status, value.to_string())
}
