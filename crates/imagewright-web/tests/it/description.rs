//! The description of the API. What is served is tried on a running server, by the tests of the binary.

use std::collections::BTreeSet;

use serde_json::Value;

#[test]
fn a_change_of_the_api_is_seen() {
    insta::assert_snapshot!(imagewright_web::openapi().to_pretty_json().unwrap());
}

#[test]
fn what_is_referred_to_is_there() {
    let description: Value = serde_json::to_value(imagewright_web::openapi()).unwrap();
    let text = description.to_string();
    let references: BTreeSet<&str> =
        text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        assert!(description.pointer(reference).is_some(), "{reference}");
    }
}

/// What is made by a request can be asked for again, unless the answer holds what is shown once, or nothing is made.
#[test]
fn what_makes_something_takes_a_key() {
    let description: Value = serde_json::to_value(imagewright_web::openapi()).unwrap();
    let mut without = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let Some(operation) = operations.get("post") else { continue };
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        if !parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
            without.insert(path.as_str());
        }
    }
    let expected = [
        "/api/v1/exports/kubernetes-pull-secret",
        "/api/v1/images/{name}/kernelspecs/archive",
        "/api/v1/plans",
        "/api/v1/registries/check",
        "/api/v1/session",
        "/api/v1/setup",
        "/api/v1/specs/read",
        "/api/v1/tokens",
    ];
    assert_eq!(without, BTreeSet::from(expected));
}

/// OpenAPI 3.1 wants them unique, and programs that are made of the description go by them.
#[test]
fn operations_have_names_of_their_own() {
    let description: Value = serde_json::to_value(imagewright_web::openapi()).unwrap();
    let mut seen = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(seen.insert(name.to_owned()), "{method} {path} is another `{name}`");
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
}
