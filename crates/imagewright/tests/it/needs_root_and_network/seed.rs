//! A store that is made once and shared by all runs of the tests, and its copies.
//!
//! It holds a base of the machine's own distribution and the same with Python. Each test works on a copy of its
//! own; copies are made of hard links, because files of a store are replaced and never changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::shared;
use imagewright_testkit::wheels::Wheel;

use crate::support::PROGRAM;

/// A base without Python.
pub(crate) const BASE: &str = "test/base:1";
/// The same with Python.
pub(crate) const PYTHON: &str = "test/python:1";

/// A kernel image for Python, made of [`PYTHON`]; only in [`kernel_context`].
pub(crate) const KERNEL_PY: &str = "test/kernel-py:1";
/// A kernel image for R, made of [`BASE`]; only in [`kernel_context`].
pub(crate) const KERNEL_R: &str = "test/kernel-r:1";
/// The image of a gateway, as the example makes it; only in [`kernel_context`].
pub(crate) const GATEWAY: &str = "test/gateway:1";

/// The rooms of a store that copies share. Locks and unfinished things are each store's own.
const SHARED: [&str; 6] = ["blobs", "cache", "facts", "index.json", "oci-layout", "snapshots"];
/// What is older was left by a run that was killed.
const OLDEST_RUN: Duration = Duration::from_secs(24 * 60 * 60);

/// Surroundings with a store that holds [`BASE`] and [`PYTHON`] and nothing unfinished.
pub(crate) fn context() -> TestContext {
    let (seed, runs) = (shared_folder().join("seed"), shared_folder().join("runs"));
    fs::create_dir_all(&runs).unwrap();
    let lock = File::create(runs.join(".lock")).unwrap();
    lock.lock().unwrap();
    sweep(&runs);
    let context = TestContext::within(PROGRAM, &runs).with_machine_network();
    make_seed(&context, &seed);
    copy_rooms(&SHARED.map(|room| seed.join(room)), context.root());
    copy_rooms(&[shared_folder().join("tools")], context.root());
    context
}

/// Surroundings whose store holds no more than the tools.
pub(crate) fn empty_context() -> TestContext {
    let runs = shared_folder().join("runs");
    fs::create_dir_all(&runs).unwrap();
    let context = TestContext::within(PROGRAM, &runs).with_machine_network();
    copy_rooms(&[shared_folder().join("tools")], context.root());
    context
}

/// Surroundings as [`context`] gives them, with kernel images and a gateway's as well: [`KERNEL_PY`], [`KERNEL_R`], [`GATEWAY`].
pub(crate) fn kernel_context() -> TestContext {
    let context = context();
    let kernels = shared_folder().join("seed-kernels");
    let lock = File::create(shared_folder().join("runs/.lock-kernels")).unwrap();
    lock.lock().unwrap();
    if !kernels.join("oci-layout").is_file() {
        copy_rooms(&SHARED.map(|room| context.root().join(room)), &kernels);
    }
    // The launcher may be a newer one.
    drop(fs::remove_dir_all(kernels.join("tools")));
    copy_rooms(&[shared_folder().join("tools")], &kernels);
    make_kernel_images(&context, kernels.to_str().unwrap());
    fs::remove_dir_all(context.root()).unwrap();
    copy_rooms(&SHARED.map(|room| kernels.join(room)), context.root());
    copy_rooms(&[kernels.join("tools")], context.root());
    context
}

/// Does little where the same was done before.
fn make_kernel_images(context: &TestContext, root: &str) {
    // Its lock lies beside it, and is none of the repository.
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/kernel-images/enterprise-gateway");
    context.write("gateway-image/image.yaml", &fs::read_to_string(format!("{example}/image.yaml")).unwrap());
    drop(context.run(["build", "gateway-image", "-t", GATEWAY, "--root", root]).success());
    fs::remove_dir_all(context.work().join("gateway-image")).unwrap();
    let python = ["--base", PYTHON, "--kernel", "python", "-t", KERNEL_PY];
    let r = ["--base", BASE, "--apt", "r-cran-irkernel", "--kernel", "r", "-t", KERNEL_R];
    for flags in [&python[..], &r] {
        drop(context.run([&["build"], flags, &["--root", root]].concat()).success());
    }
}

/// The folder that all runs share, where `scripts/test` has put the tools.
fn shared_folder() -> PathBuf {
    let folder = shared::folder();
    assert!(folder.join("tools/uv").is_file(), "no uv in `{}`: scripts/test puts it there", folder.display());
    folder
}

/// Does nothing where the same was done before.
fn make_seed(context: &TestContext, seed: &Path) {
    let root = seed.to_str().unwrap();
    drop(context.run(["base", "bootstrap", "-t", BASE, "--root", root]).success());
    drop(context.run(["build", "--base", BASE, "--apt", "python3", "-t", PYTHON, "--root", root]).success());
}

fn copy_rooms(rooms: &[PathBuf], root: &Path) {
    fs::create_dir_all(root).unwrap();
    let copied = Command::new("cp").args(["--archive", "--link"]).args(rooms).arg(root).status();
    assert!(copied.unwrap().success(), "the shared store cannot be copied");
}

fn sweep(runs: &Path) {
    for entry in fs::read_dir(runs).unwrap().map(Result::unwrap) {
        // The folder of a test that ends just now goes away meanwhile.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified().unwrap().elapsed().unwrap_or_default();
        if age > OLDEST_RUN && entry.path().is_dir() {
            // Another run may be removing it just now.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// Surroundings as [`context`] gives them, whose only Python packages are those that a test makes.
pub(crate) fn context_with_wheels(wheels: &[Wheel]) -> TestContext {
    let context = context();
    let folder = wheel_folder(&context);
    // Every environment gets a pip.
    for wheel in wheels.iter().chain([&Wheel::new("pip", "1.0")]) {
        wheel.write_to(&folder).unwrap();
    }
    context.env("PIP_FIND_LINKS", folder)
}

/// Where the Python packages of a test lie.
pub(crate) fn wheel_folder(context: &TestContext) -> PathBuf {
    context.work().join("wheels")
}

/// Writes a spec on [`PYTHON`] with these Python packages, from the test's own folder alone.
pub(crate) fn write_spec(context: &TestContext, requirements: &str) {
    context.write("spec/image.yaml", &format!("base: {PYTHON}\n"));
    context.write("spec/requirements.txt", &format!("--no-index\n{requirements}\n"));
}
