//! As the first process of a container, and as a user that nobody foresaw.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::gateway::{Gateway, Launched, say, until};

/// Starts the launcher as process 1 of a namespace of its own.
fn as_first_process(gateway: &Gateway, more: &[(&str, &str)]) -> Launched {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
    command.arg(env!("CARGO_BIN_EXE_imagewright-kernel-launcher"));
    command.env_clear().envs(gateway.variables()).envs(more.iter().copied());
    Launched::start(command)
}

#[test]
#[ignore = "needs root"]
fn processes_that_others_left_are_reaped() {
    let gateway = Gateway::new();
    // Each of ten processes leaves one behind, which ends.
    let script = r#"for i in 1 2 3 4 5 6 7 8 9 10; do (sh -c 'sleep 0.2' &); done; sleep 1
        cat /proc/[0-9]*/stat | grep -c ' Z ' > "$NOTES/zombies"; cat /proc/1/comm > "$NOTES/first"; exit 7"#;
    gateway.install(script, "");
    let notes = gateway.folder.path().to_str().unwrap().to_owned();
    let (code, output) = as_first_process(&gateway, &[("NOTES", &notes)]).end();
    assert_eq!(code, 7, "{output}");
    let read = |name: &str| fs::read_to_string(gateway.folder.path().join(name)).unwrap();
    assert_eq!(read("first").trim(), "imagewright-ker", "the launcher is the first process");
    assert_eq!(read("zombies").trim(), "0");
}

#[test]
#[ignore = "needs root"]
fn a_stop_of_the_container_ends_the_kernel() {
    let gateway = Gateway::new();
    gateway.install(r#"echo $$ > "$NOTES/kernel"; trap 'exit 0' TERM; while :; do sleep 0.05; done"#, "");
    let notes = gateway.folder.path().to_str().unwrap().to_owned();
    let launched = as_first_process(&gateway, &[("NOTES", &notes)]);
    let reply = gateway.reply();
    until("the kernel", || gateway.folder.path().join("kernel").exists());
    // A runtime sends SIGTERM to the first process.
    let children = format!("/proc/{0}/task/{0}/children", launched.child.id());
    let first: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGTERM).unwrap();
    let (code, output) = launched.end();
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("was asked to end, and did with exit code 0"), "{output}");
    drop(reply);
}

#[test]
#[ignore = "needs root"]
fn a_gateway_stops_it_as_well() {
    let gateway = Gateway::new();
    gateway.install("sleep 60", "");
    let launched = as_first_process(&gateway, &[]);
    say(&gateway.reply(), r#"{"shutdown": 1}"#);
    let (code, output) = launched.end();
    assert_eq!(code, 0, "{output}");
}

#[test]
#[ignore = "needs root"]
fn a_user_without_name_and_home_can_run_it() {
    let gateway = Gateway::new();
    gateway.install(r#"id -u; id -g; test -r "$1" && echo readable; exit 0"#, "");
    // Others may enter, and only the temporary folder takes files.
    let folder = gateway.folder.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(gateway.temporary(), fs::Permissions::from_mode(0o1777)).unwrap();
    let program = folder.join("launcher");
    fs::copy(env!("CARGO_BIN_EXE_imagewright-kernel-launcher"), &program).unwrap();
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--reuid=54321", "--regid=0", "--clear-groups", "--no-new-privs"]).arg(program);
    command.env_clear().envs(gateway.variables()).env("HOME", "/");
    let (code, output) = Launched::start(command).end();
    assert_eq!(code, 0, "{output}");
    assert!(output.starts_with("54321\n0\nreadable\n"), "{output}");
    assert_eq!(fs::read_dir(gateway.temporary()).unwrap().count(), 0);
}
