//! Python packages that lie on this machine: projects, wheels, archives; and a folder that is a project itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use imagewright_oci::Digest;
use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::wheels::{SourceDistribution, Wheel};
use toml::Table;

use super::seed::{PYTHON, context, context_with_wheels, wheel_folder, write_spec};

fn build(context: &TestContext, arguments: &[&str]) -> Outcome {
    context.run(["build", "spec", "-t", "demo/made"].iter().chain(arguments))
}

fn python(context: &TestContext, program: &str) -> String {
    context.run(["image", "run", "demo/made", "--", "python3", "-c", program]).success().stdout
}

fn version(context: &TestContext, module: &str) -> String {
    python(context, &format!("import {module}; print({module}.VERSION)"))
}

/// Makes the project `gamma` whose module has this version.
fn write_project(context: &TestContext, folder: &str, version: &str) {
    let wheel = Wheel::new("gamma", "1.0").module(&format!("VERSION = {version:?}\n"));
    SourceDistribution::of(&wheel).write_project(&context.work().join(folder)).unwrap();
}

/// The diff ids of the image.
fn layers(context: &TestContext) -> Vec<String> {
    let shown = context.run(["image", "show", "demo/made", "--json"]).success().json();
    let diff_ids = shown["config"]["rootfs"]["diff_ids"].as_array().unwrap();
    diff_ids.iter().map(ToString::to_string).collect()
}

/// What is in a folder: names, contents and times.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let told = entries.map(|entry| {
        let time = entry.metadata().unwrap().modified().unwrap();
        (entry.file_name().into_string().unwrap(), format!("{time:?} {:?}", fs::read(entry.path())))
    });
    told.collect()
}

#[test]
#[ignore = "needs root and network"]
fn a_project_is_built_when_it_changes_wherever_it_lies() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    write_project(&context, "lib", "one");
    write_spec(&context, "-e ../lib\nalpha");
    let before = contents(&context.work().join("lib"));
    let first = build(&context, &[]).success();
    assert!(first.stderr.contains("building gamma"), "{first}");
    assert!(first.stderr.contains("requirements.txt:2: `-e ../lib` is installed as it is now"), "{first}");
    assert_eq!(version(&context, "gamma"), "one\n");
    assert_eq!(contents(&context.work().join("lib")), before, "nobody writes to it");
    let told = "import importlib.metadata as m; print(m.distribution('gamma').read_text('direct_url.json'))";
    assert_eq!(python(&context, told), "{\"url\":\"file:///gamma\",\"dir_info\":{}}\n");
    let first_layers = layers(&context);

    fs::create_dir(context.work().join("elsewhere")).unwrap();
    fs::rename(context.work().join("lib"), context.work().join("elsewhere/other")).unwrap();
    write_spec(&context, "../elsewhere/other\nalpha");
    let moved = build(&context, &[]).success();
    assert!(!moved.stderr.contains("building gamma"), "{moved}");
    assert_eq!(moved.stdout, first.stdout);

    write_project(&context, "elsewhere/other", "two");
    let changed = build(&context, &[]).success();
    assert_eq!(changed.stderr.matches("building gamma").count(), 1, "{changed}");
    assert_eq!(version(&context, "gamma"), "two\n");
    let changed_layers = layers(&context);
    assert_eq!(changed_layers.len(), first_layers.len());
    assert_ne!(changed_layers, first_layers);

    write_project(&context, "elsewhere/other", "one");
    let back = build(&context, &[]).success();
    assert!(!back.stderr.contains("building gamma"), "{back}");
    assert_eq!(back.stdout, first.stdout);
}

#[test]
#[ignore = "needs root and network"]
fn wheels_and_archives_with_extras_and_markers() {
    let context = context_with_wheels(&[Wheel::new("beta", "1.0")]);
    let folder = context.work().join("spec");
    Wheel::new("alpha", "1.0").requires("beta; extra == 'more'").write_to(&folder.join("my dist")).unwrap();
    SourceDistribution::of(&Wheel::new("gamma", "1.0")).write_to(&folder).unwrap();
    write_project(&context, "spec/never", "1");
    write_spec(
        &context,
        "./my dist/alpha-1.0-py3-none-any.whl[more] ; python_version > '3'\ngamma @ file:gamma-1.0.tar.gz\n\
         ./never ; python_version < '3'",
    );
    let planned = context.run(["plan", "spec", "--json"]).success().json();
    let packages = planned["steps"][0]["packages"].as_array().unwrap();
    let path = |name: &str| packages.iter().find(|it| it["name"] == name).unwrap()["path"].as_str();
    assert_eq!(path("alpha"), Some("my dist/alpha-1.0-py3-none-any.whl"));
    assert_eq!((path("gamma"), path("beta")), (Some("gamma-1.0.tar.gz"), None));

    drop(build(&context, &[]).success());
    for module in ["alpha", "beta", "gamma"] {
        assert_eq!(version(&context, module), "1.0\n");
    }
    let told = "import importlib.metadata as m; print(m.distribution('alpha').read_text('direct_url.json'))";
    let expected = "{\"url\":\"file:///alpha-1.0-py3-none-any.whl\",\"archive_info\":{}}\n";
    assert_eq!(python(&context, told), expected);
}

