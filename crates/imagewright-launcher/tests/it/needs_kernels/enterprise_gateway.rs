//! Jupyter Enterprise Gateway itself, with its process proxy for hosts, which starts the program right here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{kernels, script};

const OPTIONS: [(&str, &str); 4] = [
    ("kernel-id", "{kernel_id}"),
    ("response-address", "{response_address}"),
    ("public-key", "{public_key}"),
    ("port-range", "{port_range}"),
];

/// Our program.
pub(crate) fn program() -> String {
    std::env::var("IMAGEWRIGHT_TEST_LAUNCHER")
        .unwrap_or(env!("CARGO_BIN_EXE_imagewright-kernel-launcher").to_owned())
}

/// Writes a kernelspec for the gateway; kernels have this search path.
pub(crate) fn install(folder: &Path, (name, language): (&str, &str), mut argv: Vec<String>, path: &str) {
    argv.extend(
        OPTIONS
            .iter()
            .flat_map(|(option, value)| [format!("--RemoteProcessProxy.{option}"), (*value).to_owned()]),
    );
    let class = "enterprise_gateway.services.processproxies.distributed.DistributedProcessProxy";
    let proxy =
        json!({"class_name": class, "config": {"remote_hosts": "localhost", "port_range": "33000..35000"}});
    let spec = json!({
        "argv": argv, "display_name": name, "language": language, "env": {"PATH": path}, "metadata": {"process_proxy": proxy},
    });
    let folder = folder.join("kernels").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("kernel.json"), spec.to_string()).unwrap();
}

/// A folder with our kernelspec and that of Enterprise Gateway's own launcher.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("{}:/usr/bin:/bin", kernels().join("python/bin").display());
    let ours = vec![program(), "--language".to_owned(), "python".to_owned()];
    install(folder.path(), ("ours", "python"), ours, &path);
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let theirs = kernels().join("launchers/python/scripts/launch_ipykernel.py");
    let theirs = vec![text(kernels().join("python/bin/python")), text(theirs)];
    install(folder.path(), ("theirs", "python"), theirs, &path);
    folder
}

pub(crate) fn run(folder: &Path, words: &[&str]) -> Vec<Value> {
    let mut command = Command::new(kernels().join("gateway/bin/python"));
    command.arg(script("enterprise_gateway.py")).arg(folder).args(words).stdin(Stdio::null());
    let output = command.output().unwrap();
    let log = fs::read_to_string(folder.join("gateway.log")).unwrap_or_default();
    let tail: String =
        log.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
    assert!(output.status.success(), "{}\n{tail}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
#[ignore = "needs kernels"]
fn it_starts_uses_interrupts_restarts_and_stops_a_kernel() {
    let folder = folder();
    let told = run(folder.path(), &["use", "ours", "python"]);
    assert_eq!(told, used("2", "KeyboardInterrupt", "False"));
    check_logs(folder.path());
}

/// What is told of a kernel that does all that is asked of it.
pub(crate) fn used(computed: &str, interrupted: &str, forgotten: &str) -> [Value; 7] {
    let said =
        |what: &str, output: &str| json!({"what": what, "status": "ok", "error": null, "output": output});
    [
        json!({"what": "started"}),
        said("executed", computed),
        json!({"what": "interrupted", "status": "error", "error": interrupted, "output": ""}),
        said("executed", "5"),
        said("restarted", forgotten),
        said("executed", "4"),
        json!({"what": "stopped", "kernels": []}),
    ]
}

/// Sees in what launchers wrote that kernels started and ended as they should.
pub(crate) fn check_logs(folder: &Path) {
    // Two kernels wrote one log after the other: that before the restart, and that after it.
    let logs = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let log = logs.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("kernel-"));
    let log: String = log.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(log.matches("the kernel listens, and the gateway was told").count(), 2, "{log}");
    // This proxy sends the kernel a message, and SIGTERM right after it.
    let ends = [
        "was asked to end, and did with exit code 0",
        "ended by itself, with exit code 0",
        "was ended by SIGTERM, which was sent to it",
    ];
    assert_eq!(ends.iter().map(|end| log.matches(end).count()).sum::<usize>(), 2, "{log}");
}

/// Prints what `docs/benchmarks.md` tells.
#[test]
#[ignore = "needs kernels"]
fn kernels_start_as_fast_as_with_its_own_launcher() {
    let folder = folder();
    let rounds = std::env::var("IMAGEWRIGHT_TEST_ROUNDS").unwrap_or("2".to_owned());
    let told = run(folder.path(), &["time", &rounds, "ours", "theirs"]);
    let median = |name: &str, what: &str| {
        let of_name = told.iter().filter(|told| told["name"] == name);
        let mut times: Vec<f64> = of_name.map(|told| told[what].as_f64().unwrap()).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    for name in ["ours", "theirs"] {
        println!(
            "{name}: started after {:.2} s, first cell after {:.2} s",
            median(name, "start"),
            median(name, "first_cell")
        );
    }
    // A reply that is sent before the kernel listens comes sooner and is worth nothing, so it is the first cell that counts.
    assert!(median("ours", "first_cell") < median("theirs", "first_cell") * 1.5);
}
