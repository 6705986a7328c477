//! A disk that is too small. Mounting one needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_testkit::image::TinyImage;

use crate::support::context;

/// A file system in memory, gone with this value.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(path: &Path, mebibytes: u64) -> Self {
        fs::create_dir_all(path).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"], path);
        Self(path.to_path_buf())
    }

    /// Takes away what is free, but for a little.
    pub(crate) fn shrink_to_leave(&self, mebibytes: u64) {
        let disk = nix::sys::statvfs::statvfs(&self.0).unwrap();
        let used = (disk.blocks() - disk.blocks_free()) * disk.fragment_size();
        mount(&["-o", &format!("remount,size={}", used + (mebibytes << 20))], &self.0);
    }
}

fn mount(arguments: &[&str], path: &Path) {
    let mounted = Command::new("mount").args(arguments).arg(path).status();
    assert!(mounted.unwrap().success(), "tmpfs cannot be mounted");
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

#[test]
#[ignore = "needs root"]
fn an_import_onto_a_full_disk_says_so_and_leaves_nothing() {
    let context = context();
    let _disk = SmallDisk::mount(context.root(), 8);
    let image = TinyImage::default().file("large", vec![7; 16 << 20]);
    image.write_layout(&context.work().join("large"), "demo/large").unwrap();
    for arguments in [&["image", "import", "oci:large"][..], &["build", "--base", "oci:large"]] {
        let outcome = context.run(arguments).exits(8);
        assert!(outcome.stderr.contains("No space left on device"), "{outcome}");
        assert!(outcome.stderr.contains("hint: free some space"), "{outcome}");
        context.assert_nothing_unfinished();
    }
    let small = TinyImage::default().file("small", "fits");
    small.write_layout(&context.work().join("small"), "demo/small").unwrap();
    drop(context.run(["image", "import", "oci:small"]).success());
}
