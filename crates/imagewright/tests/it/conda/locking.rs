//! Locks, plans, and builds without a network.

use std::fs;

use imagewright_testkit::conda::{CondaPackage, Format, Index};
use imagewright_testkit::context::TestContext;

use super::support::{channels, context_with, fill, layers, newer, remove_caches, text, tree};

const SPEC: &str = "base: oci:../base:base\nconda: {packages: [app], channels: [team]}\n";

fn package(name: &str, version: &str) -> CondaPackage {
    CondaPackage::new(name, version).file(&format!("share/{name}"), version)
}

fn context() -> TestContext {
    let context = context_with(
        Index::Json,
        &newer(vec![package("app", "1.0").depends("lib"), package("lib", "1.0"), package("extra", "1.0")]),
    );
    context.write("spec/image.yaml", SPEC);
    context
}

/// Brings newer versions to the channel.
fn release(context: &TestContext) {
    let newer_versions =
        [package("app", "2.0").depends("lib"), package("lib", "2.0"), package("extra", "2.0")];
    let old = [package("app", "1.0").depends("lib"), package("lib", "1.0"), package("extra", "1.0")];
    drop(fill(context, "team", Index::Json, &newer([old, newer_versions].concat())));
}

fn versions(context: &TestContext, image: &str) -> (String, String) {
    let tree = tree(context, image);
    (text(&tree, "opt/conda/share/app"), text(&tree, "opt/conda/share/lib"))
}

fn build(context: &TestContext, arguments: &[&str]) -> (String, String) {
    drop(context.run(["build", "spec", "-t", "demo/app"].iter().chain(arguments)).success());
    versions(context, "demo/app")
}

fn both(version: &str) -> (String, String) {
    (version.to_owned(), version.to_owned())
}

#[test]
fn a_lock_keeps_versions_until_somebody_asks() {
    let context = context();
    assert_eq!(build(&context, &[]), both("1.0"));
    let lock = fs::read_to_string(context.work().join("spec/image.lock")).unwrap();
    assert!(lock.contains("[[conda.packages]]\nname = \"lib\"\nversion = \"1.0\"\n"), "{lock}");
    assert!(
        lock.contains("channel = \"team\"\n") && !lock.contains(channels(&context).to_str().unwrap()),
        "{lock}"
    );
    let first = layers(&context, "demo/app");
    release(&context);
    assert_eq!(build(&context, &[]), both("1.0"));
    // From the lock alone, with nothing remembered and nothing cached, the same image comes out.
    remove_caches(&context);
    drop(context.run(["build", "spec", "-t", "demo/app", "--locked"]).success());
    assert_eq!(layers(&context, "demo/app"), first);
    assert_eq!(build(&context, &["--upgrade", "lib"]), ("1.0".to_owned(), "2.0".to_owned()));
    // One more package moves no other.
    context.write("spec/image.yaml", &SPEC.replace("[app]", "[app, extra]"));
    let told = context.run(["build", "spec", "--locked"]).exits(5).stderr;
    assert!(told.contains("`extra` (conda) is asked for and not in it"), "{told}");
    assert_eq!(build(&context, &[]), ("1.0".to_owned(), "2.0".to_owned()));
    assert_eq!(text(&tree(&context, "demo/app"), "opt/conda/share/extra"), "2.0");
    assert_eq!(build(&context, &["--upgrade"]), both("2.0"));
}

#[test]
fn without_a_network_caches_and_locks_answer() {
    let context = context();
    let server = imagewright_testkit::http::HttpServer::serve(&channels(&context)).unwrap();
    let context = context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", server.url());
    let offline = ["build", "spec", "-t", "demo/app", "--offline"];
    let told = context.run(offline).exits(6).stderr;
    assert!(told.contains("the packages of the channel `team` could not be looked up"), "{told}");
    drop(context.run(["build", "spec", "-t", "demo/app"]).success());
    let asked = server.requests().len();
    fs::remove_dir_all(context.root().join("facts")).unwrap();
    drop(context.run(offline).success());
    context.write("spec/image.yaml", &SPEC.replace("[app]", "[lib]"));
    drop(context.run(offline).success());
    context.write("spec/image.yaml", &SPEC.replace("[app]", "[extra]"));
    let told = context.run(offline).exits(6).stderr;
    assert!(told.contains("could not fetch `extra-1.0-0.conda`"), "{told}");
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn a_plan_says_what_would_be_installed() {
    let context = context();
    let plan = || context.run(["plan", "spec", "--json"]).success().json();
    let before = plan();
    let step = &before["steps"][0];
    assert_eq!((&step["kind"], &step["cached"]), (&"conda".into(), &false.into()));
    let names: Vec<&str> = step["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["app", "lib"]);
    assert!(before["download_size"].as_u64().unwrap() > 0);
    drop(context.run(["build", "spec", "-t", "demo/app"]).success());
    let after = plan();
    assert_eq!((&after["steps"][0]["cached"], &after["download_size"]), (&true.into(), &0.into()));
    assert_eq!(after["lock"], "kept");
    // Of what is there only what was asked for is told.
    let on_it = [
        "plan",
        "--base",
        "demo/app",
        "--conda-channel",
        "team",
        "--conda",
        "lib",
        "--conda",
        "extra",
        "--json",
    ];
    let on_it = context.run(on_it).success().json();
    let changes: Vec<(&str, &str)> = on_it["steps"][0]["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["name"].as_str().unwrap(), package["change"].as_str().unwrap()))
        .collect();
    assert_eq!(changes, [("extra", "install"), ("lib", "keep")]);
}

#[test]
fn a_plan_with_python_packages_solves_once() {
    let context = context();
    let server = imagewright_testkit::http::HttpServer::serve(&channels(&context)).unwrap();
    let context = context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", server.url());
    context.write("spec/image.yaml", &format!("{SPEC}pip: [six]\npython: {{bytecode: none}}\n"));
    // The conda step is done, because Python packages depend on it; and there is no Python.
    let told = context.run(["plan", "spec", "--progress=json"]);
    assert!(told.stderr.contains("doing the conda step"), "{told}");
    let asked = |end: &str| server.requests().iter().filter(|request| request.path.ends_with(end)).count();
    assert_eq!((asked("linux-64/repodata.json"), asked("app-1.0-0.conda")), (1, 1), "{told}");
    assert_eq!(told.stderr.matches("\"solving\"").count(), 1, "{told}");
}

#[test]
fn a_package_of_another_form_is_another_package() {
    let context = context();
    drop(context.run(["build", "spec", "-t", "demo/app"]).success());
    let first = layers(&context, "demo/app");
    let bz2 = [package("app", "1.0").depends("lib"), package("lib", "1.0")]
        .map(|package| (package, Format::TarBz2));
    drop(fill(&context, "team", Index::Json, &bz2));
    drop(context.run(["build", "spec", "-t", "demo/app", "--upgrade"]).success());
    assert_ne!(layers(&context, "demo/app"), first, "the books name the file");
}
