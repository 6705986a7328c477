//! Compressed bodies that are not what they should be, and one that is large.

use std::io::{self, Read};

use imagewright_layer::{Compression, Deflated, EntryKind, LayerError, PackageWriter};

use crate::package::COMPRESSIONS;
use crate::support::{Drip, crc32, data, deflate, entry, file};

#[test]
fn entries_without_contents_have_no_stream() {
    let mut writer = PackageWriter::new(Vec::new(), Compression::default());
    let deflated = Deflated { compressed_size: 2, crc32: 0 };
    let directory = entry("d", EntryKind::Directory);
    let error =
        writer.append_deflated(&directory, deflated, &mut [3, 0].as_slice(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LayerError::Unrepresentable { .. }), "{error}");
}

/// What may be wrong with a stream, and what must then be said.
#[test]
fn streams_that_are_not_what_was_announced_are_errors_that_name_the_entry() {
    for length in [300, 90_000] {
        let body = data(length, 11);
        let stream = deflate(&body, 6);
        let (size, sum) = (stream.len() as u64, crc32(&body));
        let longer = [stream.as_slice(), b"x"].concat();
        let flipped: Vec<u8> =
            stream.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == size as usize / 2)).collect();
        // (the stream, its announced size, the announced sum, the size in the entry)
        let cases: [(&str, &[u8], u64, u32, usize); 8] = [
            ("another sum", &stream, size, sum ^ 1, length),
            ("a short stream", &stream[..stream.len() - 1], size, sum, length),
            ("no stream", &[], size, sum, length),
            ("a long stream", &longer, size, sum, length),
            ("a long stream, announced", &longer, size + 1, sum, length),
            ("less than the entry's size", &stream, size, sum, length + 1),
            ("more than the entry's size", &stream, size, sum, length - 1),
            ("another bit", &flipped, size, sum, length),
        ];
        for compression in COMPRESSIONS {
            for (name, stream, compressed_size, crc32, size) in cases {
                let mut writer = PackageWriter::new(Vec::new(), compression);
                let deflated = Deflated { compressed_size, crc32 };
                let mut observed = 0;
                let result = writer.append_deflated(
                    &file("site/module.py", size),
                    deflated,
                    &mut Drip(stream),
                    &mut |bytes| observed += bytes.len(),
                );
                let error = result.unwrap_err();
                let (LayerError::Crc { entry, .. } | LayerError::Deflated { entry, .. }) = &error else {
                    panic!("{name}: {error:?}")
                };
                assert_eq!(entry, "site/module.py", "{name}");
                assert!(error.hint().is_some(), "{name}");
                assert!(observed <= size, "{name}");
                if name == "another sum" {
                    assert!(
                        matches!(error, LayerError::Crc { expected, found, .. } if expected == sum ^ 1 && found == sum)
                    );
                }
            }
        }
    }
}

#[test]
fn a_reader_that_fails_is_told_with_its_entry() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let mut writer = PackageWriter::new(Vec::new(), Compression::default());
    let deflated = Deflated { compressed_size: 9000, crc32: 0 };
    let error = writer.append_deflated(&file("f", 9), deflated, &mut Fails, &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, LayerError::Body { entry, source }
            if entry == "f" && source.kind() == io::ErrorKind::ConnectionReset),
        "{error:?}"
    );
}

/// The memory this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_large_body_is_never_held() {
    const SIZE: u64 = 300 << 20;
    let stream = || {
        let zeroes = io::repeat(0).take(SIZE);
        flate2::read::DeflateEncoder::new(zeroes, flate2::Compression::fast())
    };
    let compressed_size = io::copy(&mut stream(), &mut io::sink()).unwrap();
    let mut crc = flate2::Crc::new();
    (0..SIZE >> 20).for_each(|_| crc.update(&[0; 1 << 20]));
    let deflated = Deflated { compressed_size, crc32: crc.sum() };
    let mut writer = PackageWriter::new(io::sink(), Compression::default());
    let (before, mut seen, mut next, mut most) = (resident(), 0, 0, 0);
    let entry = file("zeroes", SIZE as usize);
    let observe = &mut |bytes: &[u8]| {
        seen += bytes.len() as u64;
        if seen > next {
            next += 16 << 20;
            most = most.max(resident());
        }
    };
    writer.append_deflated(&entry, deflated, &mut stream(), observe).unwrap();
    let (_, digests) = writer.finish().unwrap();
    assert_eq!(digests.uncompressed_size, SIZE + 512 + 1024);
    assert!(digests.size < SIZE / 100);
    // Other tests may run in this process, so the limit is generous.
    assert!(most > 0 && most < before + SIZE / 2, "{most} bytes, {before} before");
}

/// A bomb is noticed as soon as it is larger than its entry, not when it has gone off.
#[test]
fn a_bomb_stops_at_the_size_of_its_entry() {
    let bomb = deflate(&vec![0; 50 << 20], 9);
    for compression in COMPRESSIONS {
        let mut writer = PackageWriter::new(Vec::new(), compression);
        let deflated = Deflated { compressed_size: bomb.len() as u64, crc32: 0 };
        let mut stream = bomb.as_slice();
        let result = writer.append_deflated(&file("bomb", 1000), deflated, &mut stream, &mut |_| {
            panic!("nothing of it is handed on")
        });
        let error = result.unwrap_err();
        assert!(matches!(&error, LayerError::Deflated { entry, .. } if entry == "bomb"), "{error}");
    }
}
