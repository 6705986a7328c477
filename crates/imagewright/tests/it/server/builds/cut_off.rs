//! Processes and servers that die in the middle.

use std::process::Command;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::postgres::Postgres;
use imagewright_testkit::processes::wait_until;
use serde_json::{Value, json};

use super::support::{add, building, count, events, processes, surroundings, wait_at, wait_for};
use crate::server::support::{Caller, TestServer};

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// Kills what builds, and sees it gone.
fn kill_process(context: &TestContext) {
    let found = processes(context);
    assert!(!found.is_empty());
    found.iter().for_each(|process| signal("-KILL", *process));
    let is_there = |process: &u32| processes(context).contains(process);
    wait_until("it is gone", || !found.iter().any(is_there));
}

/// The digest that the packages make when nothing is in the way.
fn undisturbed(packages: &[&str]) -> Value {
    let (server, _packages) = building();
    let root = server.administrator();
    wait_for(&root, &add(&root, "a", packages), &["succeeded"])["digest"].clone()
}

/// What holds for each build that was begun twice.
#[track_caller]
fn came_through(root: &Caller<'_>, build: &Value, expected: &Value) {
    let done = wait_for(root, build, &["succeeded", "failed", "interrupted", "cancelled"]);
    assert_eq!((&done["state"], &done["digest"]), (&json!("succeeded"), expected), "{done}");
    let told = events(root, build);
    let again = told.iter().rposition(|event| event["event"] == "restarted").expect("it says so");
    assert_eq!(count(&told[again..], "started"), 1, "{told:?}");
    assert_eq!(told.last().unwrap()["status"], "succeeded");
    assert_eq!(root.get("/images/a").is(200)["pin"]["digest"], *expected);
}

#[test]
fn a_dead_process_harms_nothing() {
    let expected = undisturbed(&["tool"]);
    let (server, packages) = building();
    let root = server.administrator();
    packages.gate.close();
    let build = add(&root, "a", &["tool"]);
    wait_at(&packages.gate);
    kill_process(&server.context);
    wait_until("it is begun again", || !processes(&server.context).is_empty());
    packages.gate.open();
    came_through(&root, &build, &expected);
    server.context.assert_nothing_unfinished();
}

#[test]
fn a_process_that_always_dies_ends_its_build() {
    let (server, packages) = building();
    let root = server.administrator();
    packages.gate.close();
    let build = add(&root, "a", &["tool"]);
    for _ in 0..3 {
        wait_until("it is begun", || !processes(&server.context).is_empty());
        kill_process(&server.context);
    }
    let ended = wait_for(&root, &build, &["interrupted"]);
    assert_eq!(ended["attempts"], 3);
    assert!(ended["error"].as_str().unwrap().contains("SIGKILL"), "{ended}");
    let told = events(&root, &build);
    assert_eq!((count(&told, "finished"), &told.last().unwrap()["status"]), (1, &json!("failed")));
    packages.gate.open();
    let again = root.post(&format!("/builds/{}/retry", build["id"].as_str().unwrap()), &Value::Null).is(201);
    wait_for(&root, &again, &["succeeded"]);
}

/// Ends a server in the middle of a build, and starts another.
fn ended_in_the_middle(end: impl FnOnce(TestServer) -> TestContext) {
    let expected = undisturbed(&["tool"]);
    let (server, packages) = building();
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    packages.gate.close();
    let build = add(&server.with_token(&token), "a", &["tool"]);
    wait_at(&packages.gate);
    let context = end(server);
    // What it has started ends with it, without anybody's help.
    wait_until("the process that builds is gone", || processes(&context).is_empty());
    packages.gate.open();
    let server = TestServer::start_in(context, &[]);
    let root = server.with_token(&token);
    // It listens elsewhere, and the image is called after that.
    let done = wait_for(&root, &build, &["succeeded", "failed", "interrupted", "cancelled"]);
    assert_eq!(done["state"], "succeeded", "{done}");
    came_through(&root, &build, &expected);
    server.context.assert_nothing_unfinished();
}

#[test]
fn a_killed_server_resumes_its_builds() {
    ended_in_the_middle(TestServer::kill);
}

#[test]
fn a_stopped_server_resumes_its_builds() {
    ended_in_the_middle(TestServer::stop);
}

#[test]
fn a_stopping_server_lets_a_build_end_that_is_nearly_done() {
    let (context, packages) = surroundings();
    let context = context.env("IMAGEWRIGHT_SERVER__BUILDS__GRACE", "60");
    let server = TestServer::start_in(context, &[]);
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    packages.gate.close();
    let build = add(&server.with_token(&token), "a", &["tool"]);
    wait_at(&packages.gate);
    let gate = &packages.gate;
    let context = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(500));
            gate.open();
        });
        server.stop()
    });
    let server = TestServer::start_in(context, &[]);
    let root = server.with_token(&token);
    let done = wait_for(&root, &build, &["succeeded", "queued", "running"]);
    assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(count(&events(&root, &build), "restarted"), 0);
}

mod needs_postgres {
    use super::*;

    #[test]
    #[ignore = "needs postgres"]
    fn two_servers_share_the_queue() {
        let postgres = Postgres::start();
        let url = postgres.database("shared");
        let (context, packages) = surroundings();
        let context =
            context.env("IMAGEWRIGHT_DATABASE", &url).env("IMAGEWRIGHT_SERVER__BUILDS__WORKERS", "1");
        let one = TestServer::start_in(context, &[]);
        let token = one.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
        let two = TestServer::start_beside(&one);
        let (root, other) = (one.with_token(&token), two.with_token(&token));
        packages.gate.close();
        let builds: Vec<Value> = ["a", "b", "c"].iter().map(|name| add(&root, name, &["tool"])).collect();
        // Each has one worker, and both work.
        wait_until("both servers build", || {
            let running = other.get("/builds?state=running").is(200);
            running["items"].as_array().unwrap().len() == 2
        });
        // The events that one stores are followed at the other.
        wait_at(&packages.gate);
        packages.gate.open();
        for build in &builds {
            let done = wait_for(&other, build, &["succeeded", "failed"]);
            assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{done}");
        }
        // One dies with a build; the other takes it.
        packages.gate.close();
        let last = root
            .post("/images/a/builds?plan=false", &json!({"spec": super::super::support::spec(&["other"])}))
            .is(201);
        let more = root
            .post("/images/b/builds?plan=false", &json!({"spec": super::super::support::spec(&["other"])}))
            .is(201);
        wait_until("both servers build", || {
            other.get("/builds?state=running").is(200)["items"].as_array().unwrap().len() == 2
        });
        let context = one.kill();
        packages.gate.open();
        for build in [&last, &more] {
            assert_eq!(
                wait_for(&other, build, &["succeeded", "failed", "interrupted"])["state"],
                "succeeded"
            );
        }
        drop(two);
        drop(context);
    }
}
