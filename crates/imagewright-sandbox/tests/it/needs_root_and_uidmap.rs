//! What root can do, an ordinary user can do in a user namespace. Root is needed to become that user, Debian's
//! package `uidmap` to become root again.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use imagewright_sandbox::Limits;

use crate::harness::{HELPER, LAYER, is_running, wait_until};
use crate::ordinary::{Finished, ID, MACHINE, Ordinary, SUBORDINATE};

/// Tests of this program that change directories of the machine's root, who is nobody to an ordinary user.
const FOR_ROOT_ONLY: [&str; 10] = [
    "needs_root_and_uidmap",
    "what_software_installation_needs_works",
    "directories_are_writable_or_not",
    "files_are_writable_or_not",
    "links_of_the_image_are_followed_inside_it",
    "missing_parents_are_reported_before_their_children",
    "an_upper_directory_on_the_wrong_file_system_is_explained",
    "changes_go_to_the_upper_directory",
    "names_the_directory_that_is_missing",
    "the_first_layer_is_on_top_and_odd_names_are_no_matter",
];

/// Waits for the first line of a program.
fn wait_for_line(child: &mut Child) {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
}

fn fails_with(finished: &Finished, expected: &str) {
    assert_eq!(finished.code, Some(125), "{finished:?}");
    assert!(finished.stderr.contains(expected), "`{}` lacks `{expected}`", finished.stderr);
}

#[test]
#[ignore = "needs root and uidmap"]
fn what_works_for_root_works() {
    let user = Ordinary::new();
    let mut arguments = vec!["in-user-namespace", "/mnt/tests", "--ignored"];
    arguments.extend(FOR_ROOT_ONLY.iter().flat_map(|name| ["--skip", name]));
    let mut command = user.command(&arguments);
    let finished = Finished::of(command.env(HELPER, "/mnt/helper").env(LAYER, MACHINE).output().unwrap());
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
    let count = finished.stdout.lines().filter(|line| line.ends_with("... ok")).count();
    assert!(count > 50, "{count} tests");
}

