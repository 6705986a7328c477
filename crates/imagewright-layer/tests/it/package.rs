//! Layers of packages: the same archives as by the plain writer, of parts that can be cut and joined.

use std::io::{self, Cursor, Read};

use imagewright_layer::{
    Compression, Deflated, Entry, EntryKind, LayerDigests, LayerError, PackageWriter, concatenate,
    decompress, end_of_archive,
};
use imagewright_oci::Digest;
use proptest::prelude::*;

use crate::support::{Drip, FullDisk, crc32, data, deflate, entry, file, write};

const COMPRESSIONS: [Compression; 4] = [
    Compression::None,
    Compression::Gzip { level: 1 },
    Compression::Gzip { level: 6 },
    Compression::Zstd { level: 3 },
];

/// How the contents of an entry come.
#[derive(Clone, Copy, Debug)]
enum Body {
    Plain,
    Deflated,
}

type Package = Vec<(Entry, Vec<u8>, Body)>;

/// Bodies of all sizes, around where copying begins and where chunks and runs end.
fn package(seed: u64) -> Package {
    let lengths = [0, 1, 511, 512, 1500, 3000, 20_000, 0, 131_072, 131_073, 262_144, 700_000, 100, 40_000];
    let mut entries: Package = vec![(entry("site", EntryKind::Directory), vec![], Body::Plain)];
    for (number, length) in lengths.into_iter().enumerate() {
        let at = format!("site/{}/{number}", "package".repeat(number));
        let body = if number.is_multiple_of(3) { Body::Plain } else { Body::Deflated };
        entries.push((file(&at, length), data(length, seed + number as u64), body));
    }
    let link = EntryKind::Symlink { target: "elsewhere".into() };
    entries.push((entry("site/link", link), vec![], Body::Plain));
    entries
}

fn append<W: io::Write + Send + 'static>(
    writer: &mut PackageWriter<W>,
    (entry, plain, body): &(Entry, Vec<u8>, Body),
    drip: bool,
) -> Result<(), LayerError> {
    let stream = match body {
        Body::Plain => plain.clone(),
        Body::Deflated => deflate(plain, 1 + plain.len() as u32 % 9),
    };
    let mut reader: Box<dyn Read> = match drip {
        true => Box::new(Drip(stream.as_slice())),
        false => Box::new(stream.as_slice()),
    };
    match body {
        Body::Plain => writer.append(entry, &mut reader),
        Body::Deflated => {
            let deflated = Deflated { compressed_size: stream.len() as u64, crc32: crc32(plain) };
            let mut observed = Vec::new();
            writer.append_deflated(entry, deflated, &mut reader, &mut |bytes| {
                observed.extend_from_slice(bytes);
            })?;
            assert!(observed == *plain, "{}", entry.path);
            Ok(())
        }
    }
}

/// The layer, its digests, and where it was cut: before each of these entries.
fn write_package(
    entries: &Package,
    compression: Compression,
    cuts: &[usize],
    drip: bool,
) -> (Vec<u8>, LayerDigests, Vec<u64>) {
    let mut writer = PackageWriter::new(Vec::new(), compression);
    let mut offsets = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        if cuts.contains(&number) {
            offsets.push(writer.cut().unwrap());
        }
        append(&mut writer, entry, drip).unwrap();
    }
    offsets.push(writer.cut().unwrap());
    let (layer, digests) = writer.finish().unwrap();
    (layer, digests, offsets)
}

