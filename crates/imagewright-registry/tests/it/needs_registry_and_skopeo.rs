//! Debian's registry, plain, with a password and with TLS; skopeo fetches what we pushed, and we what it pushed.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use imagewright_model::{ErrorKind, TrustSettings};
use imagewright_oci::{Digest, Reference};
use imagewright_registry::transfer::{
    PushOptions, Selection, TransferEvent, TransferOptions, copy, pull, push,
};
use imagewright_registry::{
    BlobOutcome, CHUNK_SIZE, Cancel, Client, Credential, ManifestName, NoCredentials, OneCredential,
    RegistryError, Welcome,
};
use imagewright_testkit::debian_registry::{DebianRegistry, HTTP};
use imagewright_testkit::registry::{Authentication, Options, TestRegistry};
use tempfile::TempDir;

use crate::support::{Image, MemoryStore, amd64, client, hurried, noise};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn skopeo() -> Command {
    let mut command = Command::new("skopeo");
    command.arg("--insecure-policy");
    command
}

fn push_to(client: &Client, image: &Image, target: &Reference) -> Result<Vec<BlobOutcome>, RegistryError> {
    let outcomes = Mutex::new(Vec::new());
    let on_event = |event: TransferEvent<'_>| {
        if let TransferEvent::Done { outcome, .. } = event {
            outcomes.lock().unwrap().push(outcome);
        }
    };
    push(client, &image.document(), &MemoryStore::of(image), target, &PushOptions::default(), &on_event)?;
    Ok(outcomes.into_inner().unwrap())
}

fn assert_pulls(client: &Client, image: &Image, source: &Reference) {
    let store = MemoryStore::default();
    pull(client, source, &amd64(), &store, &TransferOptions::default(), &|_| {}).unwrap();
    assert!(store.has_all_of(image));
}

/// One layer of several chunks, one small.
fn chunked() -> Image {
    Image::new("amd64", vec![noise(1, usize::try_from(CHUNK_SIZE * 5 / 2).unwrap()), noise(2, 1000)])
}

#[test]
#[ignore = "needs docker-registry and skopeo"]
fn skopeo_fetches_what_we_pushed_and_we_what_it_pushed() {
    let registry = DebianRegistry::plain();
    let image = chunked();
    let client = client();
    assert_eq!(
        push_to(&client, &image, &registry.reference("team/app:1")).unwrap(),
        [BlobOutcome::Transferred; 3]
    );
    assert_eq!(
        push_to(&client, &image, &registry.reference("team/app:2")).unwrap(),
        [BlobOutcome::Existed; 3]
    );
    let folder = registry.folder().join("fetched");
    let from = format!("docker://{}/team/app:1", registry.host());
    run(skopeo().args(["copy", "--src-tls-verify=false", &from]).arg(format!("dir:{}", folder.display())));
    assert_eq!(fs::read(folder.join("manifest.json")).unwrap(), image.bytes());
    for layer in &image.layers {
        assert_eq!(fs::read(folder.join(Digest::of(layer).hex())).unwrap(), *layer);
    }
    let to = format!("docker://{}/theirs/app:1", registry.host());
    run(skopeo().args(["copy", "--dest-tls-verify=false"]).arg(format!("dir:{}", folder.display())).arg(&to));
    assert_pulls(&client, &image, &registry.reference("theirs/app:1"));
    assert_pulls(&client, &image, &registry.reference(&format!("team/app@{}", image.digest())));
}

#[test]
#[ignore = "needs docker-registry and skopeo"]
fn skopeo_takes_the_registry_of_the_other_tests_for_one() {
    let mut authentication = Authentication::token("me", "secret");
    if let Authentication::Token { anonymous_pull, .. } = &mut authentication {
        *anonymous_pull = true;
    }
    let registry = TestRegistry::with(Options { authentication, ..Options::default() }).unwrap();
    let (image, folder) = (Image::small(1), TempDir::new().unwrap());
    image.put_into(&registry, "team/app", "1");
    let from = format!("docker://{}/team/app:1", registry.host());
    run(skopeo()
        .args(["copy", "--src-tls-verify=false", &from])
        .arg(format!("dir:{}", folder.path().display())));
    assert_eq!(fs::read(folder.path().join("manifest.json")).unwrap(), image.bytes());
    assert!(
        run(skopeo().args(["list-tags", "--tls-verify=false"]).arg(&from[..from.len() - 2]))
            .contains("\"1\"")
    );
}

