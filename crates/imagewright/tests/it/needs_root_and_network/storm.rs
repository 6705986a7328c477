//! Builds with Python packages, and with scripts of conda packages, killed at any moment.

use std::fs;
use std::path::Path;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::storm::rage;
use imagewright_testkit::wheels::{SourceDistribution, Wheel};

use super::link_scripts;
use super::seed::{BASE, context_with_wheels, wheel_folder, write_spec};
use crate::storm::{State, StoreScene};

/// A build on a base that is unpacked already; only what the build adds is taken away between runs.
fn rage_over_build(name: &str, kills: usize, context: TestContext) {
    let before = State::of(context.root());
    let build = ["build", "spec", "-t", "demo/storm:1", "--quiet"];
    let lock = context.work().join("spec/image.lock");
    let reset = move |root: &Path| {
        before.restore(root);
        // What was decided before is not decided again.
        drop(fs::remove_file(&lock));
        // What uv has built, it does not build again.
        drop(fs::remove_dir_all(root.join("cache/uv")));
    };
    rage(name, kills, &mut StoreScene::resetting(context, &build, reset).starting_processes());
}

#[test]
#[ignore = "needs root and network"]
fn a_build_of_wheels() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0"), Wheel::new("beta", "1.0")]);
    write_spec(&context, "alpha\nbeta");
    rage_over_build("build of wheels", 16, context);
}

#[test]
#[ignore = "needs root and network"]
fn a_build_with_scripts_of_conda_packages() {
    let context = link_scripts::context(&link_scripts::packages());
    link_scripts::write_spec(&context, BASE, "app", "run");
    // The base is unpacked already.
    drop(context.run(["image", "run", BASE, "--", "true"]).success());
    rage_over_build("build with scripts of conda packages", 16, context);
}

#[test]
#[ignore = "needs root and network"]
fn a_build_of_a_source_distribution() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    SourceDistribution::of(&Wheel::new("gamma", "1.0")).write_to(&wheel_folder(&context)).unwrap();
    write_spec(&context, "alpha\ngamma");
    rage_over_build("build of a source distribution", 16, context);
}