#[test]
#[ignore = "needs root and uidmap"]
fn files_have_several_owners() {
    let mut user = Ordinary::new();
    let script = "touch /a /b /c; chown 1234:2345 /b; chown 65535:65535 /c; chmod 2755 /b; stat -c '%u %g %a' /a /b /c";
    assert_eq!(user.output(script), "0 0 644\n1234 2345 2755\n65535 65535 644\n");
    for (name, owner, group) in [
        ("a", ID, ID),
        ("b", SUBORDINATE + 1233, SUBORDINATE + 2344),
        ("c", SUBORDINATE + 65534, SUBORDINATE + 65534),
    ] {
        let found = fs::metadata(user.path("upper").join(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (owner, group), "{name}");
    }
    user.spec.user = imagewright_sandbox::User { uid: 1234, gid: 2345, groups: vec![7, 65535] };
    assert_eq!(user.output("id -u; id -G; echo more >/b; cat /b"), "1234\n2345 7 65535\nmore\n");
}

#[test]
#[ignore = "needs root and uidmap"]
fn removals_and_replacements_are_marked() {
    let mut user = Ordinary::new();
    assert_eq!(user.output("rm -r /old; mkdir /old; touch /old/new; rmdir /opt; ls /old"), "new\n");
    let upper = user.path("upper");
    let gone = fs::symlink_metadata(upper.join("opt")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0, "{gone:?}");
    let mark = xattr::get(upper.join("old"), "user.overlay.opaque").unwrap();
    assert_eq!(mark.as_deref(), Some(b"y".as_slice()));
    assert_eq!(
        user.output("ls /old; ls -d /opt 2>&1 || true"),
        "new\nls: cannot access '/opt': No such file or directory\n"
    );
}

#[test]
#[ignore = "needs root and uidmap"]
fn file_capabilities_are_kept() {
    let mut user = Ordinary::new();
    let set = "cp /usr/bin/env /tool; perl -e '($file, $name) = (qq(/tool), qq(security.capability)); \
               $value = pack q(V5), 0x02000001, 0x400, 0, 0, 0; syscall(188, $file, $name, $value, 20, 0) and die $!'";
    user.output(set);
    // With the number of the user who is root inside.
    let stored = xattr::get(user.path("upper/tool"), "security.capability").unwrap().unwrap();
    assert_eq!((stored.len(), &stored[20..]), (24, ID.to_le_bytes().as_slice()));
    let get = "($file, $name, $value) = (@ARGV, qq(security.capability), q(x) x 64); \
               $length = syscall 191, $file, $name, $value, 64; print unpack q(H*), substr $value, 0, $length";
    let plain = "0100000200040000000000000000000000000000";
    assert_eq!(user.output(&format!("perl -e '{get}' /tool")), plain);
    let outside =
        user.command(&["in-user-namespace", "/usr/bin/perl", "-e", get, "/mnt/upper/tool"]).output();
    assert_eq!(Finished::of(outside.unwrap()).success(), plain);
}

#[test]
#[ignore = "needs root and uidmap"]
fn the_machine_is_out_of_reach() {
    let mut user = Ordinary::new();
    let script = "find /sys -name cgroup.procs | while read file; do (echo 0 >$file) 2>/dev/null && echo $file; done; \
                  for path in /sys /sys/fs/cgroup; do mkdir $path/new 2>/dev/null && echo $path; done; \
                  mknod /device c 1 3 2>/dev/null && echo /device; echo end";
    assert_eq!(user.output(script), "end\n");
}

#[test]
#[ignore = "needs root and uidmap"]
fn ends_as_the_program_inside() {
    let user = Ordinary::new();
    for (script, expected) in
        [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        let code = user.command(&["in-user-namespace", "/bin/sh", "-c", script]).status().unwrap().code();
        assert_eq!(code, Some(expected), "{script}");
    }
    let mut user = user;
    assert_eq!(user.run("exit 7").code, Some(7));
}

#[test]
#[ignore = "needs root and uidmap"]
fn has_the_callers_surroundings() {
    let user = Ordinary::new();
    let script = "cat; pwd; echo $GREETING; id -u; cat /proc/self/uid_map | tr -s ' '; echo error >&2";
    let mut command = user.command(&["in-user-namespace", "/bin/sh", "-c", script]);
    command.env("GREETING", "hello").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"input\n").unwrap();
    let finished = Finished::of(child.wait_with_output().unwrap());
    let expected = format!("input\n/mnt\nhello\n0\n 0 {ID} 1\n 1 {SUBORDINATE} 65536\n");
    assert_eq!((finished.stdout, finished.stderr.as_str()), (expected, "error\n"));
}

#[test]
#[ignore = "needs root and uidmap"]
fn groups_still_give_access() {
    let mut user = Ordinary::new();
    let file = user.path("of-group");
    for (groups, expected) in [("--groups=654321", Some(0)), ("--clear-groups", Some(1))] {
        user.groups = groups;
        fs::write(&file, "text").unwrap();
        let mut command = user.command(&["in-user-namespace", "/bin/cat", "/mnt/of-group"]);
        std::os::unix::fs::chown(&file, Some(0), Some(654_321)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o040)).unwrap();
        assert_eq!(command.output().unwrap().status.code(), expected, "{groups}");
    }
}

