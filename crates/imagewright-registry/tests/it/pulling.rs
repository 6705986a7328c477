//! Pulling: platforms, what is there already, broken and lying connections, redirects, mirrors, odd images.

use std::collections::BTreeMap;
use std::sync::Mutex;

use imagewright_model::{ErrorKind, TrustSettings};
use imagewright_oci::{Digest, Platform};
use imagewright_registry::transfer::{TransferEvent, TransferOptions, inspect, pull};
use imagewright_registry::{BlobOutcome, Cancel, Client, NoCredentials, RegistryError, RegistrySettings};
use imagewright_testkit::registry::{Authentication, Fault, Options, TestRegistry};
use serde_json::json;

use crate::support::{
    INDEX, Image, MANIFEST, MemoryStore, amd64, client, client_of, hurried, index, noise, reference,
};

fn pull_into(
    store: &MemoryStore,
    client: &Client,
    registry: &TestRegistry,
    name: &str,
) -> Result<Digest, RegistryError> {
    let options = TransferOptions::default();
    let pulled = pull(client, &reference(registry, name), &amd64(), store, &options, &|_| {})?;
    Ok(pulled.descriptor.digest)
}

#[test]
fn an_image_comes_by_tag_and_by_digest() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    let digest = image.put_into(&registry, "team/app", "1");
    for name in ["team/app:1", &format!("team/app@{digest}"), &format!("team/app:gone@{digest}")] {
        let store = MemoryStore::default();
        assert_eq!(pull_into(&store, &client(), &registry, name).unwrap(), digest, "{name}");
        assert!(store.has_all_of(&image), "{name}");
    }
}

#[test]
fn what_is_there_is_not_fetched_and_events_tell_it() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "app", "1");
    let store = MemoryStore::default();
    store.keep(&Digest::of(&image.layers[0]), image.layers[0].clone());
    let events = Mutex::new((0, 0, Vec::new()));
    let on_event = |event: TransferEvent<'_>| {
        let mut events = events.lock().unwrap();
        match event {
            TransferEvent::Planned { bytes, .. } => events.0 = bytes,
            TransferEvent::Bytes { count, .. } => events.1 += count,
            TransferEvent::Done { outcome, .. } => events.2.push(outcome),
        }
    };
    pull(&client(), &reference(&registry, "app:1"), &amd64(), &store, &TransferOptions::default(), &on_event)
        .unwrap();
    assert_eq!(registry.count("GET", &Digest::of(&image.layers[0]).to_string()), 0);
    let (planned, moved, outcomes) = events.into_inner().unwrap();
    let sizes = [image.config.len(), image.layers[0].len(), image.layers[1].len()];
    assert_eq!(planned, sizes.iter().sum::<usize>() as u64);
    assert_eq!(moved, i64::try_from(sizes[0] + sizes[2]).unwrap());
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == BlobOutcome::Existed).count(), 1);
    assert_eq!(outcomes.len(), 3);
}

#[test]
fn an_index_is_looked_through_for_the_platform() {
    let registry = TestRegistry::start().unwrap();
    let (amd, arm) = (Image::small(1), Image::new("arm64", vec![noise(7, 500)]));
    amd.put_into(&registry, "app", "");
    arm.put_into(&registry, "app", "");
    let inner = index(&[arm.entry("arm64"), amd.entry("amd64")]);
    let inner_digest = registry.put_manifest("app", "multi", INDEX, &inner);
    let outer = json!({ "mediaType": INDEX, "digest": inner_digest.to_string(), "size": inner.len() });
    registry.put_manifest("app", "nested", INDEX, &index(&[outer]));
    for name in ["app:multi", "app:nested"] {
        let store = MemoryStore::default();
        assert_eq!(pull_into(&store, &client(), &registry, name).unwrap(), amd.digest(), "{name}");
        assert!(store.has_all_of(&amd), "{name}");
    }
    let image =
        inspect(&client(), &reference(&registry, "app:multi"), &Platform::linux("arm64"), &Cancel::default())
            .unwrap();
    assert_eq!(image.descriptor.digest, arm.digest());
    assert_eq!(image.index.unwrap().bytes(), inner);
}

