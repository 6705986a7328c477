//! A base and a channel for builds, and a gate that holds a build for as long as a test wants.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use imagewright_testkit::conda::{Channel, CondaPackage, Format, Index};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::image::TinyImage;
use serde_json::{Value, json};

use crate::server::support::{Caller, TestServer};
use crate::support::context;

/// The base of the builds, as the store has it.
pub(crate) const BASE: &str = "registry.example/base:1";

/// How long a build may take here, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where packages come from, behind a gate.
pub(crate) struct Packages {
    pub(crate) gate: Gate,
    _server: HttpServer,
}

/// Surroundings whose store has a base, and whose packages come through a gate.
pub(crate) fn surroundings() -> (TestContext, Packages) {
    let context = context().env("IMAGEWRIGHT_SERVER__BUILDS__GRACE", "2");
    let base = TinyImage::default().file(
        "lib64/libc.so.6",
        "\x7fELF GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n",
    );
    base.write_layout(&context.work().join("base"), "base").unwrap();
    drop(context.run(["image", "import", "oci:base", "--tag", BASE]).success());
    let folder = context.folder().join("channels");
    let mut channel = Channel::new(&folder.join("team"), Index::Json);
    for (name, version) in [("tool", "1.0"), ("tool", "2.0"), ("other", "0.1")] {
        let package = CondaPackage::new(name, version).file(&format!("share/{name}"), version);
        channel.add(&package, Format::Conda).unwrap();
    }
    let server = HttpServer::serve(&folder).unwrap();
    let gate = Gate::before(server.url().strip_prefix("http://").unwrap().parse().unwrap());
    let context = context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", format!("http://{}", gate.address));
    (context, Packages { gate, _server: server })
}

/// A server that builds.
pub(crate) fn building() -> (TestServer, Packages) {
    let (context, packages) = surroundings();
    (TestServer::start_in(context, &[]), packages)
}

/// A spec with these packages.
pub(crate) fn spec(packages: &[&str]) -> Value {
    json!({"base": BASE, "conda": {"packages": packages, "channels": ["team"]}, "python": {"bytecode": "none"}})
}

/// Adds an image that is built; gives its first build.
pub(crate) fn add(caller: &Caller<'_>, name: &str, packages: &[&str]) -> Value {
    let new = json!({"display_name": name, "spec": spec(packages)});
    caller.post("/images?plan=false", &new).is(201);
    last_build(caller, name)
}

pub(crate) fn last_build(caller: &Caller<'_>, name: &str) -> Value {
    caller.get(&format!("/images/{name}/builds")).is(200)["items"][0].clone()
}

/// Waits until a build is in one of these states.
#[track_caller]
pub(crate) fn wait_for(caller: &Caller<'_>, build: &Value, states: &[&str]) -> Value {
    let path = format!("/builds/{}", build["id"].as_str().unwrap());
    let begun = Instant::now();
    loop {
        let now = caller.get(&path).is(200);
        if states.contains(&now["state"].as_str().unwrap()) {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "{now}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a build waits at the gate.
#[track_caller]
pub(crate) fn wait_at(gate: &Gate) {
    let begun = Instant::now();
    while !gate.is_waited_at() {
        assert!(begun.elapsed() < PATIENCE, "nobody came to the gate");
        thread::sleep(Duration::from_millis(20));
    }
}

/// All events of a build so far.
pub(crate) fn events(caller: &Caller<'_>, build: &Value) -> Vec<Value> {
    let path = format!("/builds/{}/events?format=jsonl&follow=false", build["id"].as_str().unwrap());
    let answer = caller.get(&path);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often an event of this name is there.
pub(crate) fn count(events: &[Value], name: &str) -> usize {
    events.iter().filter(|event| event["event"] == name).count()
}

/// The numbers of the processes that build for a server.
pub(crate) fn processes(context: &TestContext) -> Vec<u32> {
    let root = context.root().display().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let builds = |number: &u32| {
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("__build") && line.contains(&root)
    };
    numbers.filter(builds).collect()
}

/// Lets connections through, or holds them.
pub(crate) struct Gate {
    pub(super) address: SocketAddr,
    is_open: Arc<AtomicBool>,
    is_waited_at: Arc<AtomicBool>,
}

impl Gate {
    fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (is_open, is_waited_at) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (open, waited) = (Arc::clone(&is_open), Arc::clone(&is_waited_at));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (open, waited) = (Arc::clone(&open), Arc::clone(&waited));
                thread::spawn(move || {
                    while !open.load(Ordering::SeqCst) {
                        waited.store(true, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(10));
                    }
                    if let Ok(server) = TcpStream::connect(target) {
                        join(&stream, &server);
                    }
                });
            }
        });
        Self { address, is_open, is_waited_at }
    }

    pub(in crate::server) fn close(&self) {
        self.is_waited_at.store(false, Ordering::SeqCst);
        self.is_open.store(false, Ordering::SeqCst);
    }

    pub(in crate::server) fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    fn is_waited_at(&self) -> bool {
        self.is_waited_at.load(Ordering::SeqCst)
    }
}

fn join(client: &TcpStream, server: &TcpStream) {
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || carry(&from, &to));
    carry(server, client);
}

fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = [0; 16 * 1024];
    let copied: io::Result<()> = (|| {
        loop {
            match from.read(&mut buffer)? {
                0 => return Ok(()),
                count => to.write_all(&buffer[..count])?,
            }
        }
    })();
    drop(copied);
    drop(to.shutdown(Shutdown::Write));
}
