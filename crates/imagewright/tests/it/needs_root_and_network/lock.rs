//! What a lock keeps: versions of Debian and Python packages, while newer ones come.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::wheels::{Wheel, write_index};
use toml::Table;

use super::seed::{BASE, PYTHON, context, context_with_wheels, empty_context, wheel_folder, write_spec};

/// Versions in the lock of `spec`, by name.
fn locked(context: &TestContext, section: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(context.work().join("spec/image.lock")).unwrap();
    let lock: Table = text.parse().unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = lock[section]["packages"].as_array().unwrap();
    packages.iter().map(|package| (text(package, "name"), text(package, "version"))).collect()
}

/// Builds `spec` and gives the digest.
fn build(context: &TestContext, arguments: &[&str]) -> String {
    context.run(["build", "spec"].iter().chain(arguments)).success().stdout
}

fn add(context: &TestContext, wheels: &[(&str, &str)]) {
    for (name, version) in wheels {
        Wheel::new(name, version).write_to(&wheel_folder(context)).unwrap();
    }
}

fn copy_spec(from: &TestContext, to: &TestContext) {
    for entry in fs::read_dir(from.work().join("spec")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        to.write(&format!("spec/{name}"), &fs::read_to_string(entry.path()).unwrap());
    }
}

#[test]
#[ignore = "needs root and network"]
fn python_packages_stay_until_they_may_move() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0"), Wheel::new("beta", "1.0")]);
    write_spec(&context, "alpha\nbeta");
    let first = build(&context, &[]);
    add(&context, &[("alpha", "2.0"), ("beta", "2.0"), ("gamma", "1.0")]);
    assert_eq!(build(&context, &[]), first);
    assert_eq!(locked(&context, "pip")["alpha"], "1.0");

    write_spec(&context, "alpha\nbeta\ngamma");
    drop(context.run(["build", "spec", "--locked"]).exits(5));
    drop(build(&context, &[]));
    let pip = locked(&context, "pip");
    assert_eq!((&*pip["alpha"], &*pip["beta"], &*pip["gamma"]), ("1.0", "1.0", "1.0"), "the others stay");

    drop(build(&context, &["--upgrade", "Alpha"]));
    let pip = locked(&context, "pip");
    assert_eq!((&*pip["alpha"], &*pip["beta"]), ("2.0", "1.0"), "one was to move");

    drop(build(&context, &["--upgrade"]));
    assert_eq!(locked(&context, "pip")["beta"], "2.0");
}

#[test]
#[ignore = "needs root and network"]
fn a_lock_gives_the_same_image_elsewhere() {
    let (here, there) = (context_with_wheels(&[Wheel::new("alpha", "1.0")]), context_with_wheels(&[]));
    write_spec(&here, "alpha");
    let first = build(&here, &[]);
    let text = fs::read_to_string(here.work().join("spec/image.lock")).unwrap();
    assert!(!text.contains(here.folder().to_str().unwrap()), "no path of a machine: {text}");
    copy_spec(&here, &there);
    let missing = there.run(["build", "spec", "--locked"]).exits(3);
    assert!(missing.stderr.contains("`alpha-1.0-py3-none-any.whl` could not be fetched"), "{missing}");
    add(&there, &[("alpha", "1.0"), ("alpha", "2.0")]);
    assert_eq!(build(&there, &["--locked"]), first);
    drop(there.run(["build", "spec", "--locked", "--pylock", "out.toml"]).success());
    let pylock: Table = fs::read_to_string(there.work().join("out.toml")).unwrap().parse().unwrap();
    assert_eq!(pylock["lock-version"].as_str(), Some("1.0"));
    assert_eq!(pylock["packages"][0]["name"].as_str(), Some("alpha"));
}

/// An index with two versions of `alpha`.
fn index(context: &TestContext) -> HttpServer {
    let folder = context.work().join("index");
    let wheels = [
        (Wheel::new("alpha", "1.0"), "2020-01-01T00:00:00Z"),
        (Wheel::new("alpha", "2.0"), "2024-01-01T00:00:00Z"),
        (Wheel::new("pip", "1.0"), "2020-01-01T00:00:00Z"),
    ];
    write_index(&folder, &wheels).unwrap();
    HttpServer::serve(&folder).unwrap()
}

