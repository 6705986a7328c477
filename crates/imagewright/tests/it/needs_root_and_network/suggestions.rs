//! What somebody may mean who types names of packages: from the lists of the machine's own archive and index.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::seed;
use crate::server::support::{Caller, TestServer};

/// Asks until the lists are there.
fn suggested(root: &Caller<'_>, query: &str) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let found = root.get(&format!("/suggestions?limit=5&{query}")).is(200);
        if found["complete"] == true {
            return found["items"].as_array().unwrap().clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "{query}: {found}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
#[ignore = "needs the network"]
fn names_come_from_where_a_build_would_take_them() {
    let server = TestServer::start_in(seed::context(), &[]);
    let root = server.administrator();
    let python = suggested(&root, "kind=pip&text=Scikit_lear");
    assert_eq!(python[0]["text"], "scikit-learn", "{python:?}");
    let versions = suggested(&root, "kind=pip&text=six%3D%3D1.1");
    assert!(versions.iter().any(|item| item["text"] == "six==1.17.0"), "{versions:?}");
    let debian = suggested(&root, "kind=apt&base=bootstrap&text=gi");
    assert!(debian.iter().any(|item| item["text"] == "git" && item["detail"].is_string()), "{debian:?}");
}
