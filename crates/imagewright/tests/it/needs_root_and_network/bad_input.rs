//! Packages that cannot be had or do not go together, disks and mirrors that fail, while building for real.

use std::fs;
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::wheels::{SourceDistribution, Wheel};
use insta::assert_snapshot;

use super::seed::{BASE, PYTHON, context, context_with_wheels, empty_context, wheel_folder, write_spec};
use crate::needs_root::SmallDisk;

/// Builds the folder `spec`; nothing unfinished may be left.
fn build(context: &TestContext) -> Outcome {
    let outcome = context.run(["build", "spec"]);
    context.assert_nothing_unfinished();
    outcome
}

#[test]
#[ignore = "needs root and network"]
fn a_debian_package_that_does_not_exist() {
    let context = context();
    context.write("spec/image.yaml", &format!("base: {BASE}\napt:\n  - tree\n  - pyton3\n"));
    let outcome = build(&context).exits(3);
    assert!(
        outcome.stderr.contains("error: spec/image.yaml:4:5: no apt source of the base offers `pyton3`"),
        "{outcome}"
    );
    assert!(outcome.stderr.contains("hint: did you mean `python3`"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn a_version_of_a_debian_package_that_does_not_exist() {
    let context = context();
    context.write("spec/image.yaml", &format!("base: {BASE}\n"));
    context.write("spec/apt.txt", "tree=99.0\n");
    let outcome = build(&context).exits(3);
    assert!(outcome.stderr.contains("error: spec/apt.txt:1: "), "{outcome}");
    assert!(outcome.stderr.contains("`tree=99.0`"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn a_python_package_that_does_not_exist() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    write_spec(&context, "alpha\nalhpa");
    assert_snapshot!(build(&context), @r"
    exit: 1
    ----- stderr -----
    [1/2] base test/python:1
    [1/2] base test/python:1: cached
    [2/2] pip alhpa alpha
      looking for Python
      solving for Python [VERSION]
    error: the pip requirements cannot be met together
    Because alhpa was not found in the provided package locations and you require alhpa, we can conclude that your requirements are unsatisfiable.
    ");
}

#[test]
#[ignore = "needs root and network"]
fn python_packages_in_conflict_are_explained() {
    let wheels = [
        Wheel::new("alpha", "1.0").requires("gamma<2"),
        Wheel::new("beta", "1.0").requires("gamma>=2"),
        Wheel::new("gamma", "1.0"),
        Wheel::new("gamma", "2.0"),
    ];
    let context = context_with_wheels(&wheels);
    write_spec(&context, "alpha\nbeta");
    assert_snapshot!(build(&context), @r"
    exit: 1
    ----- stderr -----
    [1/2] base test/python:1
    [1/2] base test/python:1: cached
    [2/2] pip alpha beta
      looking for Python
      solving for Python [VERSION]
    error: the pip requirements cannot be met together
    Because all versions of beta depend on gamma>=2 and all versions of alpha depend on gamma<2, we can conclude that all versions of alpha and all versions of beta are incompatible.
    And because you require alpha and beta, we can conclude that your requirements are unsatisfiable.
    ");
}

#[test]
#[ignore = "needs root and network"]
fn a_source_distribution_that_fails_to_compile() {
    let context = context_with_wheels(&[]);
    let compile = SourceDistribution::new("broken", "1.0", &["cc", "-c", "extension.c"]);
    compile.write_to(&wheel_folder(&context)).unwrap();
    write_spec(&context, "broken");
    let outcome = build(&context).exits(1);
    assert!(outcome.stderr.contains("error: `broken` could not be built"), "{outcome}");
    assert!(outcome.stderr.contains("No such file or directory: 'cc'"), "{outcome}");
    assert!(outcome.stderr.contains("hint: building from source needs a compiler"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn python_packages_on_a_base_without_python() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    context.write("spec/image.yaml", &format!("base: {BASE}\npip: [alpha]\n"));
    assert_snapshot!(build(&context), @r"
    exit: 4
    ----- stderr -----
    [1/2] base test/base:1
    [1/2] base test/base:1: cached
    [2/2] pip alpha
      looking for Python
    error: spec/image.yaml:2:7: `alpha` needs Python, and the image has none on its search path
    hint: add python3 to the apt packages, or choose a base that has Python
    ");
}

#[test]
#[ignore = "needs root and network"]
fn a_python_that_is_older_than_what_is_asked_for() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    context.write("spec/image.yaml", &format!("base: {PYTHON}\n"));
    let project = "[project]\nname = \"demo\"\nversion = \"1\"\nrequires-python = \">=4\"\ndependencies = [\"alpha\"]\n";
    context.write("spec/pyproject.toml", project);
    let outcome = build(&context).exits(4);
    assert!(outcome.stderr.contains("error: spec/pyproject.toml:4:19: Python >=4 is asked for"), "{outcome}");
    assert!(outcome.stderr.contains("hint: choose a base with another Python"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn an_interpreter_that_is_not_there() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    context.write("spec/image.yaml", &format!("base: {PYTHON}\npython: /usr/bin/python9\npip: [alpha]\n"));
    let outcome = build(&context).exits(4);
    assert!(outcome.stderr.contains("/usr/bin/python9"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn a_uv_that_is_not_there_or_not_static() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    write_spec(&context, "alpha");
    fs::remove_file(context.root().join("tools/uv")).unwrap();
    let outcome = build(&context).exits(8);
    assert!(outcome.stderr.contains("hint: run scripts/setup"), "{outcome}");
    let outcome = context.run(["build", "spec", "--uv", "/bin/ls"]).exits(8);
    assert!(outcome.stderr.contains("`/bin/ls` needs shared libraries of this machine"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn a_mirror_that_cannot_be_reached() {
    let context = context();
    let outcome =
        context.run(["build", "--base", BASE, "--apt", "tree", "--mirror", "http://127.0.0.1:1/debian"]);
    context.assert_nothing_unfinished();
    assert_eq!(outcome.code, Some(6), "{outcome}");
    assert!(outcome.stderr.contains("hint: check the network, the proxy and the mirror"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn a_disk_too_small_for_the_base() {
    let context = empty_context();
    let _disk = SmallDisk::mount(&context.work().join("small"), 64);
    let outcome = context.run(["base", "bootstrap", "--root", "small"]);
    assert_says_full(&outcome);
    assert_eq!(fs::read_dir(context.work().join("small/tmp")).unwrap().count(), 0);
}

#[test]
#[ignore = "needs root and network"]
fn a_disk_too_small_for_a_step() {
    let context = context();
    let small = context.work().join("small");
    let disk = SmallDisk::mount(&small, 1024);
    let copied = Command::new("cp").arg("--archive").arg(context.root().join(".")).arg(&small).status();
    assert!(copied.unwrap().success());
    let context = context.env("IMAGEWRIGHT_ROOT", &small);
    // Too little for the first file, for apt's lists, and for the packages.
    for mebibytes in [1, 32, 96] {
        disk.shrink_to_leave(mebibytes);
        assert_says_full(&context.run(["build", "--base", PYTHON, "--apt", "git"]));
        assert_eq!(fs::read_dir(small.join("tmp")).unwrap().count(), 0);
    }
    disk.shrink_to_leave(512);
    drop(context.run(["build", "--base", PYTHON, "--apt", "git"]).success());
}

#[track_caller]
fn assert_says_full(outcome: &Outcome) {
    assert_eq!(outcome.code, Some(8), "{outcome}");
    assert!(outcome.stderr.contains("hint: free some space"), "{outcome}");
}
