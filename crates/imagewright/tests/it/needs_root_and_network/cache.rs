//! What is done again after which change, and what is not.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::wheels::Wheel;

use super::seed::{BASE, context_with_wheels};

const TREE_AND_ALPHA: &str = "apt: [tree, python3]\npip: [alpha]\n";

fn context() -> TestContext {
    let wheels = [Wheel::new("alpha", "1.0"), Wheel::new("beta", "1.0")];
    context_with_wheels(&wheels).env("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
}

/// What became of a build.
#[derive(Debug)]
struct Built {
    digest: String,
    unchanged: bool,
    /// For each step: was its result there already?
    cached: Vec<bool>,
}

fn build(context: &TestContext, spec: &str, arguments: &[&str]) -> Built {
    context.write("spec/image.yaml", &format!("base: {BASE}\n{spec}"));
    context.write("spec/requirements.txt", "--no-index\n");
    let command = ["build", "spec", "--json", "--progress", "json", "-t", "demo/cache:1"];
    let outcome = context.run(command.iter().chain(arguments)).success();
    let finished = outcome.events().into_iter().filter(|event| event["event"] == "step_finished");
    let cached = finished.map(|event| event["cached"].as_bool().unwrap()).collect();
    let report = outcome.json();
    let unchanged = report["unchanged"].as_bool().unwrap();
    Built { digest: report["digest"].as_str().unwrap().to_owned(), unchanged, cached }
}

#[test]
#[ignore = "needs root and network"]
fn only_what_follows_a_change_is_done_again() {
    let context = context();
    let first = build(&context, TREE_AND_ALPHA, &[]);
    assert_eq!((first.unchanged, first.cached), (false, vec![true, false, false]));

    let again = build(&context, TREE_AND_ALPHA, &[]);
    assert_eq!((again.unchanged, again.cached), (true, vec![true, true, true]));
    assert_eq!(again.digest, first.digest);

    let reordered = build(&context, "# A remark\npip: [alpha]\napt:\n  - python3 # why\n  - tree\n", &[]);
    assert_eq!((reordered.unchanged, reordered.cached), (true, vec![true, true, true]));
    assert_eq!(reordered.digest, first.digest);

    let labelled = build(&context, &format!("{TREE_AND_ALPHA}labels: {{a: b}}\n"), &[]);
    assert_eq!((labelled.unchanged, labelled.cached), (false, vec![true, true, true]));
    assert_ne!(labelled.digest, first.digest);

    let more_pip = build(&context, "apt: [tree, python3]\npip: [alpha, beta]\n", &[]);
    assert_eq!(more_pip.cached, [true, true, false]);

    // Layers of packages do not depend on what is below them.
    let more_apt = build(&context, "apt: [tree, python3, less]\npip: [alpha]\n", &[]);
    assert_eq!(more_apt.cached, [true, false, true]);

    let back = build(&context, TREE_AND_ALPHA, &[]);
    assert_eq!((back.unchanged, back.digest), (true, first.digest));
}

#[test]
#[ignore = "needs root and network"]
fn steps_run_again_give_the_same_bytes() {
    let context = context();
    let first = build(&context, TREE_AND_ALPHA, &[]);
    let again = build(&context, TREE_AND_ALPHA, &["--no-cache"]);
    assert_eq!(again.cached, [true, false, false], "a base from the store is not made but found");
    assert_eq!(again.digest, first.digest);
    let asked_again = build(&context, TREE_AND_ALPHA, &["--upgrade"]);
    assert_eq!(asked_again.cached, [true, true, true], "nothing newer was there");
    assert_eq!(asked_again.digest, first.digest);
}

#[test]
#[ignore = "needs root and network"]
fn a_newer_package_is_taken_when_asked_for() {
    let context = context();
    let spec = "apt: [python3]\npip: [alpha]\n";
    let first = build(&context, spec, &[]);
    Wheel::new("alpha", "2.0").write_to(&super::seed::wheel_folder(&context)).unwrap();
    let kept = build(&context, spec, &[]);
    assert_eq!((kept.unchanged, &kept.digest), (true, &first.digest));
    let upgraded = build(&context, spec, &["--upgrade"]);
    assert_eq!(upgraded.cached, [true, true, false]);
    let run = ["image", "run", "demo/cache:1", "--", "python3", "-c", "import alpha; print(alpha.VERSION)"];
    assert_eq!(context.run(run).success().stdout, "2.0\n");
}

#[test]
#[ignore = "needs root and network"]
fn another_compression_makes_other_layers_of_the_same_files() {
    let context = context();
    let spec = "apt: [tree]\n";
    let (gzip, zstd) = (build(&context, spec, &[]), build(&context, spec, &["--compression", "zstd"]));
    assert_ne!(gzip.digest, zstd.digest);
    let ids = |digest: &str| {
        let details = context.run(["image", "show", digest, "--json"]).success().json();
        details["config"]["rootfs"]["diff_ids"].clone()
    };
    assert_eq!(ids(&gzip.digest), ids(&zstd.digest));
}