fn plain(layer: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    decompress(layer).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn tar(entries: &Package) -> Vec<u8> {
    let entries: Vec<_> = entries.iter().map(|(entry, body, _)| (entry.clone(), body.clone())).collect();
    write(&entries)
}

#[test]
fn archives_are_those_of_the_plain_writer() {
    let entries = package(1);
    let tar = tar(&entries);
    for compression in COMPRESSIONS {
        let (layer, digests, _) = write_package(&entries, compression, &[], false);
        assert!(plain(&layer) == tar, "{compression}");
        let expected = LayerDigests {
            digest: Digest::of(&layer),
            size: layer.len() as u64,
            diff_id: imagewright_oci::DiffId::new(Digest::of(&tar)),
            uncompressed_size: tar.len() as u64,
            media_type: compression.media_type(),
        };
        assert_eq!(digests, expected, "{compression}");
    }
}

#[test]
fn bodies_are_copied_into_gzip() {
    let body = data(50_000, 3);
    let entries = vec![(file("f", body.len()), body.clone(), Body::Deflated)];
    let stream = deflate(&body, 1 + body.len() as u32 % 9);
    // The first byte may hold the mark of the last block, and that block is not in the first quarter.
    let quarter = &stream[1..stream.len() / 4];
    for level in [1, 9] {
        let (layer, ..) = write_package(&entries, Compression::Gzip { level }, &[], false);
        assert!(layer.windows(quarter.len()).any(|window| window == quarter), "level {level}");
    }
}

#[test]
fn bytes_depend_neither_on_how_bodies_are_read_nor_on_threads() {
    let entries = package(2);
    for compression in COMPRESSIONS {
        let first = write_package(&entries, compression, &[3, 9], false);
        for drip in [false, true, false] {
            assert!(write_package(&entries, compression, &[3, 9], drip) == first, "{compression}");
        }
    }
}

#[test]
fn a_part_is_one_gzip_member() {
    let entries = package(3);
    let (layer, _, offsets) = write_package(&entries, Compression::default(), &[4, 4, 11], false);
    // A second cut where there is nothing between makes no part.
    let starts = [&[0], offsets.as_slice()].concat();
    let mut ends = [offsets.as_slice(), &[layer.len() as u64]].concat();
    ends.dedup();
    let mut begun = starts;
    begun.dedup();
    assert_eq!(begun.len(), 4);
    for (start, end) in begun.into_iter().zip(ends) {
        let part = &layer[start as usize..end as usize];
        let mut member = flate2::bufread::GzDecoder::new(part);
        io::copy(&mut member, &mut io::sink()).unwrap();
        assert_eq!(member.into_inner(), b"", "nothing is left behind the first member");
    }
}

#[test]
fn joined_parts_are_the_layer_written_whole() {
    let (one, other) = (package(4), package(5));
    let whole = [one.clone(), other.clone()].concat();
    for compression in COMPRESSIONS {
        let end = end_of_archive(compression).unwrap();
        let segment = |entries: &Package| {
            let (layer, _, offsets) = write_package(entries, compression, &[1], false);
            let cut = |from: u64, to: u64| layer[from as usize..to as usize].to_vec();
            assert_eq!(cut(offsets[1], layer.len() as u64), end);
            (cut(0, offsets[0]), cut(offsets[0], offsets[1]))
        };
        let ((one_parent, one), (other_parent, other)) = (segment(&one), segment(&other));
        let parts = [one_parent, one, other_parent, other, end.clone()];
        let readers =
            parts.iter().map(|part| Ok(Box::new(Cursor::new(part.clone())) as Box<dyn Read + Send>));
        let (layer, digests) = concatenate(Vec::new(), compression, readers).unwrap();
        assert!(layer == parts.concat(), "{compression}");
        let (written, expected, _) =
            write_package(&whole, compression, &[1, package(4).len(), package(4).len() + 1], false);
        assert!(layer == written, "{compression}");
        assert_eq!(digests, expected, "{compression}");
        assert!(plain(&layer) == tar(&whole), "{compression}");
    }
}

#[test]
fn an_empty_package_is_the_end_of_an_archive() {
    for compression in COMPRESSIONS {
        let (layer, digests) = PackageWriter::new(Vec::new(), compression).finish().unwrap();
        assert_eq!(layer, end_of_archive(compression).unwrap());
        assert_eq!(plain(&layer), [0; 1024]);
        assert_eq!(digests.uncompressed_size, 1024);
    }
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let gzip = Compression::default();
    let join = |parts: Vec<io::Result<Vec<u8>>>| {
        let readers = parts
            .into_iter()
            .map(|part| part.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>));
        concatenate(Vec::new(), gzip, readers).map(|_| ()).unwrap_err().kind()
    };
    let (layer, _, offsets) = write_package(&package(6), gzip, &[], false);
    let segment = &layer[..offsets[0] as usize];
    let end = || Ok(end_of_archive(gzip).unwrap());
    assert_eq!(join(vec![]), io::ErrorKind::InvalidData);
    assert_eq!(join(vec![Ok(segment.to_vec())]), io::ErrorKind::InvalidData);
    assert_eq!(join(vec![end(), Ok(segment.to_vec())]), io::ErrorKind::InvalidData);
    assert_eq!(join(vec![Ok(segment[..segment.len() - 1].to_vec()), end()]), io::ErrorKind::InvalidInput);
    assert_eq!(join(vec![Err(io::ErrorKind::NotFound.into()), end()]), io::ErrorKind::NotFound);
    let disk = FullDisk::with_room(1000);
    let readers = [Ok(Box::new(Cursor::new(segment.to_vec())) as Box<dyn Read + Send>)];
    assert_eq!(concatenate(disk, gzip, readers).map(|_| ()).unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn entries_without_contents_have_no_stream() {
    let mut writer = PackageWriter::new(Vec::new(), Compression::default());
    let deflated = Deflated { compressed_size: 2, crc32: 0 };
    let directory = entry("d", EntryKind::Directory);
    let error =
        writer.append_deflated(&directory, deflated, &mut [3, 0].as_slice(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LayerError::Unrepresentable { .. }), "{error}");
}

#[test]
fn a_full_disk_comes_back_as_such_and_leaves_no_thread() {
    let entries = package(7);
    for compression in COMPRESSIONS {
        for room in [0, 1, 10_000] {
            let disk = FullDisk::with_room(room);
            let alive = disk.alive();
            let mut writer = PackageWriter::new(disk, compression);
            let mut failed = None;
            // More than any queue holds.
            for entry in entries.iter().cycle().take(entries.len() * 20) {
                if let Err(error) = append(&mut writer, entry, false) {
                    failed = Some(error);
                    break;
                }
            }
            let failed = failed.or_else(|| writer.cut().err());
            assert!(writer.cut().is_err(), "it stays broken");
            assert!(writer.finish().is_err());
            let kind = match failed {
                Some(LayerError::Write { source }) => source.kind(),
                other => panic!("{other:?}"),
            };
            assert_eq!(kind, io::ErrorKind::StorageFull, "{compression}, room {room}");
            assert_eq!(std::sync::Arc::strong_count(&alive), 1);
        }
    }
}

#[test]
fn dropped_unfinished_it_leaves_no_thread() {
    for compression in COMPRESSIONS {
        let disk = FullDisk::with_room(usize::MAX);
        let alive = disk.alive();
        let mut writer = PackageWriter::new(disk, compression);
        package(8).iter().for_each(|entry| append(&mut writer, entry, false).unwrap());
        drop(writer);
        assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    }
}

#[test]
fn a_panic_of_the_stream_below_surfaces() {
    struct Panics;
    impl io::Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("on purpose")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = PackageWriter::new(Panics, Compression::default());
    writer.append(&file("f", 1), &mut b"x".as_slice()).unwrap();
    let LayerError::Write { source } = writer.cut().unwrap_err() else { panic!() };
    assert!(source.to_string().contains("panicked"), "{source}");
}

#[test]
fn levels_that_do_not_exist_are_errors() {
    let writer = PackageWriter::new(Vec::new(), Compression::Gzip { level: 13 });
    let LayerError::Write { source } = writer.finish().unwrap_err() else { panic!() };
    assert_eq!(source.kind(), io::ErrorKind::InvalidInput);
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
    let (before, mut seen, mut most) = (resident(), 0, 0);
    let entry = file("zeroes", SIZE as usize);
    let observe = &mut |bytes: &[u8]| {
        seen += bytes.len() as u64;
        if seen.is_multiple_of(16 << 20) {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_package_is_the_archive_of_the_plain_writer(
        bodies in prop::collection::vec((0..60_000_usize, 0..4_u64, any::<bool>()), 0..12),
        cuts in prop::collection::vec(0..12_usize, 0..3),
    ) {
        let entries: Package = bodies
            .iter()
            .enumerate()
            .map(|(number, (length, seed, deflated))| {
                let body = if *deflated { Body::Deflated } else { Body::Plain };
                (file(&format!("f{number}"), *length), data(*length, *seed), body)
            })
            .collect();
        for compression in COMPRESSIONS {
            let (layer, digests, _) = write_package(&entries, compression, &cuts, false);
            prop_assert!(plain(&layer) == tar(&entries));
            prop_assert_eq!(digests.digest, Digest::of(&layer));
        }
    }
}
