//! What is written is what is read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use imagewright_layer::{Entry, EntryKind, LayerError, LayerPath, LayerReader, LayerWriter};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::support::{Drip, data, entry, file, path, read, write};

/// A name of a file: any bytes but zero and slash, not `.` or `..`, and none of those kept for whiteouts.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => b'a'..=b'z', 1 => (1..=255u8).prop_filter("no slash", |byte| *byte != b'/')];
    let lengths = prop_oneof![6 => 1..12usize, 1 => 90..120usize, 1 => 250..256usize];
    lengths
        .prop_flat_map(move |length| vec(byte.clone(), length))
        .prop_filter("special", |name| !matches!(name.as_slice(), b"." | b"..") && !name.starts_with(b".wh."))
}

fn layer_path() -> impl Strategy<Value = LayerPath> {
    vec(name(), 1..5).prop_map(|names| LayerPath::parse(&names.join(&b'/')).unwrap())
}

/// A kind with the contents of the file, should it be one.
fn kind() -> impl Strategy<Value = (EntryKind, Vec<u8>)> {
    let numbers = || (0..=0xfffu32, 0..=0xf_ffffu32);
    let target = vec(1..=255u8, 1..300).prop_map(|bytes| OsString::from_vec(bytes).into());
    let without = |kind: EntryKind| (kind, Vec::new());
    prop_oneof![
        4 => vec(any::<u8>(), 0..1500)
            .prop_map(|body| (EntryKind::File { size: body.len() as u64 }, body)),
        2 => Just(EntryKind::Directory).prop_map(without),
        1 => target.prop_map(|target| EntryKind::Symlink { target }).prop_map(without),
        1 => layer_path().prop_map(|target| EntryKind::HardLink { target }).prop_map(without),
        1 => numbers().prop_map(|(major, minor)| EntryKind::CharDevice { major, minor }).prop_map(without),
        1 => numbers().prop_map(|(major, minor)| EntryKind::BlockDevice { major, minor }).prop_map(without),
        1 => Just(EntryKind::Fifo).prop_map(without),
        1 => Just(EntryKind::Whiteout).prop_map(without),
        1 => Just(EntryKind::OpaqueDirectory).prop_map(without),
    ]
}

fn xattrs() -> impl Strategy<Value = BTreeMap<OsString, Vec<u8>>> {
    let name = "(user|security|trusted)\\.[a-z.]{1,20}".prop_map(OsString::from);
    prop_oneof![3 => Just(BTreeMap::new()), 1 => btree_map(name, vec(any::<u8>(), 0..80), 1..4)]
}