#[test]
fn without_an_image_for_the_platform_those_there_are_are_named() {
    let registry = TestRegistry::start().unwrap();
    let arm = Image::new("arm64", vec![noise(7, 500)]);
    arm.put_into(&registry, "app", "single");
    let mut attestation = arm.entry("unknown");
    attestation["platform"]["os"] = json!("unknown");
    registry.put_manifest(
        "app",
        "multi",
        INDEX,
        &index(&[arm.entry("arm64"), arm.entry("s390x"), attestation]),
    );
    registry.put_manifest("app", "empty", INDEX, &index(&[]));
    for (name, words) in [
        ("app:multi", "has no image for linux/amd64; it has: linux/arm64, linux/s390x"),
        ("app:single", "has no image for linux/amd64; it has: linux/arm64"),
        ("app:empty", "has no image for linux/amd64; it has: none"),
    ] {
        let error = pull_into(&MemoryStore::default(), &client(), &registry, name).unwrap_err();
        assert!(error.to_string().ends_with(words), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.hint().unwrap().contains("--platform"));
    }
}

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    let image = Image::small(1);
    let large = Digest::of(&image.layers[0]).to_string();
    // More breaks in all than tries: progress in between counts.
    let parts = [12_345; 6];
    let wholes = [12_345, 20_000, 30_000, 40_000, 50_000, 60_000];
    for (ignores_ranges, cuts) in [(false, parts), (true, wholes)] {
        let registry = TestRegistry::with(Options { ignores_ranges, ..Options::default() }).unwrap();
        image.put_into(&registry, "app", "1");
        cuts.iter().for_each(|cut| registry.fail("GET", &large, &Fault::CutDownload(*cut), 1));
        let store = MemoryStore::default();
        pull_into(&store, &client(), &registry, "app:1").unwrap();
        assert!(store.has_all_of(&image));
        let requests = registry.requests();
        let ranges: Vec<&str> = requests.iter().filter_map(|request| request.header("range")).collect();
        assert_eq!((ranges.len(), ranges[0]), (6, "bytes=12345-"), "{ranges:?}");
    }
}

#[test]
fn a_download_that_breaks_for_ever_is_an_error_in_the_end() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "app", "1");
    registry.fail("GET", &Digest::of(&image.layers[0]).to_string(), &Fault::CutDownload(0), 100);
    let store = MemoryStore::default();
    let error = pull_into(&store, &client(), &registry, "app:1").unwrap_err();
    assert!(matches!(error, RegistryError::Interrupted { done: 0, .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(store.get(&Digest::of(&image.layers[0])).is_none());
}

#[test]
fn lies_about_sizes_and_bytes_are_found_out() {
    let cases = [
        (Fault::Damage, "has the digest"),
        (Fault::Shorten(1), "has 2999 bytes, not 3000"),
        (Fault::Lengthen(5), "has 3005 bytes, not 3000"),
    ];
    for (fault, words) in cases {
        let registry = TestRegistry::start().unwrap();
        let image = Image::small(1);
        image.put_into(&registry, "app", "1");
        registry.fail("GET", &Digest::of(&image.layers[1]).to_string(), &fault, 1);
        let store = MemoryStore::default();
        let error = pull_into(&store, &client(), &registry, "app:1").unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.hint().unwrap().contains("tell its operator"));
        assert!(store.get(&Digest::of(&image.layers[1])).is_none());
    }
}

#[test]
fn a_manifest_and_a_configuration_are_proven_too() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    let digest = image.put_into(&registry, "app", "1");
    for (path, name) in [
        ("/manifests/1", "app:1".to_owned()),
        ("/manifests/sha256", format!("app@{digest}")),
        ("/blobs/", "app:1".to_owned()),
    ] {
        registry.fail("GET", path, &Fault::Damage, 1);
        let error = pull_into(&MemoryStore::default(), &client(), &registry, &name).unwrap_err();
        assert!(matches!(error, RegistryError::WrongDigest { .. }), "{path}: {error:?}");
    }
}

#[test]
fn credentials_stay_with_the_registry_when_it_redirects() {
    let storage = TestRegistry::start().unwrap();
    let options = Options { authentication: Authentication::token("me", "secret"), ..Options::default() };
    let registry = TestRegistry::with(options).unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "app", "1");
    let digest = Digest::of(&image.layers[0]);
    storage.put_blob("cache", &image.layers[0]);
    let location = format!("http://{}/v2/cache/blobs/{digest}?signature=abc", storage.host());
    registry.fail("GET", &digest.to_string(), &Fault::Redirect(location), 2);
    // Broken there, the redirect is asked for anew.
    storage.fail("GET", "/blobs/", &Fault::CutDownload(1000), 1);
    let store = MemoryStore::default();
    pull_into(&store, &client_of(&registry, "me", "secret"), &registry, "app:1").unwrap();
    assert!(store.has_all_of(&image));
    let there = storage.requests();
    assert_eq!(there.len(), 2);
    assert!(there.iter().all(|request| request.header("authorization").is_none()), "{there:?}");
    assert!(registry.requests().iter().any(|request| request.header("authorization").is_some()));
}

#[test]
fn redirect_loops_and_redirects_to_nowhere_end() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "app", "1");
    registry.fail("GET", "/manifests/1", &Fault::Redirect("/v2/app/manifests/1".to_owned()), 100);
    let error = pull_into(&MemoryStore::default(), &client(), &registry, "app:1").unwrap_err();
    assert!(matches!(error, RegistryError::RedirectLoop { limit: 8, .. }), "{error:?}");
    assert_eq!(registry.count("GET", "/manifests/1"), 9);
    for location in ["", "ftp://storage.example/x", "file:///etc/passwd"] {
        let registry = TestRegistry::start().unwrap();
        registry.fail("GET", "/manifests/1", &Fault::Redirect(location.to_owned()), 1);
        let error = pull_into(&MemoryStore::default(), &client(), &registry, "app:1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{location}: {error:?}");
    }
}

