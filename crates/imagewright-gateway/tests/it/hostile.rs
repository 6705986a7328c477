//! Gateways and kernels that do not do what they should: each is told by its own sentence, in bounded time, and no kernel stays.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use imagewright_gateway::verify::{Step, VerifyRequest};
use imagewright_model::ErrorKind;

use crate::played::{Fault, Played, open, request};

/// Longer than any limit of [`request`] lets a verification take, a busy machine included.
const LONGEST: Duration = Duration::from_secs(50);

/// Verifies with a fault; the step and kind of the problem, and what the sentence says.
#[track_caller]
fn assert_told(fault: Fault, step: Step, kind: ErrorKind, part: &str) -> Played {
    assert_told_of(&request(), fault, step, kind, part)
}

#[track_caller]
fn assert_told_of(request: &VerifyRequest, fault: Fault, step: Step, kind: ErrorKind, part: &str) -> Played {
    let name = format!("{fault:?}");
    let name = &name[..name.len().min(80)];
    let played = Played::start(Some(fault));
    let start = Instant::now();
    let (report, _) = played.verify(request);
    let problem = report.problem.as_ref().unwrap_or_else(|| panic!("{name}: {report}"));
    assert_eq!((problem.step, problem.kind), (step, kind), "{name}: {report}");
    let sentence = report.to_string();
    assert!(sentence.contains(part), "{name}: {sentence}");
    assert!(!sentence.contains('\n') && !sentence.contains('\x1b'), "{name}: {sentence:?}");
    assert!(start.elapsed() < LONGEST, "{name}: {:?}", start.elapsed());
    played
}

#[test]
fn nobody_is_there() {
    let gateway = open("http://127.0.0.1:1", None).unwrap();
    let report = imagewright_gateway::verify::verify(
        &gateway,
        &request(),
        &imagewright_model::Stop::default(),
        &mut |_| {},
    );
    let problem = report.problem.unwrap();
    assert_eq!((problem.step, problem.kind), (Step::Listed, ErrorKind::Unavailable));
}

#[test]
fn what_speaks_no_tls_is_told() {
    // As servers do that expect the beginning of a request.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let read = stream.read(&mut [0; 16 * 1024]);
            drop(read.and_then(|_| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")));
        }
    });
    let gateway = open(&format!("https://{address}"), None).unwrap();
    let stop = imagewright_model::Stop::default();
    let report = imagewright_gateway::verify::verify(&gateway, &request(), &stop, &mut |_| {});
    assert!(report.to_string().contains("speaks no TLS; write `http://`"), "{report}");
}

