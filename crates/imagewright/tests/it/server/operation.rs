//! What those who run a server rely on.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::support::TestServer;
use crate::support::context;

#[test]
fn a_server_tells_how_it_is() {
    let server = TestServer::start();
    let asked = |path: &str| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(asked("/healthz").ends_with("alive\n"));
    assert!(asked("/readyz").ends_with("ready\n"));
    server.anonymous().get("/nothing").is(404);
    let metrics = asked("/metrics");
    for line in [
        "imagewright_requests_total{status=\"2xx\"} 2\n",
        "imagewright_requests_total{status=\"4xx\"} 1\n",
        "imagewright_request_seconds_count 3\n",
        "imagewright_requests_running 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

/// Administrators see from afar what is seen at the machine.
#[test]
fn a_server_tells_what_it_is_set_to() {
    let context = context()
        .env("IMAGEWRIGHT_SERVER__BUILDS__ATTEMPTS", "5")
        .env("IMAGEWRIGHT_PYTHON__INDEX", "https://me:word@mirror.example/simple");
    let server = TestServer::start_in(context, &[]);
    let told = server.administrator().get("/settings").is(200);
    assert_eq!(told, server.context.run(["config", "show", "--json"]).success().json());
    let find = |name: &str| told.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    let attempts = find("server.builds.attempts");
    assert_eq!((&attempts["value"], &attempts["origin"]["layer"]), (&5.into(), &"variable".into()));
    assert_eq!(find("python.index")["value"], "https://****@mirror.example/simple");
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let context = context();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = context.run(["serve", "--listen", &address]).exits(1).stderr;
    assert!(refused.contains(&format!("error: cannot listen on `{address}`")), "{refused}");
    let no_pem = context.write("key.pem", "nothing");
    let no_pem = no_pem.to_str().unwrap();
    let refused = context.run(["serve", "--tls-certificate", no_pem, "--tls-key", no_pem]).exits(4).stderr;
    assert!(refused.contains("does not hold") && refused.contains("key.pem"), "{refused}");
    drop(context.run(["serve", "--tls-key", no_pem]).exits(2));
    let refused = context.run(["serve", "--log", "a=b=c"]).exits(2).stderr;
    assert!(refused.contains("--log takes a level"), "{refused}");
    let refused = context.run(["serve", "--database", "mysql://ada:secret@x/y"]).exits(2).stderr;
    assert!(refused.contains("`mysql://****@x/y` is no database"), "{refused}");
}

#[test]
fn a_server_stops_when_it_is_asked_to() {
    let server = TestServer::start();
    let started = std::time::Instant::now();
    let mut process = server.begin_stop();
    assert!(process.wait().unwrap().success());
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
}

/// A certificate made by openssl, which is there where registries are tested.
mod needs_registry {
    use std::net::TcpStream;
    use std::process::Command;

    use super::super::support::TestServer;
    use crate::support::context;

    #[test]
    #[ignore = "needs registry"]
    fn connections_are_secured_with_files() {
        let context = context();
        let (key, certificate) = (context.work().join("key.pem"), context.work().join("certificate.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        assert!(made.status.success());
        let (key, certificate) = (key.to_str().unwrap().to_owned(), certificate.to_str().unwrap().to_owned());
        let server = TestServer::start_in(context, &["--tls-certificate", &certificate, "--tls-key", &key]);
        let asked = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--cacert", &certificate])
            .arg(format!("https://{}/readyz", server.address))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&asked.stdout), "ready\n", "{asked:?}");
        // Whoever does not even shake hands is not waited for when it stops.
        let silent = TcpStream::connect(&server.address).unwrap();
        let begun = std::time::Instant::now();
        assert!(server.begin_stop().wait().unwrap().success());
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
        drop(silent);
    }
}
