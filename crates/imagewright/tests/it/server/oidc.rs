//! Logging in at a provider.

use imagewright_testkit::oidc::{CLIENT, Lie, OidcProvider, pairs};
use serde_json::{Value, json};

use super::support::{Answer, TestServer};
use crate::support::context;

const CALLBACK: &str = "/login/oidc/callback";

fn server(provider: &OidcProvider) -> TestServer {
    let context = context()
        .env("IMAGEWRIGHT_SERVER__OIDC__ISSUER", provider.issuer())
        .env("IMAGEWRIGHT_SERVER__OIDC__CLIENT_ID", CLIENT.0)
        .env("OIDC_SECRET", CLIENT.1)
        .env("IMAGEWRIGHT_SERVER__OIDC__CLIENT_SECRET", "environment:OIDC_SECRET")
        .env("IMAGEWRIGHT_SERVER__OIDC__ADMIN_GROUPS", "[\"operators\"]")
        .env("IMAGEWRIGHT_SERVER__OIDC__GROUP_ADMIN_SUFFIX", "-admins")
        .env("IMAGEWRIGHT_SERVER__OIDC__CREATE_GROUPS", "true");
    TestServer::start_in(context, &[])
}

/// Begins a login: where the provider sends the browser back to, and the cookie that the browser has.
fn begin(server: &TestServer, page: &str) -> (String, String) {
    let begun = server.anonymous().get(&format!("/login/oidc?return_to={page}"));
    assert_eq!(begun.status, 303, "{}", begun.body);
    let (at_the_provider, cookie) =
        (begun.header("location").unwrap(), begun.cookie("imagewright-login").unwrap());
    let settings = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0);
    let sent_back = ureq::Agent::new_with_config(settings.build()).get(at_the_provider).call().unwrap();
    assert_eq!(sent_back.status(), 302);
    let location = sent_back.headers()["location"].to_str().unwrap();
    let query = location.strip_prefix(&format!("http://{}/api/v1{CALLBACK}?", server.address)).unwrap();
    (query.to_owned(), cookie)
}

fn finish(server: &TestServer, query: &str, cookie: &str) -> Answer {
    let cookie = format!("imagewright-login={cookie}");
    server.anonymous().send("GET", &format!("{CALLBACK}?{query}"), &[("cookie", &cookie)], "")
}

fn log_in(server: &TestServer) -> Answer {
    let (query, cookie) = begin(server, "/images");
    finish(server, &query, &cookie)
}

/// Who is logged in.
fn me(server: &TestServer, answer: &Answer) -> Value {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let cookie = format!("imagewright={}", answer.cookie("imagewright").unwrap());
    server.anonymous().send("GET", "/me", &[("cookie", &cookie)], "").is(200)
}

#[test]
fn groups_and_role_follow_the_claims() {
    let provider = OidcProvider::start();
    let server = server(&provider);
    let root = server.administrator();
    provider.log_in(json!({
        "sub": "7", "preferred_username": "ada", "name": "Ada", "email": "ada@mail.example",
        "groups": ["ml", "ml-admins", "operators", "No Name"],
    }));
    let answer = log_in(&server);
    assert_eq!(answer.header("location"), Some("/images"));
    assert_eq!(answer.cookie("imagewright-login"), None);
    let ada = me(&server, &answer);
    assert_eq!(
        (&ada["name"], &ada["display_name"], &ada["admin"]),
        (&json!("ada"), &json!("Ada"), &json!(true))
    );
    assert_eq!(ada["memberships"], json!([{"group": "ml", "role": "admin"}]));
    assert_eq!(ada["subject"], format!("{} 7", provider.issuer()));

    // What is said here stays; what is said there goes as it came. The name stays.
    root.post("/groups", &json!({"name": "bio"})).is(201);
    root.put("/groups/bio/members/ada", &json!({"role": "admin"})).is(200);
    provider.log_in(json!({"sub": "7", "preferred_username": "lovelace", "groups": ["chem"]}));
    let again = me(&server, &log_in(&server));
    assert_eq!((&again["id"], &again["name"], &again["admin"]), (&ada["id"], &json!("ada"), &json!(false)));
    let chem = json!({"group": "chem", "role": "member"});
    assert_eq!(again["memberships"], json!([{"group": "bio", "role": "admin"}, chem]));

    // Tokens without groups: the provider is asked.
    provider.log_in(json!({"sub": "8", "preferred_username": "bob"}));
    provider.tell(json!({"groups": ["operators"], "preferred_username": "other"}));
    let bob = me(&server, &log_in(&server));
    assert_eq!((&bob["name"], &bob["admin"], &bob["memberships"]), (&json!("bob"), &json!(true), &json!([])));

    let trail = root.get("/audit?actor=ada").is(200);
    let actions: Vec<&str> =
        trail["items"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "person.groups_claimed",
            "group.added",
            "person.changed",
            "person.groups_claimed",
            "group.added",
            "person.added"
        ]
    );
    root.change("/people/ada", &json!({"disabled": true})).is(200);
    provider.log_in(json!({"sub": "7", "preferred_username": "ada"}));
    assert_eq!(log_in(&server).is(401)["type"], "login-failed");
}

