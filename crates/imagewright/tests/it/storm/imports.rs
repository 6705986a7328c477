//! What only this machine takes part in: import, tag, remove.

use imagewright_testkit::storm::rage;

use super::{StoreScene, context_with_layout, context_with_noisy_image, noisy_image};

#[test]
fn an_import_of_a_layout() {
    let context = context_with_layout();
    rage("import of a layout", 30, &mut StoreScene::new(context, &["image", "import", "oci:layout"]));
}

#[test]
fn an_import_of_a_compressed_archive() {
    let context = context_with_noisy_image();
    drop(context.run(["image", "export", "demo/one:1", "docker-archive:one.tar.gz"]).success());
    std::fs::remove_dir_all(context.root()).unwrap();
    drop(context.run(["image", "list"]).success());
    let import = ["image", "import", "docker-archive:one.tar.gz"];
    rage("import of an archive", 30, &mut StoreScene::new(context, &import));
}

#[test]
fn a_removal() {
    let context = context_with_noisy_image();
    noisy_image(2).write_layout(&context.work().join("other"), "demo/two:1").unwrap();
    drop(context.run(["image", "import", "oci:other"]).success());
    // What is removed already is not there.
    let scene = StoreScene::new(context, &["image", "remove", "demo/one:1"]).exits_again(3);
    rage("removal", 24, &mut { scene });
}

#[test]
fn a_tag() {
    let context = context_with_noisy_image();
    rage("tag", 24, &mut StoreScene::new(context, &["image", "tag", "demo/one:1", "demo/two:2"]));
}
