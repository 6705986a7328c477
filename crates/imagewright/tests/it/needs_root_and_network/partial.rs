//! Python packages on a base that stays in its registry: what Python is like is found out on a few of its files.

use std::fs;
use std::path::Path;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::registry::TestRegistry;
use imagewright_testkit::wheels::Wheel;
use serde_json::Value;

use super::seed::{PYTHON, context, context_with_wheels, empty_context};
use crate::storm::assert_sound;

/// A registry that has the base with Python.
fn registry_with_python() -> (TestRegistry, String) {
    let registry = TestRegistry::start().unwrap();
    let name = format!("{}/test/python:1", registry.host());
    drop(context().run(["push", PYTHON, &name]).success());
    (registry, name)
}

/// Surroundings with two wheels and nothing else.
fn context_with_packages() -> TestContext {
    let wheels = [
        Wheel::new("alpha", "1.0").module("ANSWER = 42\n"),
        Wheel::new("beta", "1.0").requires("alpha").module("import alpha\n"),
    ];
    let context = context_with_wheels(&wheels);
    for room in ["blobs/sha256", "facts", "snapshots", "index.json"] {
        let path = context.root().join(room);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.unwrap();
    }
    context
}

fn build(context: &TestContext, base: &str, requirements: &str, more: &[&str]) -> String {
    context.write("spec/image.yaml", &format!("base: {base}\n"));
    context.write("spec/requirements.txt", &format!("--no-index\n{requirements}\n"));
    context.run([&["build", "spec", "-t", "demo/built"], more].concat()).success().stdout
}

/// All that is known of Pythons.
fn pythons(root: &Path) -> Vec<Value> {
    let facts = fs::read_dir(root.join("facts/python")).unwrap();
    facts.map(|fact| serde_json::from_slice(&fs::read(fact.unwrap().path()).unwrap()).unwrap()).collect()
}

#[test]
#[ignore = "needs root and network"]
fn packages_need_few_files_of_a_base() {
    let (registry, base) = registry_with_python();
    let context = context_with_packages();
    let built = build(&context, &base, "beta", &[]);
    assert_sound(&context);
    let details = context.run(["image", "show", "demo/built", "--json"]).success().json();
    assert_eq!(details["missing_layers"], 2, "the base has two layers");
    let read = registry.count("GET", "/blobs/sha256:");

    // Another list asks the registry for nothing, not even where it is offline.
    drop(build(&context, &base, "alpha", &["--offline"]));
    assert_eq!(registry.count("GET", "/blobs/sha256:"), read);

    // Who has the whole base comes to the same.
    let whole = context_with_packages();
    drop(whole.run(["pull", &base]).success());
    drop(whole.run(["image", "run", &base, "--", "python3", "--version"]).success());
    assert_eq!(build(&whole, &base, "beta", &[]), built);
    assert_eq!(pythons(context.root()), pythons(whole.root()));

    // It runs, once its base has come.
    let run = ["image", "run", "demo/built", "--", "python3", "-c", "import alpha; print(alpha.ANSWER)"];
    assert_eq!(context.run(run).success().stdout, "42\n");
    let snapshots = fs::read_dir(context.root().join("snapshots")).unwrap();
    let names: Vec<String> =
        snapshots.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(names.iter().filter(|name| name.contains('-')).count(), 2, "{names:?}");
}

#[test]
#[ignore = "needs root and network"]
fn what_a_guess_missed_is_found_in_the_whole_base() {
    let (registry, base) = registry_with_python();
    let context = context_with_packages();
    // No rule takes it for a Python, and it is none: which is known only to who has the file.
    context.write("spec/image.yaml", &format!("base: {base}\npython: {{interpreter: /usr/bin/perl}}\n"));
    context.write("spec/requirements.txt", "--no-index\nalpha\n");
    let outcome = context.run(["build", "spec", "-t", "demo/built"]).exits(4);
    assert!(outcome.stderr.contains("`/usr/bin/perl` of the image does not work"), "{}", outcome.stderr);
    assert_eq!(registry.count("GET", "/blobs/sha256:"), 5, "each layer twice, and the configuration");
    assert_sound(&context);
}

#[test]
#[ignore = "needs root and network"]
fn apt_packages_have_the_base_brought() {
    let (registry, base) = registry_with_python();
    let context = empty_context();
    drop(context.run(["build", "--base", &base, "--apt", "tree", "-t", "demo/built"]).success());
    let details = context.run(["image", "show", "demo/built", "--json"]).success().json();
    assert_eq!(details["missing_layers"], 0);
    assert_eq!(registry.count("GET", "/blobs/sha256:"), 3, "each layer and the configuration, once");
    assert_eq!(context.run(["image", "run", "demo/built", "--", "tree", "/etc/apt"]).success().code, Some(0));
}
