//! Logging in: passwords, sessions, the first administrator, and what programs send.

use std::io::Write;
use std::process::{Command, Stdio};

use imagewright_testkit::context::{Outcome, TestContext};
use serde_json::{Value, json};

use super::support::{Answer, Caller, TestServer};

const PASSWORD: &str = "correct horse battery";
const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");

fn with_input(context: &TestContext, arguments: &[&str], input: &str) -> Outcome {
    let mut command: Command = context.command(arguments);
    let mut input_file = tempfile::tempfile().unwrap();
    input_file.write_all(input.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut input_file).unwrap();
    Outcome::of(command.stdin(Stdio::from(input_file)))
}

fn log_in(server: &TestServer, name: &str, password: &str) -> Answer {
    server.anonymous().post("/session", &json!({"name": name, "password": password}))
}

/// The headers of a browser with a session.
fn browser(session: &str) -> [(&'static str, String); 1] {
    [("cookie", format!("a=b; imagewright={session}"))]
}

fn send(
    nobody: &Caller<'_>,
    method: &str,
    path: &str,
    session: &str,
    more: &[(&str, &str)],
    body: &str,
) -> Answer {
    let cookie = browser(session);
    let headers: Vec<(&str, &str)> =
        cookie.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect();
    nobody.send(method, path, &headers, body)
}

#[test]
fn a_session_begins_with_a_password_and_ends() {
    let server = TestServer::start();
    let context = &server.context;
    drop(with_input(context, &["admin", "user", "add", "ada", "--password-stdin"], PASSWORD).success());
    let short = with_input(context, &["admin", "user", "add", "bob", "--password-stdin"], "short").exits(4);
    assert!(short.stderr.contains("at least 10 characters"), "{}", short.stderr);
    let answer = log_in(&server, "ada", PASSWORD);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.ends_with("; Path=/; Max-Age=43199; HttpOnly; SameSite=Lax")
            || cookie.contains("Max-Age=43200"),
        "{cookie}"
    );
    let session = answer.cookie("imagewright").unwrap();
    let body = answer.is(201);
    assert_eq!(body["person"]["name"], "ada");
    assert!(!body.to_string().contains(&session));

    let nobody = server.anonymous();
    assert_eq!(send(&nobody, "GET", "/me", &session, &[], "").is(200)["name"], "ada");
    // What changes something comes from a page of ours.
    let token = json!({"name": "laptop"}).to_string();
    let host = format!("http://{}", server.address);
    for (from, status) in [
        (("sec-fetch-site", "cross-site"), 403),
        (("sec-fetch-site", "same-site"), 403),
        (("origin", "https://evil.example"), 403),
        (("origin", "null"), 403),
        (("x-nothing", "1"), 403),
        (("origin", host.as_str()), 201),
    ] {
        let answer = send(&nobody, "POST", "/tokens", &session, &[from], &token);
        assert_eq!(answer.status, status, "{from:?}: {}", answer.body);
        if status == 403 {
            assert_eq!(answer.is(403)["type"], "other-site");
        }
    }
    // Nor does another site log somebody in as somebody else.
    let login = json!({"name": "ada", "password": PASSWORD}).to_string();
    nobody.send("POST", "/session", &[("sec-fetch-site", "cross-site")], &login).is(403);

    assert_eq!(send(&nobody, "DELETE", "/session", &session, &[OURS], "").cookie("imagewright"), None);
    assert_eq!(send(&nobody, "GET", "/me", &session, &[], "").is(401)["type"], "login-required");
}

#[test]
fn sessions_end_with_what_they_began_with() {
    let server = TestServer::start();
    let root = server.administrator();
    root.post("/people", &json!({"name": "ada", "password": PASSWORD})).is(201);
    let nobody = server.anonymous();
    let begin = |password: &str| log_in(&server, "ada", password).cookie("imagewright").unwrap();
    let me = |session: &str| send(&nobody, "GET", "/me", session, &[], "").status;

    let session = begin(PASSWORD);
    let wrong = json!({"current": "something else", "password": "another horse"}).to_string();
    let problem = send(&nobody, "PUT", "/me/password", &session, &[OURS], &wrong).is(422);
    assert_eq!(problem["errors"][0]["pointer"], "/current");
    let right = json!({"current": PASSWORD, "password": "another horse"}).to_string();
    send(&nobody, "PUT", "/me/password", &session, &[OURS], &right).is(204);
    assert_eq!(me(&session), 401);
    log_in(&server, "ada", PASSWORD).is(401);

    let session = begin("another horse");
    root.put("/people/ada/password", &json!({"password": PASSWORD})).is(204);
    assert_eq!(me(&session), 401);
    let session = begin(PASSWORD);
    root.change("/people/ada", &json!({"disabled": true})).is(200);
    assert_eq!(me(&session), 401);
    assert_eq!(log_in(&server, "ada", PASSWORD).is(401)["type"], "login-failed");
    root.change("/people/ada", &json!({"disabled": false})).is(200);
    assert_eq!(me(&session), 401);
    // With tokens alone nobody has a password.
    assert_eq!(log_in(&server, "root", "").is(401), log_in(&server, "nobody", PASSWORD).is(401));
}