#[test]
#[ignore = "needs docker-registry and skopeo"]
fn blobs_are_mounted_tags_listed_and_manifests_deleted() {
    let registry = DebianRegistry::plain();
    let (image, client) = (Image::small(1), client());
    for tag in ["1", "2", "3"] {
        push_to(&client, &image, &registry.reference(&format!("base:{tag}"))).unwrap();
    }
    let outcomes = Mutex::new(Vec::new());
    let on_event = |event: TransferEvent<'_>| {
        if let TransferEvent::Done { outcome, .. } = event {
            outcomes.lock().unwrap().push(outcome);
        }
    };
    let (from, to) = (registry.reference("base:1"), registry.reference("copy:1"));
    copy(&client, &from, &to, &Selection::All, &TransferOptions::default(), &on_event).unwrap();
    assert_eq!(outcomes.into_inner().unwrap(), [BlobOutcome::Mounted; 3]);
    assert_pulls(&client, &image, &to);
    let repository = client.repository(&from);
    let mut tags = repository.tags().unwrap();
    tags.sort_unstable();
    assert_eq!(tags, ["1", "2", "3"]);
    assert!(repository.referrers(&image.digest()).unwrap().is_empty());
    repository.delete_manifest(&image.digest()).unwrap();
    let name = ManifestName::of(&from);
    assert_eq!(repository.get_manifest(&name).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
#[ignore = "needs docker-registry and skopeo"]
fn a_password_is_wanted_and_proven() {
    let registry = DebianRegistry::start(|folder| {
        let path = folder.join("htpasswd");
        fs::write(&path, run(Command::new("htpasswd").args(["-Bbn", "me", "s:ecret"]))).unwrap();
        format!("auth:\n  htpasswd:\n    realm: tests, all of them\n    path: {}\n", path.display())
    });
    let with = |password: &str| {
        let credential = Credential::password("me", password);
        crate::support::client_with(OneCredential { registry: registry.host(), credential })
    };
    let image = chunked();
    let target = registry.reference("app:1");
    assert_eq!(with("s:ecret").ping(&registry.host(), &Cancel::default()).unwrap(), Welcome::Known);
    push_to(&with("s:ecret"), &image, &target).unwrap();
    assert_pulls(&with("s:ecret"), &image, &target);
    let error = push_to(&with("wrong"), &image, &target).unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error:?}");
    let error = push_to(&client(), &image, &target).unwrap_err();
    assert!(matches!(error, RegistryError::LoginRequired { .. }), "{error:?}");
    run(skopeo()
        .args(["inspect", "--creds=me:s:ecret", "--tls-verify=false", "--no-tags"])
        .arg(format!("docker://{target}")));
}

/// A certificate authority, and a certificate of it for the loopback.
fn make_certificates(folder: &Path) -> String {
    let openssl = |line: &str| drop(run(Command::new("openssl").current_dir(folder).args(line.split(' '))));
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
    openssl("req -newkey rsa:2048 -nodes -subj /CN=registry -keyout server.key -out server.csr");
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    format!("{HTTP}  tls:\n    certificate: {}\n    key: {}\n", certificate.display(), key.display())
}

#[test]
#[ignore = "needs docker-registry and skopeo"]
fn a_private_authority_is_trusted_when_it_is_named() {
    let registry = DebianRegistry::start(make_certificates);
    let image = chunked();
    let target = registry.reference("app:1");
    let error = push_to(&client(), &image, &target).unwrap_err();
    assert!(matches!(error, RegistryError::UnknownAuthority { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.hint().unwrap().contains("`trust.ca-bundle`"));
    let trust =
        TrustSettings { ca_bundle: Some(registry.folder().join("ca.pem")), ..TrustSettings::default() };
    let trusting = Client::new(hurried(), &trust, Box::new(NoCredentials)).unwrap();
    push_to(&trusting, &image, &target).unwrap();
    assert_pulls(&trusting, &image, &target);
    // The certificate is for an address, not for this name of it.
    let named: Reference = format!("localhost:{}/app:1", registry.port()).parse().unwrap();
    let error = push_to(&trusting, &image, &named).unwrap_err();
    assert!(matches!(error, RegistryError::Certificate { .. }), "{error:?}");
}

/// Something between us and the registry that cuts the first connections after so many bytes.
fn cutting_proxy(target: u16, cuts: usize, after: u64) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let left = Arc::new(AtomicUsize::new(cuts));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
            let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let left = Arc::clone(&left);
            thread::spawn(move || forward(&client, &server, &left, after));
            thread::spawn(move || drop(io::copy(&mut &back_from, &mut &back_to)));
        }
    });
    port
}

fn forward(mut client: &TcpStream, mut server: &TcpStream, left: &AtomicUsize, after: u64) {
    let (mut buffer, mut total) = (vec![0; 16 * 1024], 0);
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        total += count as u64;
        if total > after
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        {
            break;
        }
        if server.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

#[test]
#[ignore = "needs docker-registry and skopeo"]
fn a_broken_push_to_a_real_registry_goes_on() {
    let registry = DebianRegistry::plain();
    let image = chunked();
    for (cuts, after) in [(1, 1_000_000), (3, 10_000_000), (2, 30_000_000)] {
        let port = cutting_proxy(registry.port(), cuts, after);
        let name = format!("app{after}:1");
        let through: Reference = format!("127.0.0.1:{port}/{name}").parse().unwrap();
        push_to(&client(), &image, &through).unwrap();
        assert_pulls(&client(), &image, &registry.reference(&name));
    }
}
