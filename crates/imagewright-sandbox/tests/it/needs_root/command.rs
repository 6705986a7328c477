//! How the command is started and how its end is reported.

use std::fs::File;

use imagewright_sandbox::{Exit, Helper, SandboxError, Stdio, spawn};

use crate::harness::{Bench, helper};

#[test]
#[ignore = "needs root"]
fn reports_how_the_command_ended() {
    for (script, expected) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("exit 127", Exit::Code(127)),
        ("kill -TERM $$", Exit::Signal(15)),
        ("kill -KILL $$", Exit::Signal(9)),
        ("sleep 1000 & exit 4", Exit::Code(4)),
    ] {
        assert_eq!(Bench::script(script).run().exit, expected, "{script}");
    }
}

#[test]
#[ignore = "needs root"]
fn keeps_output_and_errors_apart() {
    let finished = Bench::script("echo out; echo err >&2; read line || echo no input").run();
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\nno input\n", "err\n"));
}

#[test]
#[ignore = "needs root"]
fn passes_large_output() {
    let finished =
        Bench::script("head -c 3000000 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero >&2").run();
    assert_eq!((finished.stdout.len(), finished.stderr.len()), (3_000_000, 200_000));
}

#[test]
#[ignore = "needs root"]
fn can_share_the_streams_of_the_caller() {
    let bench = Bench::script("read line; echo \"read $line\"; exit 7");
    let input = bench.folder.path().join("input");
    std::fs::write(&input, "this\n").unwrap();
    let caller = bench.caller().stdin(File::open(input).unwrap()).output().unwrap();
    assert_eq!((caller.status.code(), caller.stdout.as_slice()), (Some(7), b"read this\n".as_slice()));
}

#[test]
#[ignore = "needs root"]
fn gives_exactly_the_environment() {
    let mut bench = Bench::new();
    bench.spec.command = ["env", "-0"].map(str::to_owned).into();
    bench.spec.environment.push(("GREETING".to_owned(), "zwei\nZeilen = ä".to_owned()));
    let path = &bench.spec.environment[0].1;
    assert_eq!(bench.output(), format!("PATH={path}\0GREETING=zwei\nZeilen = ä\0"));
}

#[test]
#[ignore = "needs root"]
fn passes_arguments_as_they_are() {
    let mut bench = Bench::new();
    bench.spec.command = ["printf", "[%s]", "", "a b", "'\"$HOME\n", "ü"].map(str::to_owned).into();
    assert_eq!(bench.output(), "[][a b]['\"$HOME\n][ü]");
}

#[test]
#[ignore = "needs root"]
fn runs_as_the_user() {
    let bench = Bench::script("id -u; id -g; id -G; grep -E '^(Uid|Gid)' /proc/self/status");
    let text = bench.with_user(1234, 2345, &[7, 8]).output();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..3], ["1234", "2345", "2345 7 8"]);
    assert_eq!(lines[3], "Uid:\t1234\t1234\t1234\t1234");
    assert_eq!(lines[4], "Gid:\t2345\t2345\t2345\t2345");
    assert_eq!(Bench::script("id -G").output(), "0\n", "the caller's groups are not inherited");
}

#[test]
#[ignore = "needs root"]
fn any_user_can_reopen_the_streams() {
    let bench = Bench::script("echo out >/dev/stdout; echo err >/dev/stderr").with_user(1000, 1000, &[]);
    let finished = bench.run();
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
}

#[test]
#[ignore = "needs root"]
fn starts_in_the_working_directory() {
    let mut bench = Bench::script("pwd");
    bench.spec.working_directory = "/usr/share".into();
    assert_eq!(bench.output(), "/usr/share\n");
}