#[test]
fn mirrors_are_asked_first_and_forgiven() {
    let (registry, good, empty, broken) = (
        TestRegistry::start().unwrap(),
        TestRegistry::start().unwrap(),
        TestRegistry::start().unwrap(),
        TestRegistry::start().unwrap(),
    );
    let image = Image::small(1);
    image.put_into(&registry, "app", "1");
    image.put_into(&good, "cache/hub/app", "1");
    broken.fail("GET", "", &Fault::Status(500, "", String::new()), 100);
    let pull_with = |mirrors: Vec<String>| {
        let mirrors = BTreeMap::from([(registry.host(), mirrors)]);
        let settings = RegistrySettings { mirrors, ..hurried() };
        let client = Client::new(settings, &TrustSettings::default(), Box::new(NoCredentials)).unwrap();
        let store = MemoryStore::default();
        pull_into(&store, &client, &registry, "app:1").unwrap();
        assert!(store.has_all_of(&image));
    };
    pull_with(vec![empty.host(), format!("{}/cache/hub", good.host())]);
    assert_eq!(registry.requests().len(), 0);
    assert!(empty.count("GET", "/manifests/1") > 0);
    pull_with(vec![broken.host()]);
    assert_eq!(registry.count("GET", "/manifests/1"), 1);
}

#[test]
fn what_is_no_image_is_told_apart() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    let mut chart = image.clone();
    chart.manifest["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    image.put_into(&registry, "app", "");
    registry.put_manifest("app", "chart", MANIFEST, &chart.bytes());
    registry.put_manifest("app", "html", "text/html", b"<html>hello</html>");
    registry.put_manifest(
        "app",
        "schema1",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        br#"{"schemaVersion":1}"#,
    );
    registry.put_manifest("app", "broken", MANIFEST, br#"{"schemaVersion":2,"layers":7}"#);
    registry.put_manifest("app", "long", MANIFEST, &vec![b' '; 5 * 1024 * 1024]);
    for (tag, words) in [
        ("chart", "is not an image: its configuration is of type `application/vnd.cncf.helm.config.v1+json`"),
        ("html", "is of type `text/html`, which is neither an image nor an index of images"),
        ("schema1", "is an image of schema 1"),
        ("broken", "cannot be read"),
        ("long", "has more than 4194304 bytes"),
    ] {
        let error =
            pull_into(&MemoryStore::default(), &client(), &registry, &format!("app:{tag}")).unwrap_err();
        assert!(error.to_string().contains(words), "{tag}: {error}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{tag}");
    }
}

#[test]
fn foreign_layers_are_refused_or_left_out() {
    let registry = TestRegistry::start().unwrap();
    for media_type in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ] {
        let mut image = Image::small(1);
        image.manifest["layers"][0]["mediaType"] = json!(media_type);
        image.manifest["layers"][0]["urls"] = json!(["https://elsewhere.example/layer"]);
        image.put_into(&registry, "app", "1");
        let error = pull_into(&MemoryStore::default(), &client(), &registry, "app:1").unwrap_err();
        assert!(matches!(error, RegistryError::ForeignLayer { .. }), "{error:?}");
        assert!(error.to_string().contains("`https://elsewhere.example/layer`"), "{error}");
        let store = MemoryStore::default();
        let options = TransferOptions { skip_foreign_layers: true, ..TransferOptions::default() };
        pull(&client(), &reference(&registry, "app:1"), &amd64(), &store, &options, &|_| {}).unwrap();
        assert_eq!(store.len(), 2);
    }
}

#[test]
fn a_missing_tag_or_repository_is_not_found() {
    let registry = TestRegistry::start().unwrap();
    Image::small(1).put_into(&registry, "app", "1");
    for name in ["app:2", "other:1"] {
        let error = pull_into(&MemoryStore::default(), &client(), &registry, name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let expected = format!(
            "there is no image `{}/{name}`: MANIFEST_UNKNOWN: manifest unknown (status 404)",
            registry.host()
        );
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().contains("repository and tag"));
    }
}

#[test]
fn a_cancelled_pull_stops() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "app", "1");
    let options = TransferOptions::default();
    let on_event = |event: TransferEvent<'_>| {
        if matches!(event, TransferEvent::Planned { .. }) {
            options.cancel.cancel();
        }
    };
    let store = MemoryStore::default();
    let error =
        pull(&client(), &reference(&registry, "app:1"), &amd64(), &store, &options, &on_event).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(store.len(), 0);
}
