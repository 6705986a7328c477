//! R's kernel, in a system of its own in which there is nothing of ours but the static program.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::gateway::{Gateway, Launched};
use crate::needs_kernels::ipykernel::Kernel;
use crate::needs_kernels::shared;

/// Stands in for Spark's package, and counts sessions. Where those are kept, and asked for, is as there.
const SPARKR: &str = r#"
.sparkREnv <- new.env()
counted <- new.env()
counted$sessions <- 0
sparkR.session <- function() {
  if (!exists(".sparkRjsc", envir = .sparkREnv)) assign(".sparkRjsc", "a context", envir = .sparkREnv)
  if (!exists(".sparkRsession", envir = .sparkREnv)) {
    counted$sessions <- counted$sessions + 1
    assign(".sparkRsession", "a session", envir = .sparkREnv)
  }
  get(".sparkRsession", envir = .sparkREnv)
}
callJStatic <- function(class, name, of) paste(name, "of", of)
sql <- function(text) if (exists(".sparkRsession", envir = .sparkREnv)) paste(text, "in", get(".sparkRsession", envir = .sparkREnv))
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

/// A kernel with that package, of a person with a profile of their own.
fn with_sparkr(mode: &str) -> Kernel {
    let gateway = Gateway::new();
    build(&gateway);
    let package = gateway.folder.path().join("source/SparkR");
    fs::create_dir_all(package.join("R")).unwrap();
    let description = "Package: SparkR\nVersion: 3.5.0\nTitle: A\nDescription: A.\nLicense: MIT\nAuthor: A\nMaintainer: A <a@mirror.example>\n";
    fs::write(package.join("DESCRIPTION"), description).unwrap();
    fs::write(package.join("NAMESPACE"), "export(sparkR.session, sql)\n").unwrap();
    fs::write(package.join("R/spark.R"), SPARKR).unwrap();
    fs::create_dir_all(gateway.folder.path().join("spark/R/lib")).unwrap();
    let install = ["R", "CMD", "INSTALL", "--library=/mnt/spark/R/lib", "/mnt/source/SparkR"];
    let installed = in_r(&gateway).args(install).output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    fs::write(gateway.folder.path().join(".Rprofile"), "mine <- 'kept'\n").unwrap();
    start(gateway, &[("SPARK_HOME", "/mnt/spark"), ("KERNEL_SPARK_CONTEXT_INIT_MODE", mode)])
}

const COUNT: &str = "SparkR:::counted$sessions";

#[test]
#[ignore = "needs root, R and kernels"]
fn a_lazy_session_is_made_when_it_is_used() {
    let kernel = with_sparkr("lazy");
    assert_eq!(kernel.execute("mine")["output"], "[1] \"kept\"");
    assert_eq!(kernel.execute(COUNT)["output"], "[1] 0");
    assert_eq!(kernel.execute("spark")["output"], "[1] \"a session\"");
    assert_eq!(kernel.execute("sc")["output"], "[1] \"getJavaSparkContext of a session\"");
    assert_eq!(kernel.execute("SparkR:::.sparkREnv$.sparkRjsc")["output"], "[1] \"a context\"");
    assert_eq!(kernel.execute(COUNT)["output"], "[1] 1");
    assert_eq!(kernel.stop().0, 0);
}

#[test]
#[ignore = "needs root, R and kernels"]
fn a_function_of_spark_uses_a_lazy_session() {
    let kernel = with_sparkr("lazy");
    assert_eq!(kernel.execute("sql('select')")["output"], "[1] \"select in a session\"");
    assert_eq!(kernel.execute("sparkR.session()")["output"], "[1] \"a session\"");
    assert_eq!(kernel.execute(COUNT)["output"], "[1] 1");
}

#[test]
#[ignore = "needs root, R and kernels"]
fn an_eager_session_is_there_from_the_start() {
    let kernel = with_sparkr("eager");
    assert_eq!(kernel.execute(COUNT)["output"], "[1] 1");
    assert_eq!(kernel.execute("sqlContext")["output"], "[1] \"a session\"");
    assert_eq!(kernel.execute(COUNT)["output"], "[1] 1");
}