#[test]
#[ignore = "needs root"]
fn starts_with_defaults_whatever_the_caller_has() {
    // Of the ignored signals the first 31: number 32 belongs to the C library.
    let script = "umask; ulimit -Sn; ulimit -c; hostname; \
                  echo $((0x$(sed -n 's/^SigIgn:.//p' /proc/self/status) & 0x7fffffff))";
    assert_eq!(Bench::script(script).output(), "0022\n1024\n0\nsandbox\n0\n");
}

#[test]
#[ignore = "needs root"]
fn leads_a_session_of_its_own() {
    // Field 6 of this file is the session.
    assert_eq!(Bench::script("cut -d' ' -f6 /proc/self/stat; echo $$").output(), "2\n2\n");
}

#[test]
#[ignore = "needs root"]
fn leaks_no_descriptors() {
    // A copy made this way survives exec: the helper inherits it, the command must not.
    let leaked = nix::unistd::dup(std::io::stderr()).unwrap();
    let mut bench = Bench::new();
    bench.spec.command = ["ls", "/proc/self/fd"].map(str::to_owned).into();
    assert_eq!(bench.output(), "0\n1\n2\n3\n");
    let first = Bench::script("ls -l /proc/1/fd 2>&1").run().stdout;
    assert!(first.contains("Permission denied"), "{first}");
    drop(leaked);
}

#[test]
#[ignore = "needs root"]
fn names_the_program_that_is_missing() {
    for (program, expected) in [
        ("no-such-program", "could not start `no-such-program` in the sandbox: No such file or directory"),
        ("/opt/no/such", "could not start `/opt/no/such` in the sandbox: No such file or directory"),
        ("/etc/passwd", "could not start `/etc/passwd` in the sandbox: Permission denied"),
        ("/usr", "could not start `/usr` in the sandbox: Permission denied"),
    ] {
        let mut bench = Bench::new();
        bench.spec.command = vec![program.to_owned()];
        let error = bench.try_run().unwrap_err();
        assert!(matches!(error, SandboxError::Exec { .. }) && error.hint().is_some(), "{error:?}");
        assert!(bench.failure().starts_with(expected), "{}", bench.failure());
    }
}

#[test]
#[ignore = "needs root"]
fn names_the_working_directory_that_is_missing() {
    for (directory, reason) in
        [("/no/such/place", "No such file or directory"), ("/etc/passwd", "Not a directory")]
    {
        let mut bench = Bench::new();
        bench.spec.working_directory = directory.into();
        let expected = format!("could not enter the working directory `{directory}`: {reason}");
        assert!(bench.failure().starts_with(&expected), "{}", bench.failure());
    }
}

#[test]
#[ignore = "needs root"]
fn names_the_helper_that_is_missing_or_another_program() {
    let bench = Bench::new();
    let start = |program: &str| {
        let helper = Helper { program: program.into(), arguments: Vec::new() };
        spawn(&helper, &bench.spec, Stdio::Piped).and_then(imagewright_sandbox::Running::wait).unwrap_err()
    };
    let missing = start("/no/such/helper");
    assert_eq!(missing.to_string(), "could not start the sandbox helper `/no/such/helper`");
    let other = start("/bin/true");
    assert_eq!(other.to_string(), "the sandbox broke off: the helper `/bin/true` ended with exit status: 0");
}

#[test]
#[ignore = "needs root"]
fn refuses_an_invalid_specification_before_starting_anything() {
    let mut bench = Bench::new();
    bench.spec.command.clear();
    let helper = Helper { program: "/no/such/helper".into(), ..helper() };
    let error = spawn(&helper, &bench.spec, Stdio::Piped).unwrap_err();
    assert!(matches!(error, SandboxError::Invalid { .. }), "{error:?}");
}

#[test]
#[ignore = "needs root"]
fn many_run_at_once() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..20)
            .map(|number| {
                scope.spawn(move || Bench::script(&format!("echo {number} >/file; cat /file")).output())
            })
            .collect();
        for (number, run) in runs.into_iter().enumerate() {
            assert_eq!(run.join().unwrap(), format!("{number}\n"));
        }
    });
}
