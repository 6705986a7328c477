//! A disk that is too small. Mounting one needs root.

mod crowd;
mod findings;
mod full_disk;
mod read_only;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_testkit::image::TinyImage;
use nix::sys::statvfs::statvfs;

use crate::support::context;

/// What a disk may lack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    Blocks,
    Inodes,
}

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
        self.shrink_to(Measure::Blocks, (mebibytes << 20) / statvfs(&self.0).unwrap().fragment_size());
    }

    /// Takes away what is free, but for so many blocks or inodes.
    pub(crate) fn shrink_to(&self, measure: Measure, left: u64) {
        let disk = statvfs(&self.0).unwrap();
        let option = match measure {
            Measure::Blocks => {
                let blocks = disk.blocks() - disk.blocks_free() + left;
                // To none at all means without a limit.
                format!("size={}", blocks.max(1) * disk.fragment_size())
            }
            Measure::Inodes => format!("nr_inodes={}", disk.files() - disk.files_free() + left),
        };
        mount(&["-o", &format!("remount,{option}")], &self.0);
    }

    /// How many blocks or inodes are free.
    pub(crate) fn left(&self, measure: Measure) -> u64 {
        let disk = statvfs(&self.0).unwrap();
        match measure {
            Measure::Blocks => disk.blocks_free(),
            Measure::Inodes => disk.files_free(),
        }
    }

    /// Gives it this size, and inodes enough.
    pub(crate) fn resize(&self, mebibytes: u64) {
        mount(&["-o", &format!("remount,size={mebibytes}m,nr_inodes=100000")], &self.0);
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
