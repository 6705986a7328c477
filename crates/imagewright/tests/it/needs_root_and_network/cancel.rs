//! However a build or a run is stopped: no process, no mount, no folder is left, and the store works.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::processes::{is_mounted, is_running, wait_until};
use imagewright_testkit::wheels::{SourceDistribution, Wheel};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::seed::{BASE, PYTHON, context, context_with_wheels, empty_context, wheel_folder, write_spec};

/// From the signal to the end of everything; far more than it takes.
const AT_ONCE: Duration = Duration::from_secs(5);

/// How to stop it, and the exit code it must have.
const WAYS: [(Signal, Option<i32>); 3] =
    [(Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(130)), (Signal::SIGKILL, None)];

/// A number nobody else sleeps for.
fn marker(name: u32) -> String {
    format!("{}.{name}", 1_000_000 + std::process::id())
}

fn start(context: &TestContext, arguments: &[&str]) -> Child {
    context.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal, waits for the end, and demands that nothing is left.
#[track_caller]
fn stop(
    context: &TestContext,
    child: Child,
    (signal, code): (Signal, Option<i32>),
    is_left: impl Fn() -> bool,
) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, code, "after {signal}: {outcome}");
    let time = wait_until("nothing is left", || !is_left());
    assert!(time < AT_ONCE, "after {signal} it took {time:?} until nothing was left");
    if signal == Signal::SIGKILL {
        // Who is killed cannot tidy up: the next start does.
        drop(context.run(["image", "list"]).success());
    }
    context.assert_nothing_unfinished();
}

/// A context with a Python package whose building takes for ever, and the word by which its process is known.
fn context_with_slow_package(name: u32) -> (TestContext, String) {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    let marker = marker(name);
    // A process that ignores signals and has a session of its own, below the package's own build.
    let stubborn = format!("trap '' INT TERM HUP; setsid sleep {marker}");
    let package = SourceDistribution::new("slow", "1.0", &["sh", "-c", &stubborn]);
    package.write_to(&wheel_folder(&context)).unwrap();
    write_spec(&context, "slow");
    (context, marker)
}

#[test]
#[ignore = "needs root and network"]
fn a_pip_step_stopped_by_a_signal() {
    let (context, marker) = context_with_slow_package(1);
    for way in WAYS {
        let child = start(&context, &["build", "spec"]);
        wait_until("the package is built", || is_running(&marker));
        assert!(is_mounted(context.folder()), "the check for mounts works");
        stop(&context, child, way, || is_running(&marker) || is_mounted(context.folder()));
    }
    write_spec(&context, "alpha");
    drop(context.run(["build", "spec"]).success());
    drop(context.run(["fsck"]).success());
}

#[test]
#[ignore = "needs root and network"]
fn a_pip_step_stopped_by_its_time_limit() {
    let (context, marker) = context_with_slow_package(2);
    let outcome = context.run(["build", "spec", "--time-limit", "5"]).exits(1);
    assert!(outcome.stderr.contains("was stopped after its time limit of 5 s"), "{outcome}");
    assert!(outcome.stderr.contains("hint: give it longer with --time-limit"), "{outcome}");
    assert!(!is_running(&marker) && !is_mounted(context.folder()));
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn an_apt_step_stopped_by_a_signal() {
    let context = context();
    let build = ["build", "--base", BASE, "--apt", "git"];
    for way in WAYS {
        let child = start(&context, &build);
        // That is how apt calls dpkg.
        wait_until("packages are installed", || is_mounted(context.folder()) && is_running("--status-fd"));
        stop(&context, child, way, || is_mounted(context.folder()));
    }
    drop(context.run(build).success());
    drop(context.run(["fsck"]).success());
}

/// Whether the files of a base are being written.
fn is_unpacking(context: &TestContext) -> bool {
    let unfinished = fs::read_dir(context.root().join("tmp")).into_iter().flatten().flatten();
    unfinished.map(|entry| entry.path()).any(|folder| folder.join("snapshot/fs/usr").is_dir())
}

#[test]
#[ignore = "needs root and network"]
fn a_base_stopped_by_a_signal() {
    let context = empty_context();
    let is_configuring = |context: &TestContext| is_mounted(context.folder());
    let moments: [fn(&TestContext) -> bool; 3] = [is_unpacking, is_configuring, is_unpacking];
    for (way, moment) in WAYS.into_iter().zip(moments) {
        let child = start(&context, &["base", "bootstrap"]);
        wait_until("the base is being made", || moment(&context));
        stop(&context, child, way, || is_mounted(context.folder()));
    }
}

#[test]
#[ignore = "needs root and network"]
fn a_program_in_an_image_stopped_by_a_signal() {
    let context = context();
    let marker = marker(3);
    let stubborn = format!("trap '' INT TERM HUP; setsid sleep {marker} & sleep {marker}; sleep {marker}");
    for way in WAYS {
        let child = start(&context, &["image", "run", PYTHON, "--", "sh", "-c", &stubborn]);
        wait_until("the program runs", || is_running(&marker));
        stop(&context, child, way, || is_running(&marker) || is_mounted(context.folder()));
    }
    let limited = ["image", "run", PYTHON, "--time-limit", "1", "--", "sleep", &marker];
    let outcome = context.run(limited).exits(1);
    assert!(outcome.stderr.contains("`sleep` was stopped after its time limit of 1 s"), "{outcome}");
    assert!(!is_running(&marker) && !is_mounted(context.folder()));
    context.assert_nothing_unfinished();
    assert_eq!(context.run(["image", "run", PYTHON, "--", "sh", "-c", "exit 7"]).code, Some(7));
}
