//! What an image says of the packages that were put into it.

use std::fs;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::wheels::{SourceDistribution, Wheel};
use serde_json::Value;

use super::seed::{BASE, context};

fn inventory(context: &TestContext) -> Value {
    context.run(["image", "show", "demo/made", "--packages", "--json"]).success().json()
}

fn package<'a>(inventory: &'a Value, name: &str) -> &'a Value {
    let packages = inventory["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == name).unwrap_or_else(|| panic!("{name}: {inventory}"))
}

#[test]
#[ignore = "needs root and network"]
fn an_image_tells_which_packages_it_holds() {
    let context = context();
    SourceDistribution::of(&Wheel::new("gamma", "1.0")).write_project(&context.work().join("lib")).unwrap();
    let build = |more: &[&str]| {
        let command = ["build", "--base", BASE, "--apt", "less python3", "--pip", "six", "--pip", "./lib"];
        drop(context.run(command.iter().chain(&["-t", "demo/made"]).chain(more)).success());
    };
    // The base may be from before there were inventories.
    let above_base = |layers: &Value| -> Vec<Value> {
        let made_by = |layer: &&Value| !layer["made_by"].as_str().unwrap().starts_with("bootstrap");
        layers.as_array().unwrap().iter().filter(made_by).cloned().collect()
    };
    build(&["--no-cache"]);
    let first = inventory(&context);
    assert!(above_base(&first["unknown_layers"]).is_empty(), "{first}");
    assert_eq!(first["foreign_layers"], Value::from([0; 0]));
    let six = package(&first, "six");
    assert_eq!((six["kind"].as_str(), six["licenses"][0].as_str()), (Some("python"), Some("MIT")));
    assert!(six["purl"].as_str().unwrap().starts_with("pkg:pypi/six@1."), "{six}");
    assert!(six["hash"].as_str().unwrap().starts_with("sha256:"), "{six}");
    let gamma = package(&first, "gamma");
    assert_eq!(gamma["direct_url"].as_str(), Some("{\"url\":\"file:///gamma\",\"dir_info\":{}}"));
    for name in ["less", "python3-minimal", "libpython3-stdlib"] {
        let debian = package(&first, name);
        let purl = debian["purl"].as_str().unwrap();
        assert!(purl.starts_with("pkg:deb/") && purl.contains("?arch="), "{purl}");
        assert_eq!(debian["hash"].as_str().map(str::len), Some(71), "{debian}");
        assert!(debian["source"].as_str().unwrap().contains(' '), "{debian}");
    }
    let known = package(&first, "less")["licenses"].as_array().map_or(0, Vec::len);
    assert!(known > 0, "its licences are told in a form that programs can read");
    // What dpkg has in the image is what is told.
    let books = ["image", "run", "demo/made", "--", "dpkg-query", "-W", "-f", "${Package} ${Version}\n"];
    let books = context.run(books).success().stdout;
    let debian = first["packages"].as_array().unwrap().iter().filter(|package| package["kind"] == "debian");
    let told: Vec<String> = debian
        .map(|package| {
            format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
        })
        .collect();
    let books: Vec<&str> = books.lines().collect();
    assert!(told.len() > 8 && told.iter().all(|package| books.contains(&package.as_str())), "{told:?}");
    let shown = context.run(["image", "show", "demo/made", "--packages"]).success().stdout;
    assert!(shown.lines().any(|line| line.starts_with("six ") && line.ends_with("python   MIT")), "{shown}");

    // Facts may go at any time; what is missing is told, and a build finds it out again.
    fs::remove_dir_all(context.root().join("facts/layer-packages")).unwrap();
    let gone = inventory(&context);
    assert!(gone["packages"].as_array().unwrap().is_empty());
    assert!(above_base(&gone["unknown_layers"]).len() > 3, "{gone}");
    let shown = context.run(["image", "show", "demo/made", "--packages"]).success().stdout;
    assert!(shown.contains("Not known any more"), "{shown}");
    build(&["--no-cache"]);
    let again = inventory(&context);
    assert_eq!(package(&again, "six"), six);
    assert_eq!(package(&again, "less"), package(&first, "less"));
}
