//! Images whose base stays in its registry: nothing moves that nobody needs.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::image::TinyImage;
use imagewright_testkit::registry::{Fault, TestRegistry};
use serde_json::Value;

use crate::storm::assert_sound;
use crate::support::{context, context_with_image};

/// A registry that has `demo/tiny:1`, and the digest of its layer.
fn registry_with_image() -> (TestRegistry, String) {
    let registry = TestRegistry::start().unwrap();
    let context = context_with_image();
    drop(context.run(["push", "demo/tiny:1", &tiny(&registry)]).success());
    let layer = layers(&context, "demo/tiny:1")[0].clone();
    (registry, layer)
}

fn tiny(registry: &TestRegistry) -> String {
    format!("{}/demo/tiny:1", registry.host())
}

fn show(context: &TestContext, image: &str) -> Value {
    context.run(["image", "show", image, "--json"]).success().json()
}

fn layers(context: &TestContext, image: &str) -> Vec<String> {
    let layers = show(context, image)["manifest"]["layers"].as_array().unwrap().clone();
    layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

/// How many layers of an image are not in the store.
fn missing(context: &TestContext, image: &str) -> u64 {
    show(context, image)["missing_layers"].as_u64().unwrap()
}

/// Builds an image that adds settings to the base of a registry.
fn build(context: &TestContext, registry: &TestRegistry, more: &[&str]) {
    let base = tiny(registry);
    let build = ["build", "--base", &base, "-l", "a=b"];
    drop(context.run([&build[..], more].concat()).success());
}

#[test]
fn nothing_of_a_base_moves_within_its_registry() {
    let (registry, layer) = registry_with_image();
    let context = context();
    let built = format!("{}/demo/built:1", registry.host());
    build(&context, &registry, &["-t", &built, "--push"]);
    assert_eq!(registry.count("GET", &layer), 0, "{:?}", registry.requests());
    assert_eq!(registry.count("PATCH", "/demo/built/"), 0, "{:?}", registry.requests());
    assert_eq!(missing(&context, &built), 1);
    assert_sound(&context);
    assert!(registry.manifest("demo/built", "1").is_some());
    // Somebody else gets all of it.
    let other = self::context();
    drop(other.run(["pull", &built]).success());
    assert_eq!(missing(&other, &built), 0);
}

#[test]
fn a_kernel_image_needs_a_look_at_its_base_and_no_more() {
    let spec = r#"{"argv": ["julia", "{connection_file}"], "language": "julia"}"#;
    let base = TinyImage::default().file("usr/share/jupyter/kernels/julia/kernel.json", spec);
    let registry = TestRegistry::start().unwrap();
    let build = |context: &TestContext, base: &str| {
        let tools = context.root().join("tools");
        std::fs::create_dir_all(&tools).unwrap();
        std::fs::write(tools.join("imagewright-kernel-launcher"), "a launcher").unwrap();
        drop(context.run(["build", "--base", base, "--kernel", "julia", "-t", "demo/built:1"]).success());
    };
    let whole = context();
    base.write_layout(&whole.work().join("base"), "demo/tiny:1").unwrap();
    drop(whole.run(["image", "import", "oci:base"]).success());
    drop(whole.run(["push", "demo/tiny:1", &tiny(&registry)]).success());
    build(&whole, "demo/tiny:1");

    let context = context();
    build(&context, &tiny(&registry));
    assert_eq!(layers(&context, "demo/built:1"), layers(&whole, "demo/built:1"));
    let layer = &layers(&context, "demo/built:1")[0];
    assert_eq!((registry.count("GET", layer), missing(&context, "demo/built:1")), (1, 1));
    assert_sound(&context);
}

#[test]
fn a_push_without_a_name_is_refused_before_anything_is_done() {
    let (registry, _) = registry_with_image();
    let (context, before) = (context(), registry.requests().len());
    let outcome = context.run(["build", "--base", &tiny(&registry), "-l", "a=b", "--push"]).exits(2);
    assert!(outcome.stderr.contains("the image has no name to be pushed to"), "{}", outcome.stderr);
    assert_eq!(registry.requests().len(), before);
}

#[test]
fn what_is_missing_comes_when_it_is_wanted() {
    let (registry, layer) = registry_with_image();
    let context = context();
    build(&context, &registry, &["-t", "demo/built:1"]);
    let text = context.run(["image", "show", "demo/built:1"]).success().stdout;
    assert!(text.contains("Partial     1 layer left in the registry"), "{text}");
    drop(context.run(["image", "export", "demo/built:1", "oci-archive:built.tar"]).success());
    assert_eq!((registry.count("GET", &layer), missing(&context, "demo/built:1")), (1, 0));
    // The base has the same layer, so nothing is left to fetch.
    drop(context.run(["image", "fetch", &tiny(&registry)]).success());
    assert_eq!(registry.count("GET", &layer), 1);
    let whole = self::context();
    std::fs::copy(context.work().join("built.tar"), whole.work().join("built.tar")).unwrap();
    drop(whole.run(["image", "import", "oci-archive:built.tar"]).success());
    assert_eq!(missing(&whole, "demo/built:1"), 0);
    assert_sound(&whole);
}

#[test]
fn a_base_passes_through_to_another_registry() {
    let (registry, layer) = registry_with_image();
    let other = TestRegistry::start().unwrap();
    let context = context();
    let target = format!("{}/demo/built:1", other.host());
    build(&context, &registry, &["-t", &target, "--push"]);
    assert_eq!(registry.count("GET", &layer), 1, "read once, and kept");
    assert_eq!(missing(&context, &target), 0);
    // What was built without that, too, in one stream from the one to the other.
    let context = self::context();
    build(&context, &registry, &["-t", "demo/local:1"]);
    let third = TestRegistry::start().unwrap();
    drop(context.run(["push", "demo/local:1", &format!("{}/demo/built:1", third.host())]).success());
    assert_eq!(missing(&context, "demo/local:1"), 1);
    assert!(third.blob("demo/built", &layer.parse().unwrap()).is_some());
}

#[test]
fn a_registry_that_is_gone_is_named_and_nothing_is_lost() {
    let (registry, _) = registry_with_image();
    let context = context();
    build(&context, &registry, &["-t", "demo/built:1"]);
    drop(registry);
    let outcome = context.run(["image", "fetch", "demo/built:1"]).exits(6);
    assert!(outcome.stderr.contains("refused the connection"), "{}", outcome.stderr);
    context.assert_nothing_unfinished();
    assert_eq!(missing(&context, "demo/built:1"), 1);
}

#[test]
fn damaged_bytes_are_not_taken() {
    let (registry, layer) = registry_with_image();
    let context = context();
    build(&context, &registry, &["-t", "demo/built:1"]);
    registry.fail("GET", &layer, &Fault::Damage, 20);
    let outcome = context.run(["image", "fetch", "demo/built:1"]).exits(4);
    assert!(outcome.stderr.contains(&layer), "{}", outcome.stderr);
    context.assert_nothing_unfinished();
    assert_eq!(missing(&context, "demo/built:1"), 1);
}

#[test]
fn a_collection_keeps_where_the_layers_of_images_are() {
    let (registry, _) = registry_with_image();
    let context = context();
    build(&context, &registry, &["-t", "demo/built:1"]);
    let origins = context.root().join("origins/sha256");
    let collect = || drop(context.run(["gc", "--keep-days", "0"]).success());
    collect();
    assert_eq!(std::fs::read_dir(&origins).unwrap().count(), 1);
    assert_sound(&context);
    for image in ["demo/built:1", &tiny(&registry)] {
        drop(context.run(["image", "remove", image]).success());
    }
    collect();
    assert_eq!(std::fs::read_dir(&origins).unwrap().count(), 0);
}
