//! What users write into files and get wrong: each error names the place and what to do.

use insta::assert_snapshot;

use crate::support::context;

/// Builds a folder of these files.
fn build(files: &[(&str, &str)]) -> String {
    let context = context();
    for (name, text) in files {
        context.write(&format!("spec/{name}"), text);
    }
    context.run(["build", "spec"]).to_string()
}

#[test]
fn an_unknown_key_gets_the_nearest_one() {
    assert_snapshot!(build(&[("image.yaml", "base: bootstrap\npips: [pandas]\n")]), @r"
    exit: 4
    ----- stderr -----
    error: spec/image.yaml:2:1: unknown key `pips`
    hint: did you mean `pip`?
    ");
    assert_snapshot!(build(&[("image.yaml", "base: bootstrap\npip:\n  pacakges: [pandas]\n")]), @r"
    exit: 4
    ----- stderr -----
    error: spec/image.yaml:3:3: unknown key `pacakges`
    hint: did you mean `packages`?
    ");
}

#[test]
fn malformed_yaml_is_named_with_the_line() {
    assert_snapshot!(build(&[("image.yaml", "base: bootstrap\napt: [git\npip: pandas\n")]), @r"
    exit: 4
    ----- stderr -----
    error: spec/image.yaml:3:4: malformed YAML in `pip: pandas`: illegal placement of ':' indicator
    ");
    assert_snapshot!(build(&[("image.yaml", "base: bootstrap\nbase: other\n")]), @r"
    exit: 4
    ----- stderr -----
    error: spec/image.yaml:2:1: key `base` stands twice
    hint: join the two into one
    ");
    assert_snapshot!(build(&[("image.yaml", "base: bootstrap\napt: {packages: 7}\n")]), @r"
    exit: 4
    ----- stderr -----
    error: spec/image.yaml:2:17: expected a list, found `7`
    hint: write `[7]`
    ");
}

#[test]
fn a_requirement_with_a_typo_is_named_with_the_line() {
    let files = [("image.yaml", "base: bootstrap\n"), ("requirements.txt", "# tools\nnumpy\npandas=>2\n")];
    assert_snapshot!(build(&files), @r#"
    exit: 4
    ----- stderr -----
    error: spec/requirements.txt:3: `pandas=>2` is not a requirement: no such comparison operator "=>", must be one of ~= == != <= >= < > ===
    hint: did you mean `pandas>=2`?
    "#);
    let yaml = "base: bootstrap\npip:\n  - numpy\n  - pandas >== 2\n";
    assert_snapshot!(build(&[("image.yaml", yaml)]), @r#"
    exit: 4
    ----- stderr -----
    error: spec/image.yaml:4:5: `pandas >== 2` is not a requirement: no such comparison operator ">==", must be one of ~= == != <= >= < > ===
    "#);
}

#[test]
fn a_debian_package_that_cannot_be_one_is_named_with_the_line() {
    assert_snapshot!(build(&[("image.yaml", "base: bootstrap\n"), ("apt.txt", "git\nPython 3\n")]), @r"
    exit: 4
    ----- stderr -----
    error: spec/apt.txt:2: `Python` is not the name of a Debian package: lower-case letters, digits, `+`, `-` and `.`, two at least
    hint: did you mean `python`?
    ");
}

#[test]
fn files_of_other_tools_are_not_passed_over() {
    let files = [("image.yaml", "base: bootstrap\n"), ("pixi.toml", "[workspace]\n")];
    assert_snapshot!(build(&files), @r"
    exit: 4
    ----- stderr -----
    error: spec/pixi.toml: this file would not be honoured: it lists conda packages
    hint: lock them with `pixi lock`, or list them in environment.yml; or say that it is meant to be ignored: `ignore: [pixi.toml]` in image.yaml
    ");
    let files = [("image.yaml", "base: bootstrap\nignore: [postBiuld]\n"), ("postBuild", "#!/bin/sh\n")];
    assert_snapshot!(build(&files), @r"
    exit: 4
    ----- stderr -----
    error: spec/image.yaml:2:10: `postBiuld` is not a file that would be read or refused
    hint: take it out of the list
    ");
}

#[test]
fn a_lock_of_another_tool_is_told_from_what_it_is_not() {
    let image = ("image.yaml", "base: bootstrap\n");
    assert_snapshot!(build(&[image, ("conda-lock.yml", "version: 1\nmetadata: {}\n")]), @r"
    exit: 4
    ----- stderr -----
    error: spec/conda-lock.yml:2: it is no lock of conda-lock that can be read: missing field `package`
    hint: write it anew with `conda-lock`
    ");
    let lock = "version: 6\nenvironments:\n  default:\n    packages:\n      linux-64:\n      - pypi: ./\npackages: []\n";
    assert_snapshot!(build(&[image, ("pixi.lock", lock)]), @r"
    exit: 4
    ----- stderr -----
    error: spec/pixi.lock:6: `./` is not described in the lock
    hint: write it anew with `pixi lock`
    ");
}

#[test]
fn a_folder_that_says_nothing_is_no_spec() {
    assert_snapshot!(build(&[("notes.txt", "to do\n")]), @r"
    exit: 3
    ----- stderr -----
    error: spec: the folder holds no spec: none of image.yaml, apt.txt, environment.yml, requirements.txt, pyproject.toml, setup.py, pylock.toml
    hint: write an image.yaml with the keys `base`, `apt` and `pip`
    ");
}

#[test]
fn a_lock_that_lacks_a_requirement_is_refused() {
    let lock =
        "lock-version = \"1.0\"\ncreated-by = \"hand\"\n[[packages]]\nname = \"six\"\nversion = \"1.16.0\"\n";
    let files = [
        ("image.yaml", "base: bootstrap\n"),
        ("pylock.toml", lock),
        ("requirements.txt", "six>=1.17\nnumpy\n"),
    ];
    assert_snapshot!(build(&files), @r"
    exit: 4
    ----- stderr -----
    warning: spec/pylock.toml: its packages are installed as they are locked; the requirements beside it are checked against it, not solved
    error: spec/requirements.txt:2: `numpy` is not what `spec/pylock.toml` holds: there is no `numpy` in it
    hint: lock again, for example with `uv pip compile --format pylock.toml`
    ");
}

#[test]
fn a_base_that_is_nowhere_is_named() {
    assert_snapshot!(build(&[("image.yaml", "base: oci:nowhere\n")]), @r"
    exit: 3
    ----- stderr -----
    [1/1] base oci:spec/nowhere
    error: cannot find `spec/nowhere/index.json`
    caused by: No such file or directory (os error 2)
    ");
}

#[test]
fn a_platform_of_another_machine_is_refused() {
    assert_snapshot!(build(&[("image.yaml", "base: bootstrap\nplatform: linux/s390x\n")]), @r"
    exit: 4
    ----- stderr -----
    error: this machine runs linux/amd64, so it cannot build for linux/s390x
    hint: ask for no platform or for linux/amd64, or build on a machine of that platform
    ");
}
