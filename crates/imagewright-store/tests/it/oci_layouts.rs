//! Image layouts in and out, whole and broken.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_layer::{Compression, LayerError};
use imagewright_model::ErrorKind;
use imagewright_oci::{Descriptor, Digest, Document, Index, Manifest, MediaType, Platform, annotation};
use imagewright_store::transfer::{ExportTarget, ImportSource, TransferError};
use imagewright_store::{ImageRecord, Store};

use crate::support::{
    TestStore, file, image_of, name, names_in, put_image, put_layer, put_small_image, quiet, tar,
};

fn layout(path: &Path) -> ImportSource {
    ImportSource::OciDirectory { path: path.to_owned(), reference: None }
}

fn archive(path: &Path) -> ImportSource {
    ImportSource::OciArchive { path: path.to_owned(), reference: None }
}

fn import(store: &Store, source: ImportSource) -> Result<Vec<ImageRecord>, TransferError> {
    store.import(source, None, &mut quiet)
}

/// A folder with an exported image, to be damaged.
fn exported(test: &TestStore) -> (ImageRecord, PathBuf) {
    let (record, _) = put_small_image(&test.store, &["demo/a:1"]);
    let path = test.folder.path().join("layout");
    test.store.export(&record, &record.names, &ExportTarget::OciDirectory(path.clone()), &mut quiet).unwrap();
    (record, path)
}

#[test]
fn what_goes_out_comes_back_unchanged() {
    let test = TestStore::new();
    let (record, image) = put_small_image(&test.store, &["demo/a:1", "demo/a:2"]);
    let zstd = put_layer(&test.store, &tar(&[file("z", "z")]), "zstd".parse().unwrap());
    let plain = put_layer(&test.store, &tar(&[file("p", "p")]), Compression::None);
    let other = image_of(&[zstd, plain]);
    let other = test.store.put_image(&other.manifest, &other.config, &[name("demo/b:1")]).unwrap();
    for file_name in ["folder", "image.tar", "image.tar.gz", "image.tar.zst"] {
        let path = test.folder.path().join(file_name);
        let (target, source) = match file_name {
            "folder" => (ExportTarget::OciDirectory(path.clone()), layout(&path)),
            _ => (ExportTarget::OciArchive(path.clone()), archive(&path)),
        };
        for (image, expected) in [(&record, &record.names[..]), (&other, &other.names[..])] {
            test.store.export(image, expected, &target, &mut quiet).unwrap();
        }
        let there = TestStore::new();
        let imported = import(&there.store, source).unwrap();
        let last = imported.last().unwrap();
        assert_eq!(last, &other, "{file_name}");
        there.store.validate_stored(&there.store.image(&last.manifest).unwrap()).unwrap();
        // To a folder an image is added, an archive is replaced.
        assert_eq!(imported.len(), if file_name == "folder" { 2 } else { 1 });
        if file_name == "folder" {
            assert_eq!(imported[0], record);
            assert_eq!(there.store.image(&record.manifest).unwrap().manifest.bytes(), image.manifest.bytes());
        }
    }
    let mut expected = vec!["folder", "image.tar", "image.tar.gz", "image.tar.zst", "store"];
    expected.sort_unstable();
    assert_eq!(names_in(test.folder.path()), expected, "nothing unfinished lies about");
}

#[test]
fn the_same_image_gives_the_same_archive() {
    let test = TestStore::new();
    let (record, _) = put_small_image(&test.store, &["demo/a:1"]);
    let mut archives = Vec::new();
    for file_name in ["one.tar", "two.tar", "one.tar.gz", "two.tar.gz"] {
        let path = test.folder.path().join(file_name);
        test.store
            .export(&record, &record.names, &ExportTarget::OciArchive(path.clone()), &mut quiet)
            .unwrap();
        archives.push(fs::read(path).unwrap());
    }
    assert_eq!(archives[0], archives[1]);
    assert_eq!(archives[2], archives[3]);
    assert!(archives[2].starts_with(&[0x1f, 0x8b]));
}

#[test]
fn an_export_has_the_names_it_is_given() {
    let test = TestStore::new();
    let (record, _) = put_small_image(&test.store, &["demo/a:1", "demo/a:2"]);
    let path = test.folder.path().join("layout");
    let target = ExportTarget::OciDirectory(path.clone());
    test.store.export(&record, &record.names[..1], &target, &mut quiet).unwrap();
    let there = TestStore::new();
    assert_eq!(import(&there.store, layout(&path)).unwrap()[0].names, record.names[..1]);
    let renamed = there.store.import(layout(&path), Some(&name("demo/c:9")), &mut quiet).unwrap();
    assert_eq!(renamed[0].names, [name("demo/a:1"), name("demo/c:9")]);
}

