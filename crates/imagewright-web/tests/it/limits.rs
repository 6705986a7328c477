//! Clients that take their time keep nobody out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use imagewright_web::{Access, App, Limits, ServeSettings, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{TestServer, run};

/// Long enough for a busy machine, and no test waits longer for what must not come.
const SOON: Duration = Duration::from_secs(20);

fn limits() -> Limits {
    let short = Duration::from_millis(400);
    Limits { head: short, pause: short, ..Limits::default() }
}

/// A server that listens, until what is given is dropped; then it ends by itself.
struct Listening {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
    server: TestServer,
}

async fn listening(limits: Limits) -> Listening {
    let server = TestServer::start().await;
    let app = App::new(server.server.clone(), Access::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    let settings = ServeSettings { address: "127.0.0.1:0".parse().unwrap(), tls: None, limits };
    let ended = tokio::spawn(async move {
        let ready = |address: SocketAddr, _: &str| tell.send(address).unwrap();
        serve(app, &settings, ready, async { drop(stopped.await) }).await.unwrap();
    });
    Listening { address: told.await.unwrap(), stop, ended, server }
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn is_alive(&self) -> bool {
        self.get("/healthz").await.ends_with("alive\n")
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Asks it to stop, and sees it end.
    async fn stops(self) -> Duration {
        let begun = Instant::now();
        self.stop.send(()).unwrap();
        timeout(SOON, self.ended).await.expect("it stops").unwrap();
        begun.elapsed()
    }
}

/// Sends byte by byte until the other end has closed. Gives what came back.
async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> String {
    let (mut read, mut write) = stream.split();
    let mut came = Vec::new();
    let send = async {
        for byte in bytes.iter().cycle() {
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let receive = async { drop(read.read_to_end(&mut came).await) };
    timeout(SOON, async {
        tokio::select! { () = send => {}, () = receive => {} }
    })
    .await
    .expect("it is closed");
    String::from_utf8_lossy(&came).into_owned()
}

#[test]
fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    run(async {
        let server = listening(limits()).await;
        let others = async {
            for _ in 0..10 {
                assert!(server.is_alive().await);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // Such that it is no request yet, that it is one of HTTP/2, and the second of a connection.
        let (mut slow, mut preface, mut second) =
            (server.connect().await, server.connect().await, server.connect().await);
        second.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let (came, _, after, ()) = tokio::join!(
            drip(&mut slow, b"GET / HTTP/1.1\r\nx-a: "),
            drip(&mut preface, b"PRI * HTTP/2.0\r\n"),
            drip(&mut second, b"GET / HTTP/1.1\r\nx-a: "),
            others,
        );
        assert!(!came.contains("200"), "{came}");
        assert!(after.contains("alive\n"), "{after}");
    });
}

#[test]
fn who_says_nothing_is_shown_out() {
    run(async {
        let server = listening(limits()).await;
        let mut silent = server.connect().await;
        let mut nothing = Vec::new();
        timeout(SOON, silent.read_to_end(&mut nothing)).await.expect("it is closed").unwrap();
        assert!(server.is_alive().await);
    });
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    run(async {
        let server = listening(limits()).await;
        let mut stream = server.connect().await;
        let head = b"POST /api/v1/setup HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it is answered").unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    });
}

#[test]
fn only_so_many_are_answered_at_once() {
    run(async {
        let server = listening(Limits { requests: 1, ..Limits::default() }).await;
        let hold = async || {
            let mut stream = server.connect().await;
            let head = b"POST /api/v1/setup HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
            stream.write_all(head).await.unwrap();
            stream
        };
        let begun = Instant::now();
        let is_busy = async || server.get("/api/v1/openapi.json").await.starts_with("HTTP/1.1 503 ");
        let mut first = hold().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        while !is_busy().await {
            assert!(begun.elapsed() < SOON);
            // It came while we asked, and was refused itself.
            first = hold().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(server.is_alive().await);
        let told = server.get("/api/v1/openapi.json").await.to_lowercase();
        assert!(told.contains("retry-after: 1") && told.contains("\"busy\""), "{told}");
        drop(first);
        while is_busy().await {
            assert!(begun.elapsed() < SOON);
        }
    });
}

#[test]
fn a_stop_does_not_wait_for_who_says_nothing() {
    run(async {
        // Only the stop can end them: they may stay for half a minute.
        let server = listening(Limits::default()).await;
        let mut slow = server.connect().await;
        slow.write_all(b"GET / HT").await.unwrap();
        let silent = server.connect().await;
        assert!(server.is_alive().await);
        assert!(server.stops().await < Duration::from_secs(10));
        drop((slow, silent));
    });
}

#[test]
fn what_was_begun_is_answered() {
    run(async {
        let server = listening(Limits::default()).await;
        let mut stream = server.connect().await;
        stream
            .write_all(b"POST /api/v1/setup HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
            .await
            .unwrap();
        // It is being carried out as soon as it is counted.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let finish = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stream.write_all(b"{}").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let (_, answer) = tokio::join!(server.stops(), finish);
        assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
    });
}

#[test]
fn a_call_that_takes_too_long_is_broken_off() {
    run(async {
        let server = listening(Limits { slow_call: Duration::from_millis(400), ..Limits::default() }).await;
        let authorization = server.server.administrator().await.authorization.unwrap();
        // A registry that takes a connection and says nothing.
        let registry = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let reference = format!("{}/a:1", registry.local_addr().unwrap());
        let new = format!("{{\"display_name\": \"a\", \"reference\": \"{reference}\"}}");
        let ask = async |head: &str, body: &str| {
            let mut stream = server.connect().await;
            let request = format!(
                "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            timeout(SOON, stream.read_to_string(&mut answer)).await.expect("it is answered").unwrap();
            answer
        };
        let answer = ask("POST /api/v1/images", &new).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"too-slow\""), "{answer}");
        let answer = ask("GET /api/v1/images", "").await;
        assert!(answer.contains("\"items\":[]"), "{answer}");
    });
}

#[test]
fn who_finds_no_place_waits_for_one() {
    run(async {
        let server = listening(Limits { connections: 1, ..limits() }).await;
        let silent = server.connect().await;
        let begun = Instant::now();
        assert!(timeout(SOON, server.is_alive()).await.expect("there is a place"));
        assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
        drop(silent);
    });
}
