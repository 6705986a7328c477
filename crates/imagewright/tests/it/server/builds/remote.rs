//! The command line as a client of a server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use imagewright_testkit::context::{Outcome, TestContext};
use serde_json::json;

use super::support::{BASE, building, last_build, wait_for};
use crate::support::context;

/// Somebody's own machine.
fn client(address: &str, token: &str) -> TestContext {
    context().env("IMAGEWRIGHT_SERVER", format!("http://{address}")).env("IMAGEWRIGHT_TOKEN", token.trim())
}

fn build(client: &TestContext, arguments: &[&str]) -> Outcome {
    let common = ["build", "--remote", "--base", BASE, "--conda-channel", "team", "--bytecode", "none"];
    client.run(common.iter().chain(arguments))
}

#[test]
fn a_build_by_a_server_looks_like_one_here() {
    let (server, _packages) = building();
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    let client = client(&server.address, &token);
    let built = build(&client, &["--conda", "tool=1.0", "-t", "analysis"]).success();
    let root = server.with_token(&token);
    let first = last_build(&root, "analysis");
    assert_eq!(built.stdout.trim(), first["digest"].as_str().unwrap());
    assert!(built.stderr.contains("analysis:1 is queued at http://"), "{}", built.stderr);
    assert!(
        built.stderr.contains("[1/2] base") && built.stderr.contains("built sha256:"),
        "{}",
        built.stderr
    );

    let again =
        build(&client, &["--conda", "tool=1.0", "--conda", "other", "-t", "analysis", "--progress", "json"]);
    let events = again.success().events();
    assert_eq!(events.last().unwrap()["status"], "succeeded");
    let detached = build(&client, &["--conda", "other", "-t", "analysis", "--detach"]).success();
    let third = last_build(&root, "analysis");
    assert_eq!(detached.stdout.trim(), third["id"].as_str().unwrap());
    wait_for(&root, &third, &["succeeded"]);

    let listed = client.run(["builds", "list", "analysis"]).success().stdout;
    let rows: Vec<&str> =
        listed.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(rows, ["analysis:3", "analysis:2", "analysis:1"]);
    let shown = client.run(["builds", "show", "analysis:2", "--json"]).success().json();
    assert_eq!(shown["number"], 2);
    assert_eq!(client.run(["builds", "show", "analysis", "--json"]).success().json()["number"], 3);
    let id = third["id"].as_str().unwrap();
    assert_eq!(client.run(["builds", "show", id, "--json"]).success().json()["number"], 3);
    assert!(client.run(["builds", "show", "analysis:1"]).success().stdout.contains("succeeded"));
    let log = client.run(["builds", "logs", "analysis:1"]).success().stdout;
    assert!(log.starts_with("[1] base"), "{log}");
    assert_eq!(
        client.run(["builds", "logs", "analysis:1", "--tail", "1"]).success().stdout.lines().count(),
        1
    );
    let followed = client.run(["builds", "logs", "analysis:1", "--follow"]).success().stderr;
    assert!(followed.contains("built sha256:"), "{followed}");
    drop(client.run(["builds", "retry", "analysis:1"]).success());
    wait_for(&root, &last_build(&root, "analysis"), &["succeeded"]);
    let over = client.run(["builds", "cancel", "analysis:1"]).exits(5);
    assert!(over.stderr.contains("is over already"), "{}", over.stderr);
}

#[test]
fn what_a_server_refuses_is_said_with_its_place() {
    let (server, _packages) = building();
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    let client = client(&server.address, &token);
    let refused = build(&client, &["--conda", "nosuch", "-t", "a"]).exits(4);
    assert!(
        refused.stderr.contains("/spec/conda/packages/0") && refused.stderr.contains("nosuch"),
        "{}",
        refused.stderr
    );
    drop(build(&client, &["--conda", "tool", "-t", "team/a:1"]).exits(2));
    drop(build(&client, &["--conda", "tool", "-t", "a", "--push"]).exits(2));
    drop(build(&client, &["--conda", "tool"]).exits(2));
    drop(client.run(["builds", "show", "a:1"]).exits(3));
    let stranger = client_with_nothing(&server.address);
    let denied = stranger.run(["builds", "list"]).exits(7);
    assert!(denied.stderr.contains("imagewright server login"), "{}", denied.stderr);
    let nowhere = context().env("IMAGEWRIGHT_SERVER", "http://127.0.0.1:1");
    drop(nowhere.run(["builds", "list"]).exits(6));
    drop(context().run(["builds", "list"]).exits(2));
}

fn client_with_nothing(address: &str) -> TestContext {
    context().env("IMAGEWRIGHT_SERVER", format!("http://{address}"))
}

#[test]
fn a_login_is_kept_for_its_owner() {
    let (server, _packages) = building();
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    let address = format!("http://{}", server.address);
    let wrong = context().env("IMAGEWRIGHT_TOKEN", "iw_wrong");
    drop(wrong.run(["server", "login", &address]).exits(7));
    assert!(!wrong.home().join(".config/imagewright/servers.json").exists());

    let client = context();
    let mut login = client.command(["server", "login", &address]);
    drop(Outcome::of(login.env("IMAGEWRIGHT_TOKEN", token.trim())).success());
    let file = client.home().join(".config/imagewright/servers.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // Now neither the address nor the token has to be said.
    assert_eq!(client.run(["builds", "list", "--json"]).success().json(), json!([]));
    drop(client.run(["server", "logout"]).success());
    assert!(!fs::read_to_string(&file).unwrap().contains("iw_"));
    drop(client.run(["builds", "list"]).exits(2));
    drop(client.run(["server", "logout"]).exits(3));
}
