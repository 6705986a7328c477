//! Pins who may use whom, and what every crate promises. A change here is a change of the architecture.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

/// Each crate of ours and those of ours it may use. `ARCHITECTURE.md` says why.
const GRAPH: [(&str, &[&str]); 24] = [
    ("oci", &[]),
    ("sandbox", &[]),
    // It goes into images, and nobody uses it but as a program.
    ("launcher", &[]),
    ("model", &["oci"]),
    ("layer", &["oci"]),
    ("python", &["layer", "oci"]),
    ("conda", &["layer", "oci", "python"]),
    ("dockerfile", &["model", "oci"]),
    ("docker", &["dockerfile", "model", "oci"]),
    ("check", &["dockerfile", "model", "oci"]),
    ("kernelspec", &["model", "oci"]),
    ("registry", &["model", "oci"]),
    ("elyra", &["model", "oci"]),
    ("gateway", &["model", "registry"]),
    ("catalog", &["model", "oci"]),
    ("records", &["catalog", "model", "oci"]),
    ("facts", &["model", "oci"]),
    ("store", &["layer", "model", "oci"]),
    ("engine", &["conda", "dockerfile", "facts", "layer", "model", "oci", "python", "sandbox", "store"]),
    (
        "service",
        &[
            "check",
            "docker",
            "dockerfile",
            "elyra",
            "engine",
            "facts",
            "gateway",
            "kernelspec",
            "layer",
            "model",
            "oci",
            "registry",
            "sandbox",
            "store",
        ],
    ),
    ("server", &["catalog", "model", "oci", "records", "service"]),
    ("web", &["catalog", "model", "oci", "server"]),
    ("", &["catalog", "layer", "model", "oci", "records", "sandbox", "server", "service", "web"]),
    ("testkit", &["oci"]),
];

/// Crates that must stay free of the world outside: no network, no clock, no threads of a runtime.
const PURE: [&str; 10] =
    ["oci", "model", "layer", "python", "conda", "dockerfile", "check", "kernelspec", "catalog", "facts"];
const WORLDLY: [&str; 5] = ["ureq", "nix", "libc", "tokio", "signal-hook"];

fn full_name(short: &str) -> String {
    if short.is_empty() { "imagewright".to_owned() } else { format!("imagewright-{short}") }
}

/// The manifests of the workspace, by folder name.
fn manifests() -> BTreeMap<String, Table> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path());
    folders.map(|folder| (file_name(&folder), read(&folder.join("Cargo.toml")))).collect()
}

fn read(path: &Path) -> Table {
    fs::read_to_string(path).unwrap().parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The names in tables like `[dependencies]`, those for certain targets included.
fn dependencies(manifest: &Table, kind: &str) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(Table::values);
    let tables = targets.filter_map(toml::Value::as_table).chain([manifest]);
    let tables = tables.filter_map(|table| table.get(kind)?.as_table());
    tables.flat_map(Table::keys).cloned().collect()
}

#[test]
fn crates_use_each_other_as_drawn() {
    let manifests = manifests();
    let drawn: BTreeMap<String, Vec<String>> = GRAPH
        .iter()
        .map(|(name, uses)| (full_name(name), uses.iter().map(|name| full_name(name)).collect()))
        .collect();
    assert_eq!(
        drawn.keys().collect::<Vec<_>>(),
        manifests.keys().collect::<Vec<_>>(),
        "crates of the workspace"
    );
    for (name, allowed) in drawn {
        for kind in ["dependencies", "build-dependencies"] {
            let used = dependencies(&manifests[&name], kind);
            let stray: Vec<_> = used.iter().filter(|used| used.starts_with("imagewright")).collect();
            let stray: Vec<_> = stray.into_iter().filter(|used| !allowed.contains(used)).collect();
            assert!(stray.is_empty(), "`{name}` must not use {stray:?}");
        }
    }
}

#[test]
fn pure_crates_know_nothing_of_the_world() {
    let manifests = manifests();
    for name in PURE {
        let used = dependencies(&manifests[&full_name(name)], "dependencies");
        let worldly: Vec<_> = used.iter().filter(|used| WORLDLY.contains(&used.as_str())).collect();
        assert!(worldly.is_empty(), "`{name}` must not use {worldly:?}");
    }
}

#[test]
fn a_runtime_stays_at_the_edge() {
    // Of the binary, that part which serves.
    let waiting = ["docker", "records", "server", "web", ""].map(full_name);
    for (name, manifest) in manifests().into_iter().filter(|(name, _)| !waiting.contains(name)) {
        let used = dependencies(&manifest, "dependencies");
        let asynchronous: Vec<_> = used
            .iter()
            .filter(|used| ["axum", "hyper", "sqlx", "tokio", "tonic"].contains(&used.as_str()))
            .collect();
        assert!(asynchronous.is_empty(), "`{name}` must not use {asynchronous:?}");
    }
}

#[test]
fn every_crate_has_the_lints_edition_and_licence_of_the_workspace() {
    for (name, manifest) in manifests() {
        let package = manifest["package"].as_table().unwrap();
        assert_eq!(package["name"].as_str(), Some(name.as_str()), "folder and package have one name");
        for key in ["version", "edition", "rust-version", "license"] {
            let inherits = package[key].get("workspace").and_then(toml::Value::as_bool);
            assert_eq!(inherits, Some(true), "`{key}` of {name}");
        }
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "lints of {name}");
        assert!(package["description"].as_str().is_some(), "description of {name}");
    }
}

#[test]
fn only_the_sandbox_is_trusted_with_raw_memory() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let lint = concat!("unsafe", "_code");
    let lints = read(&workspace.join("Cargo.toml"));
    assert_eq!(lints["workspace"]["lints"]["rust"][lint].as_str(), Some("deny"));
    // The compiler holds to that unless an attribute says otherwise, so attributes are what to look for.
    for name in manifests().into_keys().filter(|name| name != "imagewright-sandbox") {
        for path in sources(&workspace.join("crates").join(&name)) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains(lint), "{} speaks of {lint}", path.display());
        }
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => {
                Vec::from_iter(path.extension().is_some_and(|extension| extension == "rs").then_some(path))
            }
        })
        .collect()
}
