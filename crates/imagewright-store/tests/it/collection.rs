//! What a collection frees, and what it must not touch.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use imagewright_oci::{Descriptor, Digest};
use imagewright_store::{Collected, CollectionRules, Store};

use crate::support::{TestStore, file, put_image, put_small_image};

const DAY: Duration = Duration::from_secs(86_400);

fn rules() -> CollectionRules {
    CollectionRules { unused_for: 14 * DAY, size_budget: None, dry_run: false }
}

fn collect(store: &Store, rules: &CollectionRules) -> Collected {
    store.collect(rules, || panic!("nobody holds a lease")).unwrap()
}

/// Makes everything below `folder` look untouched for `age`.
fn grow_old(folder: &Path, age: Duration) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.metadata().unwrap().is_dir() {
            grow_old(&entry.path(), age);
        } else {
            let file = fs::File::options().append(true).open(entry.path()).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
    }
}

#[test]
fn what_an_image_names_stays_and_the_rest_goes() {
    let test = TestStore::new();
    let (record, image) = put_small_image(&test.store, &["demo/a:1"]);
    let (removed, gone) = put_image(&test.store, &[vec![file("b", "of another image")]], &["demo/b:1"]);
    assert_eq!(collect(&test.store, &rules()).freed(), 0);
    test.store.remove(&removed).unwrap();

    let told = collect(&test.store, &CollectionRules { dry_run: true, ..rules() });
    assert!(test.store.has_blob(&gone.manifest.layers[0].digest), "a dry run removes nothing");
    let done = collect(&test.store, &rules());
    assert_eq!(told, done);
    assert_eq!(done.blobs.count, 3, "manifest, configuration and layer");
    assert!(!test.store.has_blob(&gone.manifest.layers[0].digest));
    test.store.validate_stored(&image).unwrap();
    assert_eq!(test.store.list().unwrap(), [record]);
    assert_eq!(
        collect(&test.store, &rules()),
        Collected { remaining: done.remaining, ..Collected::default() }
    );
}

#[test]
fn a_remembered_step_keeps_its_layer_until_it_is_old() {
    let test = TestStore::new();
    let (record, image) = put_small_image(&test.store, &["demo/a:1"]);
    let key = Digest::of(b"step");
    test.store.put_fact("step", &key, &image.manifest.layers[0]).unwrap();
    test.store.put_fact("imported-base", &key, &record.manifest).unwrap();
    test.store.remove(&record).unwrap();
    assert_eq!(collect(&test.store, &rules()).blobs.count, 0, "a fact that names a manifest keeps all of it");

    grow_old(&test.store.root().join("facts"), 15 * DAY);
    assert!(
        test.store.get_fact::<Descriptor>("imported-base", &key).unwrap().is_some(),
        "which counts as a use"
    );
    let collected = collect(&test.store, &rules());
    assert_eq!((collected.facts.count, collected.blobs.count), (1, 0));

    grow_old(&test.store.root().join("facts"), 15 * DAY);
    let collected = collect(&test.store, &rules());
    let blobs = 2 + image.manifest.layers.len() as u64;
    assert_eq!((collected.facts.count, collected.blobs.count), (1, blobs));
    assert_eq!(collected.remaining, 0);
}

#[test]
fn a_budget_frees_the_least_recently_used_but_no_listed_image() {
    let test = TestStore::new();
    let (listed, image) = put_small_image(&test.store, &["demo/a:1"]);
    let downloads = test.store.cache_dir("bootstrap").unwrap();
    fs::write(downloads.join("old.deb"), [0; 1000]).unwrap();
    grow_old(&downloads, DAY);
    fs::write(downloads.join("new.deb"), [0; 1000]).unwrap();
    let all = collect(&test.store, &rules());
    assert_eq!(all.freed(), 0);

    let tight = CollectionRules { size_budget: Some(all.remaining - 1), ..rules() };
    let collected = collect(&test.store, &tight);
    assert_eq!(collected.downloads.count, 1);
    assert!(downloads.join("new.deb").exists() && !downloads.join("old.deb").exists());
    assert_eq!(collected.remaining, all.remaining - 1000);

    collect(&test.store, &CollectionRules { size_budget: Some(0), ..rules() });
    assert!(!downloads.join("new.deb").exists());
    assert_eq!(test.store.list().unwrap(), [listed]);
    test.store.validate_stored(&image).unwrap();
}

#[test]
fn folders_of_caches_go_as_a_whole_unless_somebody_used_them() {
    let test = TestStore::new();
    let caches = test.store.cache_dir("mounts").unwrap();
    let folder = |name: &str| {
        let folder = caches.join(name);
        fs::create_dir_all(folder.join("deep")).unwrap();
        fs::write(folder.join("deep/file"), [0; 1000]).unwrap();
        fs::File::open(&folder).unwrap().set_modified(SystemTime::now() - 15 * DAY).unwrap();
        folder
    };
    let (idle, used) = (folder("idle"), folder("used"));
    test.store.note_use(&used).unwrap();
    let told = collect(&test.store, &CollectionRules { dry_run: true, ..rules() });
    assert_eq!((told.downloads.count, told.downloads.bytes), (1, 1000));
    assert!(idle.exists());
    assert_eq!(collect(&test.store, &rules()).freed(), 1000);
    assert!(!idle.exists() && used.join("deep/file").exists());
}

#[test]
fn a_collection_waits_for_those_who_use_images() {
    let test = TestStore::new();
    let lease = test.store.lease(|| panic!("nobody collects")).unwrap();
    let second = test.store.lease(|| panic!("leases do not exclude each other")).unwrap();
    let (waits, told) = mpsc::channel();
    let store = test.store.clone();
    let collecting = thread::spawn(move || store.collect(&rules(), || waits.send(()).unwrap()).unwrap());
    told.recv_timeout(Duration::from_secs(20)).expect("the collection says that it waits");
    assert!(!collecting.is_finished());
    drop((lease, second));
    collecting.join().unwrap();
}

mod needs_root {
    use super::*;
    use crate::support::{names_in, quiet};

    #[test]
    #[ignore = "needs root"]
    fn unpacked_layers_go_with_their_image() {
        let test = TestStore::new();
        let (record, image) = put_small_image(&test.store, &["demo/a:1"]);
        let chain = image.chain().pop().unwrap();
        test.store.ensure_snapshot(&image, &mut quiet).unwrap();
        assert_eq!(collect(&test.store, &rules()).snapshots.count, 0);
        assert!(test.store.has_snapshot(&chain));
        // Of a boot before this one, and not on disk by then. The flush of this boot must be done, or it takes the mark.
        let mark = test.store.snapshots_dir().join(chain.digest().hex()).join("unflushed");
        while mark.exists() {
            thread::sleep(Duration::from_millis(5));
        }
        fs::write(mark, "").unwrap();
        assert_eq!(collect(&test.store, &rules()).snapshots.count, 1);
        test.store.ensure_snapshot(&image, &mut quiet).unwrap();
        assert!(names_in(&test.store.root().join("tmp")).is_empty());
        test.store.remove(&record).unwrap();
        assert_eq!(collect(&test.store, &rules()).snapshots.count, image.chain().len() as u64);
        assert!(!test.store.has_snapshot(&chain));
    }
}
