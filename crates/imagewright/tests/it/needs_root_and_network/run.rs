//! Programs in images: what they see, and what comes out.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};

use super::seed::{PYTHON, context};

/// Runs a line of shell in an image.
fn shell(context: &TestContext, options: &[&str], line: &str) -> Outcome {
    context.run(["image", "run"].iter().chain(options).chain(&[PYTHON, "--", "sh", "-c", line]))
}

#[test]
#[ignore = "needs root and network"]
fn a_program_gets_what_the_flags_say() {
    let context = context().env("FROM_HERE", "outside");
    let work = context.work().display().to_string();
    fs::write(context.work().join("note"), "hello\n").unwrap();
    let (mount, read_only) = (format!("{work}:/mnt/data"), format!("{work}:/mnt/data:ro"));
    let cases: [(&[&str], &str, &str); 8] = [
        (&["-e", "A=b=c"], "echo $A", "b=c\n"),
        (&["-e", "FROM_HERE", "-e", "NOT_SET"], "echo $FROM_HERE ${NOT_SET-none}", "outside none\n"),
        (&[], "echo ${FROM_HERE-none} $HOME", "none /root\n"),
        (&["-u", "nobody"], "id -un; id -gn", "nobody\nnogroup\n"),
        (&["-u", "1234:5678"], "id -u; id -g", "1234\n5678\n"),
        (&["-w", "/srv/new"], "pwd", "/srv/new\n"),
        (&["-v", &mount], "cat /mnt/data/note; touch /mnt/data/made", "hello\n"),
        (&["-v", &read_only], "touch /mnt/data/refused 2>/dev/null || echo refused", "refused\n"),
    ];
    for (options, line, expected) in cases {
        assert_eq!(shell(&context, options, line).success().stdout, expected, "{options:?} {line}");
    }
    assert!(context.work().join("made").is_file());
    assert!(!context.work().join("refused").exists());
}

#[test]
#[ignore = "needs root and network"]
fn the_exit_code_is_the_programs() {
    let context = context();
    assert_eq!(shell(&context, &[], "exit 42").code, Some(42));
    assert_eq!(shell(&context, &[], "kill -TERM $$").code, Some(143));
    let missing = context.run(["image", "run", PYTHON, "--", "no-such-program"]).exits(3);
    assert!(missing.stderr.contains("no-such-program"), "{missing}");
    let stranger = shell(&context, &["-u", "no-such-user"], "true").exits(3);
    assert!(stranger.stderr.contains("the image has no user `no-such-user`"), "{stranger}");
}

#[test]
#[ignore = "needs root and network"]
fn what_a_program_writes_is_gone_afterwards() {
    let context = context();
    drop(shell(&context, &[], "touch /etc/made && rm /etc/debian_version").success());
    assert_eq!(shell(&context, &[], "test ! -e /etc/made && test -e /etc/debian_version").code, Some(0));
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn without_a_network_there_is_only_the_loopback() {
    let context = context();
    for interfaces in ["sed -n 's/^ *\\([^ ]*\\):.*/\\1/p' /proc/net/dev", "ls /sys/class/net"] {
        let seen = shell(&context, &["--network", "none"], interfaces).success().stdout;
        assert_eq!(seen.split_whitespace().collect::<Vec<_>>(), ["lo"], "{interfaces}");
    }
}

#[test]
#[ignore = "needs root and network"]
fn standard_input_is_passed_on() {
    let context = context();
    let note = context.write("note", "hello\n");
    let mut command = context.command(["image", "run", PYTHON, "--", "cat"]);
    command.stdin(fs::File::open(note).unwrap());
    assert_eq!(Outcome::of(&mut command).success().stdout, "hello\n");
}
