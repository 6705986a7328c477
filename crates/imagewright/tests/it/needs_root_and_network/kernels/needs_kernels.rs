//! With Enterprise Gateway's own files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use imagewright_oci::Digest;
use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::shared;

use super::super::seed::{self, PYTHON};
use super::{build, own_layers, passes, shown};

/// An archive as Enterprise Gateway's releases have it, of the files in its source.
fn archive(context: &TestContext, name: &str) -> PathBuf {
    let launchers = shared::folder().join("kernel/launchers");
    let (top, archive) = (context.work().join("top"), context.work().join(name));
    let run = |command: &mut Command| assert!(command.status().unwrap().success());
    fs::create_dir_all(top.join("kernel-launchers")).unwrap();
    let parts = ["python", "R", "scala"].map(|part| launchers.join(part));
    run(Command::new("cp").arg("-r").args(parts).arg(top.join("kernel-launchers")));
    run(Command::new("cp").arg(launchers.join("bootstrap/bootstrap-kernel.sh")).arg(&top));
    let contents = ["bootstrap-kernel.sh", "kernel-launchers"];
    run(Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&top).args(contents));
    archive
}

const NAME: &str = "jupyter_enterprise_gateway_kernel_image_files-3.3.0.tar.gz";

#[test]
#[ignore = "needs root, network and Enterprise Gateway's files"]
fn a_python_kernel_is_started_by_enterprise_gateways_files() {
    let context = seed::context();
    let digest = Digest::of(&fs::read(archive(&context, NAME)).unwrap());
    let spec =
        format!("base: {PYTHON}\nkernel:\n  language: python\n  launcher: eg=../{NAME}#{}\n", digest.hex());
    context.write("spec/image.yaml", &spec);
    let first = build(&context, &["spec", "-t", "team/kernel:1"]);
    let image = shown(&context, "team/kernel:1");
    assert_eq!(image["config"]["config"]["Cmd"], serde_json::json!(["/usr/local/bin/bootstrap-kernel.sh"]));
    assert_eq!(own_layers(&image).len(), 2);
    let look = "stat -c '%U:%G %a' /usr/local/bin/bootstrap-kernel.sh /usr/local/bin/kernel-launchers /usr/local/bin";
    let said = context.run(["image", "run", "team/kernel:1", "--", "sh", "-c", look]).success().stdout;
    assert_eq!(said, "jovyan:users 755\njovyan:users 755\nroot:root 755\n");
    passes(&context, "team/kernel:1");
    let lock = fs::read_to_string(context.work().join("spec/image.lock")).unwrap();
    let locked = format!("[kernel]\nasked = \"python eg={NAME}\"\nsha256 = \"{}\"\n", digest.hex());
    assert!(lock.ends_with(&locked), "{lock}");
    assert_eq!(build(&context, &["spec", "--locked"])["digest"], first["digest"]);
    // It is the file that counts, and not where it lies.
    let server = HttpServer::serve(&context.work()).unwrap();
    let address = format!("eg={}/{NAME}#sha256={}", server.url(), digest.hex());
    context.write(
        "spec/image.yaml",
        &format!("base: {PYTHON}\nkernel: {{language: python, launcher: '{address}'}}\n"),
    );
    assert_eq!(build(&context, &["spec"])["digest"], first["digest"]);
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root, network and Enterprise Gateway's files"]
fn an_r_kernel_is_started_by_enterprise_gateways_files() {
    let context = seed::context();
    let launcher = format!("eg={}", archive(&context, NAME).display());
    let words = ["--base", "bootstrap", "--kernel", "r", "--launcher", &launcher, "-t", "team/r:1"];
    drop(build(&context, &words));
    passes(&context, "team/r:1");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root, network and Enterprise Gateway's files"]
fn archives_that_are_not_meant_are_refused() {
    let context = seed::context();
    let good = archive(&context, NAME);
    let refused = |language: &str, launcher: &str, code: i32, expected: &str| {
        let words = ["build", "--base", PYTHON, "--kernel", language, "--launcher", launcher];
        let stderr = context.run(words).exits(code).stderr;
        assert!(stderr.contains(expected) && stderr.contains("\nhint: "), "{stderr}");
    };
    let named = format!("eg={}", good.display());
    refused("python", &format!("{named}#{}", "0".repeat(64)), 4, "error: --kernel: the SHA-256 of `");
    refused("scala", &named, 4, "it has no jars of Toree in `kernel-launchers/scala/lib`");
    context.write("other.tar.gz", "no archive at all");
    let other = context.work().join("other.tar.gz");
    refused(
        "python",
        &format!("eg={}", other.display()),
        4,
        "is no archive of Enterprise Gateway's kernel image files",
    );
    let missing = context.work().join("missing.tar.gz");
    let words = ["build", "--base", PYTHON, "--kernel", "python", "--launcher"];
    let stderr = context
        .run(words.into_iter().map(str::to_owned).chain([format!("eg={}", missing.display())]))
        .exits(3)
        .stderr;
    assert!(stderr.contains("missing.tar.gz` cannot be read"), "{stderr}");
    let server = HttpServer::serve(&context.work()).unwrap();
    let wrong = format!("eg={}/{NAME}#sha256={}", server.url(), "0".repeat(64));
    let words = ["build", "--base", PYTHON, "--kernel", "python", "--launcher", &wrong];
    let outcome = context.run(words);
    assert!(outcome.code == Some(4) && outcome.stderr.contains("sha256:0000"), "{}", outcome.stderr);
}