#[test]
#[ignore = "needs root and uidmap"]
fn signals_are_passed_on() {
    let user = Ordinary::new();
    for (signal, code) in [("HUP", 41), ("INT", 42), ("QUIT", 43), ("TERM", 44)] {
        let script = format!("trap 'exit {code}' {signal}; echo ready; while :; do sleep 0.01; done");
        let mut command = user.command(&["in-user-namespace", "/bin/sh", "-c", &script]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        wait_for_line(&mut child);
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
    }
}

#[test]
#[ignore = "needs root and uidmap"]
fn sigkill_leaves_nothing() {
    let marker = format!("{}.8", 1_000_000 + std::process::id());
    let mut user = Ordinary::new();
    let mut command = user.sandbox(&format!("setsid sleep {marker} & echo ready; sleep 1000"));
    for wait in [true, false] {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        if wait {
            wait_for_line(&mut child);
            wait_until("it sleeps", || is_running(&marker));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = String::new();
        // The end of the output is the end of all who could write.
        child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        let time = wait_until("nothing is left", || !is_running(&marker) && !is_running("/mnt/spec.json"));
        assert!(time < Duration::from_secs(2), "{time:?}");
    }
}

#[test]
#[ignore = "needs root and uidmap"]
fn killing_at_any_moment_leaves_nothing() {
    let mut user = Ordinary::new();
    let marker = format!("{}.9", 1_000_000 + std::process::id());
    let mut command = user.sandbox(&format!("sleep {marker}"));
    for step in 0..50 {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(step));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("nothing is left", || !is_running(&marker) && !is_running("/mnt/spec.json"));
    }
}

#[test]
#[ignore = "needs root and uidmap"]
fn too_much_memory_is_seen() {
    let mut user = Ordinary::new();
    user.spec.limits = Limits { memory: Some(100 << 20), ..Limits::default() };
    let finished = user.run("tail /dev/zero");
    assert!(finished.stderr.contains("OutOfMemory { limit: 104857600 }"), "{finished:?}");
    // Six processes share 60 MiB.
    let shared = "perl -e '$x = qq(\\0); vec($x, 60 << 17, 64) = 1; for (1..5) { fork or do { sleep 1; exit } } 1 while wait > 0'";
    let finished = user.run(shared);
    assert!(finished.code == Some(0) && finished.stderr.contains("limited: None"), "{finished:?}");
}

#[test]
#[ignore = "needs root and uidmap"]
fn what_is_missing_is_said_beforehand() {
    let user = Ordinary::new();
    let inside = ["in-user-namespace", "/bin/true"];
    let run = |way: &[&str]| Finished::of(user.command_through(way, &inside).output().unwrap());
    let program = run(&["env", "PATH=/nowhere"]);
    fails_with(&program, "the program `newuidmap` is missing");
    fails_with(&program, "package is `uidmap`");
    fails_with(&run(&["setpriv", "--no-new-privs"]), "may not gain privileges");
    for lines in ["", "other:100000:65536\n", "somebody:100000:65535\n"] {
        user.assign(lines);
        let finished = run(&[]);
        fails_with(
            &finished,
            "the user `somebody` has no range of 65536 ids in `/etc/subuid` and `/etc/subgid`",
        );
        fails_with(&finished, "let root run `usermod --add-subuids ");
    }
    user.assign(&format!("somebody:{SUBORDINATE}:65536\n"));
    assert_eq!(run(&[]).code, Some(0));
}

#[test]
#[ignore = "needs root and uidmap"]
fn a_program_that_cannot_start_is_named() {
    let user = Ordinary::new();
    let output = user.command(&["in-user-namespace", "/no/such/program"]).output().unwrap();
    fails_with(&Finished::of(output), "could not start `/no/such/program` again: No such file");
}

#[test]
#[ignore = "needs root and uidmap"]
fn checks_tell_what_works() {
    let user = Ordinary::new();
    let checks = |arguments: &[&str]| Finished::of(user.command(arguments).output().unwrap()).success();
    let outside = checks(&["checks", "/mnt"]);
    assert!(outside.starts_with("Ordinary\nnamespaces|true|"), "{outside}");
    assert!(outside.contains("\nsubordinate ids|true|65536 users and 65536 groups|\n"), "{outside}");
    let inside = checks(&["inside", "checks", "/mnt"]);
    assert!(inside.starts_with("InsideOurs\nnamespaces|true|"), "{inside}");
    for name in ["newuidmap", "subordinate ids", "overlay", "writable layers", "system call filter"] {
        assert!(inside.contains(&format!("\n{name}|true|")), "{name}: {inside}");
    }
    let elsewhere = checks(&["inside", "checks", "/sys"]);
    assert!(elsewhere.contains("\noverlay|true|"), "{elsewhere}");
    assert!(elsewhere.contains("\nwritable layers|false|could not create `/sys/"), "{elsewhere}");
    user.assign("");
    let without = checks(&["checks", "/mnt"]);
    assert!(without.contains("\nsubordinate ids|false|the user `somebody`"), "{without}");
}
