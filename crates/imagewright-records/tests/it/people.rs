//! People, groups, tokens, secrets.

use imagewright_catalog::{
    Group, Kept, Membership, PageRequest, Role, SecretKind, SecretRecord, Token, TokenScope,
};
use imagewright_model::Secret;
use imagewright_records::{PendingLogin, Records, RecordsError, TokenHash};
use serde_json::json;

use crate::{add_image, add_person, at, name, on_both};

on_both!(
    people_and_groups,
    claims_and_what_was_said_here,
    tokens_and_sessions,
    secrets,
    logins_that_have_begun
);

async fn people_and_groups(records: Records) {
    let mut work = records.begin().await.unwrap();
    let mut ada = add_person(&mut work, "ada").await;
    let bob = add_person(&mut work, "bob").await;
    let group = Group { id: work.new_group_id(), name: name("ml"), display_name: None, created_at: at(1) };
    work.insert_group(&group).await.unwrap();
    work.set_member(&group.id, &ada.id, Role::Member).await.unwrap();
    work.set_member(&group.id, &ada.id, Role::Admin).await.unwrap();
    work.set_member(&group.id, &bob.id, Role::Member).await.unwrap();
    let members = work.members(&group.id).await.unwrap();
    assert_eq!(members, [(ada.clone(), Role::Admin), (bob.clone(), Role::Member)]);
    let principal = work.principal(&ada.id).await.unwrap().unwrap();
    assert!(principal.looks_after(&name("ml")) && !principal.admin);
    ada.disabled = true;
    ada.admin = true;
    work.replace_person(&ada).await.unwrap();
    assert_eq!(work.principal(&ada.id).await.unwrap(), None);
    assert_eq!(work.count_administrators().await.unwrap(), 0);
    assert!(work.remove_member(&group.id, &bob.id).await.unwrap());
    assert!(!work.remove_member(&group.id, &bob.id).await.unwrap());
    let people = work.people(None, &PageRequest { after: None, limit: 1 }).await.unwrap();
    assert_eq!(people.items, [ada.clone()]);
    let rest = PageRequest { after: Some(people.next.unwrap().parse().unwrap()), limit: 1 };
    assert_eq!(work.people(None, &rest).await.unwrap().items, std::slice::from_ref(&bob));
    for (search, found) in [("ADA", 1), ("a d", 1), ("_", 0), ("%", 0), ("mail", 0)] {
        let people = work.people(Some(search), &PageRequest::first()).await.unwrap();
        assert_eq!(people.items.len(), found, "{search}");
    }
    work.delete_person(&ada.id).await.unwrap();
    assert_eq!(work.members(&group.id).await.unwrap(), []);
    let mut twice = bob.clone();
    twice.id = work.new_person_id();
    let error = work.insert_person(&twice, None).await.unwrap_err();
    assert!(matches!(error, RecordsError::Taken { what: "person", .. }), "{error}");
}

async fn claims_and_what_was_said_here(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    for group in ["a", "b", "c"] {
        let group =
            Group { id: work.new_group_id(), name: name(group), display_name: None, created_at: at(1) };
        work.insert_group(&group).await.unwrap();
        if group.name == name("c") {
            work.set_member(&group.id, &ada.id, Role::Admin).await.unwrap();
        }
    }
    let claim = |group: &str| Membership { group: name(group), role: Role::Member };
    work.claim_memberships(&ada.id, &[claim("a"), claim("c"), claim("unknown")]).await.unwrap();
    let admin_of_c = Membership { group: name("c"), role: Role::Admin };
    assert_eq!(work.memberships(&ada.id).await.unwrap(), [claim("a"), admin_of_c.clone()]);
    work.claim_memberships(&ada.id, &[claim("b")]).await.unwrap();
    assert_eq!(work.memberships(&ada.id).await.unwrap(), [claim("b"), admin_of_c]);
}