#[test]
fn a_provider_hands_over_no_account() {
    let provider = OidcProvider::start();
    let server = server(&provider);
    let _root = server.administrator();
    provider.log_in(json!({"sub": "9", "preferred_username": "root"}));
    let refused = log_in(&server).is(409);
    assert!(refused["detail"].as_str().unwrap().contains("`root`"), "{refused}");
}

#[test]
fn tokens_that_prove_nothing_log_nobody_in() {
    let provider = OidcProvider::start();
    let server = server(&provider);
    provider.log_in(json!({"sub": "7", "preferred_username": "ada", "groups": ["operators"]}));
    let lies = [
        Lie::Nonce,
        Lie::NoNonce,
        Lie::Audience,
        Lie::Issuer,
        Lie::Expired,
        Lie::Signature,
        Lie::UnknownKey,
        Lie::Unsigned,
        Lie::SharedSecret,
    ];
    for lie in lies {
        provider.lie(lie);
        let answer = log_in(&server);
        assert_eq!(answer.cookie("imagewright"), None, "{lie:?}");
        assert_eq!(answer.status, 401, "{lie:?}: {}", answer.body);
        assert_eq!(answer.is(401)["type"], "login-failed", "{lie:?}");
    }
    provider.lie(Lie::None);
    // Another key is looked up when the first token comes that is signed with it.
    provider.change_key();
    assert_eq!(me(&server, &log_in(&server))["name"], "ada");
}

#[test]
fn a_login_ends_once_where_it_began() {
    let provider = OidcProvider::start();
    let server = server(&provider);
    provider.log_in(json!({"sub": "7", "preferred_username": "ada"}));
    let (query, cookie) = begin(&server, "//evil.example");
    let (other_query, other_cookie) = begin(&server, "/");
    assert_eq!(finish(&server, &query, &other_cookie).is(401)["type"], "login-failed");
    assert_eq!(server.anonymous().get(&format!("{CALLBACK}?{query}")).is(401)["type"], "login-failed");
    // Nobody is sent to another site.
    let answer = finish(&server, &query, &cookie);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    // Once more, with the old code and with a new one.
    finish(&server, &query, &cookie).is(401);
    let (state, code) = (&pairs(&query)["state"], &pairs(&other_query)["code"]);
    finish(&server, &format!("code={code}&state={state}"), &cookie).is(401);
    finish(&server, &format!("code={code}&state=other"), &other_cookie).is(401);
    finish(&server, "error=access_denied&error_description=no", &other_cookie).is(401);
    finish(&server, &other_query, &other_cookie).is(303);
}

#[test]
fn without_a_provider_there_is_no_such_login() {
    let server = TestServer::start();
    assert_eq!(server.anonymous().get("/login/oidc").is(404)["type"], "not-found");
    drop(server);
    let provider = OidcProvider::start();
    let issuer = provider.issuer().to_owned();
    drop(provider);
    let context = context()
        .env("IMAGEWRIGHT_SERVER__OIDC__ISSUER", issuer)
        .env("IMAGEWRIGHT_SERVER__OIDC__CLIENT_ID", CLIENT.0);
    let server = TestServer::start_in(context, &[]);
    assert_eq!(server.anonymous().get("/login/oidc").is(503)["type"], "unavailable");
}
