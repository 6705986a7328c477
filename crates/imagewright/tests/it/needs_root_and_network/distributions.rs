//! What Python packages come as: wheels by address, sources, repositories; and those that are not what they say.

use std::fs;
use std::path::Path;
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::wheels::{SourceDistribution, Wheel};

use super::seed::{context_with_wheels, wheel_folder, write_spec};

fn version(context: &TestContext, module: &str) -> String {
    let program = format!("import {module}; print({module}.VERSION)");
    context.run(["image", "run", "demo/made", "--", "python3", "-c", &program]).success().stdout
}

#[test]
#[ignore = "needs root and network"]
fn a_source_distribution_is_built_once() {
    let context = context_with_wheels(&[]);
    SourceDistribution::of(&Wheel::new("gamma", "1.0")).write_to(&wheel_folder(&context)).unwrap();
    write_spec(&context, "gamma");
    let build =
        |more: &[&str]| context.run(["build", "spec", "-t", "demo/made"].iter().chain(more)).success();
    let first = build(&[]);
    assert!(first.stderr.contains("building gamma"), "{first}");
    assert_eq!(version(&context, "gamma"), "1.0\n");
    let other = build(&["--label", "a=b", "--bytecode", "none"]);
    assert!(!other.stderr.contains("building gamma"), "{other}");
    let again = build(&["--no-cache"]);
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(again.stderr.matches("building gamma").count(), 1, "{again}");
}

#[test]
#[ignore = "needs root and network"]
fn a_wheel_and_an_archive_by_their_addresses() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    SourceDistribution::of(&Wheel::new("gamma", "1.0")).write_to(&wheel_folder(&context)).unwrap();
    let server = HttpServer::serve(&wheel_folder(&context)).unwrap();
    let url = server.url();
    let url = url.trim_end_matches('/');
    let addresses = format!("alpha @ {url}/alpha-1.0-py3-none-any.whl\ngamma @ {url}/gamma-1.0.tar.gz");
    write_spec(&context, &addresses);
    drop(context.run(["build", "spec", "-t", "demo/made"]).success());
    assert_eq!(version(&context, "alpha"), "1.0\n");
    assert_eq!(version(&context, "gamma"), "1.0\n");
    let origin =
        "import importlib.metadata as m; print(m.distribution('alpha').read_text('direct_url.json'))";
    let told = context.run(["image", "run", "demo/made", "--", "python3", "-c", origin]).success().stdout;
    assert!(told.contains("/alpha-1.0-py3-none-any.whl"), "{told}");
}

#[test]
#[ignore = "needs root and network"]
fn a_repository() {
    let context = context_with_wheels(&[]);
    let sources = wheel_folder(&context);
    SourceDistribution::of(&Wheel::new("gamma", "1.0")).write_to(&sources).unwrap();
    let run = |folder: &Path, program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        Outcome::of(command.args(arguments).current_dir(folder)).success().stdout
    };
    drop(run(&sources, "tar", &["xf", "gamma-1.0.tar.gz"]));
    let tree = sources.join("gamma-1.0");
    drop(run(&tree, "git", &["init", "-q", "-b", "main"]));
    drop(run(&tree, "git", &["add", "."]));
    let author = ["-c", "user.name=test", "-c", "user.email=test@mirror.example"];
    drop(run(&tree, "git", &[&author[..], &["commit", "-qm", "first"]].concat()));
    drop(run(&sources, "git", &["clone", "-q", "--bare", "gamma-1.0", "served/gamma.git"]));
    drop(run(&sources.join("served/gamma.git"), "git", &["update-server-info"]));
    let server = HttpServer::serve(&sources.join("served")).unwrap();
    let requirement = format!("gamma @ git+{}/gamma.git", server.url().trim_end_matches('/'));
    write_spec(&context, &requirement);

    let without = context.run(["build", "spec", "-t", "demo/made"]).exits(1);
    assert!(without.stderr.contains("Git executable not found"), "{without}");
    assert!(without.stderr.contains("hint: add git to the apt packages"), "{without}");

    drop(context.run(["build", "spec", "--apt", "git", "-t", "demo/made"]).success());
    assert_eq!(version(&context, "gamma"), "1.0\n");
}

#[test]
#[ignore = "needs root and network"]
fn a_wheel_that_is_not_what_its_record_says() {
    let lying = Wheel::new("alpha", "1.0").recorded("sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,3");
    let context = context_with_wheels(&[lying]);
    write_spec(&context, "alpha");
    let outcome = context.run(["build", "spec", "-t", "demo/made"]).exits(4);
    assert!(outcome.stderr.contains("alpha-1.0-py3-none-any.whl"), "{outcome}");
    assert!(outcome.stderr.contains("alpha.py") && outcome.stderr.contains("hint: "), "{outcome}");
    context.assert_nothing_unfinished();
    assert!(!context.run(["image", "list"]).success().stdout.contains("demo/made"));
}

#[test]
#[ignore = "needs root and network"]
fn a_wheel_that_changes_after_it_was_locked() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    write_spec(&context, "alpha");
    drop(context.run(["build", "spec", "-t", "demo/made"]).success());
    Wheel::new("alpha", "1.0").module("VERSION = 'other'\n").write_to(&wheel_folder(&context)).unwrap();
    for entry in fs::read_dir(context.root().join("cache/wheels")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let outcome = context.run(["build", "spec", "--no-cache", "-t", "demo/again"]).exits(4);
    assert!(outcome.stderr.contains("`alpha-1.0-py3-none-any.whl` could not be fetched"), "{outcome}");
    context.assert_nothing_unfinished();
    assert_eq!(version(&context, "alpha"), "1.0\n");
}

/// Makes a wheel of a distribution that has the module of another.
const CLASHING: &str = r"
import zipfile
info = 'beta-1.0.dist-info/'
names = [info + name for name in ('METADATA', 'WHEEL', 'RECORD')]
with zipfile.ZipFile('beta-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('alpha.py', 'VERSION = 2\n')
    wheel.writestr(names[0], 'Metadata-Version: 2.1\nName: beta\nVersion: 1.0\n')
    wheel.writestr(names[1], 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr(names[2], ''.join(name + ',,\n' for name in ['alpha.py'] + names))
";

#[test]
#[ignore = "needs root and network"]
fn two_packages_that_bring_one_file() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    let mut zip = Command::new("python3");
    drop(Outcome::of(zip.args(["-c", CLASHING]).current_dir(wheel_folder(&context))).success());
    write_spec(&context, "alpha\nbeta");
    let outcome = context.run(["build", "spec", "-t", "demo/made"]).success();
    assert!(outcome.stderr.contains("`alpha` and `beta` both bring"), "{outcome}");
    assert!(outcome.stderr.contains("site-packages/alpha.py"), "{outcome}");
    assert_eq!(version(&context, "alpha"), "2\n", "what is named later lies on top");
}