fn lock(context: &TestContext) -> Table {
    fs::read_to_string(context.work().join("spec/image.lock")).unwrap().parse().unwrap()
}

#[test]
#[ignore = "needs root and network"]
fn a_lock_holds_path_and_contents() {
    let context = context_with_wheels(&[]);
    write_project(&context, "lib", "one");
    write_spec(&context, "../lib");
    let first = build(&context, &["--pylock", "out.toml"]).success();
    let lock = lock(&context);
    let package = lock["pip"]["packages"].as_array().unwrap();
    let package = package.iter().find(|it| it["name"].as_str() == Some("gamma")).unwrap();
    assert_eq!(package["directory"]["path"].as_str(), Some("../lib"));
    let content = package["tool"]["imagewright"]["content"].as_str().unwrap();
    assert!(content.starts_with("sha256:"), "{content}");
    let text = fs::read_to_string(context.work().join("spec/image.lock")).unwrap();
    assert!(!text.contains(context.folder().to_str().unwrap()), "no path of a machine: {text}");
    assert_eq!(build(&context, &["--locked", "--offline"]).success().stdout, first.stdout);
    assert_eq!(build(&context, &["--locked", "--offline", "--no-cache"]).success().stdout, first.stdout);

    write_project(&context, "lib", "two");
    let refused = build(&context, &["--locked"]).exits(5);
    assert!(refused.stderr.contains("`../lib`, from which `gamma` comes, has changed"), "{refused}");
    let planned = context.run(["plan", "spec", "--json"]).success().json();
    assert_eq!(planned["lock"], "preferred");
    assert_eq!(planned["notes"][0], "`../lib`, from which `gamma` comes, has changed");
    drop(build(&context, &[]).success());
    drop(build(&context, &["--locked"]).success());
    assert_eq!(version(&context, "gamma"), "two\n");

    // The pylock.toml is of the first state, which it holds to.
    let pylock = fs::read_to_string(context.work().join("out.toml")).unwrap();
    context.write("other/image.yaml", &format!("base: {PYTHON}\n"));
    context.write("other/pylock.toml", &pylock);
    let refused = context.run(["build", "other", "-t", "demo/made"]).exits(5);
    assert!(refused.stderr.contains("`../lib`, from which `gamma` comes, has changed"), "{refused}");
    write_project(&context, "lib", "one");
    drop(context.run(["build", "other", "-t", "demo/made"]).success());
    assert_eq!(version(&context, "gamma"), "one\n");
}

#[test]
#[ignore = "needs root and network"]
fn a_lock_of_another_tool_with_a_wheel_beside_it() {
    let context = context_with_wheels(&[]);
    Wheel::new("alpha", "1.0").write_to(&context.work().join("spec/dist")).unwrap();
    let file = "dist/alpha-1.0-py3-none-any.whl";
    let hash = Digest::of(&fs::read(context.work().join("spec").join(file)).unwrap());
    let lock = |path: &str, hash: &str| {
        let package = format!(
            "name = 'alpha'\nversion = '1.0'\nwheels = [{{ path = '{path}', hashes = {{ sha256 = '{hash}' }} }}]\n"
        );
        context.write("spec/image.yaml", &format!("base: {PYTHON}\n"));
        context.write("spec/pylock.toml", &format!("lock-version = '1.0'\n[[packages]]\n{package}"));
    };
    lock(file, hash.hex());
    drop(build(&context, &[]).success());
    assert_eq!(version(&context, "alpha"), "1.0\n");
    lock(file, &"0".repeat(64));
    let refused = build(&context, &[]).exits(5);
    assert!(
        refused.stderr.contains(&format!("`{file}`, from which `alpha` comes, has changed")),
        "{refused}"
    );
}

#[test]
#[ignore = "needs root and network"]
fn paths_of_the_command_line_count_from_where_the_user_stands() {
    let context = context_with_wheels(&[]);
    write_project(&context, "lib", "one");
    write_spec(&context, "");
    drop(build(&context, &["--pip", "./lib"]).success());
    assert_eq!(version(&context, "gamma"), "one\n");
    assert_eq!(lock(&context)["pip"]["asked"][0].as_str(), Some("../lib"));
    let alone = ["build", "--base", PYTHON, "--pip", "lib/", "-t", "demo/made"];
    drop(context.run(alone).success());
    assert_eq!(version(&context, "gamma"), "one\n");
}

/// A project as people write them: what it requires, only its build can tell.
const SETUP: &str = "\
from setuptools import setup
open('made-by-the-build', 'w').close()
setup(name='delta', version='1.0', py_modules=['delta'], install_requires=[name for name in ['six']])
";