#[test]
#[ignore = "needs root and network"]
fn what_came_later_does_not_count() {
    let context = context();
    let server = index(&context);
    let index = format!("{}/simple", server.url());
    let build = |lines: &str, arguments: &[&str]| {
        context.write("spec/image.yaml", &format!("base: {PYTHON}\npip:\n  packages: [alpha]\n{lines}"));
        let command = ["build", "spec", "--index", &index];
        drop(context.run(command.iter().chain(arguments)).success());
        locked(&context, "pip")["alpha"].clone()
    };
    assert_eq!(build("  exclude-newer: 2020-01-01\n", &[]), "1.0", "the day itself counts");
    assert_eq!(build("", &["--upgrade"]), "2.0");
    assert_eq!(build("", &["--exclude-newer", "2021-06-01T00:00:00Z", "--upgrade"]), "1.0");
    let wrong = context.run(["build", "spec", "--exclude-newer", "yesterday"]).exits(4);
    assert!(wrong.stderr.contains("error: --exclude-newer: `yesterday` is neither"), "{wrong}");
}

#[test]
#[ignore = "needs root and network"]
fn without_a_network_caches_must_do() {
    let context = context();
    let server = index(&context);
    let index = format!("{}/simple", server.url());
    context.write("spec/image.yaml", &format!("base: {PYTHON}\npip: [alpha]\n"));
    let build =
        |arguments: &[&str]| context.run(["build", "spec", "--index", &index].iter().chain(arguments));
    let nothing = build(&["--offline"]).exits(6);
    assert!(nothing.stderr.contains("nothing may be fetched"), "{nothing}");
    let first = build(&[]).success().stdout;
    let asked = server.requests().len();
    assert_eq!(build(&["--offline", "--locked"]).success().stdout, first);
    assert_eq!(build(&["--offline", "--no-cache"]).success().stdout, first);
    // Solved anew from what uv remembers of the index.
    assert_eq!(build(&["--offline", "--upgrade"]).success().stdout, first);
    assert_eq!(server.requests().len(), asked);
    fs::remove_dir_all(context.root().join("cache/wheels")).unwrap();
    let missing = build(&["--offline", "--no-cache"]).exits(6);
    assert!(missing.stderr.contains("`alpha-2.0-py3-none-any.whl` could not be fetched"), "{missing}");
    assert!(missing.stderr.contains("hint: build once without `--offline`"), "{missing}");
}

/// The folder of the store where archives of Debian packages are.
fn archives(context: &TestContext) -> PathBuf {
    let mut folders = fs::read_dir(context.root().join("cache/apt")).unwrap();
    folders.next().unwrap().unwrap().path().join("archives")
}

