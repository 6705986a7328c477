//! Archives that nobody honest writes, and some that only look so.

use imagewright_layer::{EntryKind, LayerError};
use tar::Header;

use crate::support::{file, path, read, write};

/// A header whose name is taken as it is.
fn header(kind: u8, name: &[u8], size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkflag[0] = kind;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_cksum();
    header
}

fn changed(mut header: Header, change: impl FnOnce(&mut Header)) -> Header {
    change(&mut header);
    header.set_cksum();
    header
}

/// A header followed by its contents, padded.
fn member(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut bytes = [header.as_bytes().as_slice(), body].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn pax(records: &str) -> Vec<u8> {
    member(&header(b'x', b"pax", records.len() as u64), records.as_bytes())
}

/// `KEY=VALUE` records with their lengths.
fn records(texts: &[&str]) -> String {
    let record = |text: &&str| {
        let rest = text.len() + 2;
        let length = (rest..).find(|length| rest + length.to_string().len() == *length).unwrap();
        format!("{length} {text}\n")
    };
    texts.iter().map(record).collect()
}

fn empty(name: &[u8]) -> Vec<u8> {
    member(&header(b'0', name, 0), b"")
}

/// An empty file with an extended header in front.
fn with_records(texts: &[&str]) -> Vec<u8> {
    [pax(&records(texts)), empty(b"f")].concat()
}

fn link(kind: u8, target: &[u8]) -> Vec<u8> {
    member(&changed(header(kind, b"link", 0), |header| header.set_link_name_literal(target).unwrap()), b"")
}

fn device(kind: u8, major: u32, minor: u32) -> Vec<u8> {
    let set = |header: &mut Header| {
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
    };
    member(&changed(header(kind, b"device", 0), set), b"")
}

#[test]
fn paths_that_leave_the_root_are_refused_wherever_they_stand() {
    let archives = [
        empty(b".."),
        empty(b"../etc/passwd"),
        empty(b"/../etc/passwd"),
        empty(b"a/../../b"),
        with_records(&["path=a/../../b"]),
        with_records(&["path=a\0b"]),
        with_records(&[&format!("path={}", "d/".repeat(2100))]),
        [member(&header(b'L', b"long", 5), b"../x\0"), empty(b"f")].concat(),
        [member(&header(b'K', b"long", 5), b"../x\0"), link(b'1', b"f")].concat(),
        link(b'1', b"../etc/passwd"),
    ];
    for (number, archive) in archives.iter().enumerate() {
        let error = read(archive).unwrap_err();
        assert!(matches!(error, LayerError::Path(_)), "{number}: {error}");
    }
    assert_eq!(read(&empty(b"/etc/passwd")).unwrap()[0].0.path, path("etc/passwd"));
    let expected = EntryKind::Symlink { target: "../../etc/passwd".into() };
    let read = read(&link(b'2', b"../../etc/passwd")).unwrap();
    assert_eq!(read[0].0.kind, expected, "what a symbolic link says is free");
}

#[test]
fn whiteouts_that_name_nothing_are_refused() {
    for name in [&b".wh."[..], b"usr/.wh.", b".wh..", b"usr/.wh...", b".wh.d/f"] {
        let error = read(&empty(name)).unwrap_err();
        assert!(matches!(error, LayerError::Whiteout { .. }), "{error}");
    }
}

#[test]
fn data_of_aufs_is_passed_over() {
    let archive = [
        member(&header(b'5', b".wh..wh.plnk/", 0), b""),
        member(&header(b'0', b".wh..wh.plnk/9.1", 3), b"abc"),
        empty(b".wh..wh.aufs"),
        empty(b"f"),
    ];
    let entries = read(&archive.concat()).unwrap();
    assert_eq!(entries.iter().map(|(entry, _)| &entry.path).collect::<Vec<_>>(), [&path("f")]);
}

#[test]
fn types_no_layer_has_are_refused_by_name() {
    for kind in *b"VMDNAXZ" {
        let error = read(&member(&header(kind, b"odd", 0), b"")).unwrap_err();
        let expected = char::from(kind);
        assert!(
            matches!(&error, LayerError::Type { entry, kind } if entry == "odd" && *kind == expected),
            "{error}"
        );
    }
    for sparse in [member(&header(b'S', b"f", 0), b""), with_records(&["GNU.sparse.major=1"])] {
        let error = read(&sparse).unwrap_err();
        assert!(matches!(&error, LayerError::Sparse { entry } if entry == "f"), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn headers_that_mean_nothing_are_refused() {
    let root = |kind| member(&header(kind, b"./", 0), b"");
    let number = |field: fn(&mut tar::OldHeader) -> &mut [u8], text: &[u8]| {
        let set = |header: &mut Header| field(header.as_old_mut())[..text.len()].copy_from_slice(text);
        member(&changed(header(b'0', b"f", 0), set), b"")
    };
    let archives = [
        root(b'0'),
        root(b'2'),
        link(b'1', b""),
        link(b'1', b"./"),
        link(b'1', b".wh..wh.plnk/9.1"),
        link(b'2', b""),
        [member(&header(b'K', b"long", 4096), &[b't'; 4096]), link(b'2', b"f")].concat(),
        device(b'3', 4096, 0),
        device(b'4', 0, 1 << 20),
        number(|header| &mut header.uid, b"98x"),
        number(|header| &mut header.uid, &[0x80, 0, 0, 1, 0, 0, 0, 0]),
        number(|header| &mut header.gid, &[0xff; 8]),
        number(|header| &mut header.size, b"-1"),
        number(|header| &mut header.size, &[0xff; 12]),
        number(|header| &mut header.mode, b"rw-r--r"),
        number(|header| &mut header.mtime, b"yesterday"),
        with_records(&["uid=4294967295"]),
        with_records(&["gid=-1"]),
        with_records(&["size=18446744073709551615"]),
        with_records(&["size=1.5"]),
        with_records(&["mtime=soon"]),
        with_records(&["SCHILY.xattr.=v"]),
        with_records(&["SCHILY.xattr.a\0b=v"]),
        [pax("8 path=f\n"), empty(b"f")].concat(),
        [pax(&records(&["uid=1"])), pax(&records(&["uid=2"])), empty(b"f")].concat(),
        [member(&header(b'L', b"long", 2), b"a\0").repeat(2), empty(b"f")].concat(),
        member(&header(b'x', b"pax", 1 << 40), b""),
        member(&header(b'L', b"long", 1 << 21), b""),
    ];
    for (number, archive) in archives.iter().enumerate() {
        let error = read(archive).unwrap_err();
        assert!(matches!(error, LayerError::MalformedHeader { .. }), "{number}: {error}");
    }
}

#[test]
fn archives_that_end_too_early_are_refused() {
    let whole = write(&[(file("a", 600), vec![1; 600]), (file("b", 1), vec![1])]);
    let boundaries = [0, 1536, 2560, 3072, 3584];
    assert_eq!(whole.len(), 3584);
    for end in (0..whole.len()).step_by(128).chain([3584]) {
        let result = read(&whole[..end]);
        // Within the contents, it is their reader that says so.
        let said = matches!(&result, Err(LayerError::Truncated { .. } | LayerError::Read { .. }));
        assert_eq!(said, !boundaries.contains(&end), "{end}: {result:?}");
    }
    let huge = member(&header(b'0', b"huge", 0o777_7777_7777), b"little");
    assert!(matches!(read(&huge), Err(LayerError::Read { .. })));
    for lonely in [pax(&records(&["uid=1"])), member(&header(b'L', b"long", 2), b"a\0")] {
        let ended = [lonely.clone(), vec![0; 1024]].concat();
        assert!(matches!(read(&lonely), Err(LayerError::Truncated { .. })));
        assert!(matches!(read(&ended), Err(LayerError::Truncated { .. })));
    }
}

#[test]
fn bytes_that_are_no_archive_are_refused() {
    let broken = [empty(b"a"), changed(header(b'0', b"b", 0), |_| {}).as_bytes().to_vec()].concat();
    let flipped = |at: usize| {
        let mut archive = broken.clone();
        archive[at] ^= 1;
        archive
    };
    for (archive, expected) in [
        (b"#!/bin/sh\n".repeat(512), 0),
        (flipped(0), 0),
        (flipped(513), 512),
        ([empty(b"a"), vec![0; 512], empty(b"b")].concat(), 512),
    ] {
        let error = read(&archive).unwrap_err();
        assert!(matches!(error, LayerError::NotAHeader { offset } if offset == expected), "{error}");
    }
}

#[test]
fn what_only_looks_hostile_is_read() {
    // Duplicates are the unpacker's.
    assert_eq!(read(&[empty(b"a"), empty(b"a")].concat()).unwrap().len(), 2);
    // Defaults for all entries are passed over, as runtimes do.
    let global = member(&header(b'g', b"global", 9), b"9 uid=12\n");
    assert_eq!(read(&[global, empty(b"a")].concat()).unwrap()[0].0.uid, 0);
    // What follows the end of the archive is nobody's.
    assert_eq!(read(&[empty(b"a"), vec![0; 1024], b"junk".to_vec()].concat()).unwrap().len(), 1);
    // Links and directories have no contents, even if a size is written.
    let sized = changed(header(b'5', b"d", 4096), |_| {});
    assert_eq!(read(&[member(&sized, b""), empty(b"a")].concat()).unwrap().len(), 2);
    // Directories of archives before ustar are told by the slash.
    let old = |kind| {
        let mut header = header(kind, b"d/", 0);
        header.as_mut_bytes()[257..].fill(0);
        header.set_cksum();
        read(&member(&header, b"")).unwrap().remove(0).0.kind
    };
    assert_eq!(old(0), EntryKind::Directory);
    assert_eq!(old(b'0'), EntryKind::File { size: 0 });
    // An empty value takes a record back.
    assert_eq!(read(&with_records(&["path="])).unwrap()[0].0.path, path("f"));
}

#[test]
fn pax_records_go_before_the_header() {
    let texts = [
        "path=other/name",
        "uid=3000000",
        "gid=0",
        "mtime=-1.5",
        "size=3",
        "comment=unknown keys mean nothing",
        "SCHILY.xattr.user.note=a\n=b",
    ];
    let archive = [pax(&records(&texts)), member(&header(b'0', b"f", 600), b"abc")].concat();
    let (entry, body) = read(&archive).unwrap().remove(0);
    assert_eq!((entry.path, entry.uid, entry.mtime), (path("other/name"), 3_000_000, -2));
    assert_eq!((entry.kind, body), (EntryKind::File { size: 3 }, b"abc".to_vec()));
    assert_eq!(entry.xattrs, [("user.note".into(), b"a\n=b".to_vec())].into());

    let target = format!("usr/{}", "t".repeat(200));
    let archive = [pax(&records(&[&format!("linkpath={target}")])), link(b'1', b"f")].concat();
    assert_eq!(read(&archive).unwrap()[0].0.kind, EntryKind::HardLink { target: path(&target) });
}