#[test]
fn passwords_are_not_tried_for_long() {
    let server = TestServer::start();
    let root = server.administrator();
    root.post("/people", &json!({"name": "ada", "password": PASSWORD})).is(201);
    for _ in 0..10 {
        log_in(&server, "ada", "wrong password").is(401);
    }
    let refused = log_in(&server, "ada", PASSWORD);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((200..=301).contains(&seconds), "{seconds}");
    assert_eq!(refused.is(429)["type"], "too-often");
    // Others are not concerned, nor what somebody has.
    log_in(&server, "bob", PASSWORD).is(401);
    root.get("/me").is(200);
}

#[test]
fn programs_send_name_and_token_together() {
    let server = TestServer::start();
    let token = server.context.run(["admin", "user", "add", "ada"]).success().stdout;
    let nobody = server.anonymous();
    let basic = |name: &str, token: &str| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{token}"));
        nobody.send("GET", "/me", &[("authorization", &format!("Basic {text}"))], "")
    };
    assert_eq!(basic("ada", token.trim()).is(200)["name"], "ada");
    for (name, token) in [("bob", token.trim()), ("ada", "iw_00"), ("", token.trim()), ("ada", "")] {
        assert_eq!(basic(name, token).is(401)["type"], "login-required", "{name}");
    }
    for header in ["Basic !", "Basic", "Digest a", "Bearer"] {
        nobody.send("GET", "/me", &[("authorization", header)], "").is(401);
    }
}

#[test]
fn the_first_administrator_is_made_with_a_link_once() {
    let server = TestServer::start();
    let link =
        server.said.iter().find_map(|line| line.split_once("/setup?token=")).expect("a link").1.to_owned();
    let nobody = server.anonymous();
    let set_up = |token: &str, name: &str, password: &str| {
        nobody.post("/setup", &json!({"token": token, "name": name, "password": password}))
    };
    assert_eq!(set_up("iw_00", "ada", PASSWORD).is(401)["type"], "login-failed");
    assert_eq!(set_up(&link, "a:b", PASSWORD).is(422)["errors"][0]["pointer"], "/name");
    assert_eq!(set_up(&link, "ada", "short").is(422)["errors"][0]["pointer"], "/password");
    // Another server on the same records makes another link, and the first is none any more.
    let answer = set_up(&link, "ada", PASSWORD);
    let session = answer.cookie("imagewright").unwrap();
    assert_eq!(answer.is(201)["person"]["admin"], true);
    assert_eq!(send(&nobody, "GET", "/people", &session, &[], "").is(200)["items"][0]["name"], "ada");
    set_up(&link, "eve", PASSWORD).is(401);
    let server = TestServer::start_in(server.kill(), &[]);
    assert_eq!(server.said, Vec::<String>::new());
}

#[test]
fn people_are_looked_after_at_the_machine() {
    let server = TestServer::start();
    let context = &server.context;
    let root = server.administrator();
    let ada = server.add_user("ada", &[]);
    let listed = context.run(["admin", "user", "list"]).success().stdout;
    assert_eq!(
        listed,
        "NAME   ROLE    LOGIN   DISPLAY NAME   EMAIL\nada            local\nroot   admin   local\n"
    );
    let listed: Value = context.run(["admin", "user", "list", "--json"]).success().json();
    assert_eq!(listed[1]["admin"], true);
    drop(context.run(["admin", "user", "disable", "ada"]).success());
    ada.get("/me").is(401);
    let refused = context.run(["admin", "user", "disable", "root"]).exits(5);
    assert!(refused.stderr.contains("there is no other"), "{}", refused.stderr);
    drop(context.run(["admin", "user", "enable", "ada"]).success());
    ada.get("/me").is(200);
    drop(
        with_input(
            context,
            &["admin", "user", "passwd", "ada", "--password-stdin"],
            "correct horse battery\n",
        )
        .success(),
    );
    log_in(&server, "ada", PASSWORD).is(201);
    let token = context.run(["admin", "user", "token", "ada", "--days", "1"]).success().stdout;
    assert_eq!(server.with_token(&token).get("/me").is(200)["name"], "ada");
    let tokens = ada.get("/tokens").is(200);
    assert!(tokens[1]["expires_at"].is_string() && tokens[1].get("secret").is_none(), "{tokens}");
    drop(context.run(["admin", "user", "delete", "ada"]).success());
    ada.get("/me").is(401);
    drop(context.run(["admin", "user", "token", "ada"]).exits(3));
    assert_eq!(
        root.get("/audit?actor=server&action=person.deleted").is(200)["items"].as_array().unwrap().len(),
        1
    );
}