fn remove_archives(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().extension().is_some_and(|extension| extension == "deb") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
#[ignore = "needs root and network"]
fn debian_packages_stay_and_are_had_from_caches() {
    let context = context();
    context.write("spec/image.yaml", &format!("base: {BASE}\napt: [tree, less]\n"));
    let first = build(&context, &[]);
    let apt = locked(&context, "apt");
    assert!(apt.contains_key("tree") && apt.contains_key("less"), "{apt:?}");
    // No list of any mirror is needed, and no network.
    fs::remove_dir_all(archives(&context).parent().unwrap().join("lists")).unwrap();
    assert_eq!(build(&context, &["--locked", "--offline", "--no-cache"]), first);
    remove_archives(&archives(&context));
    let missing = context.run(["build", "spec", "--offline", "--no-cache"]).exits(6);
    assert!(missing.stderr.contains("is not in the caches, and nothing may be fetched"), "{missing}");
    assert_eq!(build(&context, &["--locked", "--no-cache"]), first, "fetched again");

    let marks = ["image", "run", first.trim(), "--", "apt-mark", "showmanual"];
    let manual = context.run(marks).success().stdout;
    assert!(manual.contains("tree\n") && manual.contains("less\n"), "{manual}");
}

#[test]
#[ignore = "needs root and network"]
fn a_debian_version_that_is_gone_is_named() {
    let context = context();
    context.write("spec/image.yaml", &format!("base: {BASE}\napt: [tree]\n"));
    let first = build(&context, &[]);
    let path = context.work().join("spec/image.lock");
    let good = fs::read_to_string(&path).unwrap();
    let version = locked(&context, "apt")["tree"].clone();
    fs::write(&path, good.replace(&format!("\"{version}\""), "\"0.9-1\"")).unwrap();
    let gone = context.run(["build", "spec", "--locked"]).exits(3);
    assert!(
        gone.stderr.contains("error: `tree` 0.9-1 is neither in the caches nor in any archive"),
        "{gone}"
    );
    assert!(gone.stderr.contains("hint: take a newer version with `--upgrade tree`"), "{gone}");
    assert_eq!(build(&context, &["--upgrade", "tree"]), first);
    assert_eq!(fs::read_to_string(&path).unwrap(), good);
    let hash = good.split("sha256 = \"").nth(1).unwrap().split('"').next().unwrap();
    fs::write(&path, good.replace(hash, &"0".repeat(64))).unwrap();
    let other = context.run(["build", "spec", "--locked"]).exits(4);
    assert!(other.stderr.contains("the archives have another file for `tree`"), "{other}");
}

#[test]
#[ignore = "needs root and network"]
fn a_changed_list_keeps_what_was_there() {
    let context = context();
    context.write("spec/image.yaml", &format!("base: {BASE}\napt: [tree]\n"));
    drop(build(&context, &[]));
    let before = locked(&context, "apt");
    context.write("spec/image.yaml", &format!("base: {BASE}\napt: [tree, less]\n"));
    drop(build(&context, &[]));
    let after = locked(&context, "apt");
    assert!(before.iter().all(|(name, version)| after.get(name) == Some(version)), "{before:?} {after:?}");
    assert!(after.contains_key("less"));
}

#[test]
#[ignore = "needs root and network"]
fn a_base_of_packages_is_made_again_from_its_lock() {
    let here = empty_context();
    here.write("spec/image.yaml", "base: bootstrap\n");
    let first = build(&here, &[]);
    let packages = locked(&here, "base");
    assert!(packages.len() > 50 && packages.contains_key("base-files"), "{packages:?}");
    // The image can tell the same of itself.
    let told = here.run(["image", "show", first.trim(), "--packages", "--json"]).success().json();
    assert_eq!(told["unknown_layers"], serde_json::json!([]));
    let told = told["packages"].as_array().unwrap().iter().map(|package| {
        assert_eq!(package["hash"].as_str().map(str::len), Some(71), "{package}");
        (package["name"].as_str().unwrap().to_owned(), package["version"].as_str().unwrap().to_owned())
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), packages);
    // Neither facts nor lists: only the packages themselves.
    fs::remove_dir_all(here.root().join("facts")).unwrap();
    assert_eq!(build(&here, &["--locked", "--offline"]), first);
}

#[test]
#[ignore = "needs root and network"]
fn a_plan_tells_what_a_build_then_does() {
    let context =
        context_with_wheels(&[Wheel::new("alpha", "1.0").requires("beta"), Wheel::new("beta", "1.0")]);
    context.write("spec/image.yaml", &format!("base: {BASE}\napt: [tree, python3]\npip: [alpha]\n"));
    context.write("spec/requirements.txt", "--no-index\n");
    let plan = || context.run(["plan", "spec", "--json"]).success().json();
    let planned = plan();
    let names = |step: usize| -> Vec<String> {
        let packages = planned["steps"][step]["packages"].as_array().unwrap();
        packages.iter().map(|package| package["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names(0).contains(&"tree".to_owned()), "{planned}");
    assert_eq!(names(1), ["alpha", "beta", "pip"]);
    assert_eq!(planned["steps"][1]["cached"], false);
    assert!(planned["notes"][0].as_str().unwrap().contains("the apt step was done"), "{planned}");
    assert!(!context.work().join("spec/image.lock").exists());
    let built = build(&context, &[]);
    let after = plan();
    assert_eq!((&after["lock"], &after["image"]["exists"]), (&"kept".into(), &true.into()));
    assert_eq!(after["image"]["digest"], built.trim());
    assert_eq!(after["download_size"], 0);
    let versions: BTreeMap<String, String> = locked(&context, "pip");
    for package in planned["steps"][1]["packages"].as_array().unwrap() {
        assert_eq!(versions[package["name"].as_str().unwrap()], package["version"].as_str().unwrap());
    }
}

#[test]
#[ignore = "needs root and network"]
fn a_plan_of_what_does_not_go_together_says_why() {
    let wheels = [
        Wheel::new("alpha", "1.0").requires("gamma<2"),
        Wheel::new("beta", "1.0").requires("gamma>=2"),
        Wheel::new("gamma", "1.0"),
        Wheel::new("gamma", "2.0"),
    ];
    let context = context_with_wheels(&wheels);
    write_spec(&context, "alpha\nbeta");
    let outcome = context.run(["plan", "spec", "--json"]).exits(1);
    let plan = outcome.json();
    assert!(plan["conflict"].as_str().unwrap().contains("all versions of beta depend on gamma>=2"), "{plan}");
    assert!(plan.get("image").is_none());
    assert!(outcome.stderr.contains("error: the pip requirements cannot be met together"), "{outcome}");
}
