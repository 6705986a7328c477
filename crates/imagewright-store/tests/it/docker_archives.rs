//! Docker archives in and out, whole, broken and hostile.

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use imagewright_layer::{Compression, LayerEncoder};
use imagewright_model::ErrorKind;
use imagewright_oci::{Digest, MediaType};
use imagewright_store::transfer::{ExportTarget, ImportSource, TransferError};
use imagewright_store::{ImageRecord, Store};

use crate::support::{
    TestStore, directory, file, image_of, name, names_in, put_image, put_layer, put_small_image, quiet, tar,
};

/// One entry of a tar, with nothing checked.
enum Member<'a> {
    File(&'a str, &'a [u8]),
    Symlink(&'a str, &'a str),
    HardLink(&'a str, &'a str),
    Directory(&'a str),
}

fn raw_tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        let (name, kind, link, body): (_, _, _, &[u8]) = match member {
            Member::File(name, body) => (name, tar::EntryType::Regular, "", body),
            Member::Symlink(name, target) => (name, tar::EntryType::Symlink, *target, &[]),
            Member::HardLink(name, target) => (name, tar::EntryType::Link, *target, &[]),
            Member::Directory(name) => (name, tar::EntryType::Directory, "", &[]),
        };
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// The parts of an image of two layers, as Docker would save them.
struct Parts {
    config: Vec<u8>,
    config_name: String,
    layers: [Vec<u8>; 2],
}

fn parts() -> Parts {
    let layers = [tar(&[directory("etc"), file("etc/a", "a")]), tar(&[file("b", "b")])];
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"Env":null,"OnBuild":null}},"rootfs":{{"type":"layers","diff_ids":["{}","{}"]}},"future":1}}"#,
        Digest::of(&layers[0]),
        Digest::of(&layers[1])
    )
    .into_bytes();
    let config_name = format!("{}.json", Digest::of(&config).hex());
    Parts { config, config_name, layers }
}

fn manifest(config: &str, layers: &[&str]) -> Vec<u8> {
    let layers: Vec<String> = layers.iter().map(|layer| format!("{layer:?}")).collect();
    format!(r#"[{{"Config":{config:?},"RepoTags":["demo/a:1"],"Layers":[{}]}}]"#, layers.join(","))
        .into_bytes()
}

fn compress(plain: &[u8], compression: Compression) -> Vec<u8> {
    let mut encoder = LayerEncoder::new(Vec::new(), compression, 1);
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap().0
}

fn import_bytes(store: &Store, archive: &[u8]) -> Result<Vec<ImageRecord>, TransferError> {
    let reader = Box::new(std::io::Cursor::new(archive.to_vec()));
    store.import(ImportSource::DockerStream { origin: "the daemon".to_owned(), reader }, None, &mut quiet)
}

fn import_file(store: &Store, path: &Path) -> Result<Vec<ImageRecord>, TransferError> {
    store.import(ImportSource::DockerArchive { path: path.to_owned(), reference: None }, None, &mut quiet)
}

fn check(store: &Store, records: &[ImageRecord], parts: &Parts) {
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].names, [name("demo/a:1")]);
    assert_eq!(records[0].id, Digest::of(&parts.config), "the image id is Docker's");
    let image = store.image(&records[0].manifest).unwrap();
    assert_eq!(image.config.bytes(), parts.config);
    store.validate_stored(&image).unwrap();
}

