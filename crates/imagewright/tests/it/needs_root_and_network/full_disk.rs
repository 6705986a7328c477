//! A disk that is full somewhere in a build with Python packages, or with scripts of conda packages.

use std::process::Command;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::random::{Random, SEED_VARIABLE};
use imagewright_testkit::wheels::{SourceDistribution, Wheel};

use super::link_scripts;
use super::seed::{BASE, context_with_wheels, wheel_folder, write_spec};
use crate::needs_root::{Measure, SmallDisk};
use crate::storm::{State, assert_sound};

/// Room for the base and the build, in mebibytes.
const ROOMY: u64 = 1024;
/// How many fillings are tried for blocks, and for inodes.
const TRIES: u64 = 8;

#[test]
#[ignore = "needs root and network"]
fn a_build_goes_on_when_there_is_room_again() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    SourceDistribution::of(&Wheel::new("gamma", "1.0")).write_to(&wheel_folder(&context)).unwrap();
    write_spec(&context, "alpha\ngamma");
    goes_on(context);
}

#[test]
#[ignore = "needs root and network"]
fn a_build_with_scripts_of_conda_packages_goes_on() {
    let context = link_scripts::context(&link_scripts::packages());
    link_scripts::write_spec(&context, BASE, "app", "run");
    // The base is unpacked already.
    drop(context.run(["image", "run", BASE, "--", "true"]).success());
    goes_on(context);
}

/// Builds a spec with fillings of the disk that are drawn, and again with room.
#[expect(clippy::print_stderr, reason = "with the seed a failure can be had again")]
fn goes_on(context: TestContext) {
    let (mut random, seed) = Random::from_environment("full disk");
    eprintln!("full disk: {SEED_VARIABLE}={seed}");
    let small = context.folder().join("small");
    let disk = SmallDisk::mount(&small, ROOMY);
    let copied = Command::new("cp").arg("--archive").arg(context.root().join(".")).arg(&small).status();
    assert!(copied.unwrap().success());
    let context = context.at_root(small);
    let build = ["build", "spec", "-t", "demo/full:1", "--quiet"];
    let before = State::of(context.root());
    // With warm caches all builds are alike, and need less.
    drop(context.run(build).success());
    before.restore(context.root());
    for measure in [Measure::Blocks, Measure::Inodes] {
        let free = disk.left(measure);
        drop(context.run(build).success());
        let needed = free - disk.left(measure);
        let after = State::of(context.root());
        let mut failures = 0;
        for _ in 0..TRIES {
            before.restore(context.root());
            let left = random.below(needed);
            disk.shrink_to(measure, left);
            let outcome = context.run(build);
            if outcome.code != Some(0) {
                failures += 1;
                assert_eq!(outcome.code, Some(8), "{left} {measure:?} left: {outcome}");
                assert!(
                    outcome.stderr.contains("hint: free some space"),
                    "{left} {measure:?} left: {outcome}"
                );
                context.assert_nothing_unfinished();
                State::of(context.root()).assert_between(&before, &after);
                assert_sound(&context);
            }
            disk.resize(ROOMY);
            drop(context.run(build).success());
            State::of(context.root()).assert_same(&after, "with room, the build comes to another end");
        }
        before.restore(context.root());
        assert!(failures > 0, "the disk was never short of {measure:?}");
    }
}
