//! However a sandbox ends, nothing of it is left, and that at once.

use std::process::{Command, Stdio as Streams};
use std::time::{Duration, Instant};

use imagewright_sandbox::{Exit, MountSource, Running, Stdio, spawn};

use crate::harness::{Bench, child_above, helper, is_mounted, is_running, processes_with, wait_until};

/// Far more than it takes, and far less than a missed event would.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A number nobody else sleeps for.
fn marker(name: u32) -> String {
    format!("{}.{name}", 1_000_000 + std::process::id())
}

/// A command with a grandchild in another session, which ignores all it can, and is marked.
fn stubborn(marker: &str) -> Bench {
    let bench = Bench::script(&format!(
        "trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM HUP INT; sleep {marker}; sleep {marker}' & sleep 1000"
    ));
    // By this one the sandbox is recognised in lists of mounts: of an overlay they show no path of the host.
    let path = bench.directory("cache");
    bench.with_mount("/mnt", MountSource::Directory { path, read_only: true })
}

fn start(bench: &Bench, marker: &str) -> Running {
    let running = spawn(&helper(), &bench.spec, Stdio::Piped).unwrap();
    wait_until("the grandchild runs", || is_running(marker));
    assert!(is_mounted(bench.folder.path()), "the check for mounts works");
    running
}

fn assert_nothing_left(bench: &Bench, marker: &str) {
    assert!(!is_running(marker), "a process is left");
    assert!(!is_mounted(bench.folder.path()), "a mount is left");
}

#[test]
#[ignore = "needs root"]
fn kill_leaves_nothing() {
    let marker = marker(1);
    let bench = stubborn(&marker);
    let running = start(&bench, &marker);
    let killer = running.killer();
    let begin = Instant::now();
    killer.kill();
    killer.clone().kill();
    let outcome = running.wait().unwrap();
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    assert_eq!(outcome.exit, Exit::Cancelled);
    assert_nothing_left(&bench, &marker);
    killer.kill();
}

#[test]
#[ignore = "needs root"]
fn the_end_of_the_command_leaves_nothing() {
    let marker = marker(2);
    let bench = Bench::script(&format!("setsid sleep {marker} & exit 0"));
    assert_eq!(bench.run().exit, Exit::Code(0));
    assert_nothing_left(&bench, &marker);
}

#[test]
#[ignore = "needs root"]
fn the_time_limit_leaves_nothing() {
    let marker = marker(3);
    let mut bench = stubborn(&marker);
    bench.spec.time_limit = Some(Duration::from_millis(300));
    let begin = Instant::now();
    assert_eq!(bench.run().exit, Exit::TimedOut);
    assert!(
        begin.elapsed() >= Duration::from_millis(300) && begin.elapsed() < AT_ONCE,
        "{:?}",
        begin.elapsed()
    );
    assert_nothing_left(&bench, &marker);
}

#[test]
#[ignore = "needs root"]
fn a_time_limit_not_reached_changes_nothing() {
    let mut bench = Bench::script("sleep 0.1; exit 5");
    bench.spec.time_limit = Some(Duration::MAX / 4);
    assert_eq!(bench.run().exit, Exit::Code(5));
}

#[test]
#[ignore = "needs root"]
fn dropping_leaves_nothing() {
    let marker = marker(4);
    let bench = stubborn(&marker);
    drop(start(&bench, &marker));
    assert_nothing_left(&bench, &marker);
}

#[test]
#[ignore = "needs root"]
fn the_end_of_the_spawning_thread_changes_nothing() {
    let bench = Bench::script("sleep 0.3; exit 6");
    let running = std::thread::scope(|scope| {
        scope.spawn(|| spawn(&helper(), &bench.spec, Stdio::Piped).unwrap()).join().unwrap()
    });
    assert_eq!(running.wait().unwrap().exit, Exit::Code(6));
}

#[test]
#[ignore = "needs root"]
fn sigkill_of_the_caller_leaves_nothing() {
    let marker = marker(5);
    let bench = stubborn(&marker);
    let mut caller = bench
        .caller()
        .stdin(Streams::null())
        .stdout(Streams::null())
        .stderr(Streams::null())
        .spawn()
        .unwrap();
    wait_until("the grandchild runs", || is_running(&marker));
    assert!(is_mounted(bench.folder.path()), "the check for mounts works");
    caller.kill().unwrap();
    caller.wait().unwrap();
    let time = wait_until("nothing is left", || !is_running(&marker) && !is_mounted(bench.folder.path()));
    assert!(time < AT_ONCE, "{time:?}");
}

#[test]
#[ignore = "needs root"]
fn sigkill_of_the_helper_is_an_error_and_leaves_nothing() {
    let marker = marker(6);
    let bench = stubborn(&marker);
    let running = start(&bench, &marker);
    let child = child_above(processes_with(&marker)[0]);
    let killed = Command::new("kill").args(["-KILL", &child.to_string()]).status().unwrap();
    assert!(killed.success());
    let text = running.wait().unwrap_err().to_string();
    assert!(text.contains("broke off") && text.contains("signal: 9"), "{text}");
    wait_until("nothing is left", || !is_running(&marker) && !is_mounted(bench.folder.path()));
}

#[test]
#[ignore = "needs root"]
fn killing_at_any_moment_leaves_nothing() {
    let marker = marker(7);
    for step in 0..60 {
        let bench = Bench::script(&format!("echo ready; sleep {marker}"));
        let running = spawn(&helper(), &bench.spec, Stdio::Piped).unwrap();
        std::thread::sleep(Duration::from_micros(step * 250));
        running.killer().kill();
        assert_eq!(running.wait().unwrap().exit, Exit::Cancelled, "after {step} steps");
        assert_nothing_left(&bench, &marker);
    }
}