#[test]
fn every_form_docker_and_podman_save_is_taken() {
    let parts = parts();
    let [one, two] = &parts.layers;
    let config = Member::File(&parts.config_name, &parts.config);
    let plain = raw_tar(&[
        Member::Directory("one/"),
        Member::File("one/VERSION", b"1.0"),
        Member::File("one/json", b"{}"),
        Member::File("one/layer.tar", one),
        Member::Directory("two/"),
        // Docker writes a layer once and points at it from elsewhere.
        Member::File("blob/two.tar", two),
        Member::Symlink("two/layer.tar", "../blob/two.tar"),
        config,
        Member::File("manifest.json", &manifest(&parts.config_name, &["one/layer.tar", "two/layer.tar"])),
        Member::File("repositories", b"{}"),
    ]);
    let gzip = compress(one, Compression::default());
    let zstd = compress(two, Compression::Zstd { level: 3 });
    let compressed_layers = raw_tar(&[
        Member::File("manifest.json", &manifest("config", &["one", "link"])),
        Member::File("one", &gzip),
        Member::File("two", &zstd),
        Member::HardLink("link", "two"),
        Member::File("config", &parts.config),
    ]);
    let forms = [
        ("plain", plain.clone()),
        ("gzip", compress(&plain, Compression::default())),
        ("zstd", compress(&plain, Compression::Zstd { level: 3 })),
        ("compressed layers", compressed_layers),
    ];
    for (form, archive) in forms {
        let test = TestStore::new();
        check(&test.store, &import_bytes(&test.store, &archive).unwrap(), &parts);
        let path = test.folder.path().join("archive");
        fs::write(&path, &archive).unwrap();
        check(&test.store, &import_file(&test.store, &path).unwrap(), &parts);
        assert!(names_in(&test.store.root().join("tmp")).is_empty(), "{form}");
    }
}

#[test]
fn an_image_layout_in_an_archive_is_taken_either_way() {
    let test = TestStore::new();
    let (record, _) = put_small_image(&test.store, &["demo/a:1"]);
    let path = test.folder.path().join("image.tar");
    let there = TestStore::new();
    test.store.export(&record, &record.names, &ExportTarget::OciArchive(path.clone()), &mut quiet).unwrap();
    assert_eq!(import_file(&there.store, &path).unwrap(), std::slice::from_ref(&record));
    test.store
        .export(&record, &record.names, &ExportTarget::DockerArchive(path.clone()), &mut quiet)
        .unwrap();
    let source = ImportSource::OciArchive { path, reference: None };
    assert_eq!(there.store.import(source, None, &mut quiet).unwrap()[0].id, record.id);
}

#[test]
fn several_images_are_all_imported_or_one_is_selected() {
    let parts = parts();
    let [one, two] = &parts.layers;
    let other = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(one)
    );
    let both = format!(
        r#"[{{"Config":{:?},"RepoTags":["demo/a:1","demo/a:2"],"Layers":["1","2"]}},{{"Config":"other","RepoTags":null,"Layers":["1"]}}]"#,
        parts.config_name
    );
    let archive = raw_tar(&[
        Member::File("1", one),
        Member::File("2", two),
        Member::File(&parts.config_name, &parts.config),
        Member::File("other", other.as_bytes()),
        Member::File("manifest.json", both.as_bytes()),
    ]);
    let test = TestStore::new();
    let path = test.folder.path().join("archive.tar");
    fs::write(&path, archive).unwrap();
    let select = |reference: &str| ImportSource::DockerArchive {
        path: path.clone(),
        reference: Some(reference.to_owned()),
    };
    let id = Digest::of(&parts.config);
    for (reference, names) in [("demo/a:2", vec!["demo/a:2"]), (id.hex(), vec!["demo/a:1", "demo/a:2"])] {
        let test = TestStore::new();
        let records = test.store.import(select(reference), None, &mut quiet).unwrap();
        let found: Vec<String> = records[0].names.iter().map(ToString::to_string).collect();
        assert_eq!(
            (records.len(), found),
            (1, names.iter().map(ToString::to_string).collect()),
            "{reference}"
        );
    }
    let error = test.store.import(select("demo/b:1"), None, &mut quiet).unwrap_err();
    assert_eq!(error.hint().unwrap(), "there is demo/a:1, demo/a:2, other");
    let several = ImportSource::DockerArchive { path: path.clone(), reference: None };
    let error = test.store.import(several, Some(&name("demo/x:1")), &mut quiet).unwrap_err();
    assert!(matches!(error, TransferError::SeveralImages { .. }), "{error}");
    let records = import_file(&test.store, &path).unwrap();
    assert_eq!(records.len(), 2);
    assert!(records[1].names.is_empty());
}

