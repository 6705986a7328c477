//! Layers of packages: the same archives as by the plain writer, of parts that can be cut and joined.

use std::io::{self, Cursor, Read};

use imagewright_layer::{
    Compression, Deflated, Entry, EntryKind, LayerDigests, LayerError, PackageWriter, concatenate,
    decompress, end_of_archive,
};
use imagewright_oci::Digest;
use proptest::prelude::*;

use crate::support::{Drip, FullDisk, crc32, data, deflate, entry, file, write};

pub(crate) const COMPRESSIONS: [Compression; 4] = [
    Compression::None,
    Compression::Gzip { level: 1 },
    Compression::Gzip { level: 6 },
    Compression::Zstd { level: 3 },
];

/// An entry, its contents, and the stream they come as where they come compressed.
type Item = (Entry, Vec<u8>, Option<Vec<u8>>);
type Package = Vec<Item>;

/// A file whose contents come compressed at some level.
fn deflated(entry: Entry, plain: Vec<u8>) -> Item {
    let stream = deflate(&plain, 1 + plain.len() as u32 % 9);
    (entry, plain, Some(stream))
}

/// Bodies of all sizes, around where copying begins and where chunks and runs end.
fn package(seed: u64) -> Package {
    let lengths = [0, 1, 511, 512, 1500, 3000, 20_000, 0, 131_072, 131_073, 262_144, 700_000, 100, 40_000];
    let mut entries: Package = vec![(entry("site", EntryKind::Directory), vec![], None)];
    for (number, length) in lengths.into_iter().enumerate() {
        let at = format!("site/{}/{number}", "package".repeat(number));
        let (entry, plain) = (file(&at, length), data(length, seed + number as u64));
        entries.push(if number.is_multiple_of(3) { (entry, plain, None) } else { deflated(entry, plain) });
    }
    let link = EntryKind::Symlink { target: "elsewhere".into() };
    entries.push((entry("site/link", link), vec![], None));
    entries
}

fn append<W: io::Write + Send + 'static>(
    writer: &mut PackageWriter<W>,
    (entry, plain, stream): &Item,
    drip: bool,
) -> Result<(), LayerError> {
    let bytes = stream.as_ref().unwrap_or(plain).as_slice();
    let mut reader: Box<dyn Read> = if drip { Box::new(Drip(bytes)) } else { Box::new(bytes) };
    if stream.is_none() {
        return writer.append(entry, &mut reader);
    }
    let deflated = Deflated { compressed_size: bytes.len() as u64, crc32: crc32(plain) };
    let mut observed = Vec::new();
    writer.append_deflated(entry, deflated, &mut reader, &mut |bytes| observed.extend_from_slice(bytes))?;
    assert!(observed == *plain, "{}", entry.path);
    Ok(())
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
    let entries = vec![deflated(file("f", body.len()), body)];
    let stream = entries[0].2.as_ref().unwrap();
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
        #[expect(
            clippy::disallowed_types,
            reason = "it stops after the first member, which is what is asked"
        )]
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
            .map(|(number, (length, seed, comes_deflated))| {
                let (entry, plain) = (file(&format!("f{number}"), *length), data(*length, *seed));
                if *comes_deflated { deflated(entry, plain) } else { (entry, plain, None) }
            })
            .collect();
        for compression in COMPRESSIONS {
            let (layer, digests, _) = write_package(&entries, compression, &cuts, false);
            prop_assert!(plain(&layer) == tar(&entries));
            prop_assert_eq!(digests.digest, Digest::of(&layer));
        }
    }
}
