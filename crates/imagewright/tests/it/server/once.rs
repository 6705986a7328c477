//! Requests with a key are carried out once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use serde_json::{Value, json};

use super::builds::support::{add, building, last_build, wait_for};
use super::support::{Answer, Caller, TestServer};

/// What is made, once, by each operation that takes a key, and where it is listed.
fn requests() -> Vec<(&'static str, String, &'static str)> {
    let image = json!({"display_name": "A", "reference": "127.0.0.1:1/a:1"}).to_string();
    let manifest = "{apiVersion: primehub.io/v1alpha1, kind: Image, metadata: {name: b}, spec: {displayName: b, \
                    description: b, type: cpu, url: 'registry.example/b:1'}}";
    let secret =
        json!({"name": "s", "kind": "pull", "host": "registry.example", "secret": "hidden"}).to_string();
    let person = json!({"name": "ada", "password": "correct horse"}).to_string();
    vec![
        ("/images", image, "/images"),
        ("/groups", json!({"name": "ml"}).to_string(), "/groups"),
        ("/people", person, "/people"),
        ("/secrets", secret, "/secrets"),
        ("/imports/primehub", manifest.to_owned(), "/images"),
    ]
}

fn send(caller: &Caller<'_>, key: &str, path: &str, body: &str) -> Answer {
    caller.send("POST", path, &[("idempotency-key", key)], body)
}

fn goes_on(server: TestServer) {
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    let root = server.with_token(&token);
    let mut answers = Vec::new();
    for (number, (path, body, _)) in requests().iter().enumerate() {
        let answer = send(&root, &format!("key-{number}"), path, body);
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
        answers.push(answer);
    }
    let lists =
        |root: &Caller<'_>| -> Vec<Value> { requests().iter().map(|it| root.get(it.2).is(200)).collect() };
    let before = lists(&root);
    // A request that was refused has done nothing, and may be sent again as it should have been.
    send(&root, "key-9", "/groups", "{}").is(422);
    send(&root, "key-9", "/groups", &json!({"name": "bio"}).to_string()).is(201);
    root.delete("/groups/bio").is(204);
    // Somebody else's key is another.
    let other = server.add_user("eve", &["--admin"]);
    send(&other, "key-1", "/groups", &json!({"name": "bio"}).to_string()).is(201);
    root.delete("/groups/bio").is(204);
    root.delete("/people/eve").is(204);
    // The answers outlive the server.
    let server = TestServer::start_in(server.kill(), &[]);
    let root = server.with_token(&token);
    for (number, ((path, body, _), first)) in requests().iter().zip(&answers).enumerate() {
        let key = format!("key-{number}");
        let again = send(&root, &key, path, body);
        let told = |answer: &Answer| {
            let header = |name| answer.header(name).map(str::to_owned);
            (answer.status, answer.body.clone(), header("location"), header("etag"))
        };
        assert_eq!(told(&again), told(first), "{path}");
        assert_eq!(send(&root, &key, path, &format!("{body} ")).is(422)["type"], "key-reused", "{path}");
    }
    assert_eq!(lists(&root), before);
}

#[test]
fn what_is_asked_for_twice_is_made_once() {
    goes_on(TestServer::start());
}

