//! Fetching, from servers that are kind and others.

use std::fs::{self, File};
use std::path::PathBuf;

use imagewright_engine::fetch::{Expected, FetchError, Fetcher};
use imagewright_model::{ErrorKind, SecretUrl, TrustSettings};
use imagewright_oci::Digest;
use imagewright_testkit::http::{Fault, HttpServer};
use tempfile::TempDir;

const BODY: &[u8] = b"some bytes";

/// A server with one file `file`.
fn server() -> (TempDir, HttpServer) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), BODY).unwrap();
    let server = HttpServer::serve(folder.path()).unwrap();
    (folder, server)
}

fn fetcher() -> Fetcher {
    Fetcher::new(&TrustSettings::default()).unwrap()
}

fn url(server: &HttpServer, path: &str) -> SecretUrl {
    SecretUrl::new(format!("{}{path}", server.url()))
}

#[test]
fn files_and_folders_of_this_machine_are_fetched_alike() {
    let (folder, server) = server();
    let by_file = SecretUrl::new(format!("file:{}/file", folder.path().display()));
    for url in [url(&server, "/file"), by_file] {
        assert_eq!(fetcher().fetch_bytes(&url, 100).unwrap(), BODY);
        let error = fetcher().fetch_bytes(&url, 3).unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { limit: 3, .. }), "{error}");
    }
    for missing in [url(&server, "/none"), SecretUrl::new(format!("file:{}/none", folder.path().display()))] {
        assert_eq!(fetcher().fetch_bytes(&missing, 100).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let (_folder, server) = server();
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("kept");
    let digest = |bytes| Expected { size: None, digest: Some(Digest::of(bytes)) };
    let size = |size| Expected { size: Some(size), digest: None };
    for wrong in [digest(b"others"), size(3), size(11)] {
        let error = fetcher().fetch_path(&url(&server, "/file"), &wrong, &path, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
    }
    let mut bytes = 0;
    server.fail("/file", &Fault::Truncate, 2);
    fetcher().fetch_path(&url(&server, "/file"), &digest(BODY), &path, &mut |count| bytes += count).unwrap();
    assert_eq!(fs::read(&path).unwrap(), BODY);
    assert_eq!(bytes, 10, "vain tries do not count");

    let mut file = File::create(target.path().join("other")).unwrap();
    fetcher().fetch_file(&url(&server, "/file"), &size(10), &mut file, &mut |_| {}).unwrap();
    assert_eq!(fs::read(target.path().join("other")).unwrap(), BODY);
}

#[test]
fn credentials_stay_with_their_host() {
    let (_folder, first) = server();
    let (_other_folder, second) = server();
    let secret = SecretUrl::new(first.url().replace("://", "://me:hunter2@") + "/away");
    first.fail("/away", &Fault::Redirect("/near".into()), 1);
    first.fail("/near", &Fault::Redirect(format!("{}/file", second.url())), 1);
    assert_eq!(fetcher().fetch_bytes(&secret, 100).unwrap(), BODY);
    let basic = Some("Basic bWU6aHVudGVyMg==".to_owned());
    let seen: Vec<_> = first.requests().into_iter().map(|request| request.authorization).collect();
    assert_eq!(seen, [basic.clone(), basic]);
    assert_eq!(second.requests()[0].authorization, None);
}

#[test]
fn only_what_may_pass_is_asked_again() {
    for (status, tries, kind) in [
        (503, 3, ErrorKind::Unavailable),
        (429, 3, ErrorKind::Unavailable),
        (418, 1, ErrorKind::Unavailable),
        (401, 1, ErrorKind::Denied),
        (404, 1, ErrorKind::NotFound),
    ] {
        let (_folder, server) = server();
        server.fail("/file", &Fault::Status(status), 3);
        let error = fetcher().fetch_bytes(&url(&server, "/file"), 100).unwrap_err();
        assert_eq!((error.kind(), server.requests().len()), (kind, tries), "{status}");
    }
}

#[test]
fn proxies_are_used_where_they_should_be() {
    let (_folder, server) = server();
    let (_proxy_folder, proxy) = self::server();
    let through = |no_proxy: &str| TrustSettings {
        http_proxy: Some(SecretUrl::new(proxy.url())),
        no_proxy: Some(no_proxy.to_owned()),
        ..TrustSettings::default()
    };
    let direct = Fetcher::new(&through("localhost,127.0.0.1")).unwrap();
    assert_eq!(direct.fetch_bytes(&url(&server, "/file"), 100).unwrap(), BODY);
    assert_eq!(proxy.requests(), []);

    // This proxy does not know how to connect, but it is asked.
    let proxied = Fetcher::new(&through("localhost")).unwrap();
    let error = proxied.fetch_bytes(&url(&server, "/file"), 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(proxy.requests()[0].path, server.url().trim_start_matches("http://"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn wrong_settings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let with_bundle = |path: PathBuf| TrustSettings { ca_bundle: Some(path), ..TrustSettings::default() };
    let proxy = SecretUrl::new("http://me:hunter2@[/");
    let cases = [
        (
            with_bundle("/nonexistent.pem".into()),
            ErrorKind::NotFound,
            "could not read the certificate authorities",
        ),
        (with_bundle(empty), ErrorKind::Invalid, "could not read the certificate authorities"),
        (
            TrustSettings { https_proxy: Some(proxy), ..TrustSettings::default() },
            ErrorKind::Usage,
            "an HTTP proxy",
        ),
    ];
    for (settings, kind, message) in cases {
        let error = Fetcher::new(&settings).err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
