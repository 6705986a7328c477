//! Stores in places where none can be, and stores that go away.

use std::fs;
use std::process::Stdio;

use imagewright_testkit::context::Outcome;
use imagewright_testkit::processes::wait_until;
use insta::assert_snapshot;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::{context, context_with_image};

#[test]
fn a_store_is_a_folder() {
    let context = context();
    context.write("file", "");
    assert_snapshot!(context.run(["image", "list", "--root", "file"]), @r"
    exit: 2
    ----- stderr -----
    error: `file` is not a folder
    hint: name an empty folder, or one that does not exist yet
    ");
    assert_snapshot!(context.run(["image", "list", "--root", "file/store"]), @r"
    exit: 2
    ----- stderr -----
    error: `file/store` is not a folder
    hint: name an empty folder, or one that does not exist yet
    ");
    context.write("folder/mine", "");
    assert_snapshot!(context.run(["image", "list", "--root", "folder"]), @r"
    exit: 2
    ----- stderr -----
    error: `[TEMP]/work/folder` is not empty and holds no image layout
    hint: name an empty folder, or one that does not exist yet
    ");
}

#[test]
fn a_list_that_is_cut_off_is_named() {
    let context = context_with_image();
    let index = context.root().join("index.json");
    let text = fs::read(&index).unwrap();
    fs::remove_file(&index).unwrap();
    fs::write(&index, &text[..text.len() / 2]).unwrap();
    let outcome = context.run(["fsck"]).exits(4);
    assert!(outcome.stderr.contains("store/index.json` is malformed"), "{outcome}");
    assert!(outcome.stderr.contains("hint: it is not written in part by imagewright"), "{outcome}");
    fs::remove_file(&index).unwrap();
    drop(context.run(["image", "import", "oci:tiny"]).success());
    drop(context.run(["fsck"]).success());
}

#[test]
fn a_store_that_vanishes_under_an_import_is_named() {
    let context = context_with_image();
    drop(context.run(["image", "export", "demo/tiny:1", "docker-archive:whole.tar"]).success());
    let (whole, pipe) = (context.work().join("whole.tar"), context.work().join("pipe.tar"));
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let mut import = context.command(["image", "import", "docker-archive:pipe.tar"]);
    let child = import.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Opening waits for the import to open the other end.
    let mut pipe = fs::File::options().write(true).open(&pipe).unwrap();
    wait_until("the archive is taken in", || {
        fs::read_dir(context.root().join("tmp")).unwrap().next().is_some()
    });
    fs::remove_dir_all(context.root()).unwrap();
    std::io::copy(&mut fs::File::open(&whole).unwrap(), &mut pipe).unwrap();
    drop(pipe);
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_snapshot!(outcome, @r"
    exit: 3
    ----- stderr -----
    error: the store `[ROOT]` was moved or removed while it was in use
    hint: run it again to begin a new one there
    ");
    assert!(!context.root().exists(), "nothing is begun anew in the middle");
    drop(context.run(["image", "import", "docker-archive:whole.tar"]).success());
    drop(context.run(["fsck"]).success());
}
