//! `docs/image-spec.md` keeps up with the schema.

use imagewright_model::spec::{PartialSpec, Problem};

const PAGE: &str = include_str!("../../../../docs/image-spec.md");

/// The keys the schema has at a place: what the error for an unknown key there lists.
fn keys(text: &str) -> Vec<&'static str> {
    match PartialSpec::from_yaml("image.yaml", text).unwrap_err().problem() {
        Problem::UnknownKey { known, .. } => known.clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_key_is_described() {
    for key in keys("unknown: x") {
        assert!(PAGE.contains(&format!("### `{key}`\n")), "no section `{key}`");
    }
    for (section, text) in [
        ("apt", "apt: {unknown: x}"),
        ("conda", "conda: {unknown: x}"),
        ("pip", "pip: {unknown: x}"),
        ("python", "python: {unknown: x}"),
    ] {
        let start = PAGE.find(&format!("### `{section}`\n")).unwrap();
        let page = PAGE[start + 4..].split("\n### ").next().unwrap();
        for key in keys(text) {
            assert!(page.contains(&format!("`{key}`")), "no `{key}` in section `{section}`");
        }
    }
}

#[test]
fn no_key_is_described_that_does_not_exist() {
    let known = keys("unknown: x");
    // The other headings name files, without backticks.
    let described = PAGE.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    for key in described {
        assert!(known.contains(&key), "there is no key `{key}`");
    }
}

#[test]
fn every_example_is_valid() {
    let examples: Vec<&str> =
        PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() > 10, "{}", examples.len());
    for example in examples {
        PartialSpec::from_yaml("example", example).unwrap_or_else(|error| panic!("{example}\n{error}"));
    }
}

#[test]
fn every_file_of_other_tools_is_listed() {
    for file in [
        "environment.yml",
        "Pipfile",
        "setup.py",
        "install.R",
        "postBuild",
        "Dockerfile",
        "uv.lock",
        "binder",
    ] {
        assert!(PAGE.contains(&format!("`{file}`")), "{file}");
    }
}
