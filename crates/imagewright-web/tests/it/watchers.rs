//! Many who follow one long log at once, break off and come back: each gets each line once, in order.
//!
//! The log is stored by somebody else, as by another server on the same records. `IMAGEWRIGHT_TEST_WATCHERS` and
//! `IMAGEWRIGHT_TEST_LINES` make it more; `benches/watchers` does that.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use imagewright_catalog::{Build, BuildId, BuildState, NewImage, NewPerson, Principal, Timings, TokenScope};
use imagewright_records::{BuildEnd, Claim, Records, StoredEvents, Url};
use imagewright_server::{NewToken, Server};
use imagewright_service::Service;
use imagewright_web::{Access, App, Limits, ServeSettings};
use jiff::Timestamp;
use serde_json::json;

/// Lines that are stored at once: as many as a worker stores in a tenth of a second when much is said.
const AT_ONCE: usize = 500;

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn service(root: &Path) -> Service {
    let helper = imagewright_sandbox::Helper { program: "/nowhere".into(), arguments: Vec::new() };
    let machine = imagewright_service::Machine {
        apt_sources: Vec::new(),
        os_release: String::new(),
        keyrings: "/nowhere".into(),
        docker_socket: "/nowhere".into(),
        uv_candidates: Vec::new(),
    };
    let credentials = imagewright_service::CredentialFiles {
        write_podman: false,
        podman: Vec::new(),
        docker: None,
        helper_path: None,
    };
    Service::open(root, helper, Default::default(), machine, Default::default(), credentials).unwrap()
}

/// A build that runs, of a worker that is this test.
async fn running_build(records: &Records) -> BuildId {
    let mut work = records.begin().await.unwrap();
    let now = Timestamp::now();
    let new: NewImage = serde_json::from_value(json!({"display_name": "a", "spec": {"base": "x"}})).unwrap();
    let image = new.into_image(work.new_image_id(), "a".parse().unwrap(), None, now).unwrap();
    work.insert_image(&image).await.unwrap();
    let build = Build {
        id: work.new_build_id(),
        image: image.id.clone(),
        image_name: image.name.clone(),
        number: 1,
        state: BuildState::Queued,
        spec: json!({"base": "x"}),
        pull_secret: None,
        upgrade: false,
        lock: None,
        digest: None,
        size: None,
        error: None,
        requested_by: None,
        requested_by_name: "root".to_owned(),
        retry_of: None,
        attempts: 0,
        cancel_requested: false,
        timings: Timings { queued_at: now, started_at: None, finished_at: None },
    };
    work.insert_build(&build).await.unwrap();
    let until = now.checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    let claim = Claim { worker: "test".to_owned(), until, now };
    assert_eq!(work.claim_build(&claim).await.unwrap().unwrap().id, build.id);
    work.commit().await.unwrap();
    build.id
}

async fn write(records: &Records, build: &BuildId, lines: usize) {
    for first in (0..lines).step_by(AT_ONCE) {
        let until = lines.min(first + AT_ONCE);
        let texts = (first..until).map(|line| json!({"event": "output", "step": 1, "line": format!("line {line} of a long log, as compilers write it")}).to_string());
        let events = StoredEvents { first: first as i64, lines: texts.collect() };
        let mut work = records.begin().await.unwrap();
        work.append_events(build, &events).await.unwrap();
        work.commit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let state = BuildState::Succeeded;
    let end = BuildEnd { state, digest: None, size: None, lock: None, error: None, at: Timestamp::now() };
    let mut work = records.begin().await.unwrap();
    assert!(work.finish_build(build, "test", &end).await.unwrap());
    work.commit().await.unwrap();
}

/// Follows to the end, over breaks after so many events; gives how many it was told.
fn watch(address: SocketAddr, token: &str, build: &BuildId, breaks_after: usize) -> usize {
    let settings = ureq::Agent::config_builder().proxy(None).build();
    let agent = ureq::Agent::new_with_config(settings);
    let mut next: usize = 0;
    loop {
        let mut request = agent
            .get(format!("http://{address}/api/v1/builds/{build}/events"))
            .header("authorization", format!("Bearer {token}"));
        if next > 0 {
            request = request.header("last-event-id", (next - 1).to_string());
        }
        let stream = request.call().unwrap().into_body().into_reader();
        let begun = next;
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some(id) = line.strip_prefix("id: ") {
                assert_eq!(id, next.to_string());
            } else if let Some(data) = line.strip_prefix("data: ") {
                if data.contains("\"state\"") {
                    return next;
                }
                assert!(data.contains(&format!("\"line {next} of")), "{data}");
                next += 1;
                if next - begun == breaks_after {
                    break;
                }
            }
        }
    }
}

#[test]
fn each_of_many_watchers_gets_each_line_once() {
    let watchers = number("IMAGEWRIGHT_TEST_WATCHERS", 20);
    let lines = number("IMAGEWRIGHT_TEST_LINES", 5000);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (address, token, build, records) = runtime.block_on(async {
        let records = Records::open(&Url::file(&folder.path().join("records.db"))).await.unwrap();
        let server = Server::new(records.clone(), Arc::new(service(&folder.path().join("store"))));
        let by = Principal::server();
        let new = NewPerson { name: "root".to_owned(), admin: true, ..NewPerson::default() };
        let person = server.add_person(&by, new, None).await.unwrap();
        let new = NewToken { name: "test".to_owned(), scope: TokenScope::All, expires_at: None };
        let token = server.issue_token_to(&by, &person.id, new).await.unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let settings = ServeSettings {
                address: "127.0.0.1:0".parse().unwrap(),
                tls: None,
                limits: Limits::default(),
            };
            let ready = |address, _: &str| sender.send(address).unwrap();
            let app = App::new(server, Access::default());
            imagewright_web::serve(app, &settings, ready, std::future::pending()).await.unwrap();
        });
        let build = running_build(&records).await;
        (receiver.await.unwrap(), token.secret.expose().to_owned(), build, records)
    });
    let begun = Instant::now();
    thread::scope(|scope| {
        let all: Vec<_> = (0..watchers)
            .map(|watcher| {
                let (token, build) = (&token, &build);
                // From some that break off often to some that never do.
                let breaks_after = if watcher % 5 == 0 { usize::MAX } else { lines / (watcher % 7 + 2) + 1 };
                scope.spawn(move || watch(address, token, build, breaks_after))
            })
            .collect();
        runtime.block_on(write(&records, &build, lines));
        let written = begun.elapsed();
        for watcher in all {
            assert_eq!(watcher.join().unwrap(), lines);
        }
        println!(
            "{watchers} watchers of {lines} lines: stored in {:.1} s, told to all after {:.1} s",
            written.as_secs_f64(),
            begun.elapsed().as_secs_f64()
        );
    });
}
