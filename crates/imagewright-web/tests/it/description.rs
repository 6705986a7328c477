//! The description of the API. What is served is tried on a running server, by the tests of the binary.

use std::collections::BTreeSet;

use serde_json::Value;

#[test]
fn a_change_of_the_api_is_seen() {
    insta::assert_snapshot!(imagewright_web::openapi().to_pretty_json().unwrap());
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
