//! Scripts that conda packages bring for whoever installs them, run in the sandbox.

use std::fs;

use imagewright_testkit::conda::{Channel, CondaPackage, Format, Index};
use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::image::TinyImage;

use super::seed::{self, BASE};
use crate::conda::support::{layers, remove_caches};

/// Surroundings with these packages in the channel `team`.
pub(crate) fn context(packages: &[CondaPackage]) -> TestContext {
    let context = seed::context();
    let folder = context.folder().join("channels");
    let mut channel = Channel::new(&folder.join("team"), Index::Json);
    for package in packages {
        channel.add(package, Format::Conda).unwrap();
    }
    context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", format!("file://{}", folder.display()))
}

pub(crate) fn write_spec(context: &TestContext, base: &str, package: &str, scripts: &str) {
    let spec = format!(
        "base: {base}\nconda: {{packages: ['{package}'], channels: [team], link-scripts: {scripts}}}\n"
    );
    context.write("spec/image.yaml", &spec);
}

fn build(context: &TestContext, image: &str) -> Outcome {
    context.run(["build", "spec", "-t", image])
}

fn inside(context: &TestContext, image: &str, program: &str) -> String {
    context.run(["image", "run", image, "--", "sh", "-c", program]).success().stdout
}

/// Notes in the image what a script sees.
const NOTE: &str = "\
echo \"$PKG_NAME $PKG_VERSION $PKG_BUILDNUM in $PREFIX at $(pwd), active: $CONDA_PREFIX $LIB_HOME, tool: $(lib-tool)\" \\
    >> \"$PREFIX/noted\"
";

/// A library, and a program that needs it and comes before it in the alphabet.
pub(crate) fn packages() -> [CondaPackage; 2] {
    let lib = CondaPackage::new("lib", "2.1")
        .program("bin/lib-tool", "#!/bin/sh\necho of lib\n")
        .file("etc/conda/activate.d/lib.sh", "export LIB_HOME=\"$CONDA_PREFIX/lib\"\n")
        .program(
            "bin/.lib-post-link.sh",
            format!("{NOTE}echo noted it\necho 'look here\nand there' >> \"$PREFIX/.messages.txt\"\n"),
        );
    let app = CondaPackage::new("app", "1.0").depends("lib").file(
        "bin/.app-post-link.sh",
        format!(
            "[[ -n $BASH ]] || exit 9\ntouch /tmp/junk\n{NOTE}echo 'and here' >> $PREFIX/.messages.txt\n"
        ),
    );
    [lib, app]
}

#[test]
#[ignore = "needs root and network"]
fn scripts_run_in_the_order_of_packages() {
    let context = context(&packages());
    write_spec(&context, BASE, "app", "run");
    let plan = context.run(["plan", "spec"]).success().stdout;
    assert!(plan.contains("link scripts of conda packages are run in the sandbox"), "{plan}");
    let built = context.run(["build", "spec", "-t", "demo/app", "--verbose"]).success();
    let expected = "\
lib 2.1 0 in /opt/conda at /opt/conda/bin, active: /opt/conda /opt/conda/lib, tool: of lib
app 1.0 0 in /opt/conda at /opt/conda/bin, active: /opt/conda /opt/conda/lib, tool: of lib
";
    assert_eq!(inside(&context, "demo/app", "cat /opt/conda/noted"), expected);
    assert!(built.stderr.contains("warning: `lib 2.1` says: look here\nand there\n"), "{built}");
    assert!(built.stderr.contains("warning: `app 1.0` says: and here\n"), "{built}");
    assert!(built.stderr.contains("noted it"), "what it prints is told: {built}");
    assert_eq!(
        inside(&context, "demo/app", "ls -A /tmp /opt/conda/.messages.txt 2> /dev/null; true"),
        "/tmp:\n"
    );
    // What scripts change is one layer, on top, and belongs to nobody's package.
    let with = layers(&context, "demo/app");
    write_spec(&context, BASE, "app", "skip");
    // No version depends on it, so the lock is the same.
    drop(context.run(["build", "spec", "-t", "demo/skipped", "--locked"]).success());
    assert_eq!(layers(&context, "demo/skipped"), with[..with.len() - 1]);
    assert_eq!(inside(&context, "demo/skipped", "ls /opt/conda | grep noted; true"), "");
    // The same again is there already, and nothing is run.
    write_spec(&context, BASE, "app", "run");
    let again = context.run(["build", "spec", "-t", "demo/app", "--progress", "json"]).success();
    assert!(
        again.events().iter().filter_map(|event| event["cached"].as_bool()).all(|cached| cached),
        "{again}"
    );
    // With nothing remembered the same comes out.
    remove_caches(&context);
    drop(build(&context, "demo/again").success());
    assert_eq!(layers(&context, "demo/again"), with);
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn a_script_that_fails_ends_the_build() {
    let failing = CondaPackage::new("failing", "1.0").file(
        "bin/.failing-post-link.sh",
        "echo trying\necho 'ask your administrator' > \"$PREFIX/.messages.txt\"\necho 'no such thing' >&2\nexit 3\n",
    );
    let early = CondaPackage::new("early", "1.0").file("bin/.early-pre-link.sh", "exit 1\n");
    let context = context(&[failing, early]);
    write_spec(&context, BASE, "failing", "run");
    let told = build(&context, "demo/failing").exits(1).stderr;
    let expected = "the script `bin/.failing-post-link.sh` of `failing 1.0` failed with exit code 3";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("trying") && told.contains("no such thing"), "{told}");
    assert!(told.contains("`failing 1.0` says: ask your administrator"), "{told}");
    context.assert_nothing_unfinished();
    write_spec(&context, BASE, "failing", "refuse");
    let told = build(&context, "demo/failing").exits(4).stderr;
    assert!(told.contains("has the script `bin/.failing-post-link.sh`"), "{told}");
    assert!(told.contains("say `link-scripts: run` under `conda`"), "{told}");
    // Scripts for the time before a package is installed are run by nobody any more.
    write_spec(&context, BASE, "early", "run");
    let told = build(&context, "demo/early").success().stderr;
    assert!(told.contains("`bin/.early-pre-link.sh` of `early 1.0 0` is not run"), "{told}");
}

