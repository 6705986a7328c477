//! Blobs, facts and locks.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use imagewright_model::ErrorKind;
use imagewright_oci::{Descriptor, Digest, MediaType};
use imagewright_store::{Store, StoreError};

use crate::support::{TestStore, names_in};

#[test]
fn a_blob_is_stored_once_and_read_back() {
    let test = TestStore::new();
    let descriptor = test.store.put_bytes(MediaType::Config, b"{}").unwrap();
    let path = test.store.blob_path(&descriptor.digest);
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(test.store.put_bytes(MediaType::Config, b"{}").unwrap(), descriptor);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert_eq!(test.store.read_blob(&descriptor).unwrap(), b"{}");
    assert!(names_in(&test.store.root().join("tmp")).is_empty());
}

#[test]
fn a_writer_that_is_dropped_or_wrong_leaves_nothing() {
    let test = TestStore::new();
    let mut writer = test.store.blob_writer().unwrap();
    writer.write_all(b"some").unwrap();
    assert_eq!(writer.size(), 4);
    drop(writer);
    let mut writer = test.store.blob_writer().unwrap();
    writer.write_all(b"some").unwrap();
    let error = writer.commit(&Digest::of(b"other")).unwrap_err();
    assert!(matches!(error, StoreError::BlobDigest { .. }), "{error}");
    assert!(names_in(&test.store.root().join("tmp")).is_empty());
    assert!(names_in(&test.store.root().join("blobs/sha256")).is_empty());
}

#[test]
fn damaged_blobs_are_told_apart() {
    let test = TestStore::new();
    let stored = test.store.put_bytes(MediaType::Config, b"abcd").unwrap();
    let missing = Descriptor::of(MediaType::Config, b"missing");
    assert!(matches!(test.store.read_blob(&missing), Err(StoreError::BlobMissing { .. })));
    fs::write(test.store.blob_path(&stored.digest), "abc").unwrap();
    assert!(matches!(test.store.read_blob(&stored), Err(StoreError::BlobSize { found: 3, .. })));
    fs::write(test.store.blob_path(&stored.digest), "abcx").unwrap();
    let error = test.store.read_blob(&stored).unwrap_err();
    assert!(matches!(error, StoreError::BlobDigest { .. }));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let huge = Descriptor { size: 1 << 40, ..stored };
    assert!(matches!(test.store.read_blob(&huge), Err(StoreError::BlobTooLarge { .. })));
}

#[test]
fn many_threads_put_the_same_blobs() {
    let test = TestStore::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..20 {
                    test.store.put_bytes(MediaType::Config, format!("blob {number}").as_bytes()).unwrap();
                }
            });
        }
    });
    assert_eq!(names_in(&test.store.root().join("blobs/sha256")).len(), 20);
    assert!(names_in(&test.store.root().join("tmp")).is_empty());
}

#[test]
fn facts_are_found_again_and_other_shapes_are_unknown() {
    let test = TestStore::new();
    let key = Digest::of(b"key");
    assert_eq!(test.store.get_fact::<Vec<u32>>("numbers", &key).unwrap(), None);
    test.store.put_fact("numbers", &key, &vec![1, 2]).unwrap();
    test.store.put_fact("numbers", &key, &vec![3]).unwrap();
    assert_eq!(test.store.get_fact::<Vec<u32>>("numbers", &key).unwrap(), Some(vec![3]));
    assert_eq!(test.store.get_fact::<String>("numbers", &key).unwrap(), None);
    assert_eq!(test.store.get_fact::<Vec<u32>>("others", &key).unwrap(), None);
}

#[test]
fn a_lock_lets_one_in_at_a_time_and_tells_who_waits() {
    let test = TestStore::new();
    let waited = AtomicUsize::new(0);
    let inside = AtomicUsize::new(0);
    let held = test.store.lock("key", || panic!("nobody else is here")).unwrap();
    let _other = test.store.lock("another key", || panic!("nobody else is here")).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let count = || {
                    waited.fetch_add(1, Ordering::SeqCst);
                };
                let _lock = test.store.lock("key", count).unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while waited.load(Ordering::SeqCst) < 4 {
            thread::yield_now();
        }
        drop(held);
    });
}

#[test]
fn only_a_store_or_an_empty_folder_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "").unwrap();
    let error = Store::open(&foreign).unwrap_err();
    assert!(matches!(error, StoreError::NotALayout { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(names_in(&foreign), ["thesis.tex"]);

    // The set-up script puts tools there before the first start.
    let prepared = folder.path().join("a/prepared");
    fs::create_dir_all(prepared.join("tools")).unwrap();
    let store = Store::open(&prepared).unwrap();
    assert!(store.tools_dir().is_dir());
    assert!(store.cache_dir("apt/archives").unwrap().is_dir());

    fs::write(prepared.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(matches!(Store::open(&prepared), Err(StoreError::LayoutVersion { .. })));
    fs::write(prepared.join("oci-layout"), "{").unwrap();
    assert!(matches!(Store::open(&prepared), Err(StoreError::MalformedFile { .. })));
}