async fn tokens_and_sessions(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    let hash = TokenHash("00".to_owned());
    let token = Token {
        id: work.new_token_id(),
        name: "laptop".to_owned(),
        scope: TokenScope::Pull,
        expires_at: Some(at(100)),
        last_used_at: None,
        created_at: at(1),
    };
    work.insert_token(&ada.id, &token, &hash).await.unwrap();
    assert_eq!(work.token_owner(&hash, at(99)).await.unwrap(), Some((ada.id.clone(), token.clone())));
    assert_eq!(work.token_owner(&hash, at(100)).await.unwrap(), None);
    assert!(work.has_token(&token.id, at(99)).await.unwrap());
    assert!(!work.has_token(&token.id, at(100)).await.unwrap());
    assert_eq!(work.token_owner(&TokenHash("01".to_owned()), at(1)).await.unwrap(), None);
    work.touch_token(&token.id, at(5)).await.unwrap();
    assert_eq!(work.tokens(&ada.id).await.unwrap()[0].last_used_at, Some(at(5)));
    assert!(work.delete_token(&ada.id, &token.id).await.unwrap());
    assert_eq!(work.token_owner(&hash, at(1)).await.unwrap(), None);
    assert!(!work.has_token(&token.id, at(1)).await.unwrap());
    work.insert_session(&ada.id, &hash, at(10), at(1)).await.unwrap();
    assert_eq!(work.session_owner(&hash, at(9)).await.unwrap(), Some(ada.id.clone()));
    assert_eq!(work.session_owner(&hash, at(10)).await.unwrap(), None);
    work.delete_person(&ada.id).await.unwrap();
    assert_eq!(work.session_owner(&hash, at(9)).await.unwrap(), None);
}

async fn secrets(records: Records) {
    let mut work = records.begin().await.unwrap();
    let mut secret = SecretRecord {
        id: work.new_secret_id(),
        name: name("here"),
        kind: SecretKind::Pull,
        host: "registry.example:5000".to_owned(),
        username: Some("robot".to_owned()),
        kept: Kept::Stored,
        created_at: at(1),
        changed_at: at(1),
    };
    work.insert_secret(&secret, Some("sealed")).await.unwrap();
    secret.username = None;
    work.replace_secret(&secret, None).await.unwrap();
    assert_eq!(work.secret(&name("here")).await.unwrap(), Some((secret.clone(), Some("sealed".to_owned()))));
    secret.kept = Kept::File("/run/secrets/registry".to_owned());
    work.replace_secret(&secret, Some("")).await.unwrap();
    assert_eq!(work.secrets().await.unwrap(), [secret.clone()]);
    add_image(&mut work, "a", json!({"pull_secret": "here"}), 1).await;
    assert_eq!(work.users_of_secret(&name("here")).await.unwrap(), [name("a")]);
    work.delete_secret(&secret.id).await.unwrap();
    assert_eq!(work.secret(&name("here")).await.unwrap(), None);
}

async fn logins_that_have_begun(records: Records) {
    let mut work = records.begin().await.unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|text| TokenHash(text.to_owned()));
    work.offer_setup(&a, at(10)).await.unwrap();
    work.offer_setup(&b, at(10)).await.unwrap();
    assert!(!work.setup_is_offered(&a, at(1)).await.unwrap());
    assert!(work.setup_is_offered(&b, at(9)).await.unwrap());
    assert!(!work.take_setup(&b, at(10)).await.unwrap());
    assert!(work.take_setup(&b, at(9)).await.unwrap());
    assert!(!work.take_setup(&b, at(9)).await.unwrap());

    let secret = |text: &str| Secret::new(text);
    let login = PendingLogin { nonce: secret("n"), verifier: secret("v"), return_to: "/images".to_owned() };
    work.begin_login((&a, &b), &login, (at(1), at(10))).await.unwrap();
    work.begin_login((&b, &b), &login, (at(1), at(5))).await.unwrap();
    work.begin_login((&c, &b), &login, (at(1), at(10))).await.unwrap();
    // Another browser, too late, in order, and once more.
    assert_eq!(work.take_login((&a, &c), at(2)).await.unwrap(), None);
    assert_eq!(work.take_login((&b, &b), at(5)).await.unwrap(), None);
    assert_eq!(work.take_login((&a, &b), at(9)).await.unwrap(), Some(login));
    assert_eq!(work.take_login((&a, &b), at(9)).await.unwrap(), None);
}
