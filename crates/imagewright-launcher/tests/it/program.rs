//! The life of a kernel, from variables to an exit code. Kernels are shell scripts.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::gateway::{Gateway, KERNEL_ID, runs, say, until};

/// Writes its environment and its connection file to where the test sees them, then waits.
const NOTES: &str = r#"env > "$NOTES/environment"; cp "$1" "$NOTES/connection"; stat -c '%a' "$1" > "$NOTES/mode"; sleep 60 & echo $! > "$NOTES/child"; wait"#;

#[test]
fn a_kernel_gets_what_it_needs_and_not_what_is_ours() {
    let gateway = Gateway::new();
    gateway.install(NOTES, r#", "env": {"GREETING": "hello ${KERNEL_USERNAME}"}"#);
    let notes = gateway.folder.path().to_str().unwrap().to_owned();
    let launched = gateway.launch(&[("NOTES", &notes), ("KERNEL_EXTRA", "kept"), ("EG_PUBLIC_KEY", "old")]);
    let reply = gateway.reply();
    let read = |name: &str| fs::read_to_string(gateway.folder.path().join(name)).unwrap();

    let environment = read("environment");
    assert!(
        environment.contains("KERNEL_EXTRA=kept\n") && environment.contains("GREETING=hello bob\n"),
        "{environment}"
    );
    assert!(environment.contains(&format!("JPY_PARENT_PID={}\n", launched.child.id())), "{environment}");
    for ours in ["PUBLIC_KEY", "RESPONSE_ADDRESS"] {
        assert!(!environment.contains(ours), "{environment}");
    }

    let connection: Value = serde_json::from_str(&read("connection")).unwrap();
    assert_eq!(read("mode"), "600\n");
    for member in [
        "shell_port",
        "iopub_port",
        "stdin_port",
        "hb_port",
        "control_port",
        "key",
        "signature_scheme",
        "transport",
    ] {
        assert_eq!(connection[member], reply[member], "{member}");
    }
    assert_eq!(reply["kernel_id"], KERNEL_ID);

    // What the kernel left behind goes with it, and so does the file.
    let child = read("child");
    assert!(runs(&child));
    say(&reply, r#"{"signum": 9}"#);
    let (code, output) = launched.end();
    assert_eq!(code, 137, "{output}");
    assert!(output.contains("was ended by SIGKILL, which was sent to it"), "{output}");
    assert!(!runs(&child));
    assert_eq!(fs::read_dir(gateway.temporary()).unwrap().count(), 0);
    // Nothing secret, and no environment, was printed.
    for secret in [connection["key"].as_str().unwrap(), "kept", &Gateway::public_key()] {
        assert!(!output.contains(secret), "{output}");
    }
}

#[test]
fn the_exit_code_is_the_kernels() {
    for (script, code, sentence) in [
        ("exit 0", 0, "ended by itself, with exit code 0"),
        ("exit 3", 3, "ended by itself, with exit code 3"),
        ("kill -SEGV $$", 139, "was ended by SIGSEGV"),
        ("kill -KILL $$", 137, "was killed: by somebody, or for lack of memory"),
    ] {
        let gateway = Gateway::new();
        gateway.install(script, "");
        let (found, output) = gateway.launch(&[]).end();
        assert_eq!(found, code, "{output}");
        assert!(output.contains(sentence), "{output}");
    }
}

#[test]
fn interrupts_reach_the_kernel_and_nonsense_does_not() {
    let gateway = Gateway::new();
    gateway.install(r#"trap 'echo interrupted >> "$NOTES/log"' INT; while :; do sleep 0.05; done"#, "");
    let notes = gateway.folder.path().to_str().unwrap().to_owned();
    let launched = gateway.launch(&[("NOTES", &notes)]);
    let reply = gateway.reply();
    let interrupts =
        || fs::read_to_string(gateway.folder.path().join("log")).unwrap_or_default().lines().count();

    let port = u16::try_from(reply["comm_port"].as_u64().unwrap()).unwrap();
    let mut silent: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let _ = silent[99].write_all(&[b'{'; 100_000]);
    for nonsense in
        ["", "{", r#"{"signum": 0}"#, r#"{"signum": 77}"#, r#"{"shutdown": 0}"#, "GET / HTTP/1.0\r\n\r\n"]
    {
        say(&reply, nonsense);
    }
    assert_eq!(interrupts(), 0);
    say(&reply, r#"{"signum": 2}"#);
    until("the first interrupt", || interrupts() == 1);
    // One that is meant for the launcher is the kernel's as well.
    kill(launched.pid(), Signal::SIGINT).unwrap();
    until("the second interrupt", || interrupts() == 2);
    kill(launched.pid(), Signal::SIGTERM).unwrap();
    let (code, output) = launched.end();
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("was asked to end, and was ended by SIGTERM"), "{output}");
}

#[test]
fn a_kernel_with_messages_gets_no_signal_for_them() {
    let gateway = Gateway::new();
    gateway.install("sleep 60", r#", "interrupt_mode": "message""#);
    let launched = gateway.launch(&[]);
    let reply = gateway.reply();
    say(&reply, r#"{"signum": 2}"#);
    say(&reply, r#"{"signum": 15}"#);
    assert_eq!(launched.end().0, 143, "SIGINT would have given 130");
}

#[test]
fn the_end_is_pressed_for_where_the_kernel_does_not_listen() {
    let gateway = Gateway::new();
    gateway.install("trap '' TERM INT; while :; do sleep 0.05; done", "");
    let launched = gateway.launch(&[]);
    say(&gateway.reply(), r#"{"signum": 2, "shutdown": 1}"#);
    let (code, output) = launched.end();
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("was ended by SIGKILL"), "{output}");

    // One that ends by itself is given the time, and its code counts.
    gateway.install("sleep 1.5; exit 5", "");
    let launched = gateway.launch(&[]);
    say(&gateway.reply(), r#"{"shutdown": 1}"#);
    let (code, output) = launched.end();
    assert_eq!(code, 5, "{output}");
    assert!(output.contains("was asked to end, and did"), "{output}");
}

#[test]
fn a_gateway_that_is_away_ends_the_kernel() {
    let gateway = Gateway::new();
    gateway.install(NOTES, "");
    let notes = gateway.folder.path().to_str().unwrap().to_owned();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, output) = gateway.launch(&[("NOTES", &notes), ("RESPONSE_ADDRESS", &nobody)]).end();
    assert_eq!(code, 69, "{output}");
    assert!(
        output.contains(&format!("error: the reply could not be sent to `{nobody}`: Connection refused")),
        "{output}"
    );
    assert!(output.contains("hint: the container must reach the gateway"), "{output}");
    assert!(!runs(&fs::read_to_string(gateway.folder.path().join("child")).unwrap()));
}

#[test]
fn what_is_wrong_is_said_and_has_a_code() {
    let gateway = Gateway::new();
    gateway.install("exit 0", "");
    for (variable, value, code, sentence) in [
        ("KERNEL_ID", "", 64, "error: this is not given: `KERNEL_ID`"),
        ("PUBLIC_KEY", "nonsense", 64, "error: `PUBLIC_KEY` is no RSA public key"),
        (
            "RESPONSE_ADDRESS",
            "gateway:80",
            64,
            "error: `RESPONSE_ADDRESS` is `gateway:80`, and must be an address and a port",
        ),
        (
            "KERNEL_LANGUAGE",
            "esperanto",
            66,
            "error: no kernel for the language `esperanto` is installed; kernelspecs: scripted",
        ),
        ("IMAGEWRIGHT_KERNELSPEC", "other", 66, "error: there is no kernelspec `other`"),
    ] {
        let (found, output) = gateway.launch(&[(variable, value)]).end();
        assert_eq!(found, code, "{output}");
        assert!(output.contains(sentence), "{output}");
        assert_eq!(output.matches("launcher: error:").count(), 1, "{output}");
    }
    let folder = gateway.folder.path().join("kernels/scripted");
    fs::write(
        folder.join("kernel.json"),
        r#"{"argv": ["/nonexistent/kernel", "{connection_file}"], "language": "script"}"#,
    )
    .unwrap();
    let (code, output) = gateway.launch(&[]).end();
    assert_eq!(code, 71, "{output}");
    assert!(output.contains("error: `/nonexistent/kernel` could not be started: No such file"), "{output}");
    assert_eq!(fs::read_dir(gateway.temporary()).unwrap().count(), 0);
}

#[test]
fn ports_are_in_the_range_and_nobody_else_gets_them() {
    let gateway = Gateway::new();
    gateway.install("sleep 60", "");
    let more = [("PORT_RANGE", "31000..32000")];
    let launched: Vec<_> = (0..3).map(|_| gateway.launch(&more)).collect();
    let mut ports = Vec::new();
    for _ in &launched {
        let reply = gateway.reply();
        for member in ["shell_port", "iopub_port", "stdin_port", "hb_port", "control_port", "comm_port"] {
            ports.push(reply[member].as_u64().unwrap());
        }
    }
    assert!(ports.iter().all(|port| (31000..=32000).contains(port)), "{ports:?}");
    let count = ports.len();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!((count, ports.len()), (18, 18));
}

#[test]
fn the_folder_of_files_is_private() {
    let gateway = Gateway::new();
    gateway.install(r#"stat -c '%a' "$(dirname "$1")" > "$NOTES/folder"; exit 0"#, "");
    let notes = gateway.folder.path().to_str().unwrap().to_owned();
    fs::set_permissions(gateway.temporary(), fs::Permissions::from_mode(0o1777)).unwrap();
    gateway.launch(&[("NOTES", &notes)]).end();
    assert_eq!(fs::read_to_string(gateway.folder.path().join("folder")).unwrap(), "700\n");
}
