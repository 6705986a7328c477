//! What a check of the store finds and mends.

use std::fs;

use imagewright_oci::Digest;

use crate::support::{TestStore, put_image, put_small_image, quiet};

#[test]
fn a_sound_store_is_found_sound() {
    let test = TestStore::new();
    put_small_image(&test.store, &["demo/a:1"]);
    test.store.put_fact("step", &Digest::of(b"key"), &"value").unwrap();
    let report = test.store.check(false, &mut quiet).unwrap();
    assert_eq!(report.damages, []);
    assert!(report.is_sound());
    assert_eq!((report.images, report.facts), (1, 1));
    assert!(report.blobs >= 3);
}

#[test]
fn damage_is_told_then_mended_then_gone() {
    let test = TestStore::new();
    let (_, image) = put_small_image(&test.store, &["demo/a:1"]);
    let layer = &image.manifest.layers[0];
    let path = test.store.blob_path(&layer.digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    test.store.put_fact("step", &Digest::of(b"key"), &"value").unwrap();
    let fact = test.store.root().join("facts/step").join(format!("{}.json", Digest::of(b"key").hex()));
    fs::write(&fact, "{\"half").unwrap();

    let told = test.store.check(false, &mut quiet).unwrap();
    assert!(!told.is_sound());
    let sentences: Vec<&str> = told.damages.iter().map(|damage| damage.what.as_str()).collect();
    assert_eq!(
        sentences,
        [format!("blob `{}` holds other bytes", layer.digest).as_str(), "the fact is not JSON"]
    );
    assert!(path.exists() && fact.exists(), "telling changes nothing");

    let mended = test.store.check(true, &mut quiet).unwrap();
    assert!(!path.exists() && !fact.exists());
    assert!(!mended.is_sound(), "the image lacks its layer now");
    let missing = &mended.damages.last().unwrap().what;
    assert!(missing.contains("`demo/a:1` lacks layer"), "{missing}");
    put_small_image(&test.store, &["demo/a:1"]);
    assert!(test.store.check(false, &mut quiet).unwrap().is_sound(), "made again, it is whole");
}

#[test]
fn a_fact_that_a_crash_left_empty_is_no_damage() {
    let test = TestStore::new();
    let key = Digest::of(b"key");
    test.store.put_fact("kind", &key, &"fact").unwrap();
    let path = test.store.root().join("facts/kind").join(format!("{}.json", key.hex()));
    for contents in ["", "\0\0\0"] {
        fs::write(&path, contents).unwrap();
        assert_eq!(test.store.get_fact::<String>("kind", &key).unwrap(), None);
        assert_eq!(test.store.check(false, &mut quiet).unwrap().damages, []);
        assert_eq!(test.store.check(true, &mut quiet).unwrap().damages, []);
        assert!(!path.exists());
    }
}

#[test]
fn an_image_without_its_configuration_hides_no_other() {
    let test = TestStore::new();
    let (_, image) = put_small_image(&test.store, &["demo/a:1", "demo/a:2"]);
    let (whole, _) = put_image(&test.store, &[], &["demo/b:1"]);
    fs::remove_file(test.store.blob_path(&image.manifest.config.digest)).unwrap();
    let error = test.store.list().unwrap_err();
    assert!(error.hint().unwrap().contains("fsck --repair"), "{error:?}");

    let told = test.store.check(false, &mut quiet).unwrap();
    assert!(told.damages[0].what.contains("`demo/a:1` cannot be read"), "{told:?}");
    assert!(!told.is_sound());
    let mended = test.store.check(true, &mut quiet).unwrap();
    assert!(mended.is_sound(), "{mended:?}");
    assert_eq!(test.store.list().unwrap(), [whole]);
    put_small_image(&test.store, &["demo/a:1"]);
    assert!(test.store.check(false, &mut quiet).unwrap().damages.is_empty());
}