#[test]
#[ignore = "needs root and network"]
fn a_folder_that_is_a_project_is_installed() {
    let context = context();
    context.write("spec/image.yaml", &format!("base: {PYTHON}\n"));
    context.write("spec/setup.py", SETUP);
    context.write("spec/delta.py", "import six\nVERSION = six.__name__\n");
    let first = build(&context, &[]).success();
    assert!(first.stderr.contains("solving again in the sandbox"), "{first}");
    assert_eq!(version(&context, "delta"), "six\n");
    let names: Vec<String> = contents(&context.work().join("spec")).into_keys().collect();
    assert_eq!(names, ["delta.py", "image.lock", "image.yaml", "setup.py"]);
    // The lock lies in the folder now, and is no part of the project.
    let again = build(&context, &["--locked"]).success();
    assert_eq!(again.stdout, first.stdout);
    context.write("spec/delta.py", "VERSION = 2\n");
    let changed = build(&context, &[]).success();
    assert!(changed.stderr.contains("building delta"), "{changed}");
    assert_eq!(version(&context, "delta"), "2\n");
}

#[test]
#[ignore = "needs root and network"]
fn what_cannot_be_in_a_project_is_named() {
    let context = context_with_wheels(&[]);
    write_project(&context, "lib", "one");
    write_spec(&context, "../lib");
    symlink("/etc/passwd", context.work().join("lib/data")).unwrap();
    let refused = build(&context, &[]).exits(4);
    assert!(refused.stderr.contains("lib/data` is a link to `/etc/passwd`, which is outside"), "{refused}");
    fs::remove_dir_all(context.work().join("lib")).unwrap();
    let missing = build(&context, &[]).exits(3);
    assert!(missing.stderr.contains("requirements.txt:2: `../lib`: there is no `"), "{missing}");
    assert!(wheel_folder(&context).is_dir());
    context.assert_nothing_unfinished();
}

const EXTENSION: &str = r#"
#include <Python.h>
static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "epsilon" };
PyMODINIT_FUNC PyInit_epsilon(void) {
    PyObject *it = PyModule_Create(&module);
    PyModule_AddStringConstant(it, "VERSION", "compiled");
    return it;
}
"#;

#[test]
#[ignore = "needs root and network"]
fn a_project_with_an_extension_in_c() {
    let context = context();
    context.write("lib/pyproject.toml", "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n[project]\nname = 'epsilon'\nversion = '1'\n");
    context.write(
        "lib/setup.py",
        "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('epsilon', ['epsilon.c'])])\n",
    );
    context.write("lib/epsilon.c", EXTENSION);
    let apt = "gcc libc6-dev python3-dev";
    let build = || {
        context.run(["build", "--base", PYTHON, "--apt", apt, "--pip", "./lib", "-t", "demo/made"]).success()
    };
    let first = build();
    assert!(!first.stderr.contains("solving again in the sandbox"), "what is written down is read: {first}");
    assert_eq!(version(&context, "epsilon"), "compiled\n");
    fs::create_dir_all(context.work().join("lib/__pycache__")).unwrap();
    fs::write(context.work().join("lib/__pycache__/setup.pyc"), "").unwrap();
    assert_eq!(build().stdout, first.stdout);
    assert!(!context.work().join("lib/build").exists());
}

#[test]
#[ignore = "needs root and network"]
fn a_version_that_comes_from_a_repository() {
    let context = context();
    let work = context.work().to_path_buf();
    let git = |folder: &str, arguments: &[&str]| {
        let author = ["-c", "user.name=test", "-c", "user.email=test@mirror.example"];
        let mut command = Command::new("git");
        command.args(author).args(arguments).current_dir(work.join(folder));
        Outcome::of(&mut command).success().stdout
    };
    context.write(
        "lib/pyproject.toml",
        "[build-system]\nrequires = ['setuptools', 'setuptools-scm']\nbuild-backend = 'setuptools.build_meta'\n\
         [project]\nname = 'zeta'\ndynamic = ['version']\n[tool.setuptools]\npy-modules = ['zeta']\n[tool.setuptools_scm]\n",
    );
    context.write("lib/zeta.py", "import importlib.metadata as m\nVERSION = m.version('zeta')\n");
    for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "first"], &["tag", "v1.2"]] {
        drop(git("lib", arguments));
    }
    context.write("spec/image.yaml", &format!("base: {PYTHON}\napt: [git]\npip: [../lib]\n"));
    let first = build(&context, &[]).success();
    assert_eq!(version(&context, "zeta"), "1.2\n");

    // The same commit, in another clone with other packs and times.
    fs::rename(work.join("lib"), work.join("origin")).unwrap();
    drop(git(".", &["clone", "-q", "--no-local", "origin", "lib"]));
    drop(git("lib", &["gc", "-q"]));
    let cloned = build(&context, &["--locked"]).success();
    assert_eq!(cloned.stdout, first.stdout);
    drop(git("lib", &["tag", "v1.3"]));
    let refused = build(&context, &["--locked"]).exits(5);
    assert!(refused.stderr.contains("`../lib`, from which `zeta` comes, has changed"), "{refused}");
}
