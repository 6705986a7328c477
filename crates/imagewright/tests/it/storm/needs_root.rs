//! What unpacks layers, or takes unpacked ones away.

use std::fs;
use std::path::Path;

use imagewright_testkit::image::TinyImage;
use imagewright_testkit::storm::rage;

use super::{State, StoreScene, context_with_layout, context_with_noisy_image, has_unfinished};

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
    rage("collection", 60, &mut StoreScene::new(context, &gc).watched(has_begun, is_committed));
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
