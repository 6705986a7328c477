//! A Jupyter server with Elyra, and what it sees of what we do.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use imagewright_testkit::context::TestContext;
use serde_json::Value;

use super::{context_with_elyra, environment, ours, records};

const TOKEN: &str = "test";
/// A server that is not up by then will not be.
const LONGEST_START: Duration = Duration::from_secs(90);
/// Elyra is told of changes by the kernel, and looks at them in a thread of its own.
const LONGEST_NOTICE: Duration = Duration::from_secs(10);

/// A running server.
pub(super) struct Server {
    process: Child,
    port: u16,
}

/// A status and a body.
pub(super) type Answer = (u16, String);

impl Server {
    /// Starts one on the records of `context`.
    pub(super) fn start(context: &TestContext) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(environment().join("bin/python"));
        command
            .args(["-m", "jupyter", "server", "--allow-root", "--no-browser", "--ServerApp.ip=127.0.0.1"])
            .args([format!("--ServerApp.port={port}"), format!("--IdentityProvider.token={TOKEN}")])
            .args(["--ServerApp.port_retries=0", "--ServerApp.jpserver_extensions={'elyra': True}"])
            .env_clear()
            .envs(context.command::<&str>([]).get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(context.work())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(context.folder().join("server.log")).unwrap());
        let server = Self { process: command.spawn().unwrap(), port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(context.folder().join("server.log")).unwrap_or_default();
            assert!(begin.elapsed() < LONGEST_START, "the server does not start:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Sends one request and reads the answer.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token {TOKEN}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Waits until a record is what it shall be.
    fn sees(&self, name: &str, what: &str, is_right: impl Fn(&Answer) -> bool) {
        let begin = Instant::now();
        loop {
            let answer = self.ask("GET", &format!("/elyra/metadata/runtime-images/{name}"), "");
            if is_right(&answer) {
                return;
            }
            assert!(begin.elapsed() < LONGEST_NOTICE, "Elyra does not see {what}: {answer:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn image_of((status, body): &Answer) -> Option<String> {
    let record: Value = serde_json::from_str(body).ok().filter(|_| *status == 200)?;
    Some(record["metadata"]["image_name"].as_str()?.to_owned())
}

#[test]
#[ignore = "needs Elyra"]
fn a_running_server_sees_what_we_do() {
    let context = context_with_elyra();
    fs::create_dir_all(records(&context)).unwrap();
    let server = Server::start(&context);
    let is_missing = |answer: &Answer| answer.0 == 404;
    server.sees("mine", "that there is nothing", is_missing);
    let create =
        ["create", "runtime-images", "--name", "mine", "--display_name", "M", "--image_name", "a/b:0"];
    drop(ours(&context, &create).success());
    server.sees("mine", "the new record", |answer| image_of(answer).as_deref() == Some("a/b:0"));
    for number in 1..=5 {
        let image = format!("a/b:{number}");
        drop(
            ours(&context, &["update", "runtime-images", "--name", "mine", "--image_name", &image]).success(),
        );
        server.sees("mine", "the change", |answer| image_of(answer).as_deref() == Some(&image));
    }
    // A record that comes with Elyra: the copy counts, then the original again.
    let original = image_of(&server.ask("GET", "/elyra/metadata/runtime-images/pandas", "")).unwrap();
    drop(
        ours(&context, &["update", "runtime-images", "--name", "pandas", "--image_name", "a/p:1"]).success(),
    );
    server.sees("pandas", "the copy", |answer| image_of(answer).as_deref() == Some("a/p:1"));
    for name in ["mine", "pandas"] {
        drop(ours(&context, &["remove", "runtime-images", "--name", name]).success());
    }
    server.sees("mine", "that it is removed", is_missing);
    server.sees("pandas", "the original", |answer| image_of(answer).as_deref() == Some(&original));
    // And what the server writes we see.
    let body = r#"{"schema_name": "runtime-image", "display_name": "From the panel", "metadata": {"image_name": "x/y"}}"#;
    assert_eq!(server.ask("POST", "/elyra/metadata/runtime-images", body).0, 201);
    let shown = ours(&context, &["show", "runtime-images", "--name", "from_the_panel"]).success();
    assert!(shown.stdout.contains("image_name: x/y"), "{shown}");
}
