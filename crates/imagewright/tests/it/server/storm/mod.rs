//! A server that is killed again and again while people push, edit and build: what it has acknowledged is there afterwards, what it has not is
//! there as a whole or not at all, every build ends, and nothing of what was killed stays.
//!
//! `IMAGEWRIGHT_TEST_KILLS` says how often it is killed, and `IMAGEWRIGHT_TEST_SEED` when.

mod builds;
mod edits;
mod pushes;

use std::thread;
use std::time::{Duration, Instant};

use imagewright_testkit::context::TestContext;
use imagewright_testkit::processes::{is_mounted, wait_until};
use imagewright_testkit::random::{Random, SEED_VARIABLE};
use imagewright_testkit::storm::KILLS_VARIABLE;
use serde_json::Value;

use super::builds::support::{processes, surroundings};
use super::support::TestServer;
use crate::storm::assert_sound;

/// How often a server is killed where nothing is said. A hundred take one to three minutes on each database.
const KILLS: u64 = 20;
/// How often the store is looked through, which takes longer the more there is.
const LOOK_EVERY: u64 = 5;

/// A server, asked as the administrator until it is gone.
struct Session<'a> {
    address: &'a str,
    token: &'a str,
}

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Session<'_> {
    /// What it answers; nothing once it is killed.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let settings = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = ureq::Agent::new_with_config(settings.allow_non_standard_methods(true).build());
        let mut answered = agent.run(request.body(body).unwrap()).ok()?;
        let body = answered.body_mut().read_to_vec().ok()?;
        Some(Answer { status: answered.status().as_u16(), headers: answered.headers().clone(), body })
    }

    fn get(&self, path: &str) -> Option<Answer> {
        self.send("GET", path, &[], b"")
    }

    /// Sends JSON below `/api/v1`.
    fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Option<Answer> {
        let headers: Vec<(&str, &str)> = key.iter().map(|key| ("idempotency-key", *key)).collect();
        self.send(method, &format!("/api/v1{path}"), &headers, body.to_string().as_bytes())
    }
}

impl Answer {
    #[track_caller]
    fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} in {:?}", self.headers)).to_str().unwrap()
    }
}

/// Something that is done all the time.
trait Work: Send {
    /// Does one thing; nothing where the server was gone before it was done.
    fn step(&mut self, session: &Session<'_>) -> Option<()>;

    /// Demands of another server that what was acknowledged is there, and finds out what became of the rest.
    fn check(&mut self, session: &Session<'_>);

    /// Demands that all comes to an end.
    fn finish(&mut self, _: &Session<'_>) {}

    /// How much was done.
    fn tally(&self) -> String;
}

#[expect(clippy::print_stderr, reason = "the seed is for whoever reads the failure")]
fn rage(name: &str, database: Option<&str>) {
    let kills = std::env::var(KILLS_VARIABLE).map_or(KILLS, |text| text.parse().unwrap());
    let (mut random, seed) = Random::from_environment(name);
    eprintln!("storm `{name}`: {SEED_VARIABLE}={seed} {KILLS_VARIABLE}={kills}");
    let (context, _packages) = surroundings();
    // Wherever it listens, images are called the same.
    let mut context = context.env("IMAGEWRIGHT_SERVER__PUBLIC_ADDRESS", "http://images.example:8340");
    if let Some(database) = database {
        context = context.env("IMAGEWRIGHT_DATABASE", database);
    }
    let token = context.run(["admin", "user", "add", "root", "--admin"]).success().stdout.trim().to_owned();
    let mut works: Vec<Box<dyn Work>> = vec![
        Box::new(edits::Edits::default()),
        Box::new(edits::Groups::default()),
        Box::new(pushes::Pushes::new(seed)),
        Box::new(builds::Builds::default()),
    ];
    let begun = Instant::now();
    let server = TestServer::start_in(context, &[]);
    let whole = undisturbed(&mut works, &Session { address: &server.address, token: &token });
    context = server.kill();
    eprintln!("storm `{name}`: one of each takes {whole:.1?}");
    for kill in 1..=kills {
        let server = TestServer::start_in(context, &[]);
        let session = Session { address: &server.address.clone(), token: &token };
        works.iter_mut().for_each(|work| work.check(&session));
        context = thread::scope(|scope| {
            for work in &mut works {
                let session = &session;
                scope.spawn(move || while work.step(session).is_some() {});
            }
            // Twice the duration, so that ends are hit as beginnings are.
            thread::sleep(whole.mul_f64(2.0 * random.fraction()));
            server.kill()
        });
        nothing_stays(&context);
        if kill % LOOK_EVERY == 0 || kill == kills {
            assert_sound(&context);
        }
    }
    let server = TestServer::start_in(context, &[]);
    let session = Session { address: &server.address.clone(), token: &token };
    works.iter_mut().for_each(|work| work.check(&session));
    works.iter_mut().for_each(|work| work.finish(&session));
    let context = server.stop();
    nothing_stays(&context);
    assert_sound(&context);
    let temporary = std::fs::read_dir(context.folder().join("tmp")).unwrap();
    let temporary: Vec<_> = temporary.map(|entry| entry.unwrap().path()).collect();
    assert!(temporary.is_empty(), "{temporary:?}");
    let tallies: Vec<String> = works.iter().map(|work| work.tally()).collect();
    eprintln!("storm `{name}`: {kills} kills in {:.0?}: {}", begun.elapsed(), tallies.join(", "));
}

/// How long it takes until one of each is done, all at the same time.
fn undisturbed(works: &mut [Box<dyn Work>], session: &Session<'_>) -> Duration {
    let begun = Instant::now();
    thread::scope(|scope| {
        for work in works {
            scope.spawn(move || work.step(session).expect("the server is there"));
        }
    });
    begun.elapsed()
}

/// No process, and nothing mounted.
fn nothing_stays(context: &TestContext) {
    wait_until("no process is left", || processes(context).is_empty());
    wait_until("nothing is mounted", || !is_mounted(context.folder()));
}

mod needs_root {
    #[test]
    #[ignore = "needs root"]
    fn a_server_with_a_file_is_killed() {
        super::rage("server-sqlite", None);
    }
}

mod needs_root_and_postgres {
    use imagewright_testkit::postgres::Postgres;

    #[test]
    #[ignore = "needs root and postgres"]
    fn a_server_with_postgres_is_killed() {
        let postgres = Postgres::start();
        super::rage("server-postgres", Some(&postgres.database("storm")));
    }
}