#[test]
fn what_is_no_gateway_is_told() {
    let list = "GET /api/kernelspecs";
    let no_gateway = "is no gateway";
    for (fault, kind, part) in [
        (Fault::Answer(list, 200, "<html>".to_owned()), ErrorKind::Invalid, no_gateway),
        (Fault::Answer(list, 200, "{}".to_owned()), ErrorKind::Invalid, no_gateway),
        (Fault::Answer(list, 200, r#"{"kernelspecs": {"a": 7}}"#.to_owned()), ErrorKind::Invalid, no_gateway),
        (Fault::Answer(list, 302, String::new()), ErrorKind::Invalid, "it leads on to"),
        (Fault::Answer(list, 404, String::new()), ErrorKind::Invalid, "EG_BASE_URL"),
        (Fault::Answer(list, 503, "\x1b[2J".to_owned()), ErrorKind::Unavailable, "503"),
        (Fault::Raw(list, b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), ErrorKind::Unavailable, "cannot be reached"),
        (Fault::Flood(list), ErrorKind::Invalid, "too large"),
        (Fault::Silence(list), ErrorKind::Unavailable, "gave no answer within 4 s"),
        (Fault::Trickle(list), ErrorKind::Unavailable, "gave no answer within 4 s"),
    ] {
        drop(assert_told(fault, Step::Listed, kind, part));
    }
}

#[test]
fn a_kernelspec_that_is_not_there_or_not_shown() {
    for (name, part) in [("playd", "similar names are `played`"), ("hidden", "EG_ALLOWED_KERNELS")] {
        let asked = VerifyRequest { kernelspec: name.to_owned(), ..request() };
        let (report, _) = Played::start(None).verify(&asked);
        assert_eq!(report.problem.as_ref().unwrap().kind, ErrorKind::NotFound);
        assert!(report.to_string().contains(part), "{report}");
    }
}

#[test]
fn a_kernel_that_does_not_start() {
    let start = "POST /api/kernels";
    let refuse = |status, reason: &str| {
        Fault::Answer(start, status, format!(r#"{{"reason": "{reason}", "message": ""}}"#))
    };
    drop(assert_told(
        refuse(500, "Waited too long (1s) to get connection file"),
        Step::Started,
        ErrorKind::Failed,
        "no kernel told the gateway within 1 s where it listens; `imagewright check team/played:1",
    ));
    drop(assert_told(
        refuse(403, "User 'bob' is not authorized"),
        Step::Started,
        ErrorKind::Denied,
        "--user",
    ));
    drop(assert_told(
        Fault::Answer(start, 201, r#"{"id": "../../x"}"#.to_owned()),
        Step::Started,
        ErrorKind::Invalid,
        "without an identity",
    ));
    // The message counts where the reason says nothing but the status.
    drop(assert_told(
        Fault::Answer(
            start,
            403,
            r#"{"reason": "Forbidden", "message": "A max kernels limit has been set to 1"}"#.to_owned(),
        ),
        Step::Started,
        ErrorKind::Conflict,
        "EG_MAX_KERNELS",
    ));
}

#[test]
fn a_start_without_an_answer_is_tidied_up() {
    // Whether it was started is not known, so it is asked for a while.
    let played = assert_told(
        Fault::Raw("POST /api/kernels", Vec::new()),
        Step::Started,
        ErrorKind::Unavailable,
        "cannot be reached",
    );
    let asked = played.requests().iter().filter(|it| it.starts_with("DELETE")).count();
    assert!(asked > 2, "{asked}");
}

#[test]
fn a_kernel_that_is_not_reached() {
    let channels = "GET /api/kernels/";
    for (fault, part) in [
        (Fault::Answer(channels, 404, String::new()), "it ended by itself"),
        (Fault::Answer(channels, 400, String::new()), "let WebSockets through"),
        (Fault::Answer(channels, 200, "hello".to_owned()), "no WebSocket to the kernel comes about"),
        (Fault::Raw(channels, b"\x16\x03\x01".to_vec()), "the connection to the kernel broke"),
        (Fault::Silence(channels), "does not answer within 4 s"),
        (Fault::Trickle(channels), "does not answer within 4 s"),
        (Fault::KernelSilent, "does not answer within 4 s"),
        (Fault::KernelStops, "does not answer within 4 s"),
        (Fault::KernelChatters, "does not answer within 4 s"),
    ] {
        let played = assert_told(fault, Step::Executed, ErrorKind::Failed, part);
        assert_eq!(played.kernels(), 0, "{part}");
    }
}

#[test]
fn a_kernel_that_says_nonsense() {
    let dead =
        r#"{"header": {"msg_type": "status"}, "parent_header": {}, "content": {"execution_state": "dead"}}"#;
    let reply = |content: &str| {
        format!(
            r#"{{"header": {{"msg_type": "execute_reply"}}, "parent_header": PARENT, "content": {content}}}"#
        )
    };
    for (said, part) in [
        (vec![dead.to_owned()], "the kernel ended while it was at work"),
        (vec!["no JSON".to_owned()], "no message of a kernel"),
        (vec!["[]".to_owned()], "no message of a kernel"),
        (vec!["x".repeat(17 * 1024 * 1024)], "the connection to the kernel broke"),
        (vec![reply(r#"{"status": "ok"}"#)], "printed `` and not `2`"),
        (
            vec![reply(r#"{"status": "error", "ename": "Name\u001b[2J", "evalue": "a\nb"}"#)],
            "failed with Name [2J: a b",
        ),
        (vec![reply(r#"{"status": 7}"#)], "printed `` and not `2`"),
    ] {
        let played = assert_told(Fault::Says(said), Step::Executed, ErrorKind::Failed, part);
        assert_eq!(played.kernels(), 0, "{part}");
    }
}

#[test]
fn interrupts_and_restarts_that_are_none() {
    for (fault, step, part) in [
        (Fault::Uninterruptible, Step::Interrupted, "went on for 4 s after it was interrupted"),
        (Fault::InterruptForgets, Step::Interrupted, "the interrupt ended the kernel"),
        (Fault::RestartIsNone, Step::Restarted, "did not start another kernel"),
    ] {
        let played = assert_told(fault, step, ErrorKind::Failed, part);
        assert_eq!(played.kernels(), 0, "{part}");
    }
    let stays = assert_told(Fault::Stays, Step::Stopped, ErrorKind::Failed, "still has the kernel");
    assert_eq!(stays.kernels(), 1);
}
