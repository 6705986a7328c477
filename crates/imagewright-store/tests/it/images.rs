//! Images by name, digest and id.

use std::collections::BTreeMap;
use std::fs;

use imagewright_model::ErrorKind;
use imagewright_oci::{Descriptor, Document, ImageConfig, Index, Manifest, MediaType, Platform};
use imagewright_store::{ImageRecord, Store, StoreError, ValidationError};

use crate::support::{TestStore, file, name, names_in, put_image, put_small_image};

fn shown(record: &ImageRecord) -> Vec<String> {
    record.names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_record_says_what_listings_show() {
    let test = TestStore::new();
    assert!(test.store.list().unwrap().is_empty());
    let (record, image) = put_small_image(&test.store, &["demo/a:1", "demo/a:2"]);
    assert_eq!(shown(&record), ["demo/a:1", "demo/a:2"]);
    assert_eq!(record.manifest.digest, *image.manifest.digest());
    assert_eq!(record.id, *image.config.digest());
    assert_eq!(record.created.as_deref(), Some("2026-01-02T03:04:05Z"));
    assert_eq!(record.platform, Platform::host());
    assert_eq!(record.size, image.manifest.layers_size());
    assert_eq!(test.store.list().unwrap(), std::slice::from_ref(&record));
    test.store.validate_stored(&image).unwrap();
}

#[test]
fn every_way_to_name_an_image_finds_it() {
    let test = TestStore::new();
    let (record, _) = put_small_image(&test.store, &["demo/a:1"]);
    put_image(&test.store, &[vec![file("a", "another")]], &[]);
    let ways = [
        "demo/a:1".to_owned(),
        "docker.io/demo/a:1".to_owned(),
        format!("demo/a:1@{}", record.manifest.digest),
        format!("demo/a@{}", record.manifest.digest),
        record.manifest.digest.to_string(),
        record.id.to_string(),
        record.id.hex().to_owned(),
        record.id.short().to_owned(),
        format!("sha256:{}", &record.id.hex()[..8]),
        record.manifest.digest.short().to_owned(),
    ];
    for way in ways {
        assert_eq!(test.store.resolve(&way).unwrap(), record, "{way}");
    }
}

#[test]
fn what_names_no_image_or_several_is_told() {
    let test = TestStore::new();
    for number in 0..40 {
        put_image(&test.store, &[vec![file("number", &number.to_string())]], &[]);
    }
    for text in ["demo/a:2", "ffff0000ffff", "a", "abc"] {
        let error = test.store.resolve(text).unwrap_err();
        assert!(matches!(error, StoreError::ImageNotFound { .. }), "{text}: {error}");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint().unwrap().contains("image list"));
    }
    assert_eq!(test.store.resolve("Not A Name").unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_prefix_of_several_images_lists_them() {
    let test = TestStore::new();
    let (first, second) = configurations_that_begin_alike();
    put_empty_image(&test.store, &first, "demo/a:first");
    let beginning = &first.digest().hex()[..4];
    assert_eq!(test.store.resolve(beginning).unwrap().id, *first.digest());
    put_empty_image(&test.store, &second, "demo/a:second");
    let error = test.store.resolve(beginning).unwrap_err();
    assert!(matches!(error, StoreError::Ambiguous { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let hint = error.hint().unwrap();
    for config in [(&first, "first"), (&second, "second")] {
        let candidate = format!("{} (demo/a:{})", config.0.digest().short(), config.1);
        assert!(hint.contains(&candidate), "{hint}");
    }
}

/// Two configurations whose digests have the first four digits in common.
fn configurations_that_begin_alike() -> (Document<ImageConfig>, Document<ImageConfig>) {
    let mut seen = BTreeMap::new();
    for number in 0.. {
        let mut config = ImageConfig::empty(Platform::host());
        config.author = Some(number.to_string());
        let config = Document::new(config);
        if let Some(first) = seen.insert(config.digest().hex()[..4].to_owned(), config.clone()) {
            return (first, config);
        }
    }
    unreachable!("there are only 65,536 beginnings")
}

fn put_empty_image(store: &Store, config: &Document<ImageConfig>, text: &str) {
    let manifest = Document::new(Manifest::new(config.descriptor(MediaType::Config), Vec::new()));
    store.put_image(&manifest, config, &[name(text)]).unwrap();
}

#[test]
fn names_move_and_images_without_one_stay() {
    let test = TestStore::new();
    let (first, _) = put_small_image(&test.store, &["demo/a:1"]);
    let (second, _) = put_image(&test.store, &[vec![file("a", "b")]], &["demo/a:1"]);
    assert_eq!(test.store.resolve("demo/a:1").unwrap().id, second.id);
    assert!(test.store.resolve(first.id.hex()).unwrap().names.is_empty());

    let tagged = test.store.tag(&first, &name("demo/b:1")).unwrap();
    assert_eq!(shown(&tagged), ["demo/b:1"]);
    assert_eq!(test.store.list().unwrap().len(), 2);

    let pinned = name(&format!("demo/b@{}", first.manifest.digest));
    assert!(matches!(test.store.tag(&first, &pinned), Err(StoreError::PinnedName { .. })));

    test.store.untag(&name("demo/b:1")).unwrap();
    assert!(matches!(test.store.resolve("demo/b:1"), Err(StoreError::ImageNotFound { .. })));
    assert!(matches!(test.store.untag(&name("demo/b:1")), Err(StoreError::ImageNotFound { .. })));
    assert!(test.store.has_blob(&first.manifest.digest), "blobs stay");

    test.store.remove(&second).unwrap();
    assert!(test.store.list().unwrap().is_empty());
    assert!(matches!(test.store.remove(&second), Err(StoreError::ImageNotFound { .. })));
    assert!(matches!(test.store.tag(&second, &name("demo/c:1")), Err(StoreError::ImageNotFound { .. })));
}

#[test]
fn an_image_without_its_layers_is_not_listed() {
    let test = TestStore::new();
    let (record, image) = put_small_image(&test.store, &[]);
    test.store.remove(&record).unwrap();
    let layer = &image.manifest.layers[0].digest;
    fs::remove_file(test.store.blob_path(layer)).unwrap();
    let error = test.store.put_image(&image.manifest, &image.config, &[]).unwrap_err();
    assert!(matches!(error, StoreError::BlobMissing { .. }), "{error}");
    assert!(test.store.list().unwrap().is_empty());
}

#[test]
fn validation_finds_damage() {
    let test = TestStore::new();
    let (_, image) = put_small_image(&test.store, &["demo/a:1"]);
    let path = test.store.blob_path(&image.manifest.layers[1].digest);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = test.store.validate_stored(&image).unwrap_err();
    assert!(matches!(error, StoreError::Validation(ValidationError::Layer { .. })), "{error}");
    // What is damaged can be removed by its name.
    fs::write(test.store.blob_path(image.manifest.digest()), "{").unwrap();
    assert!(test.store.list().is_err());
    test.store.untag(&name("demo/a:1")).unwrap();
    assert!(test.store.list().unwrap().is_empty());
}

#[test]
fn what_other_tools_list_does_no_harm() {
    let test = TestStore::new();
    let (record, _) = put_small_image(&test.store, &["demo/a:1"]);
    let path = test.store.root().join("index.json");
    let mut index: Index = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index.manifests.insert(0, Descriptor::of(MediaType::Index, b"several platforms"));
    index.annotations.insert("theirs".to_owned(), "kept".to_owned());
    fs::write(&path, serde_json::to_vec(&index).unwrap()).unwrap();
    assert_eq!(test.store.list().unwrap(), [record]);
    put_small_image(&test.store, &["demo/b:1"]);
    let after: Index = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(after.manifests[0], index.manifests[0]);
    assert_eq!(after.annotations, index.annotations);
}

#[test]
fn the_store_is_an_image_layout() {
    let test = TestStore::new();
    let root = test.store.root();
    assert_eq!(fs::read_to_string(root.join("oci-layout")).unwrap(), r#"{"imageLayoutVersion":"1.0.0"}"#);
    put_small_image(&test.store, &["demo/a:1"]);
    let index = fs::read_to_string(root.join("index.json")).unwrap();
    assert!(index.contains(r#""org.opencontainers.image.ref.name":"docker.io/demo/a:1""#), "{index}");
    assert_eq!(names_in(&root.join("blobs")), ["sha256"]);
}
