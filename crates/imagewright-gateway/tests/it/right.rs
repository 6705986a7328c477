//! A gateway that does everything right.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use imagewright_gateway::Gateway;
use imagewright_gateway::verify::{Cell, Outcome, Step, verify};
use imagewright_model::{ErrorKind, SecretUrl, Stop, TrustSettings};

use crate::played::{Played, open, request};

#[test]
fn what_works_is_told_step_by_step() {
    let played = Played::start(None);
    let (report, told) = played.verify(&request());
    assert!(report.works(), "{report}");
    assert_eq!(
        report.to_string(),
        "`Played` works: listed, started, executed, interrupted, restarted, stopped"
    );
    let steps: Vec<Step> = told.iter().map(|it| it.step).collect();
    let all =
        [Step::Listed, Step::Started, Step::Executed, Step::Interrupted, Step::Restarted, Step::Stopped];
    assert_eq!(steps, all);
    assert!(told.iter().all(|it| it.outcome == Outcome::Done));
    assert_eq!(told[0].detail, "Played (Python), DockerProcessProxy, team/played:1");
    assert_eq!(told[2].detail, "print(1 + 1) → 2");
    assert!(told[3].detail.contains("with KeyboardInterrupt; the kernel kept its state"), "{told:?}");
    assert_eq!(told[4].detail, "the kernel is a new one; print(1 + 1) → 2");
    assert_eq!(played.kernels(), 0);
    let environment = played.environment();
    for (name, value) in [("KERNEL_USERNAME", "bob"), ("KERNEL_LAUNCH_TIMEOUT", "1"), ("KERNEL_UID", "1000")]
    {
        assert_eq!(environment[name], value, "{environment}");
    }
    assert_eq!(environment["KERNEL_ID"].as_str(), report.kernel.as_deref());
}

#[test]
fn what_is_not_wanted_is_left_out() {
    let played = Played::start(None);
    let cell = Cell { code: "anything at all".to_owned(), expected: None };
    let asked = imagewright_gateway::verify::VerifyRequest {
        cell: Some(cell),
        interrupt: false,
        restart: false,
        ..request()
    };
    let (report, told) = played.verify(&asked);
    assert_eq!(report.to_string(), "`Played` works: listed, started, executed, stopped");
    assert_eq!(told.iter().filter(|it| it.outcome == Outcome::LeftOut).count(), 2);
    assert!(!played.requests().iter().any(|it| it.contains("interrupt") || it.contains("restart")));
}

#[test]
fn a_token_is_shown_and_missed() {
    let played = Played::with_token(None, Some("hunter2"));
    let run = |token| {
        let gateway = open(&played.url(), token).unwrap();
        verify(&gateway, &request(), &Stop::default(), &mut |_| {})
    };
    assert!(run(Some("hunter2")).works());
    for token in [None, Some("other")] {
        let problem = run(token).problem.unwrap();
        assert_eq!((problem.step, problem.kind), (Step::Listed, ErrorKind::Denied));
        assert!(problem.remedy.unwrap().contains("IMAGEWRIGHT_GATEWAY_TOKEN"));
    }
}

#[test]
fn whoever_stops_it_leaves_no_kernel() {
    let played = Played::start(Some(crate::played::Fault::Uninterruptible));
    let stop = Stop::default();
    let (report, _) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !played.requests().iter().any(|it| it.ends_with("/interrupt")) {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            stop.ask();
        });
        played.verify_until(&request(), &stop)
    });
    let problem = report.problem.as_ref().unwrap();
    assert_eq!((problem.step, problem.kind), (Step::Interrupted, ErrorKind::Cancelled));
    assert_eq!(report.to_string(), "`Played` was not verified to the end: stopped on request");
    assert_eq!(played.kernels(), 0);
}

/// A proxy that leads to one place, whatever it is asked for. Gives its address, and what it is asked.
fn proxy_to(target: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let of_thread = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let asked = Arc::clone(&of_thread);
            thread::spawn(move || drop(tunnel(stream, target, &asked)));
        }
    });
    (address, asked)
}

fn tunnel(client: TcpStream, target: SocketAddr, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head)?;
    }
    asked.lock().unwrap().push(head);
    let server = TcpStream::connect(target)?;
    (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client);
    thread::spawn(move || drop(io::copy(&mut from_server, &mut to_client)));
    io::copy(&mut reader, &mut &server).map(drop)
}

#[test]
fn a_proxy_leads_to_the_gateway_and_to_its_kernels() {
    let played = Played::start(None);
    let target = played.url().trim_start_matches("http://").parse().unwrap();
    let (proxy, asked) = proxy_to(target);
    let http_proxy = Some(SecretUrl::new(format!("http://me:hunter2@{proxy}")));
    let trust = TrustSettings { http_proxy, ..TrustSettings::default() };
    let gateway = Gateway::new("http://gateway.example", None, &trust).unwrap();
    let report = verify(&gateway, &request(), &Stop::default(), &mut |_| {});
    assert!(report.works(), "{report}");
    let asked = asked.lock().unwrap();
    // Requests share a connection; each WebSocket has its own.
    assert!(asked.len() >= 3, "{asked:?}");
    for head in asked.iter() {
        assert!(head.starts_with("CONNECT gateway.example:80 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("proxy-authorization: basic bwu6ahvudgvymg=="), "{head}");
    }
}