#[test]
fn two_at_once_are_one() {
    let server = TestServer::start();
    let root = server.administrator();
    // A registry that takes its time holds the first request.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/a:1", registry.local_addr().unwrap());
    let body = json!({"display_name": "A", "reference": reference}).to_string();
    thread::scope(|scope| {
        let first = scope.spawn(|| send(&root, "key", "/images", &body));
        let held = registry.accept().unwrap();
        assert_eq!(send(&root, "key", "/images", &body).is(409)["type"], "still-running");
        drop((held, registry));
        let first = first.join().unwrap();
        assert_eq!(send(&root, "key", "/images", &body).body, first.is(201).to_string());
    });
    assert_eq!(root.get("/images").is(200)["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_that_cannot_be_kept_to_is_refused() {
    let server = TestServer::start();
    let root = server.administrator();
    for (path, body) in [
        ("/tokens", json!({"name": "t"})),
        ("/session", json!({"name": "root", "password": "x"})),
        ("/setup", json!({"token": "x", "name": "root", "password": "x"})),
    ] {
        let problem = send(&root, "key", path, &body.to_string()).is(400);
        assert!(problem["detail"].as_str().unwrap().contains("the answer holds a secret"), "{problem}");
    }
    assert_eq!(root.get("/tokens").is(200).as_array().unwrap().len(), 1);
    for key in ["", "two words", &"x".repeat(256)] {
        assert_eq!(send(&root, key, "/groups", "{}").is(400)["type"], "bad-request", "{key}");
    }
}

/// Lets one request after the other through to a server. Of the first that is a `POST`, the answer gets lost.
fn losing_the_first_answer(server: &TestServer) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (target, posts) = (server.address.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&posts);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (target, posts) = (target.clone(), Arc::clone(&counted));
            thread::spawn(move || carry(&client, &target, &posts));
        }
    });
    (address, posts)
}

fn carry(client: &TcpStream, target: &str, posts: &AtomicUsize) {
    let server = TcpStream::connect(target).unwrap();
    let is_lost = AtomicBool::new(false);
    let copy = |mut from: &TcpStream, mut to: &TcpStream, watch: &dyn Fn(&[u8]) -> bool| {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if watch(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(client, &server, &|sent| {
                let is_first = sent.starts_with(b"POST ") && posts.fetch_add(1, Ordering::SeqCst) == 0;
                is_lost.fetch_or(is_first, Ordering::SeqCst);
                false
            });
        });
        copy(&server, client, &|_| is_lost.load(Ordering::SeqCst));
    });
}

#[test]
fn our_client_asks_again_after_a_break() {
    let (server, _packages) = building();
    let root = server.administrator();
    let first = add(&root, "a", &["tool"]);
    wait_for(&root, &first, &["succeeded"]);
    let (address, posts) = losing_the_first_answer(&server);
    let mut command = server.context.command(["builds", "retry", "a:1", "--server", &address]);
    assert!(command.env("IMAGEWRIGHT_TOKEN", root.token()).status().unwrap().success());
    assert_eq!(posts.load(Ordering::SeqCst), 2);
    assert_eq!(last_build(&root, "a")["number"], 2);
}

mod needs_postgres {
    use imagewright_testkit::postgres::Postgres;

    use super::*;
    use crate::support::context;

    #[test]
    #[ignore = "needs postgres"]
    fn what_is_asked_for_twice_is_made_once() {
        let postgres = Postgres::start();
        goes_on(TestServer::start_in(context().env("IMAGEWRIGHT_DATABASE", postgres.database("one")), &[]));
    }

    /// Of two servers each takes the request, and one is in time.
    #[test]
    #[ignore = "needs postgres"]
    fn two_servers_make_one() {
        let postgres = Postgres::start();
        let one = TestServer::start_in(context().env("IMAGEWRIGHT_DATABASE", postgres.database("two")), &[]);
        let two = TestServer::start_beside(&one);
        let root = one.administrator();
        let other = two.with_token(&root.token());
        let registry = TcpListener::bind("127.0.0.1:0").unwrap();
        let reference = format!("{}/a:1", registry.local_addr().unwrap());
        let body = json!({"display_name": "A", "reference": reference}).to_string();
        let (sender, answers) = mpsc::channel();
        thread::scope(|scope| {
            for caller in [&root, &other] {
                let (sender, body) = (sender.clone(), &body);
                scope.spawn(move || sender.send(send(caller, "key", "/images", body)).unwrap());
            }
            let held = [registry.accept().unwrap(), registry.accept().unwrap()];
            drop((held, registry));
        });
        let answers: Vec<Value> = answers.iter().take(2).map(|answer| answer.is(201)).collect();
        assert_eq!(answers[0], answers[1]);
        assert_eq!(root.get("/images").is(200)["items"].as_array().unwrap().len(), 1);
    }
}
