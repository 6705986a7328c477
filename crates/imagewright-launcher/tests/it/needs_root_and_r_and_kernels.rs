//! R's kernel, in a system of its own in which there is nothing of ours but the static program.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::gateway::{Gateway, Launched};
use crate::needs_kernels::ipykernel::Kernel;
use crate::needs_kernels::shared;

/// Stands in for Spark's package, and says when it is asked for a session.
const SPARKR: &str = r#"
session <- new.env()
session$made <- 0
sparkR.session <- function() { session$made <- session$made + 1; "a session" }
callJMethod <- function(of, name) paste(name, "of", of)
"#;

/// The folder of the gateway is `/mnt` of the system, which nobody else sees.
fn in_r(gateway: &Gateway) -> Command {
    let root = shared().join("r-trixie");
    let mut command = Command::new("/usr/bin/unshare");
    let script = r#"mount --bind "$1" "$2/mnt" && mount -t proc proc "$2/proc" && shift && exec chroot "$@""#;
    command.args(["--mount", "/bin/sh", "-c", script, "sh"]).arg(gateway.folder.path()).arg(root);
    command
}

/// Builds the program as it goes into images, and puts it where the system sees it.
fn build(gateway: &Gateway) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let store = tempfile::tempdir().unwrap();
    let status =
        Command::new("scripts/build-launcher").arg(store.path()).current_dir(&repository).status().unwrap();
    assert!(status.success());
    fs::copy(store.path().join("tools/imagewright-kernel-launcher"), gateway.folder.path().join("launcher"))
        .unwrap();
}

fn start(gateway: Gateway, more: &[(&str, &str)]) -> Kernel {
    let mut command = in_r(&gateway);
    command.arg("/mnt/launcher").env_clear().envs(gateway.variables()).env("KERNEL_LAUNCH_TIMEOUT", "60");
    let here = [
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/mnt"),
        ("TMPDIR", "/mnt/tmp"),
        ("JUPYTER_PATH", ""),
        ("KERNEL_LANGUAGE", "r"),
    ];
    command.envs(here).envs(more.iter().copied());
    let launched = Launched::start(command);
    Kernel::of(gateway, launched)
}

#[test]
#[ignore = "needs root, R and kernels"]
fn it_executes_is_interrupted_and_stops() {
    let gateway = Gateway::new();
    build(&gateway);
    let kernel = start(gateway, &[]);
    assert_eq!(kernel.execute("1+1")["output"], "[1] 2");
    kernel.execute_and_interrupt("done <- FALSE; Sys.sleep(60); done <- TRUE");
    assert_eq!(kernel.execute("done")["output"], "[1] FALSE");
    let (code, output) = kernel.stop();
    assert_eq!(code, 0, "{output}");
}

#[test]
#[ignore = "needs root, R and kernels"]
fn its_session_of_spark_is_made_when_it_is_used() {
    let gateway = Gateway::new();
    build(&gateway);
    let package = gateway.folder.path().join("source/SparkR");
    fs::create_dir_all(package.join("R")).unwrap();
    fs::write(package.join("DESCRIPTION"), "Package: SparkR\nVersion: 3.5.0\nTitle: A\nDescription: A.\nLicense: MIT\nAuthor: A\nMaintainer: A <a@mirror.example>\n").unwrap();
    fs::write(package.join("NAMESPACE"), "export(sparkR.session, session)\n").unwrap();
    fs::write(package.join("R/spark.R"), SPARKR).unwrap();
    fs::create_dir_all(gateway.folder.path().join("spark/R/lib")).unwrap();
    let installed = in_r(&gateway)
        .args(["R", "CMD", "INSTALL", "--library=/mnt/spark/R/lib", "/mnt/source/SparkR"])
        .output()
        .unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    // What the person has always had is still there.
    fs::write(gateway.folder.path().join(".Rprofile"), "mine <- 'kept'\n").unwrap();

    let kernel = start(gateway, &[("SPARK_HOME", "/mnt/spark"), ("KERNEL_SPARK_CONTEXT_INIT_MODE", "lazy")]);
    assert_eq!(kernel.execute("mine")["output"], "[1] \"kept\"");
    assert_eq!(kernel.execute("SparkR::session$made")["output"], "[1] 0");
    assert_eq!(kernel.execute("spark")["output"], "[1] \"a session\"");
    assert_eq!(kernel.execute("sc")["output"], "[1] \"sparkContext of a session\"");
    assert_eq!(kernel.execute("SparkR::session$made")["output"], "[1] 1");
    assert_eq!(kernel.stop().0, 0);
}