#[test]
fn each_way_to_be_broken_has_its_own_words() {
    let parts = parts();
    let [one, two] = &parts.layers;
    let config = || Member::File(&parts.config_name, &parts.config);
    let listed = manifest(&parts.config_name, &["1", "2"]);
    let whole = raw_tar(&[
        config(),
        Member::File("1", one),
        Member::File("2", two),
        Member::File("manifest.json", &listed),
    ]);
    let with_manifest = |bytes: &[u8]| {
        raw_tar(&[
            config(),
            Member::File("1", one),
            Member::File("2", two),
            Member::File("manifest.json", bytes),
        ])
    };
    let gzip = compress(&whole, Compression::default());
    let broken_gzip = [&gzip[..gzip.len() / 2], &[0; 100], &gzip[gzip.len() / 2 + 100..]].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "has no `manifest.json`"),
        (b"hello, I am a text and no archive at all".repeat(50), "is not a tar archive"),
        (raw_tar(&[Member::File("a", b"")]), "has no `manifest.json`"),
        (with_manifest(b"{"), "`manifest.json` in `the daemon` is malformed"),
        (with_manifest(b"[]"), "lists no image"),
        (with_manifest(&manifest("absent.json", &["1", "2"])), "has no `absent.json`"),
        (with_manifest(&manifest(&parts.config_name, &["1", "3"])), "has no `3`"),
        (with_manifest(&manifest(&parts.config_name, &["1", "../2"])), "has no `../2`"),
        (with_manifest(&manifest(&parts.config_name, &["1"])), "has 1 layers but 2 diff ids"),
        (with_manifest(&manifest(&parts.config_name, &["2", "1"])), "has the diff id"),
        (with_manifest(&manifest("1", &["1", "2"])), "an image of `the daemon` is malformed"),
        (whole[..whole.len() - 2200].to_vec(), "ends in the middle of"),
        (gzip[..gzip.len() - 100].to_vec(), "could not read"),
        (broken_gzip, "could not read"),
        (
            raw_tar(&[Member::File(&parts.config_name, b"{}"), Member::File("manifest.json", &listed)]),
            "has the digest",
        ),
        (
            raw_tar(&[
                config(),
                Member::Symlink("1", "2"),
                Member::Symlink("2", "1"),
                Member::File("manifest.json", &listed),
            ]),
            "has no `1`",
        ),
        (raw_tar(&[Member::File("../outside", b"x")]), "`../outside` that leads out of it"),
        (raw_tar(&[Member::File("a/../../outside", b"x")]), "leads out of it"),
        (raw_tar(&[Member::Symlink("1", "/etc/shadow")]), "`1` that leads out of it"),
        (raw_tar(&[Member::Symlink("a/1", "../../etc/shadow")]), "leads out of it"),
        (raw_tar(&[Member::HardLink("1", "../../etc/shadow")]), "leads out of it"),
    ];
    for (archive, words) in cases {
        let test = TestStore::new();
        let error = import_bytes(&test.store, &archive).unwrap_err();
        assert!(error.to_string().contains(words), "expected {words}: {error}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{words}: {error:?}");
        assert!(test.store.list().unwrap().is_empty(), "{words}");
        assert!(names_in(&test.store.root().join("tmp")).is_empty(), "{words}");
    }
}

