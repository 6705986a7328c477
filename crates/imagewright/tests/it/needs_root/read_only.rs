//! A store on a file system that is mounted read-only.

use insta::assert_snapshot;

use super::{SmallDisk, mount};
use crate::support::{context, tiny_image};

#[test]
#[ignore = "needs root"]
fn a_read_only_store_is_told_as_that() {
    let context = context();
    let _disk = SmallDisk::mount(context.root(), 8);
    tiny_image().write_layout(&context.work().join("tiny"), "demo/tiny:1").unwrap();
    drop(context.run(["image", "import", "oci:tiny"]).success());
    mount(&["-o", "remount,ro"], context.root());
    for arguments in [
        &["image", "list"][..],
        &["image", "import", "oci:tiny"],
        &["build", "--base", "oci:tiny", "-l", "a=b"],
        &["gc"],
        &["fsck"],
        &["pull", "127.0.0.1:1/demo/tiny:1"],
    ] {
        let outcome = context.run(arguments).exits(8);
        for part in ["/store/", "Read-only file system", "hint: its file system is mounted read-only"] {
            assert!(outcome.stderr.contains(part), "{part}: {outcome}");
        }
    }
    let new = context.root().join("new");
    assert_snapshot!(context.run(["image", "list", "--root", new.to_str().unwrap()]), @r"
    exit: 8
    ----- stderr -----
    error: could not create the folder `[ROOT]/new`
    caused by: Read-only file system (os error 30)
    hint: its file system is mounted read-only: put the store elsewhere with --root or IMAGEWRIGHT_ROOT
    ");
    mount(&["-o", "remount,rw"], context.root());
    drop(context.run(["fsck"]).success());
}
