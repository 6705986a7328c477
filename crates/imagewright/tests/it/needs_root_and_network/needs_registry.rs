//! Facts about Python and conda packages that run, from one machine to another, with the registry that Debian packages.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::debian_registry::DebianRegistry;
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::random::Random;
use imagewright_testkit::wheels::{Wheel, write_index};

use super::seed::{BASE, PYTHON, context, empty_context};
use super::{conda, seed};
use crate::facts::support::{hand_over, key, missing};
use crate::storm::assert_sound;

/// Small wheels, which share layers.
const SMALL: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];

/// A wheel whose module and bytecode have a layer each.
fn large() -> Wheel {
    let mut random = Random::of(7);
    let noise: String = (0..(10 << 20) / 16).map(|_| format!("{:016x}", random.number())).collect();
    Wheel::new("large", "1.0").module(&format!("ANSWER = 42\nNOISE = '{noise}'\n"))
}

/// An index that counts what is fetched from it.
fn index(context: &TestContext) -> HttpServer {
    let folder = context.work().join("index");
    let small = SMALL.iter().chain(&["pip", "eta"]).map(|name| Wheel::new(name, "1.0"));
    let wheels: Vec<(Wheel, &str)> =
        small.chain([large()]).map(|wheel| (wheel, "2020-01-01T00:00:00Z")).collect();
    write_index(&folder, &wheels).unwrap();
    HttpServer::serve(&folder).unwrap()
}

/// The wheels that were fetched since there were `seen` requests.
fn fetched(index: &HttpServer, seen: &mut usize) -> Vec<String> {
    let requests = index.requests().split_off(*seen);
    *seen += requests.len();
    let name = |path: &str| Some(path.rsplit('/').next()?.strip_suffix("-1.0-py3-none-any.whl")?.to_owned());
    let mut names: Vec<String> = requests.iter().filter_map(|request| name(&request.path)).collect();
    names.sort();
    names.dedup();
    names
}

/// Builds and pushes; nothing may be warned of, and what is compiled is told apart.
fn build(context: &TestContext, index: &HttpServer, base: &str, packages: &[&str], name: &str) -> Outcome {
    let simple = format!("{}/simple", index.url());
    let build = ["build", "--base", base, "--index", &simple, "-t", name, "--push", "--progress", "plain"];
    let packages = packages.iter().flat_map(|package| ["--pip", package]);
    let outcome = context.run(build.into_iter().chain(packages)).success();
    assert!(!outcome.stderr.contains("warning"), "{outcome}");
    outcome
}

fn export(context: &TestContext, registry: &DebianRegistry, name: &str) -> String {
    let (key, at) = (key(context, "team.key"), format!("{}/demo/one", registry.host()));
    let export = ["facts", "export", "--image", name, "--with-layers-at", &at, "--key", "team.key"];
    drop(context.run([&export[..], &["-o", "team.facts"]].concat()).success());
    key
}

fn import(first: &TestContext, second: &TestContext, key: &str) {
    hand_over(&first.work().join("team.facts"), second);
    drop(second.run(["facts", "import", "team.facts", "--trust", key]).success());
}

