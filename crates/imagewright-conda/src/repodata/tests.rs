use std::fs;
use std::path::Path;

use imagewright_oci::Digest;
use imagewright_testkit::conda::{self, CondaPackage, Format, Index};

use super::*;
use crate::{Channel, Package};

const SUBDIR: &str = if cfg!(target_arch = "aarch64") { "linux-aarch64" } else { "linux-64" };

fn channel() -> Channel {
    Channel::new("team").unwrap()
}

fn fill(folder: &Path, index: Index) {
    let mut channel = conda::Channel::new(folder, index);
    channel.add(&CondaPackage::new("a", "1.0").depends("b >=1"), Format::Conda).unwrap();
    channel.add(&CondaPackage::new("a-more", "1.0"), Format::Conda).unwrap();
    channel.add(&CondaPackage::new("a", "2.0"), Format::Conda).unwrap();
    channel.add(&CondaPackage::new("a", "1.0"), Format::TarBz2).unwrap();
}

fn shown(packages: &[Package]) -> Vec<(String, String)> {
    let mut shown: Vec<_> =
        packages.iter().map(|package| (package.file(), package.url().to_string())).collect();
    shown.sort();
    shown
}

fn expected() -> Vec<(String, String)> {
    ["a-1.0-0.conda", "a-1.0-0.tar.bz2", "a-2.0-0.conda"]
        .map(|file| (file.to_owned(), format!("https://channels.invalid/team/{SUBDIR}/{file}")))
        .to_vec()
}

fn table(text: &str) -> Result<Table<Vec<u8>>, RepodataError> {
    let mut bytes = Vec::new();
    write_table(text.as_bytes(), &mut bytes)?;
    Table::open(bytes)
}

#[test]
fn names_are_looked_up_in_one_document() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), Index::Json);
    let text = fs::read_to_string(folder.path().join(SUBDIR).join("repodata.json")).unwrap();
    let table = table(&text).unwrap();
    let packages = table.packages(&channel(), SUBDIR, "a").unwrap();
    assert_eq!(shown(&packages), expected());
    assert!(table.packages(&channel(), SUBDIR, "b").unwrap().is_empty());
    let first = packages.iter().find(|package| package.file() == "a-1.0-0.conda").unwrap();
    assert_eq!(first.needs().collect::<Vec<_>>(), ["b"]);
    let bytes = fs::read(folder.path().join(SUBDIR).join("a-1.0-0.conda")).unwrap();
    assert_eq!((first.sha256(), first.size()), (Some(Digest::of(&bytes)), Some(bytes.len() as u64)));
    assert_eq!(first.channel(), Some(channel()));
}

#[test]
fn names_are_looked_up_in_shards() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), Index::Shards);
    let folder = folder.path().join(SUBDIR);
    let index = fs::read(folder.join("repodata_shards.msgpack.zst")).unwrap();
    let index = ShardIndex::parse(&channel(), SUBDIR, &index).unwrap();
    let place = index.place("a").unwrap();
    let name = format!("{}.msgpack.zst", place.sha256.hex());
    assert_eq!(place.url.as_str(), format!("https://channels.invalid/team/{SUBDIR}/shards/{name}"));
    let shard = fs::read(folder.join("shards").join(name)).unwrap();
    assert_eq!(Digest::of(&shard), place.sha256);
    let packages = index.packages(&shard).unwrap();
    assert_eq!(shown(&packages), expected());
    assert!(packages.iter().all(|package| package.sha256().is_some() && package.md5().is_some()));
    assert_eq!(index.place("b"), None);
}

#[test]
fn packages_may_lie_elsewhere() {
    let record = r#"{"build":"0","build_number":0,"depends":[],"name":"A","subdir":"noarch","version":"1"}"#;
    let list = |base: &str| {
        format!(
            r#"{{"info":{{"subdir":"noarch","base_url":"{base}"}},"packages":{{"a-1-0.tar.bz2":{record}}},"v9":[1]}}"#
        )
    };
    for (base, expected) in [
        ("../files", "https://channels.invalid/team/files/a-1-0.tar.bz2"),
        ("https://mirror.example/files/", "https://mirror.example/files/a-1-0.tar.bz2"),
    ] {
        let packages = table(&list(base)).unwrap().packages(&channel(), "noarch", "a").unwrap();
        assert_eq!(packages[0].url().as_str(), expected);
    }
    for base in ["file:///etc", "ftp://mirror.example/x"] {
        let error = table(&list(base)).unwrap().packages(&channel(), "noarch", "a").unwrap_err();
        assert!(matches!(error, RepodataError::Address(_)), "{error:?}");
    }
    for base in ["https://me:word@mirror.example/x", "https://mirror.example/t/word/x"] {
        let error = table(&list(base)).unwrap().packages(&channel(), "noarch", "a").unwrap_err();
        assert!(matches!(error, RepodataError::Secret), "{error:?}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_passed_over() {
    let record = |name: &str, version: &str, build: &str| {
        format!(
            r#"{{"build":"{build}","build_number":0,"depends":[],"name":"{name}","subdir":"../..","version":"{version}"}}"#
        )
    };
    let list = |file: &str, record: String| format!(r#"{{"packages":{{"{file}":{record}}}}}"#);
    let of = |text: &str| table(text).unwrap().packages(&channel(), "noarch", "a").unwrap();
    assert_eq!(of(&list("a-1-0.tar.bz2", record("a", "1", "0")))[0].subdir(), "noarch");
    for text in [
        list("../../a-1-0.tar.bz2", record("a", "1", "0")),
        list("a-1-0.tar.bz2", record("a", "1", "../../x")),
        list("a-1-0.tar.bz2", record("a", "1", "x y")),
        list("a-1-0.whl", record("a", "1", "0")),
    ] {
        assert!(of(&text).is_empty(), "{text}");
    }
}

#[test]
fn what_is_no_list_is_told_so() {
    for text in [
        "",
        "[]",
        "{",
        r#"{"packages":{"a-1-0.conda":{}}}"#,
        r#"{"packages":{"a-1-0.conda":{"name":1}}}"#,
        "{} x",
    ] {
        assert!(matches!(table(text), Err(RepodataError::Json(_))), "{text}");
    }
    // Only who asks for it hears of a package that cannot be understood.
    let broken = table("{\"packages\":{\"a-1-0.conda\":{\"name\":\"a\",\n\"version\":{}}}}").unwrap();
    assert!(broken.packages(&channel(), "noarch", "b").unwrap().is_empty());
    let error = broken.packages(&channel(), "noarch", "a").unwrap_err();
    assert!(matches!(&error, RepodataError::Record { file, .. } if file == "a-1-0.conda"), "{error:?}");
    for bytes in [&b""[..], b"12345678", b"{}\x02\0\0\0\0\0\0\0", &[255; 20]] {
        assert!(Table::open(bytes.to_vec()).is_err(), "{bytes:?}");
    }
    assert!(ShardIndex::parse(&channel(), "noarch", b"no zstd").is_err());
    let not_msgpack = zstd::encode_all(&b"\xc1"[..], 1).unwrap();
    assert!(matches!(
        ShardIndex::parse(&channel(), "noarch", &not_msgpack),
        Err(RepodataError::MessagePack(_))
    ));
}