prop_compose! {
    fn any_entry()(
        path in layer_path(),
        (kind, body) in kind(),
        mode in 0..=0o7777u32,
        uid in prop_oneof![3 => 0..2000u32, 1 => 0..u32::MAX],
        gid in prop_oneof![3 => 0..2000u32, 1 => 0..u32::MAX],
        mtime in prop_oneof![3 => 0..2_000_000_000i64, 1 => 0..i64::MAX],
        xattrs in xattrs(),
    ) -> (Entry, Vec<u8>) {
        (Entry { path, kind, mode, uid, gid, mtime, xattrs }, body)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entries_come_back(entries in vec(any_entry(), 0..8)) {
        let tar = write(&entries);
        prop_assert_eq!(tar.len() % 512, 0);
        prop_assert_eq!(&write(&entries), &tar);
        prop_assert_eq!(read(&tar).unwrap(), entries);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        entries in vec(any_entry(), 1..4),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut tar = write(&entries);
        for (at, byte) in changes {
            let at = at.index(tar.len());
            tar[at] = byte;
            renew_checksum(&mut tar[at / 512 * 512..][..512]);
        }
        let _ = read(&tar);
        let _ = read(&tar[..cut.index(tar.len())]);
    }
}

/// Makes a block a header again, so that a change in one is not found by its checksum.
fn renew_checksum(block: &mut [u8]) {
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    header.set_cksum();
    block.copy_from_slice(header.as_bytes());
}

#[test]
fn numbers_beyond_ustar_come_back() {
    // The contents of so large a file would take too long, so the header alone is looked at.
    let size = 9 << 30;
    let large = Entry {
        uid: u32::MAX - 1,
        gid: 2_097_152,
        mtime: i64::MAX,
        ..entry("large", EntryKind::File { size })
    };
    let mut tar = Vec::new();
    let error = LayerWriter::new(&mut tar).append(&large, &mut std::io::empty()).unwrap_err();
    assert!(matches!(error, LayerError::BodySize { .. }), "{error}");
    let mut seen = None;
    let result = LayerReader::new(tar.as_slice()).for_each(|entry, _| {
        seen = Some(entry);
        Ok::<_, LayerError>(())
    });
    assert_eq!(seen, Some(large));
    assert!(matches!(result, Err(LayerError::Truncated { within }) if within == "`large`"));
}

#[test]
fn negative_times_are_written_as_the_epoch() {
    let tar = write(&[(Entry { mtime: -1, ..file("f", 0) }, Vec::new())]);
    assert_eq!(read(&tar).unwrap()[0].0.mtime, 0);
}

#[test]
fn plain_entries_need_one_header() {
    let root = entry("", EntryKind::Directory);
    assert_eq!(write(&[(root.clone(), Vec::new())]).len(), 512 + 1024);
    assert_eq!(read(&write(&[(root.clone(), Vec::new())])).unwrap(), [(root, Vec::new())]);
    assert_eq!(write(&[]), vec![0; 1024]);
    let split = format!("{}/{}", "d".repeat(155), "f".repeat(100));
    assert_eq!(write(&[(file(&split, 0), Vec::new())]).len(), 512 + 1024);
}

#[test]
fn readers_that_give_little_at_a_time_make_no_difference() {
    let body = data(3000, 4);
    let entries = [(file(&"d/".repeat(200), 3000), body), (file("g", 0), Vec::new())];
    let mut seen = Vec::new();
    LayerReader::new(Drip(write(&entries).as_slice()))
        .for_each(|entry, body| {
            let mut contents = Vec::new();
            body.read_to_end(&mut contents).unwrap();
            seen.push((entry, contents));
            Ok::<_, LayerError>(())
        })
        .unwrap();
    assert_eq!(seen, entries);
}

#[test]
fn contents_need_not_be_read_and_everything_behind_the_end_is() {
    let entries = [(file("a", 3000), data(3000, 4)), (file("b", 1), vec![1])];
    let padded = [write(&entries), vec![0; 4096]].concat();
    let mut rest = padded.as_slice();
    let mut names = Vec::new();
    LayerReader::new(&mut rest)
        .for_each(|entry, _| {
            names.push(entry.path);
            Ok::<_, LayerError>(())
        })
        .unwrap();
    assert_eq!(names, [path("a"), path("b")]);
    assert!(rest.is_empty());
}

#[test]
fn what_a_tar_cannot_say_is_refused() {
    let long = "t".repeat(4096);
    let xattr = |name: &str, size| Entry { xattrs: [(name.into(), vec![0; size])].into(), ..file("f", 0) };
    let cases = [
        (entry("", EntryKind::Fifo), "root"),
        (entry("", EntryKind::Whiteout), "root"),
        (file("d/.wh.f", 0), ".wh."),
        (file(".wh.d/f", 0), ".wh."),
        (entry("l", EntryKind::Symlink { target: "".into() }), "target"),
        (entry("l", EntryKind::Symlink { target: "a\0b".into() }), "target"),
        (entry("l", EntryKind::Symlink { target: long.into() }), "target"),
        (entry("l", EntryKind::HardLink { target: path("") }), "target"),
        (entry("l", EntryKind::HardLink { target: path("d/.wh.f") }), "target"),
        (entry("c", EntryKind::CharDevice { major: 4096, minor: 0 }), "device"),
        (entry("b", EntryKind::BlockDevice { major: 0, minor: 1 << 20 }), "device"),
        (xattr("user.a=b", 0), "attribute"),
        (xattr("", 0), "attribute"),
        (xattr("user.large", 1 << 20), "1 MiB"),
    ];
    for (entry, about) in cases {
        let error = LayerWriter::new(Vec::new()).append(&entry, &mut std::io::empty()).unwrap_err();
        assert!(matches!(error, LayerError::Unrepresentable { .. }), "{error}");
        assert!(error.to_string().contains(about), "{error}");
    }
}

#[test]
fn contents_of_another_size_are_refused() {
    for length in [0, 4, 6, 70_000] {
        let body = vec![0; length];
        let error = LayerWriter::new(Vec::new()).append(&file("f", 5), &mut body.as_slice()).unwrap_err();
        assert!(matches!(error, LayerError::BodySize { expected: 5, .. }), "{error}");
    }
}