#[test]
#[ignore = "needs root and network"]
fn an_image_without_a_shell_runs_no_script() {
    let context = context(&packages());
    let base = TinyImage::default().file("lib64/libc.so.6", "GNU C Library stable release version 2.36.\n");
    base.write_layout(&context.work().join("base"), "base").unwrap();
    write_spec(&context, "oci:../base:base", "app", "run");
    let told = build(&context, "demo/app").exits(4).stderr;
    let expected = "the image has no shell for the script `bin/.lib-post-link.sh` of `lib 2.1`";
    assert!(told.contains(expected), "{told}");
}

#[test]
#[ignore = "needs root and network"]
fn scripts_of_packages_that_are_replaced_run_before_that() {
    let old = CondaPackage::new("tool", "1.0")
        .file("bin/.tool-post-link.sh", "touch \"$PREFIX/cache\" \"$PREFIX/left\"\n")
        .file(
            "bin/.tool-pre-unlink.sh",
            "rm \"$PREFIX/cache\"\necho \"gone: $PKG_VERSION\" >> \"$PREFIX/noted\"\n",
        );
    let bad =
        CondaPackage::new("bad", "1.0").file("bin/.bad-pre-unlink.sh", "touch \"$PREFIX/tried\"\nexit 7\n");
    let newer = |name: &str| CondaPackage::new(name, "2.0").file(&format!("share/{name}"), "new");
    let context = context(&[old, bad, newer("tool"), newer("bad")]);
    write_spec(&context, BASE, "tool=1.0', 'bad=1.0", "run");
    drop(build(&context, "demo/old").success());
    assert_eq!(inside(&context, "demo/old", "cd /opt/conda; ls -d cache left"), "cache\nleft\n");
    fs::remove_file(context.work().join("spec/image.lock")).unwrap();

    write_spec(&context, "demo/old", "tool=2.0', 'bad=2.0", "refuse");
    let told = build(&context, "demo/new").exits(4).stderr;
    assert!(told.contains("of the base has the script `bin/.") && told.contains("-pre-unlink.sh`"), "{told}");
    write_spec(&context, "demo/old", "tool=2.0', 'bad=2.0", "skip");
    drop(build(&context, "demo/new").success());
    let there = "cd /opt/conda; ls -d cache left tried noted bin/.tool-* share/tool 2> /dev/null; true";
    assert_eq!(inside(&context, "demo/new", there), "cache\nleft\nshare/tool\n");
    write_spec(&context, "demo/old", "tool=2.0', 'bad=2.0", "run");
    let told = build(&context, "demo/new").success().stderr;
    assert!(told.contains("`bin/.bad-pre-unlink.sh` of `bad 1.0` failed with exit code 7"), "{told}");
    assert_eq!(inside(&context, "demo/new", there), "left\nnoted\nshare/tool\ntried\n");
    assert_eq!(inside(&context, "demo/new", "cat /opt/conda/noted"), "gone: 1.0\n");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn what_scripts_make_belongs_to_whom_the_environment_belongs() {
    let context = context(&packages());
    let dockerfile =
        format!("FROM {BASE}\nRUN mkdir -p /opt/conda/conda-meta && chown -R 1000:100 /opt/conda\n");
    context.write("Dockerfile", &dockerfile);
    drop(context.run(["build", "-f", "Dockerfile", ".", "-t", "demo/owned"]).success());
    write_spec(&context, "demo/owned", "app", "run");
    drop(build(&context, "demo/app").success());
    let owners = "cd /opt/conda; stat -c '%u:%g' noted bin/lib-tool . ; stat -c '%u:%g' /opt";
    assert_eq!(inside(&context, "demo/app", owners), "1000:100\n1000:100\n1000:100\n0:0\n");
}
