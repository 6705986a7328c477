//! Images with `kernel:`: from a list of packages to a kernel that Enterprise Gateway starts.

mod needs_kernels;
mod needs_launcher;

use imagewright_testkit::context::TestContext;
use serde_json::Value;

/// Builds an image, and tells what came of it.
fn build(context: &TestContext, words: &[&str]) -> Value {
    context.run([&["build", "--json"], words].concat()).success().json()
}

/// What an image says of itself.
fn shown(context: &TestContext, image: &str) -> Value {
    context.run(["image", "show", image, "--json"]).success().json()
}

/// Has a profile look at an image, and run it; nothing is to be found, and nothing left open.
#[track_caller]
fn passes(context: &TestContext, image: &str) {
    let words = ["check", image, "--for", "enterprise-gateway", "--run", "--json", "--fail-on", "never"];
    let told =
        context.run([&words[..], &["--ignore", "reference-not-in-registry"]].concat()).success().json();
    let report = &told["profiles"][0];
    assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
    assert_eq!(report["unanswered"].as_array().map_or(0, Vec::len), 0, "{report:#}");
}

/// The digests of the layers of the launcher and of the account.
fn own_layers(shown: &Value) -> Vec<String> {
    let history = shown["config"]["history"].as_array().unwrap().iter();
    let made: Vec<&str> = history
        .filter(|entry| entry["empty_layer"] != true)
        .map(|entry| entry["created_by"].as_str().unwrap())
        .collect();
    let layers = shown["manifest"]["layers"].as_array().unwrap().iter();
    let layers = layers.zip(made).filter(|(_, made)| made.starts_with("kernel "));
    layers.map(|(layer, _)| layer["digest"].as_str().unwrap().to_owned()).collect()
}
