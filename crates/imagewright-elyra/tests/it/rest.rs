//! The router by itself; that it answers as Elyra does is shown where Elyra is.

use imagewright_elyra::rest::{Request, Response, Router};

use crate::{Place, text};

const NEW: &str =
    r#"{"schema_name": "runtime-image", "display_name": "A b", "metadata": {"image_name": "a/b"}}"#;

fn ask(place: &Place, method: &str, path: &str, body: &str) -> Response {
    let router = Router::new(place.records.clone(), "/user/me/");
    router.handle(Request { method, path, body: body.as_bytes() }, "2026-11-26 12:00:00")
}

#[test]
fn a_record_is_made_read_changed_and_removed() {
    let place = Place::new();
    let records = "/user/me/elyra/metadata/runtime-images";
    let made = ask(&place, "POST", records, NEW);
    let expected = r#"{"name": "a_b", "display_name": "A b", "metadata": {"image_name": "a/b"}, "schema_name": "runtime-image"}"#;
    assert_eq!((made.status, made.body.as_str()), (201, expected));
    assert!(made.headers.contains(&("Location", format!("{records}/a_b"))), "{made:?}");
    assert_eq!(ask(&place, "GET", records, "").body, format!("{{\"runtime-images\": [{expected}]}}"));
    let record = format!("{records}/a_b");
    let changed = ask(&place, "PUT", &record, &NEW.replace("a/b", "c/d"));
    assert!(changed.status == 200 && changed.body.contains("c/d"), "{changed:?}");
    assert_eq!(ask(&place, "DELETE", &record, "").status, 204);
    assert_eq!(ask(&place, "DELETE", &record, "").status, 404);
}

#[test]
fn errors_have_elyras_form() {
    let place = Place::new();
    place.put("site/x.json", &text("Site", "a/b"));
    let body = NEW.replace("\"schema_name\"", "\"name\": \"x\", \"schema_name\"");
    let conflict = ask(&place, "POST", "/user/me/elyra/metadata/runtime-images", &body);
    let message = "An instance named 'x' already exists in the runtime-images schemaspace.";
    let time = "2026-11-26 12:00:00";
    let expected = format!(r#"{{"reason": "Conflict", "message": "{message}", "timestamp": "{time}"}}"#);
    assert_eq!((conflict.status, conflict.body), (409, expected));
}

#[test]
fn paths_and_methods_are_looked_at_closely() {
    let place = Place::new();
    place.put("site/x.json", &text("Site", "a/b"));
    let cases = [
        ("GET", "/user/me/elyra/schemaspace", 200),
        ("GET", "/user/me/elyra/elyra.yaml", 200),
        ("HEAD", "/user/me/elyra/schemaspace", 405),
        ("DELETE", "/user/me/elyra/metadata/runtime-images", 405),
        ("DELETE", "/user/me/elyra/metadata/runtime-images/x", 403),
        ("GET", "/elyra/schemaspace", 404),
        ("GET", "/user/me/elyra/metadata/runtime-images/", 404),
        ("GET", "/user/me/elyra/metadata/runtime-images/x/y", 404),
        ("GET", "/user/me/elyra/metadata/runtime-images/..%2Fx", 404),
        ("GET", "/user/me/elyra/metadata/runtime-images/..", 404),
        ("GET", "/user/me/elyra/metadata/runtimes", 400),
        ("GET", "/user/me/elyra/schema/runtimes", 404),
    ];
    for (method, path, status) in cases {
        assert_eq!(ask(&place, method, path, "").status, status, "{method} {path}");
    }
}
