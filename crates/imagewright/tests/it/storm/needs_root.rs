//! What unpacks layers, or takes unpacked ones away.

use std::fs;
use std::path::Path;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::image::TinyImage;
use imagewright_testkit::registry::TestRegistry;
use imagewright_testkit::storm::rage;

use super::{
    State, StoreScene, context_with_layout, context_with_noisy_image, copy, has_unfinished, noisy_image,
};

#[test]
#[ignore = "needs root"]
fn a_build_that_only_changes_settings() {
    let context = context_with_layout();
    let build = ["build", "--base", "oci:layout", "--env", "A=b", "-t", "demo/built:1", "--quiet"];
    rage("build of settings", 30, &mut StoreScene::new(context, &build));
}

#[test]
#[ignore = "needs root"]
fn a_collection() {
    let context = context_with_noisy_image();
    for number in 2..5 {
        // Many files, so that taking them away takes time.
        let files = (0..200).map(|file| format!("usr/{number}/{}/{file}", file % 5));
        let image = files.fold(TinyImage::default(), |image, path| image.file(&path, path.clone()));
        let (place, name) = (format!("layout-{number}"), format!("demo/many:{number}"));
        image.write_layout(&context.work().join(&place), &name).unwrap();
        drop(context.run(["image", "import", &format!("oci:{place}")]).success());
        // There is no such program, but the layers are unpacked to look for it.
        drop(context.run(["image", "run", &name, "--", "no-such-program"]).exits(3));
        drop(context.run(["image", "remove", &name]).success());
    }
    assert_eq!(State::count(context.root(), "snapshots"), 3);
    let has_begun = |root: &Path| has_unfinished(root) || State::count(root, "snapshots") < 3;
    let is_committed = |root: &Path| {
        // What stays is one image: manifest, configuration, layer.
        State::count(root, "blobs") == 3 && State::count(root, "snapshots") == 0 && !has_unfinished(root)
    };
    let gc = ["gc", "--keep-days", "0"];
    rage("collection", 40, &mut StoreScene::new(context, &gc).watched(has_begun, is_committed));
}

#[test]
#[ignore = "needs root"]
fn an_image_that_is_run_for_the_first_time() {
    let context = context_with_noisy_image();
    let run = ["image", "run", "demo/one:1", "--", "no-such-program"];
    let is_committed = |root: &Path| fs::read_dir(root.join("snapshots")).unwrap().count() == 1;
    let scene = StoreScene::new(context, &run).watched(has_unfinished, is_committed).ends_with(3);
    rage("first run", 24, &mut scene.starting_processes());
}

#[test]
#[ignore = "needs root"]
fn a_pull_of_a_newer_image() {
    let context = context_with_noisy_image();
    noisy_image(2).write_layout(&context.work().join("newer"), "demo/two:1").unwrap();
    let registry = TestRegistry::start().unwrap();
    let name = format!("{}/demo/moving:1", registry.host());
    drop(context.run(["push", "demo/one:1", &name]).success());
    drop(context.run(["pull", &name]).success());
    drop(context.run(["image", "import", "oci:newer", "--root", "other"]).success());
    let pushed = context.run(["push", "demo/two:1", &name, "--root", "other"]).success().stdout;
    let base = name.clone();
    let asks_again = move |context: &TestContext| {
        // Whatever the name stands for by now, it came from the registry, and a newer image is got from there.
        let copied = context.folder().join("copied");
        copy(context.root(), &copied);
        let root = copied.to_str().unwrap();
        let build = ["build", "--base", &base, "--upgrade", "-l", "a=b", "-t", "demo/b:1", "--quiet"];
        drop(context.run(build.iter().chain(&["--root", root])).success());
        let shown = context.run(["image", "show", "demo/b:1", "--json", "--root", root]).success().json();
        let on = shown["manifest"]["annotations"]["org.opencontainers.image.base.digest"].as_str().unwrap();
        assert!(pushed.contains(on), "built on {on}, the registry has {pushed}");
    };
    let scene = StoreScene::new(context, &["pull", &name]).also(asks_again);
    rage("pull of a newer image", 30, &mut { scene });
}
