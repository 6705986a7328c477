//! Single manifests: asked for, put, deleted.

use imagewright_model::ErrorKind;
use imagewright_oci::{MediaType, Tag};
use imagewright_registry::{ManifestName, RegistryError};
use imagewright_testkit::registry::{Fault, TestRegistry};

use crate::support::{Image, client, reference};

fn tag(text: &str) -> ManifestName {
    ManifestName::Tag(text.parse::<Tag>().unwrap())
}

#[test]
fn a_manifest_is_put_asked_for_fetched_and_deleted() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "app", "");
    let repository = client().repository(&reference(&registry, "app"));
    let digest = repository.put_manifest(&tag("1"), &MediaType::Manifest, &image.bytes()).unwrap();
    assert_eq!(digest, image.digest());
    let head = repository.head_manifest(&tag("1")).unwrap().unwrap();
    assert_eq!(
        (head.digest, head.size, head.media_type),
        (digest.clone(), image.bytes().len() as u64, MediaType::Manifest)
    );
    let fetched = repository.get_manifest(&ManifestName::Digest(digest.clone())).unwrap();
    assert_eq!(fetched.bytes, image.bytes());
    assert_eq!(fetched.descriptor().digest, digest);
    repository.delete_manifest(&digest).unwrap();
    assert_eq!(repository.head_manifest(&tag("1")).unwrap(), None);
    assert_eq!(repository.delete_manifest(&digest).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_registry_that_does_not_delete_says_so() {
    let registry = TestRegistry::start().unwrap();
    let body = r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
    registry.fail("DELETE", "", &Fault::Status(405, "", body.to_owned()), 1);
    let repository = client().repository(&reference(&registry, "app"));
    let error = repository.delete_manifest(&Image::small(1).digest()).unwrap_err();
    assert!(error.to_string().contains("UNSUPPORTED: The operation is unsupported. (status 405)"), "{error}");
    assert!(error.hint().unwrap().contains("switched it off"));
}

#[test]
fn a_registry_that_stores_something_else_is_caught() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    let other = Box::leak(format!("docker-content-digest: {}", Image::small(2).digest()).into_boxed_str());
    registry.fail("PUT", "/manifests/", &Fault::Status(201, other, String::new()), 1);
    let repository = client().repository(&reference(&registry, "app"));
    let error = repository.put_manifest(&tag("1"), &MediaType::Manifest, &image.bytes()).unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error:?}");
}

#[test]
fn a_broken_manifest_is_fetched_again() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "app", "1");
    registry.fail("GET", "/manifests/", &Fault::CutDownload(10), 2);
    registry.fail("GET", "/manifests/", &Fault::Close, 1);
    let repository = client().repository(&reference(&registry, "app"));
    assert_eq!(repository.get_manifest(&tag("1")).unwrap().bytes, image.bytes());
}
