//! Freeing space, and proving that the store is whole.

use std::fs::{self, File};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use imagewright_testkit::context::Outcome;
use insta::assert_snapshot;

use crate::support::context_with_image;

#[test]
fn a_whole_store_is_told_so() {
    let context = context_with_image();
    assert_snapshot!(context.run(["fsck"]), @r"
    exit: 0
    ----- stdout -----
    read 3 blobs, 1 image, 1 fact: all is well
    ");
    assert_snapshot!(context.run(["fsck", "--json"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "blobs": 3,
      "images": 1,
      "partial_images": 0,
      "facts": 1,
      "damages": []
    }
    "#);
}

#[test]
fn damage_is_found_and_repaired_on_demand() {
    let context = context_with_image();
    let blobs = fs::read_dir(context.root().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let layer = blobs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&layer).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(&layer).unwrap();
    fs::write(&layer, bytes).unwrap();
    assert_snapshot!(context.run(["fsck"]), @r"
    exit: 4
    ----- stdout -----
    [ROOT]/blobs/sha256/[DIGEST]: blob `sha256:[DIGEST]` holds other bytes
    read 3 blobs, 1 image, 1 fact: 1 damage
    ");
    assert!(layer.exists(), "nothing is changed unless asked for");
    assert_snapshot!(context.run(["fsck", "--repair"]), @r"
    exit: 4
    ----- stdout -----
    [ROOT]/blobs/sha256/[DIGEST]: blob `sha256:[DIGEST]` holds other bytes (removed)
    [ROOT]/blobs/sha256/[DIGEST]: image `demo/tiny:1` lacks layer `sha256:[DIGEST]`
    read 3 blobs, 1 image, 1 fact: 2 damages
    ");
    drop(context.run(["image", "import", "oci:tiny"]).success());
    drop(context.run(["fsck"]).success());
}

#[test]
fn an_image_that_cannot_be_read_can_be_removed() {
    let context = context_with_image();
    drop(context.run(["image", "tag", "demo/tiny:1", "demo/tiny:2"]).success());
    let shown = context.run(["image", "show", "demo/tiny:1", "--json"]).success().json();
    let config = shown["manifest"]["config"]["digest"].as_str().unwrap().replace(':', "/");
    fs::remove_file(context.root().join("blobs").join(config)).unwrap();
    assert_snapshot!(context.run(["image", "list"]), @r"
    exit: 3
    ----- stderr -----
    error: blob `sha256:[DIGEST]` is not in the store
    hint: run `imagewright fsck --repair`, then import or build the image again
    ");
    assert_snapshot!(context.run(["image", "remove", "demo/tiny:1"]), @r"
    exit: 0
    ----- stdout -----
    untagged demo/tiny:1
    ");
    assert_snapshot!(context.run(["fsck", "--repair"]), @r"
    exit: 0
    ----- stdout -----
    [ROOT]/blobs/sha256/[DIGEST]: image `demo/tiny:2` cannot be read: blob `sha256:[DIGEST]` is not in the store (removed)
    read 2 blobs, 1 image, 1 fact: 1 damage
    ");
    assert_snapshot!(context.run(["image", "list", "--ids"]), @r"exit: 0");
}

#[test]
fn layers_of_removed_images_go_when_nobody_used_them_for_a_while() {
    let context = context_with_image();
    let gc = |arguments: &[&str]| context.run(["gc"].iter().chain(arguments));
    drop(context.run(["image", "remove", "demo/tiny:1"]).success());
    assert_snapshot!(gc(&[]), @r"
    exit: 0
    ----- stdout -----
    WHAT               COUNT   SIZE
    blobs              2       [SIZE]
    unpacked layers    0       [SIZE]
    remembered steps   0       [SIZE]
    downloads          0       [SIZE]
    freed [SIZE], [SIZE] remain
    ");
    assert_snapshot!(gc(&["--keep-days", "0", "--dry-run"]), @r"
    exit: 0
    ----- stdout -----
    WHAT               COUNT   SIZE
    blobs              1       [SIZE]
    unpacked layers    0       [SIZE]
    remembered steps   1       [SIZE]
    downloads          0       [SIZE]
    would free [SIZE], [SIZE] remain
    ");
    assert_snapshot!(gc(&["--keep-days", "0"]), @r"
    exit: 0
    ----- stdout -----
    WHAT               COUNT   SIZE
    blobs              1       [SIZE]
    unpacked layers    0       [SIZE]
    remembered steps   1       [SIZE]
    downloads          0       [SIZE]
    freed [SIZE], [SIZE] remain
    ");
    drop(context.run(["fsck"]).success());
}

#[test]
fn whoever_looks_at_images_waits_for_a_collection() {
    let context = context_with_image();
    let lock = File::options().write(true).open(context.root().join("locks/lease")).unwrap();
    for arguments in [
        &["list"][..],
        &["show", "demo/tiny:1"],
        &["tag", "demo/tiny:1", "demo/tiny:2"],
        &["export", "demo/tiny:1", "oci:layout"],
        &["remove", "demo/tiny:1"],
    ] {
        // What a collection does.
        lock.lock().unwrap();
        let mut command = context.command(["image"].iter().chain(arguments));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none(), "{arguments:?} looked at what may go");
        lock.unlock().unwrap();
        drop(Outcome::from(child.wait_with_output().unwrap()).success());
    }
}

#[test]
fn listed_images_stay_whatever_the_budget() {
    let context = context_with_image();
    drop(context.run(["gc", "--keep-days", "0", "--max-size", "0MB"]).success());
    drop(context.run(["fsck"]).success());
    drop(context.run(["image", "export", "demo/tiny:1", "oci:layout"]).success());
}
