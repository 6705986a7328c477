//! Toree, from where `scripts/fetch-toree` puts it, with Spark itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::gateway::Gateway;
use crate::needs_kernels::enterprise_gateway::{self, check_logs, used};
use crate::needs_kernels::ipykernel::Kernel;
use crate::needs_kernels::{kernels, shared};

/// Makes an environment of Python in which Toree and Spark are packages. The search path that finds it.
fn environment(folder: &Path) -> String {
    let environment = folder.join("environment");
    let packages = environment.join("lib/python3.11/site-packages");
    fs::create_dir_all(&packages).unwrap();
    fs::create_dir(environment.join("bin")).unwrap();
    symlink(kernels().join("python/bin/python"), environment.join("bin/python3")).unwrap();
    symlink(shared().join("toree/toree"), packages.join("toree")).unwrap();
    symlink(shared().join("spark/pyspark"), packages.join("pyspark")).unwrap();
    format!("{}:/usr/bin:/bin", environment.join("bin").display())
}

fn variables<'a>(path: &'a str, mode: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("PATH", path),
        ("KERNEL_LANGUAGE", "scala"),
        ("KERNEL_LAUNCH_TIMEOUT", "120"),
        ("KERNEL_SPARK_CONTEXT_INIT_MODE", mode),
    ]
}

const SUM: &str = "sc.parallelize(1 to 10).sum";

#[test]
#[ignore = "needs kernels, Spark and Toree"]
fn it_is_found_among_packages_and_does_all_that_is_asked_of_it() {
    let gateway = Gateway::new();
    let path = environment(gateway.folder.path());
    let launched = gateway.launch(&variables(&path, "lazy"));
    let kernel = Kernel::of(gateway, launched);
    assert_eq!(kernel.execute("1 + 1")["output"], "2");
    assert_eq!(kernel.execute(SUM)["output"], "55.0");
    let magics = kernel.execute("%LsMagic")["output"].as_str().unwrap().to_owned();
    assert!(magics.contains("%%sql"), "{magics}");

    let interrupted = kernel.execute_and_interrupt("Thread.sleep(60000)");
    assert_eq!(interrupted["error"], "java.lang.InterruptedException");
    // Tasks go on to their end unless Spark is told otherwise, and a machine has few places for them.
    let wait = "sc.parallelize(1 to 2, 2).map { x => Thread.sleep(8000); x }.sum";
    assert_eq!(kernel.execute_and_interrupt(wait)["status"], "error");
    assert_eq!(
        kernel.execute("sc.statusTracker.getActiveJobIds.length")["output"],
        "0",
        "jobs were cancelled"
    );
    assert_eq!(kernel.execute(SUM)["output"], "55.0");
    let (code, output) = kernel.stop();
    assert_eq!(code, 0, "{output}");
}

/// Has Toree install a kernelspec, with options of its own, and without saying where Spark is.
fn install(folder: &Path) -> PathBuf {
    let mut command = Command::new(kernels().join("python/bin/python"));
    let prefix = format!("--ToreeInstall.prefix={}", folder.join("prefix").display());
    let options = "--toree_opts=--spark-context-initialization-mode none";
    command.args(["-m", "toree", "install", &prefix, options]).env_remove("SPARK_HOME");
    let output = command.env("PYTHONPATH", shared().join("toree")).env("HOME", folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join("prefix/share/jupyter")
}

#[test]
#[ignore = "needs kernels, Spark and Toree"]
fn its_own_kernelspec_starts_it_and_interrupts_do_not_end_it_meanwhile() {
    let gateway = Gateway::new();
    let path = environment(gateway.folder.path());
    let data = install(gateway.folder.path());
    let kernelspec: Value =
        serde_json::from_slice(&fs::read(data.join("kernels/apache_toree_scala/kernel.json")).unwrap())
            .unwrap();
    assert_eq!(kernelspec["env"]["SPARK_HOME"], "/usr/local/spark", "there is none");
    let data = data.to_string_lossy().into_owned();
    let launched = gateway.launch(&[&variables(&path, "lazy")[..], &[("JUPYTER_PATH", &data)]].concat());
    // Shells, and a machine that has no handler yet.
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(100));
        kill(launched.pid(), Signal::SIGINT).unwrap();
    }
    let kernel = Kernel::of(gateway, launched);
    // It listens, and is far from being ready. The second is what gateways send where a kernelspec names SIGUSR2.
    for signal in [2, 12].repeat(10) {
        thread::sleep(Duration::from_millis(100));
        kernel.say(&format!(r#"{{"signum": {signal}}}"#));
    }
    assert_eq!(kernel.execute("1 + 1")["output"], "2");
    kernel.signal(Signal::SIGTERM);
    let (code, output) = kernel.end();
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("was asked to end, and was ended by SIGTERM"), "{output}");
}

#[test]
#[ignore = "needs kernels, Spark and Toree"]
fn files_of_enterprise_gateway_start_it_with_a_session() {
    let gateway = Gateway::new();
    let library = gateway.folder.path().join("launchers/scala/lib");
    fs::create_dir_all(&library).unwrap();
    for entry in fs::read_dir(shared().join("toree/toree/lib")).unwrap().map(|entry| entry.unwrap()) {
        symlink(entry.path(), library.join(entry.file_name())).unwrap();
    }
    let launchers = gateway.folder.path().join("launchers").to_string_lossy().into_owned();
    let spark = shared().join("spark/pyspark").to_string_lossy().into_owned();
    let more = [("SPARK_HOME", spark.as_str()), ("KERNEL_LAUNCHERS_DIR", &launchers)];
    let launched = gateway.launch(&[&variables("/usr/bin:/bin", "eager")[..], &more].concat());
    let kernel = Kernel::of(gateway, launched);
    // It answers once the session is made.
    let name = kernel.execute("org.apache.spark.sql.SparkSession.getDefaultSession.get.sparkContext.appName");
    assert!(name["output"].as_str().unwrap().starts_with("bob-"), "{name}");
    kernel.say(r#"{"signum": 9}"#);
    let (code, output) = kernel.end();
    assert_eq!(code, 143, "{output}");
    assert!(output.contains("was ended by SIGTERM, which was sent to it"), "{output}");
}

#[test]
#[ignore = "needs kernels, Spark and Toree"]
fn enterprise_gateway_starts_uses_interrupts_restarts_and_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = environment(folder.path());
    let argv = [&enterprise_gateway::program(), "--language", "scala"].map(str::to_owned).to_vec();
    enterprise_gateway::install(folder.path(), ("toree", "scala"), argv, &path);
    let told = enterprise_gateway::run(folder.path(), &["use", "toree", "scala"]);
    assert_eq!(told, used("55.0", "java.lang.InterruptedException", "false"));
    check_logs(folder.path());
}
