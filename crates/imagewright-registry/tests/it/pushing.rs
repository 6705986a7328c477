//! Pushing whole images: what is there, mounts, names, cancellation.

use std::sync::Mutex;

use imagewright_model::ErrorKind;
use imagewright_oci::{Digest, MediaType};
use imagewright_registry::transfer::{PushOptions, TransferEvent, TransferOptions, push};
use imagewright_registry::{BlobOutcome, Client, ManifestName, MountOutcome, RegistryError};
use imagewright_testkit::registry::{Authentication, Options, TestRegistry};

use crate::support::{Image, MemoryStore, client, client_of, noise, reference};

/// Pushes, and gives how each blob came there.
fn push_with(
    client: &Client,
    image: &Image,
    registry: &TestRegistry,
    name: &str,
    from: &[&str],
) -> Vec<BlobOutcome> {
    let outcomes = Mutex::new(Vec::new());
    let on_event = |event: TransferEvent<'_>| {
        if let TransferEvent::Done { outcome, .. } = event {
            outcomes.lock().unwrap().push(outcome);
        }
    };
    let mount_from = from.iter().map(|name| reference(registry, name)).collect();
    let options = PushOptions { mount_from, ..PushOptions::default() };
    let source = MemoryStore::of(image);
    let pushed =
        push(client, &image.document(), &source, &reference(registry, name), &options, &on_event).unwrap();
    assert_eq!(pushed.digest, image.digest());
    outcomes.into_inner().unwrap()
}

#[test]
fn an_image_is_complete_when_it_has_a_name() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    assert_eq!(push_with(&client(), &image, &registry, "team/app:1", &[]), [BlobOutcome::Transferred; 3]);
    assert!(image.is_in(&registry, "team/app", "1"));
    assert_eq!(registry.open_uploads(), 0);
    let requests = registry.requests();
    assert_eq!(requests.last().unwrap().path, "/v2/team/app/manifests/1");
    assert_eq!(registry.count("PATCH", ""), 0, "small blobs go in one request");
}

#[test]
fn what_is_there_is_not_sent() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    push_with(&client(), &image, &registry, "app:1", &[]);
    assert_eq!(push_with(&client(), &image, &registry, "app:2", &[]), [BlobOutcome::Existed; 3]);
    assert_eq!(registry.count("POST", ""), 3);
    let mut larger = image.clone();
    larger.layers.push(noise(9, 10));
    let larger = Image::new("amd64", larger.layers);
    let outcomes = push_with(&client(), &larger, &registry, "app:3", &[]);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == BlobOutcome::Existed).count(), 2);
}

#[test]
fn blobs_are_mounted_from_relatives_in_the_same_registry() {
    let registry = TestRegistry::start().unwrap();
    let base = Image::small(1);
    base.put_into(&registry, "base", "1");
    let mut layers = base.layers.clone();
    layers.push(noise(9, 5000));
    let image = Image::new("amd64", layers);
    let outcomes = push_with(&client(), &image, &registry, "app:1", &["nothing/here:1", "base:1", "app:0"]);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == BlobOutcome::Mounted).count(), 2);
    assert!(image.is_in(&registry, "app", "1"));
    assert_eq!(registry.open_uploads(), 0, "uploads that declined mounts began are used or given up");
    assert_eq!(registry.count("POST", "from=app"), 0);
}

#[test]
fn a_declined_mount_is_an_upload() {
    let registry = TestRegistry::with(Options { declines_mounts: true, ..Options::default() }).unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "base", "1");
    assert_eq!(push_with(&client(), &image, &registry, "app:1", &["base:1"]), [BlobOutcome::Transferred; 3]);
    assert_eq!(registry.count("POST", ""), 3, "the upload it began instead is used");
    assert_eq!(registry.open_uploads(), 0);
    let repository = client().repository(&reference(&registry, "app:1"));
    let mount = repository.mount_blob(&Digest::of(b"nothing"), "base").unwrap();
    assert_eq!((mount, registry.open_uploads()), (MountOutcome::Declined, 0));
}

#[test]
fn a_mount_from_where_no_token_reaches_is_an_upload() {
    let mut authentication = Authentication::token("me", "secret");
    if let Authentication::Token { hidden, .. } = &mut authentication {
        hidden.push("private/base".to_owned());
    }
    let registry = TestRegistry::with(Options { authentication, ..Options::default() }).unwrap();
    let image = Image::small(1);
    image.put_into(&registry, "private/base", "1");
    image.put_into(&registry, "public/base", "1");
    let client = client_of(&registry, "me", "secret");
    let outcomes = push_with(&client, &image, &registry, "app:1", &["private/base:1"]);
    assert_eq!(outcomes, [BlobOutcome::Transferred; 3]);
    let outcomes = push_with(&client, &image, &registry, "other:1", &["public/base:1"]);
    assert_eq!(outcomes, [BlobOutcome::Mounted; 3]);
    let tokens = registry.requests();
    let asked_for_both = |path: &str| {
        path.contains("repository:other:pull,push") && path.contains("repository:public/base:pull")
    };
    assert!(tokens.iter().any(|request| asked_for_both(&request.path)));
}

#[test]
fn an_image_can_be_pushed_by_its_digest_alone() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    push_with(&client(), &image, &registry, &format!("app@{}", image.digest()), &[]);
    assert!(image.is_in(&registry, "app", &image.digest().to_string()));
    let wrong = reference(&registry, &format!("app@{}", Digest::of(b"another")));
    let source = MemoryStore::of(&image);
    let error =
        push(&client(), &image.document(), &source, &wrong, &PushOptions::default(), &|_| {}).unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error:?}");
}

#[test]
fn a_manifest_whose_blobs_are_missing_is_refused_in_the_registrys_words() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    let repository = client().repository(&reference(&registry, "app:1"));
    let name = ManifestName::Tag("1".parse().unwrap());
    let error = repository.put_manifest(&name, &MediaType::Manifest, &image.bytes()).unwrap_err();
    assert!(error.to_string().contains("MANIFEST_BLOB_UNKNOWN: sha256:"), "{error}");
}

#[test]
fn a_missing_local_blob_is_a_local_error_and_leaves_nothing_open() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    let error = push(
        &client(),
        &image.document(),
        &MemoryStore::default(),
        &reference(&registry, "app:1"),
        &PushOptions::default(),
        &|_| {},
    )
    .unwrap_err();
    assert!(matches!(error, RegistryError::Source { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(registry.open_uploads(), 0);
    assert!(registry.manifest("app", "1").is_none());
}

#[test]
fn a_cancelled_push_names_nothing() {
    let registry = TestRegistry::start().unwrap();
    let image = Image::small(1);
    let options = PushOptions { transfer: TransferOptions::default(), mount_from: Vec::new() };
    let cancel = options.transfer.cancel.clone();
    let on_event = |event: TransferEvent<'_>| {
        if matches!(event, TransferEvent::Bytes { .. }) {
            cancel.cancel();
        }
    };
    let source = MemoryStore::of(&image);
    let error =
        push(&client(), &image.document(), &source, &reference(&registry, "app:1"), &options, &on_event)
            .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
    assert!(registry.manifest("app", "1").is_none());
}
