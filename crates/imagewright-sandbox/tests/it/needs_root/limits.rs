//! Limits are kept, by control groups where the machine has them, and nothing of these is left.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio as Streams};
use std::time::{Duration, Instant};

use imagewright_sandbox::{Exit, LimitHit, Limits, Stdio, spawn};

use crate::harness::{Bench, helper, wait_until};

const MEBIBYTE: u64 = 1 << 20;

fn all_limits() -> Limits {
    Limits { memory: Some(512 * MEBIBYTE), processes: Some(200), cpu: Some(1.5) }
}

/// Control groups made by helpers that `caller` started.
fn groups_of(caller: u32) -> Vec<PathBuf> {
    fn collect(directory: &Path, caller: u32, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let name = entry.file_name().into_string().unwrap();
                let owner = name.strip_prefix("imagewright-").and_then(|rest| rest.split('-').next());
                if owner.is_some_and(|owner| parent_of(owner) == Some(caller)) {
                    found.push(entry.path());
                }
                collect(&entry.path(), caller, found);
            }
        }
    }
    let mut found = Vec::new();
    collect(Path::new("/sys/fs/cgroup"), caller, &mut found);
    found
}

/// Waits until a command that says `ready` runs, and returns the control groups that `caller` started it in.
fn groups_when_ready(mut stdout: impl Read, caller: u32) -> Vec<PathBuf> {
    stdout.read_exact(&mut [0; 6]).unwrap();
    groups_of(caller)
}

fn parent_of(process: &str) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:\t"))?.parse().ok()
}

