//! Typical mistakes, and exactly what is said about them.

use std::collections::BTreeMap;

use imagewright_model::ErrorKind;
use imagewright_model::spec::{PartialSpec, SpecError, SpecFlags, read_folder};

/// An error as a front end prints it.
fn rendered(error: &SpecError) -> String {
    let mut text = format!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!("\ncaused by: {error}");
        cause = error.source();
    }
    text + &error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

fn yaml(text: &str) -> String {
    let error = PartialSpec::from_yaml("image.yaml", text).map(|spec| format!("{spec:?}")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    rendered(&error)
}

fn folder(files: &[(&str, &str)]) -> String {
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let error =
        read_folder(&files).and_then(PartialSpec::finish).map(|spec| format!("{spec:?}")).unwrap_err();
    rendered(&error)
}

#[test]
fn a_misspelt_key() {
    insta::assert_snapshot!(yaml("base: bootstrap\nentrypont: [tini]\n"), @r"
    error: image.yaml:2:1: unknown key `entrypont`
    hint: did you mean `entrypoint`?
    ");
}

#[test]
fn a_key_of_nothing_like_ours() {
    insta::assert_snapshot!(yaml("base: bootstrap\napt:\n  from: x\n"), @r"
    error: image.yaml:3:3: unknown key `from`
    hint: the keys here are: packages, recommends
    ");
}

#[test]
fn a_list_without_brackets() {
    insta::assert_snapshot!(yaml("apt: git, curl\n"), @r"
    error: image.yaml:1:1: expected a list of packages, or a map with the key `packages`, found `git, curl`
    hint: write `[git, curl]`
    ");
}

#[test]
fn malformed_yaml() {
    insta::assert_snapshot!(yaml("base: bootstrap\napt: [git\npip: [numpy]\n"), @r"
    error: image.yaml:3:4: malformed YAML in `pip: [numpy]`: illegal placement of ':' indicator
    ");
}

#[test]
fn a_key_twice() {
    insta::assert_snapshot!(yaml("apt: [git]\npip: [numpy]\napt: [curl]\n"), @r"
    error: image.yaml:3:1: key `apt` stands twice
    hint: join the two into one
    ");
}

#[test]
fn a_version_of_python() {
    insta::assert_snapshot!(yaml("base: bootstrap\npython: 3.12\n"), @r"
    error: image.yaml:2:1: expected the path of an interpreter, or a map with the keys `interpreter` and `environment`, found the number `3.12`
    hint: a version cannot be chosen here: Python comes with the base or from apt; name its path, as in `/usr/bin/python3`
    ");
}

#[test]
fn a_password_in_an_index() {
    insta::assert_snapshot!(yaml("pip:\n  index: https://me:secret@mirror.example/simple\n"), @r"
    error: image.yaml:2:10: the address holds a user name or password
    hint: specs hold no secrets: put the index into the configuration (`python.index`, `python.extra-indexes`)
    ");
}

#[test]
fn a_path_as_base() {
    insta::assert_snapshot!(yaml("base: ./base.tar\n"), @r"
    error: image.yaml:1:7: base `./base.tar` looks like a path, which needs a prefix
    hint: write `oci:./base.tar` for a folder, `oci-archive:./base.tar` or `docker-archive:./base.tar` for a file
    ");
}

#[test]
fn a_reference_that_is_none() {
    insta::assert_snapshot!(yaml("base: Python:3.13\n"), @r"
    error: image.yaml:1:7: base `Python:3.13` is not valid
    caused by: repository `Python` must be lower case
    ");
}

#[test]
fn a_dockerfile_s_way_with_path() {
    insta::assert_snapshot!(yaml("env:\n  PATH: /opt/bin:$PATH\n"), @r"
    error: image.yaml:2:3: the value of `PATH` refers to `PATH` itself, but values are taken literally
    hint: write the complete value of `PATH`
    ");
}

#[test]
fn a_requirement_with_a_typo() {
    insta::assert_snapshot!(folder(&[("requirements.txt", "numpy\n\npandas=>2\n")]), @r#"
    error: requirements.txt:3: `pandas=>2` is not a requirement: no such comparison operator "=>", must be one of ~= == != <= >= < > ===
    hint: did you mean `pandas>=2`?
    "#);
}

#[test]
fn a_requirement_as_conda_writes_it() {
    insta::assert_snapshot!(folder(&[("requirements.txt", "numpy==1.17*\n")]), @r"
    error: requirements.txt:1: `numpy==1.17*` is not a requirement: after parsing `1.17`, found `*`, which is not part of a valid version
    hint: did you mean `numpy==1.17.*`?
    ");
}

#[test]
fn an_apt_package_in_capitals() {
    insta::assert_snapshot!(folder(&[("apt.txt", "git curl\n# R\nR-base\n")]), @r"
    error: apt.txt:3: `R-base` is not the name of a Debian package: lower-case letters, digits, `+`, `-` and `.`, two at least
    hint: did you mean `r-base`?
    ");
}

#[test]
fn one_apt_package_in_two_versions() {
    let files = [("image.yaml", "base: bootstrap\napt: [git=1.2]\n"), ("apt.txt", "git=1.1\n")];
    insta::assert_snapshot!(folder(&files), @r"
    error: apt.txt:1: `git=1.1` contradicts `git=1.2` in image.yaml:2:7
    hint: keep one of the two
    ");
}

#[test]
fn an_environment_of_conda() {
    insta::assert_snapshot!(folder(&[("environment.yml", "dependencies:\n  - -n base numpy\n")]), @r"
    error: environment.yml:2:5: `-n base numpy` begins with a dash: of conda's options only `-c CHANNEL` can be given here
    hint: channels go into `channels`, other settings into configuration
    ");
}

#[test]
fn a_project_without_a_project() {
    insta::assert_snapshot!(folder(&[("pyproject.toml", "[tool.ruff]\nline-length = 100\n")]), @r"
    error: pyproject.toml: there is no [project] section, so no dependencies can be read
    hint: add [project] with `dependencies`, or list them in requirements.txt and say `ignore: [pyproject.toml]` in image.yaml
    ");
}

#[test]
fn malformed_toml() {
    insta::assert_snapshot!(folder(&[("pyproject.toml", "[project]\nname = x\n")]), @r#"
    error: pyproject.toml:2:8: malformed TOML in `name = x`: invalid string, expected `"`, `'`
    "#);
}

#[test]
fn a_lock_that_lacks_something() {
    let lock = "lock-version = '1.0'\n[[packages]]\nname = 'numpy'\nversion = '1.26.4'\n";
    let image = ("image.yaml", "base: bootstrap\n");
    let files = [image, ("requirements.txt", "numpy>=2\n"), ("pylock.toml", lock)];
    insta::assert_snapshot!(folder(&files), @r"
    error: requirements.txt:1: `numpy>=2` is not what `pylock.toml` holds: it has version 1.26.4
    hint: lock again, for example with `uv pip compile --format pylock.toml`
    ");
    let files = [image, ("requirements.txt", "pandas\n"), ("pylock.toml", lock)];
    insta::assert_snapshot!(folder(&files), @r"
    error: requirements.txt:1: `pandas` is not what `pylock.toml` holds: there is no `pandas` in it
    hint: lock again, for example with `uv pip compile --format pylock.toml`
    ");
}

#[test]
fn no_base() {
    insta::assert_snapshot!(folder(&[("apt.txt", "git\n")]), @r"
    error: image spec: no base image is named
    hint: add `base: bootstrap` to image.yaml, or say --base
    ");
}

#[test]
fn an_empty_folder() {
    let error = read_folder(&BTreeMap::new()).map(|spec| format!("{spec:?}")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    insta::assert_snapshot!(rendered(&error), @r"
    error: .: the folder holds no spec: none of image.yaml, apt.txt, environment.yml, requirements.txt, pyproject.toml, setup.py, pylock.toml
    hint: write an image.yaml with the keys `base`, `apt` and `pip`
    ");
}

#[test]
fn a_flag_that_is_wrong() {
    let flags = SpecFlags { env: vec!["A B".to_owned()], ..SpecFlags::default() };
    insta::assert_snapshot!(rendered(&PartialSpec::from_flags(&flags).unwrap_err()), @r"
    error: --env: `A B` is not of the form NAME=VALUE
    ");
}

/// What is said of a spec that reads well and cannot be.
fn finished(text: &str) -> String {
    let spec = PartialSpec::from_yaml("image.yaml", text).unwrap();
    rendered(&spec.finish().map(|spec| format!("{spec:?}")).unwrap_err())
}

#[test]
fn a_kernel_that_is_none() {
    insta::assert_snapshot!(yaml("base: bootstrap\nkernel: 3.12\n"), @r"
    error: image.yaml:2:1: expected the language of a kernel, or a map with the key `language`, found the number `3.12`
    ");
    insta::assert_snapshot!(yaml("base: bootstrap\nkernel: 'py thon'\n"), @r"
    error: image.yaml:2:9: `py thon` is not the name of a language
    hint: did you mean `python`?
    ");
    insta::assert_snapshot!(yaml("base: bootstrap\nkernel: [python]\n"), @r"
    error: image.yaml:2:1: expected the language of a kernel, or a map with the key `language`, found a list
    ");
    insta::assert_snapshot!(yaml("kernel: {language: r, kernelspec: ../ir}\n"), @r"
    error: image.yaml:1:35: `../ir` is not the name of a kernelspec: letters, digits, `.`, `-` and `_`
    hint: write the name of its folder, as `python3` or `ir`
    ");
    insta::assert_snapshot!(yaml("kernel: {language: r, spec: ir}\n"), @r"
    error: image.yaml:1:23: unknown key `spec`
    hint: the keys here are: language, kernelspec, launcher, user
    ");
    insta::assert_snapshot!(finished("base: bootstrap\nkernel: {kernelspec: ir}\n"), @r"
    error: image.yaml:2:22: it is not said which language the kernel is for
    hint: add `language: python`, or say --kernel python
    ");
    insta::assert_snapshot!(finished("base: a\nkernel: python\ncommand: [sh]\n"), @r"
    error: image.yaml:2:9: `command` and `kernel` contradict each other: what a kernel image starts is its launcher
    hint: leave out `command`; what is to run before the launcher is an `entrypoint` that runs its arguments
    ");
    insta::assert_snapshot!(finished("base: a\nkernel: python\nenv: {KERNEL_LANGUAGE: R}\n"), @r"
    error: image.yaml:2:9: `KERNEL_LANGUAGE` is `R` under `env`, and the kernel is for `python`
    hint: leave out the variable: `kernel` sets it
    ");
}

#[test]
fn a_kernel_of_root() {
    insta::assert_snapshot!(yaml("kernel: {language: python, user: 0}\n"), @r"
    error: image.yaml:1:34: kernels do not run as root: Enterprise Gateway refuses user 0
    hint: leave it out for 1000:100, or name another one
    ");
    insta::assert_snapshot!(yaml("kernel: {language: python, user: root}\n"), @r"
    error: image.yaml:1:34: kernels do not run as root: Enterprise Gateway refuses user 0
    hint: leave it out for 1000:100, or name another one
    ");
    insta::assert_snapshot!(yaml("kernel: {language: python, user: jovyan}\n"), @r"
    error: image.yaml:1:34: `jovyan` is not a user of a kernel: expected NUMBER or NUMBER:NUMBER
    hint: gateways go by numbers: write `1000:100`
    ");
    insta::assert_snapshot!(finished("base: a\nkernel: python\nuser: root\n"), @r"
    error: image.yaml:2:9: kernels do not run as root: Enterprise Gateway refuses user 0
    hint: leave it out for 1000:100, or name another one
    ");
}

#[test]
fn a_launcher_that_is_none() {
    let launcher = |text: &str| yaml(&format!("kernel: {{language: r, launcher: '{text}'}}\n"));
    insta::assert_snapshot!(launcher("gateway"), @r"
    error: image.yaml:1:33: `gateway` is no launcher: expected `imagewright` or `eg=ARCHIVE`
    hint: leave it out, or write `eg=` and the path or address of jupyter_enterprise_gateway_kernel_image_files-VERSION.tar.gz
    ");
    insta::assert_snapshot!(launcher("./files.tar.gz"), @r"
    error: image.yaml:1:33: `./files.tar.gz` is no launcher: expected `imagewright` or `eg=ARCHIVE`
    hint: did you mean `eg=./files.tar.gz`?
    ");
    insta::assert_snapshot!(launcher("eg=https://mirror.example/files.tar.gz"), @r"
    error: image.yaml:1:33: it is not said what is in `https://mirror.example/files.tar.gz`
    hint: write `eg=https://mirror.example/files.tar.gz#sha256=…` with the SHA-256 of the archive
    ");
    insta::assert_snapshot!(launcher("eg=https://mirror.example/files.tar.gz#sha256=12ab"), @r"
    error: image.yaml:1:33: `12ab` is no SHA-256, which has 64 hexadecimal digits
    hint: `sha256sum` says it of a file
    ");
    insta::assert_snapshot!(launcher(&format!("eg=https://me:secret@mirror.example/f.tar.gz#{}", "a".repeat(64))), @r"
    error: image.yaml:1:33: the address holds a user name or password
    hint: specs hold no secrets: put the index into the configuration (`python.index`, `python.extra-indexes`)
    ");
    let files = "launcher: 'eg=files.tar.gz'";
    insta::assert_snapshot!(finished(&format!("base: a\nkernel: {{language: pyton, {files}}}\n")), @r"
    error: image.yaml:2:20: Enterprise Gateway has no launcher for `pyton`, but for python, r and scala
    hint: did you mean `python`?
    ");
    insta::assert_snapshot!(finished(&format!("base: a\nkernel: {{language: julia, {files}}}\n")), @r"
    error: image.yaml:2:20: Enterprise Gateway has no launcher for `julia`, but for python, r and scala
    hint: leave `launcher` out: imagewright's own starts every kernel with a kernelspec
    ");
    insta::assert_snapshot!(finished(&format!("base: a\nkernel: {{language: r, kernelspec: ir, {files}}}\n")), @r"
    error: image.yaml:2:35: Enterprise Gateway's launchers go by the language and read no kernelspec
    hint: leave out `kernelspec`, or `launcher` for imagewright's own
    ");
    let flags = SpecFlags {
        base: Some("a".to_owned()),
        launcher: Some("imagewright".to_owned()),
        ..SpecFlags::default()
    };
    let error = PartialSpec::from_flags(&flags).unwrap().finish().unwrap_err();
    insta::assert_snapshot!(rendered(&error), @r"
    error: --launcher: it is not said which language the kernel is for
    hint: add `language: python`, or say --kernel python
    ");
}