#[test]
fn a_broken_compressed_layer_is_named() {
    let parts = parts();
    let [one, two] = &parts.layers;
    let gzip = compress(one, Compression::default());
    let archive = raw_tar(&[
        Member::File(&parts.config_name, &parts.config),
        Member::File("1", &gzip[..gzip.len() - 5]),
        Member::File("2", two),
        Member::File("manifest.json", &manifest(&parts.config_name, &["1", "2"])),
    ]);
    let test = TestStore::new();
    let error = import_bytes(&test.store, &archive).unwrap_err();
    assert!(error.to_string().contains("layer `1` in `the daemon` is not usable"), "{error}");
}

#[test]
fn what_goes_out_comes_back_the_same_image() {
    let test = TestStore::new();
    let gzip = put_layer(&test.store, &tar(&[file("g", "g")]), Compression::default());
    let zstd =
        put_layer(&test.store, &tar(&[file("z", &"z".repeat(10_000))]), Compression::Zstd { level: 3 });
    let plain = put_layer(&test.store, &tar(&[file("p", "p")]), Compression::None);
    let image = image_of(&[gzip.clone(), zstd.clone(), plain, gzip.clone()]);
    let names = [name("demo/a:1"), name("registry.example/b:2")];
    let record = test.store.put_image(&image.manifest, &image.config, &names).unwrap();
    for file_name in ["image.tar", "image.tar.gz", "image.tar.zst", "again.tar"] {
        let path = test.folder.path().join(file_name);
        let target = ExportTarget::DockerArchive(path.clone());
        test.store.export(&record, &record.names, &target, &mut quiet).unwrap();
        let there = TestStore::new();
        let imported = import_file(&there.store, &path).unwrap();
        assert_eq!((imported[0].id.clone(), &imported[0].names), (record.id.clone(), &record.names));
        let found = there.store.image(&imported[0].manifest).unwrap();
        there.store.validate_stored(&found).unwrap();
        assert_eq!(found.manifest.layers[0].digest, gzip.digest, "gzip layers stay as they are");
        assert_eq!(found.manifest.layers[1].media_type, MediaType::LayerGzip, "zstd layers do not");
    }
    let read = |name: &str| fs::read(test.folder.path().join(name)).unwrap();
    assert_eq!(read("image.tar"), read("again.tar"));
    let names: Vec<String> = tar_names(&test.folder.path().join("image.tar"));
    assert_eq!(names.len(), 5, "a layer that is there twice is written once: {names:?}");
    assert_eq!(names[0], "manifest.json");
}

fn tar_names(path: &PathBuf) -> Vec<String> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

#[test]
fn a_second_import_compresses_nothing() {
    let test = TestStore::new();
    let (record, _) = put_image(&test.store, &[vec![file("a", "a")]], &["demo/a:1"]);
    let path = test.folder.path().join("image.tar");
    test.store
        .export(&record, &record.names, &ExportTarget::DockerArchive(path.clone()), &mut quiet)
        .unwrap();
    let there = TestStore::new();
    let first = import_file(&there.store, &path).unwrap();
    let layer = there.store.image(&first[0].manifest).unwrap().manifest.layers[0].digest.clone();
    let written = fs::metadata(there.store.blob_path(&layer)).unwrap().modified().unwrap();
    assert_eq!(import_file(&there.store, &path).unwrap(), first);
    assert_eq!(fs::metadata(there.store.blob_path(&layer)).unwrap().modified().unwrap(), written);
    // A blob that went missing is made again.
    fs::remove_file(there.store.blob_path(&layer)).unwrap();
    assert_eq!(import_file(&there.store, &path).unwrap(), first);
    assert!(there.store.has_blob(&layer));
}

#[test]
fn a_stream_that_breaks_off_is_told() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            self.0 -= 1;
            buffer[0] = b'a';
            Ok(1)
        }
    }
    let test = TestStore::new();
    let source =
        ImportSource::DockerStream { origin: "the daemon".to_owned(), reader: Box::new(Broken(1000)) };
    let error = test.store.import(source, None, &mut quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(names_in(&test.store.root().join("tmp")).is_empty());
}