#[test]
fn a_foreign_folder_is_not_written_to() {
    let test = TestStore::new();
    let (record, _) = put_small_image(&test.store, &["demo/a:1"]);
    let path = test.folder.path().join("thesis");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("thesis.tex"), "").unwrap();
    let target = ExportTarget::OciDirectory(path.clone());
    let error = test.store.export(&record, &record.names, &target, &mut quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert_eq!(names_in(&path), ["thesis.tex"]);
}

#[test]
fn one_of_several_images_is_selected_by_its_name() {
    let test = TestStore::new();
    let (first, path) = exported(&test);
    let (second, _) = put_image(&test.store, &[vec![file("b", "b")]], &["demo/b:1"]);
    let target = ExportTarget::OciDirectory(path.clone());
    test.store.export(&second, &second.names, &target, &mut quiet).unwrap();
    let select = |reference: &str| ImportSource::OciDirectory {
        path: path.clone(),
        reference: Some(reference.to_owned()),
    };
    let digest = second.manifest.digest.to_string();
    for reference in ["demo/b:1", "docker.io/demo/b:1", &digest] {
        let there = TestStore::new();
        let imported = import(&there.store, select(reference)).unwrap();
        assert_eq!(imported.len(), 1);
        assert_eq!(imported[0], second, "{reference}");
    }
    let there = TestStore::new();
    let error = import(&there.store, select("demo/c:1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let hint = error.hint().unwrap();
    assert!(hint.contains("demo/a:1") && hint.contains("demo/b:1"), "{hint}");
    let error = there.store.import(layout(&path), Some(&name("demo/x:1")), &mut quiet).unwrap_err();
    assert!(matches!(error, TransferError::SeveralImages { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(import(&there.store, layout(&path)).unwrap(), [first, second]);
}

/// Puts an index of these manifests into a layout, and lists it alone.
fn nest(path: &Path, manifests: Vec<Descriptor>) {
    let nested = Document::new(Index::new(manifests));
    fs::write(path.join("blobs/sha256").join(nested.digest().hex()), nested.bytes()).unwrap();
    let mut entry = nested.descriptor(MediaType::Index);
    entry.annotations.insert(annotation::REF_NAME.to_owned(), "demo/nested:1".to_owned());
    fs::write(path.join("index.json"), Document::new(Index::new(vec![entry])).bytes()).unwrap();
}

fn for_platform(manifest: &Descriptor, platform: &str) -> Descriptor {
    Descriptor { platform: Some(platform.parse().unwrap()), ..manifest.clone() }
}

#[test]
fn of_several_platforms_the_machines_own_is_taken() {
    let test = TestStore::new();
    let (record, path) = exported(&test);
    let absent = Descriptor::of(MediaType::Manifest, b"not there");
    let host = Platform::host().to_string();
    nest(&path, vec![for_platform(&absent, "linux/s390x"), for_platform(&record.manifest, &host)]);
    let there = TestStore::new();
    let imported = import(&there.store, layout(&path)).unwrap();
    assert_eq!(imported[0].manifest.digest, record.manifest.digest);
    assert_eq!(imported[0].names, [name("demo/nested:1")]);

    let foreign = ["linux/s390x", "linux/riscv64", "unknown/unknown"];
    nest(&path, foreign.iter().map(|platform| for_platform(&absent, platform)).collect());
    let error = import(&there.store, layout(&path)).unwrap_err();
    assert!(matches!(error, TransferError::NoPlatform { .. }), "{error}");
    assert_eq!(error.hint().unwrap(), "there is linux/s390x, linux/riscv64");

    let mut nameless = record.manifest.clone();
    nameless.platform = None;
    nest(&path, vec![nameless]);
    import(&there.store, layout(&path)).unwrap();
    nest(&path, Vec::new());
    assert!(matches!(import(&there.store, layout(&path)), Err(TransferError::Empty { .. })));
}

#[test]
fn each_way_to_be_broken_has_its_own_words() {
    type Damage = fn(&Path, &ImageRecord);
    let cases: [(&str, Damage, &str); 11] = [
        ("not a layout", |path, _| fs::remove_file(path.join("oci-layout")).unwrap(), "has no `oci-layout`"),
        ("no index", |path, _| fs::remove_file(path.join("index.json")).unwrap(), "has no `index.json`"),
        ("index is no JSON", |path, _| fs::write(path.join("index.json"), "{").unwrap(), "`index.json` in"),
        (
            "empty index",
            |path, _| fs::write(path.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap(),
            "lists no image",
        ),
        (
            "another version",
            |path, _| fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap(),
            "of version `2.0.0`",
        ),
        ("no manifest", |path, record| remove(path, &record.manifest.digest), "which its image needs"),
        ("other manifest", |path, record| alter(path, &record.manifest.digest), "has the digest"),
        ("short manifest", |path, record| shorten(path, &record.manifest.digest), "bytes, not"),
        ("no configuration", |path, record| remove(path, &record.id), "which its image needs"),
        ("no layer", |path, record| remove(path, &first_layer(path, record)), "which its image needs"),
        ("other layer", |path, record| alter(path, &first_layer(path, record)), "is not usable"),
    ];
    for (case, damage, words) in cases {
        let test = TestStore::new();
        let (record, path) = exported(&test);
        damage(&path, &record);
        let there = TestStore::new();
        let error = import(&there.store, layout(&path)).unwrap_err();
        assert!(error.to_string().contains(words), "{case}: {error}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{case}: {error:?}");
        assert!(there.store.list().unwrap().is_empty(), "{case}");
        assert!(names_in(&there.store.root().join("tmp")).is_empty(), "{case}");
    }
}

fn blob(path: &Path, digest: &Digest) -> PathBuf {
    path.join("blobs/sha256").join(digest.hex())
}

fn remove(path: &Path, digest: &Digest) {
    fs::remove_file(blob(path, digest)).unwrap();
}

fn alter(path: &Path, digest: &Digest) {
    let mut bytes = fs::read(blob(path, digest)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(blob(path, digest), bytes).unwrap();
}

fn shorten(path: &Path, digest: &Digest) {
    let bytes = fs::read(blob(path, digest)).unwrap();
    fs::write(blob(path, digest), &bytes[..bytes.len() - 1]).unwrap();
}

fn first_layer(path: &Path, record: &ImageRecord) -> Digest {
    let bytes = fs::read(blob(path, &record.manifest.digest)).unwrap();
    Document::<Manifest>::parse(bytes).unwrap().layers[0].digest.clone()
}

#[test]
fn layers_and_configuration_must_belong_together() {
    let test = TestStore::new();
    let one = put_layer(&test.store, &tar(&[file("a", "1")]), Compression::default());
    let mut lie = put_layer(&test.store, &tar(&[file("a", "2")]), Compression::default());
    lie.diff_id = one.diff_id.clone();
    let lying = image_of(&[lie]);
    let mut short = image_of(std::slice::from_ref(&one));
    short.config = image_of(&[]).config;
    let descriptor = short.config.descriptor(MediaType::Config);
    short.manifest = Document::new(Manifest::new(descriptor, vec![one.descriptor()]));
    let mut foreign = one.clone();
    foreign.media_type = MediaType::DockerForeignLayer;
    let path = test.folder.path().join("layout");
    for (image, words) in [
        (lying, "is not usable"),
        (short, "has 1 layers but 0 diff ids"),
        (image_of(&[foreign]), "where a layer"),
    ] {
        let record = test.store.put_image(&image.manifest, &image.config, &[name("demo/a:1")]).unwrap();
        let _ = fs::remove_dir_all(&path);
        test.store.export(&record, &[], &ExportTarget::OciDirectory(path.clone()), &mut quiet).unwrap();
        let there = TestStore::new();
        let error = import(&there.store, layout(&path)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        if let TransferError::Layer { source, .. } = &error {
            assert!(matches!(source, LayerError::DiffId { .. }), "{source}");
        }
        assert!(there.store.list().unwrap().is_empty());
        // A blob that is in the store already is no excuse.
        assert!(import(&test.store, layout(&path)).is_err());
    }
}

#[test]
fn a_damaged_store_exports_nothing() {
    let test = TestStore::new();
    let (record, image) = put_small_image(&test.store, &["demo/a:1"]);
    let layer = test.store.blob_path(&image.manifest.layers[0].digest);
    let mut bytes = fs::read(&layer).unwrap();
    bytes[20] ^= 1;
    fs::write(&layer, &bytes).unwrap();
    let path = |name: &str| test.folder.path().join(name);
    for target in [
        ExportTarget::OciArchive(path("a.tar")),
        ExportTarget::DockerArchive(path("b.tar")),
        ExportTarget::OciDirectory(path("c")),
    ] {
        let error = test.store.export(&record, &record.names, &target, &mut quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("holds other bytes"), "{error}");
    }
    assert!(!path("a.tar").exists() && !path("b.tar").exists() && !path("c/index.json").exists());
}

#[test]
fn sources_that_are_not_there_or_something_else_are_named() {
    let test = TestStore::new();
    let path = test.folder.path().join("absent");
    for source in [layout(&path), archive(&path)] {
        let error = import(&test.store, source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("absent"), "{error}");
    }
    fs::write(&path, "a text, no archive").unwrap();
    let error = import(&test.store, archive(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
}
