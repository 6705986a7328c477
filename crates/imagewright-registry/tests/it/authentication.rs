//! Passwords, tokens, and where they must not go.

use std::time::Duration;

use imagewright_model::{ErrorKind, Secret};
use imagewright_oci::Digest;
use imagewright_registry::transfer::{TransferOptions, pull};
use imagewright_registry::{Cancel, Client, Credential, OneCredential, RegistryError, Welcome};
use imagewright_testkit::registry::{Authentication, Fault, Options, TestRegistry};

use crate::support::{Image, MemoryStore, amd64, client, client_of, client_with, reference};

fn with_basic() -> TestRegistry {
    let authentication = Authentication::Basic { username: "me".to_owned(), password: "s:ecret".to_owned() };
    TestRegistry::with(Options { authentication, ..Options::default() }).unwrap()
}

fn with_token(change: impl FnOnce(&mut bool, &mut Duration)) -> TestRegistry {
    let mut authentication = Authentication::token("me", "secret");
    if let Authentication::Token { anonymous_pull, lifetime, .. } = &mut authentication {
        change(anonymous_pull, lifetime);
    }
    TestRegistry::with(Options { authentication, ..Options::default() }).unwrap()
}

fn try_pull(client: &Client, registry: &TestRegistry) -> Result<(), RegistryError> {
    let image = Image::small(1);
    image.put_into(registry, "team/app", "1");
    let (store, options) = (MemoryStore::default(), TransferOptions::default());
    pull(client, &reference(registry, "team/app:1"), &amd64(), &store, &options, &|_| {})?;
    assert!(store.has_all_of(&image));
    Ok(())
}

fn try_upload(client: &Client, registry: &TestRegistry) -> Result<(), RegistryError> {
    let repository = client.repository(&reference(registry, "team/app:1"));
    let descriptor = crate::support::layer_descriptor(b"bytes");
    repository.upload_blob(&descriptor, &&b"bytes"[..], &mut |_| {})
}

#[test]
fn a_password_opens_a_registry() {
    let registry = with_basic();
    let client = client_of(&registry, "me", "s:ecret");
    try_pull(&client, &registry).unwrap();
    try_upload(&client, &registry).unwrap();
    // Told at the first contact, every later request brings the credentials along.
    assert_eq!(
        registry.requests().iter().filter(|request| request.header("authorization").is_none()).count(),
        1
    );
}

#[test]
fn a_token_opens_a_registry() {
    let registry = with_token(|_, _| {});
    let client = client_of(&registry, "me", "secret");
    try_pull(&client, &registry).unwrap();
    try_upload(&client, &registry).unwrap();
    let requests = registry.requests();
    let asked: Vec<&str> = requests
        .iter()
        .map(|request| request.path.as_str())
        .filter(|path| path.starts_with("/token"))
        .collect();
    assert_eq!(
        asked,
        [
            "/token?service=registry.test&scope=repository:team/app:pull&account=me",
            "/token?service=registry.test&scope=repository:team/app:pull,push&account=me",
        ]
    );
}

#[test]
fn an_identity_token_does_instead_of_a_password() {
    let registry = with_token(|_, _| {});
    let one = |token: &str| OneCredential {
        registry: registry.host(),
        credential: Credential::IdentityToken(Secret::new(token)),
    };
    try_pull(&client_with(one("identity-of-me")), &registry).unwrap();
    assert_eq!(registry.count("POST", "/token"), 1);
    let error = try_pull(&client_with(one("stolen")), &registry).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[test]
fn what_is_public_needs_no_credentials() {
    let registry = with_token(|anonymous_pull, _| *anonymous_pull = true);
    try_pull(&client(), &registry).unwrap();
    let error = try_upload(&client(), &registry).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hint().unwrap().contains(&format!("imagewright login {}", registry.host())), "{error:?}");
}

#[test]
fn wrong_credentials_are_denied_and_none_are_asked_for() {
    for registry in [with_basic(), with_token(|_, _| {})] {
        let wrong = client_of(&registry, "me", "wrong");
        for error in [try_pull(&wrong, &registry).unwrap_err(), try_upload(&wrong, &registry).unwrap_err()] {
            assert!(matches!(error, RegistryError::Denied { .. }), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert!(!format!("{error:?} {error}").contains("wrong"));
        }
        let error = try_upload(&client(), &registry).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.hint().unwrap().contains("imagewright login"), "{error:?}");
        // Nothing is tried over and over with a wrong password: accounts get locked that way.
        assert!(registry.requests().len() < 20);
    }
}

#[test]
fn a_ping_proves_credentials() {
    for (registry, password) in [(with_basic(), "s:ecret"), (with_token(|_, _| {}), "secret")] {
        let cancel = Cancel::default();
        let ping = |password: &str| client_of(&registry, "me", password).ping(&registry.host(), &cancel);
        assert_eq!(ping(password).unwrap(), Welcome::Known);
        assert_eq!(ping("wrong").unwrap_err().kind(), ErrorKind::Denied);
    }
    let open = TestRegistry::start().unwrap();
    assert_eq!(client().ping(&open.host(), &Cancel::default()).unwrap(), Welcome::Open);
}

#[test]
fn credentials_go_to_no_token_server_over_plain_http() {
    for realm in ["http://auth.example/token", "http://10.1.2.3/token"] {
        let registry = with_basic();
        let header = Box::leak(format!("www-authenticate: Bearer realm=\"{realm}\"").into_boxed_str());
        registry.fail("GET", "/v2/", &Fault::Status(401, header, String::new()), 100);
        let error = try_pull(&client_of(&registry, "me", "secret"), &registry).unwrap_err();
        assert!(matches!(error, RegistryError::PlainHttp { .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("registry.insecure-registries"));
    }
}

#[test]
fn an_unmeetable_challenge_is_said() {
    for (header, words) in [("www-authenticate: Negotiate", "does not say how"), ("", "does not say how")] {
        let registry = TestRegistry::start().unwrap();
        registry.fail("GET", "/v2/", &Fault::Status(401, header, String::new()), 100);
        let error = try_pull(&client(), &registry).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn tokens_are_fetched_once_for_all_connections() {
    let registry = with_token(|_, _| {});
    let layers = (0..12).map(|seed| crate::support::noise(seed, 1000)).collect();
    let image = Image::new("amd64", layers);
    image.put_into(&registry, "app", "1");
    let (store, options) = (MemoryStore::default(), TransferOptions::default());
    let client = client_of(&registry, "me", "secret");
    pull(&client, &reference(&registry, "app:1"), &amd64(), &store, &options, &|_| {}).unwrap();
    assert_eq!(registry.count("GET", "/token"), 1);
    assert!(store.get(&Digest::of(&image.layers[11])).is_some());
}

#[test]
fn an_overloaded_token_server_is_waited_for() {
    let registry = with_token(|_, _| {});
    registry.fail("GET", "/token", &Fault::Status(503, "", String::new()), 2);
    try_pull(&client_of(&registry, "me", "secret"), &registry).unwrap();
    assert_eq!(registry.count("GET", "/token"), 3);
}
