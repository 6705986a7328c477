//! The bytes of layers at the versions the crate states. Where one of these digests changes, raise the version first.

use std::io::Write;

use imagewright_layer::{
    Compression, Deflated, Entry, EntryKind, LayerEncoder, LayerWriter, PACKAGE_VERSION, PackageWriter,
    TRANSFORM_VERSION,
};
use libdeflater::{CompressionLvl, Compressor};

use crate::support::{crc32, data, entry, file, path};

fn entries() -> Vec<(Entry, Vec<u8>)> {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let xattrs = [("security.capability".into(), vec![1, 0, 0, 2, b'\n', b'='])].into();
    vec![
        (entry("", EntryKind::Directory), vec![]),
        (Entry { mode: 0o4755, uid: 3_000_000, gid: 7, mtime: 86_400, ..file("su", 5) }, b"12345".to_vec()),
        (file(&long, 3_000_000), data(3_000_000, 1)),
        (entry("l", EntryKind::Symlink { target: "t".repeat(150).into() }), vec![]),
        (entry("h", EntryKind::HardLink { target: path(&long) }), vec![]),
        (entry("null", EntryKind::CharDevice { major: 1, minor: 3 }), vec![]),
        (entry("etc/gone", EntryKind::Whiteout), vec![]),
        (entry("opt", EntryKind::OpaqueDirectory), vec![]),
        (Entry { xattrs, ..file("x", 700) }, data(700, 2)),
    ]
}

fn libdeflate(plain: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(6).unwrap());
    let mut stream = vec![0; compressor.deflate_compress_bound(plain.len())];
    let length = compressor.deflate_compress(plain, &mut stream).unwrap();
    stream.truncate(length);
    stream
}

#[test]
fn layers_have_the_bytes_of_their_version() {
    let mut tar = LayerWriter::new(Vec::new());
    entries().iter().for_each(|(entry, body)| tar.append(entry, &mut body.as_slice()).unwrap());
    let tar = tar.finish().unwrap();
    let digest = |compression: &str| {
        let mut encoder = LayerEncoder::new(Vec::new(), compression.parse().unwrap(), 2);
        encoder.write_all(&tar).unwrap();
        encoder.finish().unwrap().1.digest.hex().to_owned()
    };
    let announced = {
        let mut writer = LayerWriter::new(LayerEncoder::new(Vec::new(), Compression::default(), 2));
        for (entry, body) in entries() {
            writer.get_mut().announce(&entry).unwrap();
            writer.append(&entry, &mut body.as_slice()).unwrap();
        }
        writer.finish().unwrap().finish().unwrap().1.digest.hex().to_owned()
    };
    let found = ["none", "gzip", "gzip:1", "zstd"].map(digest);
    let expected = [
        "3ac4c0c83703c62258feb0a8f72b569973a6b7f8145a6a95c4f0f841d0f267c3",
        "42234c09c17aae4f994dcb5e01d1117e7a8d2866ae5666c40eff83b11d6d0166",
        "e119a9d11b17c7e01c3c258fd95b594a70fe35e319c51f6661b6d2e84360b1ce",
        "fb8daec8ff05613100c3490e6abc6d5c410056f31c74ea7d89ed3701d9c7ce32",
    ];
    assert_eq!((TRANSFORM_VERSION, found), (2, expected.map(str::to_owned)));
    assert_eq!(announced, "3c07397342152f825ea2a7c93d25bfa3b941bd9351f9c5aee8332e096d36ad16");
}

#[test]
fn layers_of_packages_have_the_bytes_of_their_version() {
    let digest = |compression: &str| {
        let compression: Compression = compression.parse().unwrap();
        let mut writer = PackageWriter::new(Vec::new(), compression);
        for (entry, body) in entries() {
            if body.is_empty() {
                writer.append(&entry, &mut std::io::empty()).unwrap();
                writer.cut().unwrap();
                continue;
            }
            let stream = libdeflate(&body);
            let deflated = Deflated { compressed_size: stream.len() as u64, crc32: crc32(&body) };
            writer.append_deflated(&entry, deflated, &mut stream.as_slice(), &mut |_| {}).unwrap();
        }
        writer.finish().unwrap().1.digest.hex().to_owned()
    };
    let found = ["none", "gzip", "gzip:1", "zstd"].map(digest);
    let expected = [
        "3ac4c0c83703c62258feb0a8f72b569973a6b7f8145a6a95c4f0f841d0f267c3",
        "28f254fbd4995e19e5180bbd8353829f2fce5d49d2f453c8fb235633204d3de7",
        "64c4835d64ceb6c915ba1a939c7ede45dee1354f6c4fd989d776e28e5a3b9195",
        "36a883d8c60c608d6df6dec5ddfdce61bce9af3be27664e69dae5d906090779a",
    ];
    assert_eq!((PACKAGE_VERSION, found), (1, expected.map(str::to_owned)));
}
