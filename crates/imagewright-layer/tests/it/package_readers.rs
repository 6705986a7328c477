//! What other programs say of layers made of copied streams.

use std::fs;
use std::process::Command;

use imagewright_layer::{Compression, Deflated, PackageWriter};

use crate::support::{crc32, data, deflate, file};
use crate::system_tar::{has, run};

/// A layer of many bodies, most of them copied, in three parts; with the names in it.
fn layer() -> (Vec<u8>, Vec<String>, Vec<Vec<u8>>) {
    let mut writer = PackageWriter::new(Vec::new(), Compression::default());
    let (mut names, mut bodies) = (Vec::new(), Vec::new());
    for number in 0..120_usize {
        let (name, body) = (format!("site/{number:03}"), data(number * number * 7, number as u64));
        let stream = deflate(&body, number as u32 % 10);
        let deflated = Deflated { compressed_size: stream.len() as u64, crc32: crc32(&body) };
        let entry = file(&name, body.len());
        writer.append_deflated(&entry, deflated, &mut stream.as_slice(), &mut |_| {}).unwrap();
        if number.is_multiple_of(50) {
            writer.cut().unwrap();
        }
        names.push(name);
        bodies.push(body);
    }
    (writer.finish().unwrap().0, names, bodies)
}

#[test]
fn gzip_and_tar_take_layers_of_packages() {
    if !has("gzip") || !has("tar") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("layer.tar.gz");
    let (layer, names, bodies) = layer();
    fs::write(&at, layer).unwrap();
    run(Command::new("gzip").arg("--test").arg(&at), b"");
    let listed = run(Command::new("tar").arg("-tzf").arg(&at), b"");
    assert_eq!(String::from_utf8(listed).unwrap().lines().collect::<Vec<_>>(), names);
    run(Command::new("tar").arg("-xzf").arg(&at).arg("-C").arg(folder.path()), b"");
    for (name, body) in names.iter().zip(bodies) {
        assert!(fs::read(folder.path().join(name)).unwrap() == body, "{name}");
    }
}

#[test]
fn pigz_takes_layers_of_packages() {
    if !has("pigz") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("layer.tar.gz");
    fs::write(&at, layer().0).unwrap();
    run(Command::new("pigz").arg("--test").arg(&at), b"");
}