#[test]
#[ignore = "needs root, network and docker-registry"]
fn wheels_that_another_machine_knows_are_not_fetched() {
    let registry = DebianRegistry::plain();
    let first = context();
    let index = index(&first);
    let (base, name) =
        (format!("{}/test/python:1", registry.host()), format!("{}/demo/one:1", registry.host()));
    drop(first.run(["push", PYTHON, &base]).success());
    let common: Vec<&str> = SMALL.into_iter().chain(["large"]).collect();
    let digest = build(&first, &index, &base, &common, &name).stdout;
    let mut seen = 0;
    assert_eq!(fetched(&index, &mut seen).len(), common.len() + 1, "pip comes along");
    let key = export(&first, &registry, &name);
    let before = registry.begun_blobs("demo/one");

    // The same list on another machine.
    let second = empty_context();
    import(&first, &second, &key);
    let (same, other) =
        (format!("{}/demo/one:2", registry.host()), format!("{}/demo/one:3", registry.host()));
    let built = build(&second, &index, &base, &common, &same);
    assert_eq!(built.stdout, digest);
    assert_eq!(fetched(&index, &mut seen), Vec::<String>::new());
    assert!(!built.stderr.contains("compiling"), "{built}");
    assert_eq!(registry.begun_blobs("demo/one"), before);
    assert_sound(&second);

    // Another list: one package more, which alone is fetched and compiled.
    let more = [&common[..], &["eta"]].concat();
    let built = build(&second, &index, &base, &more, &other);
    assert_eq!(fetched(&index, &mut seen), ["eta"]);
    assert!(built.stderr.contains("compiling bytecode of 1 packages"), "{built}");
    let apart = empty_context();
    let alone = format!("{}/demo/apart:1", registry.host());
    assert_eq!(build(&apart, &index, &base, &more, &alone).stdout, built.stdout);
    assert_eq!(fetched(&index, &mut seen).len(), more.len() + 1);

    // It runs, with what the registry has.
    assert!(missing(&second, &other) > 2);
    let program = "import large, eta, zeta; print(large.ANSWER, eta.VERSION, zeta.VERSION)";
    let run = second.run(["image", "run", &other, "--", "/opt/venv/bin/python", "-c", program]).success();
    assert_eq!(run.stdout, "42 1.0 1.0\n");
    assert_eq!(missing(&second, &other), 0);
    assert_eq!(fetched(&index, &mut seen), Vec::<String>::new());

    // Where the registry is gone, the wheels are fetched and come to the same.
    let third = context();
    import(&first, &third, &key);
    drop(third.run(["build", "--base", &base, "-l", "a=b", "-t", "demo/keeps-the-base"]).success());
    drop(third.run(["image", "fetch", "demo/keeps-the-base"]).success());
    drop(registry);
    let simple = format!("{}/simple", index.url());
    let packages = common.iter().flat_map(|package| ["--pip", package]);
    let build = ["build", "--base", &base, "--index", &simple, "-t", "demo/three"];
    let built = third.run(build.into_iter().chain(packages)).success();
    assert!(!built.stderr.contains("warning"), "{built}");
    assert_eq!(built.stdout, digest);
    assert_eq!(fetched(&index, &mut seen).len(), common.len() + 1);
    assert_eq!(missing(&third, "demo/three"), 0);
}

/// A Python of conda that another machine has made a layer, its bytecode, and a wheel for it.
#[test]
#[ignore = "needs root, network and docker-registry"]
fn a_python_of_conda_is_used_where_it_is() {
    let registry = DebianRegistry::plain();
    let version = conda::version();
    let spec = format!(
        "base: {BASE}\napt: [libexpat1, zlib1g]\nconda: {{packages: [python={version}, greeting], channels: [team]}}\n"
    );
    let machine = || {
        let context = conda::context(&version);
        context.write("spec/image.yaml", &spec);
        context.write("spec/requirements.txt", "--no-index\nbeta\n");
        context
    };
    let build = |context: &TestContext, name: &str| {
        context.run(["build", "spec", "-t", name, "--push", "--progress", "plain"]).success()
    };
    let [one, two] = ["one:1", "one:2"].map(|name| format!("{}/demo/{name}", registry.host()));
    let first = machine();
    let digest = build(&first, &one).stdout;
    let key = export(&first, &registry, &one);

    let second = machine();
    import(&first, &second, &key);
    let mut removed = 0;
    for folder in
        fs::read_dir(second.folder().join("channels/team")).unwrap().map(|entry| entry.unwrap().path())
    {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "conda") {
                fs::remove_file(file).unwrap();
                removed += 1;
            }
        }
    }
    assert_eq!(removed, 3, "the packages cannot be had any more");
    fs::remove_file(seed::wheel_folder(&second).join("newer-1.0-py3-none-any.whl")).unwrap();
    let built = build(&second, &two);
    assert_eq!(built.stdout, digest);
    assert!(!built.stderr.contains("compiling"), "{built}");
    assert!(missing(&second, &two) > 0);
    let run = second.run(["image", "run", &two, "--", "greet"]).success();
    assert_eq!(run.stdout, "hello\n");
    assert_sound(&second);
}
