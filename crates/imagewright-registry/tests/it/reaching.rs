//! Reaching a registry: names, ports, plain HTTP, proxies.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use imagewright_model::{ErrorKind, SecretUrl, TrustSettings};
use imagewright_registry::{Cancel, Client, NoCredentials, RegistryError, RegistrySettings};
use imagewright_testkit::registry::{Fault, TestRegistry};

use crate::support::{client, hurried};

fn ping(client: &Client, registry: &str) -> RegistryError {
    client.ping(registry, &Cancel::default()).unwrap_err()
}

#[test]
fn an_unknown_host_and_a_closed_port_are_told_apart() {
    let error = ping(&client(), "registry.invalid");
    assert!(matches!(error, RegistryError::UnknownHost { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("spelt"));
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let error = ping(&client(), &free.to_string());
    assert!(matches!(error, RegistryError::Refused { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("check the port"));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn what_is_no_registry_is_called_none() {
    let registry = TestRegistry::start().unwrap();
    registry.fail("GET", "/v2/", &Fault::Status(404, "", String::new()), 100);
    let error = ping(&client(), &registry.host());
    assert!(error.to_string().contains("answers `http://127.0.0.1:"), "{error}");
    assert!(error.to_string().ends_with("with status 404"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// A proxy that opens a tunnel to something that speaks plain HTTP; gives the request for the tunnel.
fn plain_behind_proxy() -> (SecretUrl, thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = SecretUrl::new(format!("http://{}", listener.local_addr().unwrap()));
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = vec![0; 4096];
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = stream.read(&mut buffer).unwrap();
            head.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let _ = stream.read(&mut buffer).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        // Until the client has had enough of it.
        while matches!(stream.read(&mut buffer), Ok(1..)) {}
        head
    };
    (url, thread::spawn(serve))
}

#[test]
fn plain_http_is_refused_unless_it_is_allowed() {
    let (https_proxy, proxy) = plain_behind_proxy();
    let trust = TrustSettings { https_proxy: Some(https_proxy), ..TrustSettings::default() };
    let client = Client::new(hurried(), &trust, Box::new(NoCredentials)).unwrap();
    let error = ping(&client, "registry.example:5000");
    assert!(matches!(error, RegistryError::PlainHttp { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("`registry.example:5000`") && hint.contains("`registry.insecure-registries`"),
        "{hint}"
    );
    assert!(proxy.join().unwrap().starts_with("CONNECT registry.example:5000 HTTP/1.1"));
}

#[test]
fn plain_http_to_an_allowed_registry_goes_through_its_proxy() {
    let registry = TestRegistry::start().unwrap();
    // It gets to see what a proxy is asked for, and refuses it.
    let trust = TrustSettings {
        http_proxy: Some(SecretUrl::new(format!("http://{}", registry.host()))),
        no_proxy: Some("other.example".to_owned()),
        ..TrustSettings::default()
    };
    let settings = RegistrySettings { insecure_registries: vec!["lab.example:5000".to_owned()], ..hurried() };
    let client = Client::new(settings, &trust, Box::new(NoCredentials)).unwrap();
    client.ping("lab.example:5000", &Cancel::default()).unwrap_err();
    let requests = registry.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("CONNECT", "lab.example:5000"));
}

#[test]
fn the_loopback_is_reached_without_a_proxy() {
    let registry = TestRegistry::start().unwrap();
    let nowhere = Some(SecretUrl::new("http://127.0.0.1:9"));
    let trust =
        TrustSettings { http_proxy: nowhere.clone(), https_proxy: nowhere, ..TrustSettings::default() };
    let client = Client::new(hurried(), &trust, Box::new(NoCredentials)).unwrap();
    client.ping(&registry.host(), &Cancel::default()).unwrap();
}

#[test]
fn wrong_settings_are_named() {
    let new = |settings, trust: TrustSettings| {
        Client::new(settings, &trust, Box::new(NoCredentials)).err().unwrap()
    };
    let trust = TrustSettings { ca_bundle: Some("/nowhere/ca.pem".into()), ..TrustSettings::default() };
    assert!(new(hurried(), trust).to_string().contains("`/nowhere/ca.pem`"));
    let trust = TrustSettings {
        https_proxy: Some(SecretUrl::new("gopher://me:secret@proxy.example")),
        ..TrustSettings::default()
    };
    let error = new(hurried(), trust);
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}
