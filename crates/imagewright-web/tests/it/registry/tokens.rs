//! Tokens: what they are given for, and when they end.

use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagewright_catalog::Role;
use jiff::Timestamp;
use serde_json::json;

use crate::support::{TestServer, run};

#[test]
fn a_token_is_for_what_was_asked_for_and_is_allowed() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_image("a", "1", "one").await;
        root.push_image("b", "1", "one").await;
        let pull = root.with_token(&["repository:a:pull", "repository:b:pull,push"]).await;
        pull.get("/v2/").await.is(200);
        pull.get("/v2/a/manifests/1").await.is(200);
        let refused = pull.post("/v2/a/blobs/uploads/", "").await.refused(401, "UNAUTHORIZED");
        let challenge = refused.header("www-authenticate");
        assert!(
            challenge.ends_with("scope=\"repository:a:pull,push\",error=\"insufficient_scope\""),
            "{challenge}"
        );
        pull.post("/v2/b/blobs/uploads/", "").await.is(202);
        pull.delete("/v2/b/manifests/1").await.refused(401, "UNAUTHORIZED");
        let nothing = root.with_token(&["repository:c:nonsense", "registry:catalog:*"]).await;
        nothing.get("/v2/a/manifests/1").await.refused(401, "UNAUTHORIZED");
        nothing.get("/v2/_catalog").await.is(200);
    });
}

#[test]
fn wrong_passwords_and_forged_tokens_are_refused() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_image("a", "1", "one").await;
        let token = root.with_token(&["repository:a:pull"]).await.authorization.unwrap();
        let (head, signature) = token.rsplit_once('.').unwrap();
        // `root:wrong`, the token of another name, no name at all.
        for wrong in [
            "Basic cm9vdDp3cm9uZw==",
            "Basic x",
            "Basic",
            "Negotiate x",
            "Bearer ",
            "Bearer iw_0",
            "Bearer iwr_x.y",
        ] {
            let caller = root.with(wrong);
            for path in ["/v2/", "/v2/a/manifests/1", "/v2/_catalog"] {
                caller.get(path).await.refused(401, "UNAUTHORIZED");
            }
            caller.get("/v2/token?scope=repository:a:pull").await.refused(401, "UNAUTHORIZED");
        }
        let claims = json!({"person": null, "expires": i64::MAX, "access": [["a", {"pull": true, "push": true, "delete": true}]]});
        let forged =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims.to_string());
        for forged in [
            format!("Bearer iwr_{forged}.{signature}"),
            format!("{head}."),
            head.to_owned(),
            format!("{token}A"),
        ] {
            root.with(&forged).get("/v2/a/manifests/1").await.refused(401, "UNAUTHORIZED");
        }
        root.with(&token).get("/v2/a/manifests/1").await.is(200);
    });
}

#[test]
fn a_form_is_answered_as_well() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_image("a", "1", "one").await;
        let basic = root.authorization.clone().unwrap();
        let decoded =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &basic[6..]).unwrap();
        let decoded = String::from_utf8(decoded).unwrap();
        let password = decoded.split_once(':').unwrap().1;
        let form = format!(
            "grant_type=password&service=x&client_id=y&username=root&password={password}&scope=repository%3Aa%3Apull+repository%3Ab%3Apull"
        );
        let answer = server.anonymous().post("/v2/token", form.clone()).await.is(200).json();
        let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        root.with(&token).get("/v2/a/manifests/1").await.is(200);
        for wrong in [
            form.replace("grant_type=password", "grant_type=refresh_token"),
            form.replace(password, "x"),
            String::new(),
        ] {
            server.anonymous().post("/v2/token", wrong).await.refused(401, "UNAUTHORIZED");
        }
    });
}

static NOW: AtomicI64 = AtomicI64::new(1_800_000_000);

fn now() -> Timestamp {
    Timestamp::from_second(NOW.load(Ordering::SeqCst)).unwrap()
}

#[test]
fn tokens_end_and_so_does_access() {
    run(async {
        let server = TestServer::with(false, now).await;
        server.add_group("ml").await;
        let ada = server.add("ada", false, &[("ml", Role::Admin)]).await;
        ada.push_image("ml/a", "1", "one").await;
        let token = ada.with_token(&["repository:ml/a:pull"]).await;
        token.get("/v2/ml/a/manifests/1").await.is(200);
        NOW.fetch_add(299, Ordering::SeqCst);
        token.get("/v2/ml/a/manifests/1").await.is(200);
        NOW.fetch_add(1, Ordering::SeqCst);
        token.get("/v2/ml/a/manifests/1").await.refused(401, "UNAUTHORIZED");
        // Whoever leaves a group loses access at once, whatever the token says; so does who is disabled.
        let token = ada.with_token(&["repository:ml/a:pull"]).await;
        let mut work = server.records.begin().await.unwrap();
        let mut person = work.person("ada").await.unwrap().unwrap().person;
        work.claim_memberships(&person.id, &[]).await.unwrap();
        work.commit().await.unwrap();
        token.get("/v2/ml/a/manifests/1").await.refused(404, "NAME_UNKNOWN");
        let mut work = server.records.begin().await.unwrap();
        person.disabled = true;
        work.replace_person(&person).await.unwrap();
        work.commit().await.unwrap();
        token.get("/v2/").await.refused(401, "UNAUTHORIZED");
        ada.get("/v2/token").await.refused(401, "UNAUTHORIZED");
    });
}

#[test]
fn a_token_ends_with_the_one_it_was_given_for() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_image("a", "1", "one").await;
        let token = root.with_token(&["repository:a:pull"]).await;
        token.get("/v2/a/manifests/1").await.is(200);
        let issued = root.get("/api/v1/tokens").await.is(200).json()[0]["id"].as_str().unwrap().to_owned();
        root.delete(&format!("/api/v1/tokens/{issued}")).await.is(204);
        token.get("/v2/a/manifests/1").await.refused(401, "UNAUTHORIZED");
    });
}

#[test]
fn a_token_for_pulling_pulls() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_image("a", "1", "one").await;
        let issued = root.post("/api/v1/tokens", json!({"name": "node", "scope": "pull"}).to_string()).await;
        let issued = issued.is(201).json()["secret"].as_str().unwrap().to_owned();
        let basic = format!("Basic {}", STANDARD.encode(format!("root:{issued}")));
        let asked = root.with(&basic).with_token(&["repository:a:pull,push,delete"]).await;
        for caller in [root.with(&basic), root.with(&format!("Bearer {issued}")), asked] {
            caller.get("/v2/a/manifests/1").await.is(200);
            for answer in
                [caller.post("/v2/a/blobs/uploads/", "").await, caller.delete("/v2/a/manifests/1").await]
            {
                assert!(matches!(answer.status.as_u16(), 401 | 403), "{}", answer.status);
            }
        }
        // Nothing else takes it: it makes no other token.
        for authorization in [basic, format!("Bearer {issued}")] {
            let caller = root.with(&authorization);
            for path in ["/api/v1/me", "/api/v1/images", "/api/v1/tokens"] {
                assert_eq!(caller.get(path).await.is(403).json()["type"], "forbidden");
            }
        }
        root.get("/v2/a/manifests/1").await.is(200);
    });
}

#[test]
fn a_token_outlives_a_restart() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_image("a", "1", "one").await;
        let token = root.with_token(&["repository:a:pull"]).await.authorization.unwrap();
        let server = server.restarted().await;
        server.anonymous().with(&token).get("/v2/a/manifests/1").await.is(200);
    });
}
