//! A disk that is full at each write in turn: with no block left, with one, with two, until the command succeeds; and
//! the same with inodes. It fails as the machine's fault, names the file, leaves the store as it was or as it is to be,
//! and succeeds when there is room.

use std::fs;
use std::path::Path;

use imagewright_testkit::conda::{CondaPackage, Format, Index};
use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::registry::TestRegistry;

use super::{Measure, SmallDisk};
use crate::conda::support::{BASE, context_with};
use crate::facts::support::{Packages, build, hand_over, key, machine};
use crate::storm::{State, assert_sound, copy};
use crate::support::{context, tiny_image};

/// Room for all that is done here.
const ROOMY: u64 = 16;
/// No command here writes as much, in blocks or in files.
const MOST: u64 = 60;

/// A store on a small disk, and how it is when a command begins.
struct Sweep {
    context: TestContext,
    disk: SmallDisk,
}

impl Sweep {
    /// A store made by `prepare`, with an image's layout beside it.
    fn new(prepare: impl FnOnce(&TestContext)) -> Self {
        Self::within(context(), prepare)
    }

    /// The same in surroundings that are there.
    fn within(context: TestContext, prepare: impl FnOnce(&TestContext)) -> Self {
        let disk = SmallDisk::mount(context.root(), ROOMY);
        tiny_image().write_layout(&context.work().join("layout"), "demo/tiny:1").unwrap();
        drop(context.run(["image", "list"]).success());
        prepare(&context);
        copy(context.root(), &context.folder().join("template"));
        Self { context, disk }
    }

    /// Puts the store back.
    fn reset(&self) {
        self.disk.resize(ROOMY);
        for entry in fs::read_dir(self.context.root()).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) }.unwrap();
        }
        let template = self.context.folder().join("template");
        for entry in fs::read_dir(template).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &self.context.root().join(entry.file_name()));
        }
    }

    /// Runs a command, which exits with `code` where there is room, at each stage of a full disk.
    fn run(&self, arguments: &[&str], code: i32) {
        let before = State::of(self.context.root());
        assert_eq!(self.context.run(arguments).code, Some(code), "there is room");
        let after = State::of(self.context.root());
        for measure in [Measure::Blocks, Measure::Inodes] {
            let mut failures = 0;
            for left in 0.. {
                assert!(left < MOST, "{arguments:?} never succeeds");
                self.reset();
                self.disk.shrink_to(measure, left);
                let outcome = self.context.run(arguments);
                if outcome.code == Some(code) {
                    break;
                }
                failures += 1;
                assert_full(&outcome, self.context.root());
                self.context.assert_nothing_unfinished();
                State::of(self.context.root()).assert_between(&before, &after);
                assert_sound(&self.context);
                self.disk.resize(ROOMY);
                let again = self.context.run(arguments);
                assert_eq!(again.code, Some(code), "with room again: {again}");
                State::of(self.context.root())
                    .assert_same(&after, "with room, the command comes to another end");
            }
            assert!(failures > 0, "{arguments:?} was never short of {measure:?}");
            assert_sound(&self.context);
        }
    }
}

/// Demands that an outcome tells of a full disk, and of a file on it.
#[track_caller]
fn assert_full(outcome: &Outcome, disk: &Path) {
    assert_eq!(outcome.code, Some(8), "{outcome}");
    // Of what a layer holds, and of what is made inside a sandbox, the path there is told; a layer in the making has no name yet.
    let is_named = [
        &*disk.to_string_lossy(),
        "could not place `",
        "mount point `/",
        "could not write the layer",
        "could not be joined",
    ];
    assert!(is_named.iter().any(|path| outcome.stderr.contains(path)), "{outcome}");
    for part in ["No space left on device", "hint: free some space"] {
        assert!(outcome.stderr.contains(part), "{part}: {outcome}");
    }
}

fn import(context: &TestContext) {
    drop(context.run(["image", "import", "oci:layout"]).success());
}

#[test]
#[ignore = "needs root"]
fn an_import() {
    Sweep::new(|_| ()).run(&["image", "import", "oci:layout"], 0);
}

#[test]
#[ignore = "needs root"]
fn an_import_of_a_compressed_archive() {
    let sweep = Sweep::new(|context| {
        import(context);
        drop(context.run(["image", "export", "demo/tiny:1", "docker-archive:a.tar.gz"]).success());
        drop(context.run(["image", "remove", "demo/tiny:1"]).success());
        drop(context.run(["gc", "--keep-days", "0"]).success());
    });
    sweep.run(&["image", "import", "docker-archive:a.tar.gz"], 0);
}

/// Leaves the image in a registry alone, under this name.
fn move_to(context: &TestContext, name: &str) {
    import(context);
    drop(context.run(["push", "demo/tiny:1", name]).success());
    drop(context.run(["image", "remove", "demo/tiny:1"]).success());
    drop(context.run(["gc", "--keep-days", "0"]).success());
}

#[test]
#[ignore = "needs root"]
fn a_pull() {
    let registry = TestRegistry::start().unwrap();
    let name = format!("{}/demo/tiny:1", registry.host());
    Sweep::new(|context| move_to(context, &name)).run(&["pull", &name], 0);
}

#[test]
#[ignore = "needs root"]
fn what_a_base_left_in_its_registry() {
    let registry = TestRegistry::start().unwrap();
    let name = format!("{}/demo/tiny:1", registry.host());
    let sweep = Sweep::new(|context| {
        move_to(context, &name);
        drop(context.run(["build", "--base", &name, "-t", "demo/built:1", "--quiet"]).success());
    });
    sweep.run(&["image", "fetch", "demo/built:1"], 0);
}

