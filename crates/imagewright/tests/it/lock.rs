//! Locks beside specs, as far as they need no sandbox: specs of a base alone.

use std::fs;

use imagewright_testkit::context::TestContext;
use insta::assert_snapshot;

use crate::support::{context, context_with_image, tiny_image};

/// Surroundings with the layout of an image in `base`, and a spec on it in `spec`.
fn context_with_spec() -> TestContext {
    let context = context();
    write_base(&context, "hello\n");
    context.write("spec/image.yaml", "base: oci:../base\n");
    context
}

fn write_base(context: &TestContext, text: &str) {
    let folder = context.work().join("base");
    drop(fs::remove_dir_all(&folder));
    tiny_image().file("etc/issue", text).write_layout(&folder, "demo/base").unwrap();
}

fn lock(context: &TestContext) -> String {
    fs::read_to_string(context.work().join("spec/image.lock")).unwrap()
}

#[test]
fn a_build_leaves_a_lock_beside_its_spec() {
    let context = context_with_spec();
    let report = context.run(["build", "spec", "--json"]).success().json();
    assert_eq!(report["lock"], "spec/image.lock");
    let text = lock(&context);
    let (head, rest) = text.split_once("[transforms]\n").unwrap();
    let (transforms, base) = rest.split_once("\n\n").unwrap();
    assert!(transforms.lines().all(|line| line.contains(" = ")), "{transforms}");
    assert_snapshot!(head.to_owned() + base, @r##"
    # Made by imagewright: the versions that were decided on. Builds keep to them until the spec changes or --upgrade
    # asks for newer ones. See docs/locking.md.
    version = 1
    spec = "sha256:[DIGEST]"
    platform = "linux/amd64"

    [base]
    key = "sha256:[DIGEST]"
    name = "oci:base"
    digest = "sha256:[DIGEST]"
    "##);
    let modified = || fs::metadata(context.work().join("spec/image.lock")).unwrap().modified().unwrap();
    let before = modified();
    context.write("spec/image.yaml", "base: oci:../base\nlabels: {a: b}\n");
    drop(context.run(["build", "spec", "--locked"]).success());
    drop(context.run(["build", "spec/image.yaml"]).success());
    assert_eq!(modified(), before, "a lock is written where it changes");
    context.write("gpu.yaml", "base: oci:base\n");
    drop(context.run(["build", "gpu.yaml"]).success());
    let other = fs::read_to_string(context.work().join("gpu.lock")).unwrap();
    assert_eq!(other, lock(&context), "it does not matter where things lie");
}

#[test]
fn a_lock_that_must_be_kept_must_be_there_and_fit() {
    let context = context_with_spec();
    assert_snapshot!(context.run(["build", "spec", "--locked"]), @r"
    exit: 5
    ----- stderr -----
    error: there is no lock for this spec
    hint: build once without `--locked`, which writes it
    ");
    drop(context.run(["build", "spec"]).success());
    let first = lock(&context);
    assert_snapshot!(context.run(["build", "spec", "--locked", "--apt", "git", "--pip", "six"]), @r"
    exit: 5
    ----- stderr -----
    error: the lock is not for this spec: `git` (apt) is asked for and not in it; `six` (pip) is asked for and not in it
    hint: build without `--locked` to solve what has changed, or restore the spec
    ");
    write_base(&context, "another\n");
    let moved = context.run(["build", "spec", "--locked"]).exits(5);
    assert!(moved.stderr.contains("the base `oci:base` was sha256:"), "{moved}");
    assert_eq!(lock(&context), first, "what must be kept is not written");
    drop(context.run(["build", "spec"]).success());
    assert_ne!(lock(&context), first);
    drop(context.run(["build", "spec", "--locked"]).success());
}

#[test]
fn a_lock_that_is_none_is_named_with_the_line() {
    let context = context_with_spec();
    drop(context.run(["build", "spec"]).success());
    let good = lock(&context);
    context.write("spec/image.lock", &good.replace("platform =", "platfrom ="));
    let outcome = context.run(["build", "spec"]).exits(4);
    assert!(outcome.stderr.contains("error: spec/image.lock:5:1: malformed TOML"), "{outcome}");
    assert!(outcome.stderr.contains("hint: restore it from version control, or remove it"), "{outcome}");
    context.write("spec/image.lock", &good.replace("version = 1", "version = 7"));
    let outcome = context.run(["build", "spec"]).exits(4);
    assert!(outcome.stderr.contains("spec/image.lock:3:11: version 7 of the lock"), "{outcome}");
    drop(context.run(["build", "spec", "--upgrade"]).success());
    assert_eq!(lock(&context), good);
}

#[test]
fn the_store_remembers_the_lock_of_flags() {
    let context = context_with_image();
    let build = ["build", "--base", "demo/tiny:1", "-l", "a=b"];
    drop(context.run(build.iter().chain(&["--locked"])).exits(5));
    let first = context.run(build).success().stdout;
    assert_eq!(context.run(build.iter().chain(&["--locked"])).success().stdout, first);
    // Who gives the name to another image means that one.
    tiny_image().file("more", "x").write_layout(&context.work().join("tiny2"), "demo/tiny:1").unwrap();
    drop(context.run(["image", "import", "oci:tiny2"]).success());
    assert_eq!(context.run(build.iter().chain(&["--locked"])).success().stdout, first);
    assert_ne!(context.run(build).success().stdout, first);
    assert!(
        fs::read_dir(context.work()).unwrap().all(|entry| !entry.unwrap().path().ends_with("image.lock"))
    );
}

#[test]
fn without_a_network_what_is_missing_is_named() {
    let context = context_with_image();
    drop(context.run(["build", "--base", "demo/tiny:1", "--offline"]).success());
    assert_snapshot!(context.run(["build", "--base", "registry.example/none:1", "--offline"]), @r"
    exit: 6
    ----- stderr -----
    [1/1] base registry.example/none:1
    error: the base image `registry.example/none:1` is not in the caches, and nothing may be fetched
    hint: build once without `--offline`, which fetches it
    ");
}

#[test]
fn an_upgrade_is_of_packages() {
    let context = context_with_spec();
    assert_snapshot!(context.run(["build", "--upgrade", "spec"]), @r"
    exit: 2
    ----- stderr -----
    error: --upgrade takes the name of a package, and `spec` is a file or folder
    hint: put --upgrade behind it: `spec --upgrade`
    ");
    drop(context.run(["build", "spec", "--upgrade"]).success());
    assert_snapshot!(context.run(["build", "spec", "--upgrade", "numpy"]), @r"
    exit: 3
    ----- stderr -----
    error: the lock holds no package `numpy`
    ");
    assert_snapshot!(context.run(["build", "spec", "--pylock", "pylock.toml"]), @r"
    exit: 2
    ----- stderr -----
    error: there are no Python packages to write a `pylock.toml` of
    hint: ask for some with `--pip`, or leave out `--pylock`
    ");
}

#[test]
fn a_plan_makes_nothing() {
    let context = context_with_spec();
    context.write("spec/image.yaml", "base: oci:../base\nlabels: {a: b}\n");
    assert_snapshot!(context.run(["plan", "spec", "--quiet"]), @r"
    exit: 0
    ----- stdout -----
    base oci:spec/../base: [SIZE] in 1 layer, not in the store before

    Lock        none yet
    Download    [SIZE]
    Image       [SIZE]; 1 layer, 1 of them there
    Digest      sha256:[DIGEST], is not there yet
    ");
    assert!(!context.work().join("spec/image.lock").exists());
    assert_eq!(context.run(["image", "list", "--json"]).success().json(), serde_json::json!([]));

    let planned = context.run(["plan", "spec", "--json"]).success().json();
    assert_eq!((&planned["lock"], &planned["image"]["exists"]), (&"none".into(), &false.into()));
    let built = context.run(["build", "spec"]).success().stdout;
    assert_eq!(planned["image"]["digest"], built.trim());
    let planned = context.run(["plan", "spec", "--json", "-t", "demo/x:1"]).success().json();
    assert_eq!((&planned["lock"], &planned["image"]["exists"]), (&"kept".into(), &true.into()));
    assert_eq!(planned["notes"], serde_json::json!(["a build would only name the image: demo/x:1"]));
    drop(context.run(["plan", "spec", "--locked", "--apt", "git"]).exits(5));
    let events = context.run(["plan", "spec", "--progress", "json"]).success().events();
    assert_eq!(events.last().unwrap()["status"], "planned");
}