#[test]
#[ignore = "needs root"]
fn too_much_memory_is_reported() {
    let limit = 48 * MEBIBYTE;
    for (script, ends_well) in [("exec tail /dev/zero", false), ("tail /dev/zero; exit 0", true)] {
        let bench = Bench::script(script);
        let begin = Instant::now();
        let finished = bench.with_limits(Limits { memory: Some(limit), ..Limits::default() }).run();
        assert_eq!(finished.limited, Some(LimitHit::OutOfMemory { limit }), "{finished:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        // Whether the whole command is killed depends on what the kernel has.
        let was_killed = finished.exit == Exit::Signal(9);
        assert!(was_killed || (ends_well && finished.exit == Exit::Code(0)), "{finished:?}");
    }
}

#[test]
#[ignore = "needs root"]
fn less_memory_than_the_limit_is_no_matter() {
    let bench = Bench::script("head -c 30000000 /dev/zero | tail -c 30000000 | wc -c");
    let finished = bench.with_limits(Limits { memory: Some(256 * MEBIBYTE), ..Limits::default() }).run();
    assert_eq!((finished.limited, finished.stdout.as_str()), (None, "30000000\n"));
}

#[test]
#[ignore = "needs root"]
fn processes_are_limited() {
    let script = "for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 1000 & done; sleep 0.3";
    let with = |count| {
        let limits = Limits { processes: Some(count), ..Limits::default() };
        Bench::script(script).with_limits(limits).run()
    };
    let enough = with(16);
    assert_eq!((enough.exit, enough.limited), (Exit::Code(0), None), "{enough:?}");
    let finished = with(15);
    if finished.notes.is_empty() {
        assert_eq!((finished.exit, finished.limited), (Exit::Code(2), None), "{finished:?}");
        assert!(finished.stderr.to_lowercase().contains("fork"), "{finished:?}");
    } else {
        assert_eq!(finished.limited, Some(LimitHit::TooManyProcesses { limit: 15 }), "{finished:?}");
    }
}

#[test]
#[ignore = "needs root"]
fn processes_that_make_processes_are_stopped() {
    let script = "perl -e 'fork for 1..9; open F, qq(>>/count); syswrite F, qq(x); sleep 1'";
    let bench = Bench::script(script).with_limits(Limits { processes: Some(50), ..Limits::default() });
    let begin = Instant::now();
    let finished = bench.run();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    if finished.notes.is_empty() {
        let count = fs::metadata(bench.upper().join("count")).unwrap().len();
        assert!((10..=50).contains(&count), "{count} processes");
    } else {
        assert_eq!(finished.limited, Some(LimitHit::TooManyProcesses { limit: 50 }));
    }
}

#[test]
#[ignore = "needs root"]
fn processor_time_is_limited() {
    let script = "perl -MTime::HiRes=time -e '$child = fork; $end = time + 1; 1 while time < $end; \
                  if ($child) { wait; @times = times; print $times[0] + $times[2] }'";
    let finished = Bench::script(script).with_limits(Limits { cpu: Some(0.2), ..Limits::default() }).run();
    let seconds: f64 = finished.stdout.parse().unwrap();
    // Without a control group it is a whole processor.
    let most = if finished.notes.is_empty() { 0.5 } else { 1.4 };
    assert!(seconds < most, "{seconds} s of processor time in a second");
}

#[test]
#[ignore = "needs root"]
fn groups_have_the_limits_and_go_away() {
    let bench = Bench::script("echo ready; sleep 1000").with_limits(all_limits());
    let mut running = spawn(&helper(), &bench.spec, Stdio::Piped).unwrap();
    let groups = groups_when_ready(running.take_stdout().unwrap(), std::process::id());
    let text = |name: &str| {
        let files = groups.iter().map(|group| group.join(name));
        files.filter_map(|file| fs::read_to_string(file).ok()).collect::<String>()
    };
    if !groups.is_empty() {
        let memory = text("memory.max") + &text("memory.limit_in_bytes");
        assert_eq!(memory, format!("{}\n", 512 * MEBIBYTE));
        assert_eq!(text("pids.max"), "200\n");
        let cpu = text("cpu.max") + &text("cpu.cfs_quota_us");
        assert!(cpu == "150000 100000\n" || cpu == "150000\n", "{cpu}");
    }
    running.killer().kill();
    let outcome = running.wait().unwrap();
    assert_eq!(groups.is_empty(), outcome.notes.len() == 3, "{:?}", outcome.notes);
    for group in groups {
        assert!(!group.exists(), "`{}` is left", group.display());
    }
}

#[test]
#[ignore = "needs root"]
fn what_the_command_leaves_behind_is_limited_and_leaves_nothing() {
    let script = "setsid sh -c 'sleep 1000 & grep -c imagewright- /proc/self/cgroup >/count; echo ready; sleep 1000' & \
                  until [ -s /count ]; do sleep 0.01; done; sleep 0.3";
    let bench = Bench::script(script).with_limits(all_limits());
    let mut running = spawn(&helper(), &bench.spec, Stdio::Piped).unwrap();
    let groups = groups_when_ready(running.take_stdout().unwrap(), std::process::id());
    let outcome = running.wait().unwrap();
    assert_eq!(outcome.exit, Exit::Code(0));
    let count = fs::read_to_string(bench.upper().join("count")).unwrap();
    assert_eq!(count == "0\n", outcome.notes.len() == 3, "{count}");
    assert!(groups.iter().all(|group| !group.exists()), "{groups:?}");
}

#[test]
#[ignore = "needs root"]
fn the_next_one_removes_what_a_killed_helper_left() {
    let bench = Bench::script("echo ready; sleep 1000").with_limits(all_limits());
    let mut running = spawn(&helper(), &bench.spec, Stdio::Piped).unwrap();
    let groups = groups_when_ready(running.take_stdout().unwrap(), std::process::id());
    // Without control groups there is nothing to remove.
    let Some(first) = groups.first() else { return };
    let name = first.file_name().unwrap().to_str().unwrap();
    let process = name.split('-').nth(1).unwrap();
    assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
    running.wait().unwrap_err();
    assert!(groups.iter().all(|group| group.exists()), "nobody has removed them yet");
    let next = Bench::script("true").with_limits(all_limits());
    wait_until("they are gone", || {
        next.run();
        groups.iter().all(|group| !group.exists())
    });
}

#[test]
#[ignore = "needs root"]
fn sigkill_of_the_caller_removes_the_groups() {
    let bench = Bench::script("echo ready; sleep 1000").with_limits(all_limits());
    let mut command = bench.caller();
    let mut caller = command.stdin(Streams::null()).stdout(Streams::piped()).spawn().unwrap();
    let groups = groups_when_ready(caller.stdout.take().unwrap(), caller.id());
    caller.kill().unwrap();
    caller.wait().unwrap();
    wait_until("the groups are gone", || groups.iter().all(|group| !group.exists()));
}

#[test]
#[ignore = "needs root"]
fn many_at_once_do_not_disturb_each_other() {
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let finished = Bench::script("true").with_limits(all_limits()).run();
                assert_eq!(finished.exit, Exit::Code(0), "{finished:?}");
            });
        }
    });
}

#[test]
#[ignore = "needs root"]
fn without_limits_there_are_no_groups() {
    let finished = Bench::script("grep -c imagewright- /proc/self/cgroup").run();
    assert_eq!((finished.stdout.as_str(), finished.limited, finished.notes), ("0\n", None, Vec::new()));
}