#[test]
#[ignore = "needs root"]
fn facts_of_another_store() {
    let packages = Packages::serve();
    let other = machine(&packages);
    drop(key(&other, "team.key"));
    drop(build(&other, &["ant", "bee"], "demo/few", &[]));
    drop(other.run(["facts", "export", "--all", "--key", "team.key", "-o", "team.facts"]).success());
    let sweep = Sweep::new(|context| {
        hand_over(&other.work().join("team.facts"), context);
        fs::copy(other.work().join("team.pub"), context.work().join("team.pub")).unwrap();
    });
    sweep.run(&["facts", "import", "team.facts", "--trust", "team.pub"], 0);
}

#[test]
#[ignore = "needs root"]
fn a_build() {
    Sweep::new(|_| ())
        .run(&["build", "--base", "oci:layout", "-l", "a=b", "-t", "demo/built:1", "--quiet"], 0);
}

#[test]
#[ignore = "needs root"]
fn a_build_of_conda_packages() {
    let lib = CondaPackage::new("lib", "1.0").file("share/lib", "lib");
    let app = CondaPackage::new("app", "1.0").depends("lib").file("share/app", "app");
    let context = context_with(Index::Json, &[(lib, Format::TarBz2), (app, Format::Conda)]);
    let build = ["build", "--base", BASE, "--conda-channel", "team", "--conda", "app", "--bytecode", "none"];
    Sweep::within(context, |_| ()).run(&[&build[..], &["-t", "demo/built:1", "--quiet"]].concat(), 0);
}

#[test]
#[ignore = "needs root"]
fn names() {
    Sweep::new(import).run(&["image", "tag", "demo/tiny:1", "demo/other:1"], 0);
    Sweep::new(import).run(&["image", "remove", "demo/tiny:1"], 0);
}

#[test]
#[ignore = "needs root"]
fn an_image_that_is_run_for_the_first_time() {
    // There is no such program, but the layers are unpacked to look for it.
    Sweep::new(import).run(&["image", "run", "demo/tiny:1", "--", "no-such-program"], 3);
}

#[test]
#[ignore = "needs root"]
fn a_store_that_begins() {
    let context = context();
    let disk = SmallDisk::mount(context.root(), ROOMY);
    for measure in [Measure::Blocks, Measure::Inodes] {
        for left in 0.. {
            assert!(left < MOST, "it never begins");
            let root = context.root().join(format!("{measure:?}-{left}"));
            disk.shrink_to(measure, left);
            let list = || context.run(["image", "list", "--root", root.to_str().unwrap()]);
            let outcome = list();
            disk.resize(ROOMY);
            if outcome.code == Some(0) {
                break;
            }
            assert_full(&outcome, context.root());
            drop(list().success());
        }
    }
}

#[test]
#[ignore = "needs root"]
fn what_only_reads_or_frees_needs_no_room() {
    let sweep = Sweep::new(|context| {
        import(context);
        drop(context.run(["image", "run", "demo/tiny:1", "--", "no-such-program"]).exits(3));
    });
    let context = &sweep.context;
    for measure in [Measure::Blocks, Measure::Inodes] {
        sweep.reset();
        // Locks are files, and each is made once.
        drop(context.run(["gc", "--dry-run"]).success());
        sweep.disk.shrink_to(measure, 0);
        for arguments in [
            &["fsck"][..],
            &["image", "list"],
            &["image", "show", "demo/tiny:1"],
            &["image", "export", "demo/tiny:1", "oci-archive:a.tar"],
            &["gc", "--keep-days", "0"],
        ] {
            drop(context.run(arguments).success());
        }
        sweep.disk.resize(ROOMY);
        drop(context.run(["image", "remove", "demo/tiny:1"]).success());
        sweep.disk.shrink_to(measure, 0);
        drop(context.run(["gc", "--keep-days", "0"]).success());
        assert_eq!(["blobs", "snapshots"].map(|room| State::count(context.root(), room)), [0, 0]);
    }
}

#[test]
#[ignore = "needs root"]
fn an_export_to_a_full_disk() {
    let context = context();
    let folder = context.work().join("disk");
    let disk = SmallDisk::mount(&folder, ROOMY);
    tiny_image().write_layout(&context.work().join("layout"), "demo/tiny:1").unwrap();
    import(&context);
    for place in ["oci:disk/layout", "oci-archive:disk/a.tar", "docker-archive:disk/a.tar.gz"] {
        let path = context.work().join(place.split_once(':').unwrap().1);
        let export = || context.run(["image", "export", "demo/tiny:1", place]);
        for measure in [Measure::Blocks, Measure::Inodes] {
            for left in 0.. {
                assert!(left < MOST, "the export to {place} never succeeds");
                drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)));
                disk.shrink_to(measure, left);
                let outcome = export();
                disk.resize(ROOMY);
                if outcome.code == Some(0) {
                    break;
                }
                assert_full(&outcome, Path::new("disk"));
                let is_begun = |path: &Path| path.join("index.json").exists() || path.is_file();
                let left: Vec<_> =
                    fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
                assert!(!left.iter().any(|path| is_begun(path)), "half an export is left: {left:?}");
                drop(export().success());
            }
        }
        drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)));
    }
}
