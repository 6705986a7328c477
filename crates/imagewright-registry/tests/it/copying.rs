//! Copying between registries and within one.

use imagewright_model::ErrorKind;
use imagewright_oci::Digest;
use imagewright_registry::transfer::{Selection, TransferOptions, copy};
use imagewright_registry::{Client, RegistryError};
use imagewright_testkit::registry::{Fault, TestRegistry};
use serde_json::json;

use crate::support::{INDEX, Image, MANIFEST, amd64, client, index, noise, reference};

fn copy_all(
    client: &Client,
    from: (&TestRegistry, &str),
    to: (&TestRegistry, &str),
) -> Result<Digest, RegistryError> {
    let (from, to) = (reference(from.0, from.1), reference(to.0, to.1));
    Ok(copy(client, &from, &to, &Selection::All, &TransferOptions::default(), &|_| {})?.digest)
}

fn multi(registry: &TestRegistry) -> (Image, Image, Digest) {
    let (amd, arm) = (Image::small(1), Image::new("arm64", vec![noise(7, 500)]));
    amd.put_into(registry, "app", "");
    arm.put_into(registry, "app", "");
    let digest = registry.put_manifest("app", "1", INDEX, &index(&[amd.entry("amd64"), arm.entry("arm64")]));
    (amd, arm, digest)
}

#[test]
fn all_platforms_or_one_go_from_registry_to_registry() {
    let (source, target) = (TestRegistry::start().unwrap(), TestRegistry::start().unwrap());
    let (amd, arm, digest) = multi(&source);
    assert_eq!(copy_all(&client(), (&source, "app:1"), (&target, "all:2")).unwrap(), digest);
    assert_eq!(target.manifest("all", "2").unwrap(), source.manifest("app", "1").unwrap());
    assert!(amd.is_in(&target, "all", &amd.digest().to_string()));
    assert!(arm.is_in(&target, "all", &arm.digest().to_string()));
    let (from, to) = (reference(&source, "app:1"), reference(&target, "one:2"));
    copy(&client(), &from, &to, &Selection::Platform(amd64()), &TransferOptions::default(), &|_| {}).unwrap();
    assert!(amd.is_in(&target, "one", "2"));
    assert!(target.blob("one", &Digest::of(&arm.layers[0])).is_none());
}

#[test]
fn within_a_registry_nothing_is_transferred() {
    let registry = TestRegistry::start().unwrap();
    let (amd, ..) = multi(&registry);
    copy_all(&client(), (&registry, "app:1"), (&registry, "other:1")).unwrap();
    copy_all(&client(), (&registry, "app:1"), (&registry, "app:again")).unwrap();
    assert!(amd.is_in(&registry, "other", &amd.digest().to_string()));
    assert_eq!(registry.manifest("app", "again"), registry.manifest("app", "1"));
    assert_eq!(registry.count("GET", "/blobs/"), 0);
    assert_eq!(registry.count("POST", "mount="), 5);
    assert_eq!(registry.count("PATCH", "") + registry.count("PUT", "/blobs/"), 0);
}

#[test]
fn broken_connections_on_both_sides_are_gone_on_with() {
    let (source, target) = (TestRegistry::start().unwrap(), TestRegistry::start().unwrap());
    let image = Image::new("amd64", vec![noise(1, 40_000_000)]);
    image.put_into(&source, "app", "1");
    source.fail("GET", "/blobs/", &Fault::CutDownload(11_000_000), 3);
    target.fail("PATCH", "", &Fault::CutUpload(3_000_000), 2);
    copy_all(&client(), (&source, "app:1"), (&target, "app:1")).unwrap();
    assert!(image.is_in(&target, "app", "1"));
}

#[test]
fn damaged_bytes_do_not_arrive() {
    let (source, target) = (TestRegistry::start().unwrap(), TestRegistry::start().unwrap());
    let image = Image::small(1);
    image.put_into(&source, "app", "1");
    source.fail("GET", &Digest::of(&image.layers[0]).to_string(), &Fault::Damage, 1);
    let error = copy_all(&client(), (&source, "app:1"), (&target, "app:1")).unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error:?}");
    assert!(target.manifest("app", "1").is_none());
    assert!(target.blob("app", &Digest::of(&image.layers[0])).is_none());
    assert_eq!(target.open_uploads(), 0);
}

#[test]
fn artifacts_are_copied_like_images() {
    let (source, target) = (TestRegistry::start().unwrap(), TestRegistry::start().unwrap());
    let mut chart = Image::small(1);
    chart.manifest["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    chart.put_into(&source, "chart", "1");
    copy_all(&client(), (&source, "chart:1"), (&target, "chart:1")).unwrap();
    assert!(chart.is_in(&target, "chart", "1"));
}

#[test]
fn an_index_with_a_missing_part_is_not_copied() {
    let (source, target) = (TestRegistry::start().unwrap(), TestRegistry::start().unwrap());
    let gone = Image::small(3);
    source.put_manifest("app", "1", INDEX, &index(&[gone.entry("amd64")]));
    let error = copy_all(&client(), (&source, "app:1"), (&target, "app:1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(target.requests().len(), 0);
    let mut inner = source.put_manifest("deep", "0", MANIFEST, &gone.bytes());
    gone.put_into(&source, "deep", "");
    for depth in 1..6 {
        let entry = json!({ "mediaType": if depth == 1 { MANIFEST } else { INDEX }, "digest": inner.to_string(), "size": 1 });
        inner = source.put_manifest("deep", &depth.to_string(), INDEX, &index(&[entry]));
    }
    copy_all(&client(), (&source, "deep:3"), (&target, "deep:3")).unwrap();
    let error = copy_all(&client(), (&source, "deep:5"), (&target, "deep:5")).unwrap_err();
    assert!(matches!(error, RegistryError::Nested { .. }), "{error:?}");
}
