//! Archives that are broken, or made to be read in two ways.

use std::io;

use imagewright_python::zip::{Archive, ReadAt, ZipError};

use crate::support::{Member, Zip, deflate};

/// Opens the archive and reads all of it.
fn read_all(bytes: &[u8]) -> Result<(), ZipError> {
    let archive = Archive::open(bytes)?;
    archive.members().iter().try_for_each(|member| archive.small(member, 1 << 20).map(drop))
}

fn two() -> Zip {
    Zip::of(&[Member::new("a.py", "some text"), Member::new("b.py", "other").stored()])
}

macro_rules! refused {
    ($($case:literal: $zip:expr => $pattern:pat,)*) => {$({
        let zip: Zip = $zip;
        let error = read_all(&zip.bytes).expect_err($case);
        assert!(matches!(error, $pattern), "{}: {error:?}", $case);
        assert!(error.hint().is_some() || matches!(error, ZipError::Read { .. }), "{}", $case);
    })*};
}

fn spoilt(change: impl FnOnce(Zip) -> Zip) -> Zip {
    let zip = two();
    assert!(read_all(&zip.bytes).is_ok());
    change(zip)
}

/// Changes a field of the first member: at one offset in its header, at another in the directory.
fn in_both(local: usize, central: usize, bytes: &[u8]) -> Zip {
    spoilt(|zip| {
        let (local, central) = (zip.local[0] + local, zip.central[0] + central);
        zip.patch(local, bytes).patch(central, bytes)
    })
}

fn in_directory(at: usize, bytes: &[u8]) -> Zip {
    spoilt(|zip| {
        let at = zip.central[0] + at;
        zip.patch(at, bytes)
    })
}

fn in_header(at: usize, bytes: &[u8]) -> Zip {
    spoilt(|zip| zip.patch(at, bytes))
}

fn at_end(at: usize, bytes: &[u8]) -> Zip {
    spoilt(|zip| {
        let at = zip.end + at;
        zip.patch(at, bytes)
    })
}

#[test]
fn broken_ends() {
    let zip = two();
    let with = |bytes: Vec<u8>| Zip { bytes, ..two() };
    refused! {
        "nothing": with(Vec::new()) => ZipError::NotAnArchive,
        "text": with(vec![b'x'; 100_000]) => ZipError::NotAnArchive,
        "cut": with(zip.bytes[..zip.bytes.len() - 1].to_vec()) => ZipError::NotAnArchive,
        "something behind": with([&zip.bytes[..], b"x"].concat()) => ZipError::NotAnArchive,
        "something in front": with([b"x", &zip.bytes[..]].concat()) => ZipError::Directory { .. },
        "an archive in the comment": with([&at_end(20, &[31, 0]).bytes[..], b"comment: ", &[1; 22]].concat())
            => ZipError::Directory { .. },
        "another disk": at_end(4, &[1]) => ZipError::MultiDisk,
        "the directory on another disk": at_end(6, &[1]) => ZipError::MultiDisk,
        "members elsewhere": at_end(8, &[1]) => ZipError::MultiDisk,
        "fewer members": at_end(8, &[1, 0, 1, 0]) => ZipError::Directory { .. },
        "more members": at_end(8, &[3, 0, 3, 0]) => ZipError::Directory { .. },
        "many members": at_end(8, &[0, 1, 0, 1]) => ZipError::Directory { .. },
        "a smaller directory": at_end(12, &[90]) => ZipError::Directory { .. },
        "a huge directory": at_end(12, &[0, 0, 0, 0x7f]) => ZipError::TooLarge { .. },
        "a directory elsewhere": at_end(16, &[0]) => ZipError::Directory { .. },
    }
}

#[test]
fn broken_directories() {
    refused! {
        "no entry": in_directory(0, b"PK\x03\x04") => ZipError::Directory { .. },
        "encrypted": in_both(6, 8, &[1]) => ZipError::Encrypted { .. },
        "strongly encrypted": in_both(6, 8, &[0x41]) => ZipError::Encrypted { .. },
        "patched": in_both(6, 8, &[0x20]) => ZipError::Contents { .. },
        "bzip2": in_both(8, 10, &[12]) => ZipError::Method { method: 12, .. },
        "zstd": in_both(8, 10, &[93]) => ZipError::Method { method: 93, .. },
        "member on another disk": in_directory(34, &[1]) => ZipError::MultiDisk,
        "name too long": in_directory(28, &[0xff, 0xff]) => ZipError::Directory { .. },
        "the same contents twice": spoilt(|zip| { let at = zip.central[1] + 42; zip.patch(at, &[0; 4]) })
            => ZipError::Layout { .. },
        "contents without a member": spoilt(|zip| {
            let at = zip.central[0] + 42;
            zip.patch(at, &[1])
        }) => ZipError::Directory { .. },
        "a member in another": spoilt(|zip| { let at = zip.central[1] + 42; zip.patch(at, &[9]) })
            => ZipError::Layout { .. },
        "a member behind the end": spoilt(|zip| { let at = zip.central[1] + 42; zip.patch(at, &[0, 0, 0, 0x70]) })
            => ZipError::Layout { .. },
        "longer than there is": in_both(18, 20, &[0, 0, 0, 0x70]) => ZipError::Layout { .. },
        "a second name": Zip::of(&[Member {
            extra: [&b"\x75\x70\x09\0\x01crc4"[..], b"b.py"].concat(),
            ..Member::new("a.py", "x")
        }]) => ZipError::Header { .. },
        "64-bit numbers twice": Zip::of(&[Member { extra: b"\x01\0\0\0\x01\0\0\0".to_vec(), ..Member::new("a", "") }])
            => ZipError::Header { .. },
        "numbers near the limit": Zip::of(&[Member { large: true, ..Member::new("a", "x") }]).patch_large()
            => ZipError::Contents { .. },
        "a folder with contents": Zip::of(&[Member::new("a/", "x")]) => ZipError::Contents { .. },
        "two things of one name": Zip::of(&[Member::new("a", "x"), Member::new("a", "y")])
            => ZipError::Duplicate { .. },
        "two modes of one name": Zip::of(&[Member::new("a", "x"), Member::new("./a", "x").mode(0o100_755)])
            => ZipError::Duplicate { .. },
        "file and folder": Zip::of(&[Member::new("a", ""), Member::new("a/", "")]) => ZipError::Duplicate { .. },
        "a file in a file, with others between": Zip::of(&[
            Member::new("a", "y"), Member::new("a!", ""), Member::new("a-b", ""), Member::new("a/b", ""),
        ]) => ZipError::InsideFile { .. },
        "a file in a file": Zip::of(&[Member::new("a/b/c", "x"), Member::new("a", "y")])
            => ZipError::InsideFile { .. },
    }
}

impl Zip {
    /// Gives the first member, which has 64-bit numbers, a size and an offset whose sum is none.
    fn patch_large(self) -> Self {
        let extra = self.central[0] + 46 + 1 + 4;
        self.patch(extra + 8, &[0xff; 16])
    }
}

#[test]
fn names_that_leave() {
    let names = ["../a", "/a", "a/../../b", "a\\b", "a\0b", "a\nb", ".", "./", "..", "a/..", "//"];
    for name in names {
        let error = read_all(&Zip::of(&[Member::new(name, "")]).bytes).expect_err(name);
        assert!(matches!(error, ZipError::Name { .. }), "{name:?}: {error:?}");
        let shown = name.escape_debug().to_string();
        assert!(error.to_string().contains(&format!("`{shown}`")), "{error}");
    }
    assert!(matches!(read_all(&Zip::of(&[Member::new("", "")]).bytes), Err(ZipError::Name { .. })));
}

#[test]
fn headers_that_differ_from_the_directory() {
    refused! {
        "no header": in_header(0, b"PK\x01\x02") => ZipError::Header { field: "a header", .. },
        "name": in_header(30, b"z") => ZipError::Header { field: "a name", .. },
        "longer name": in_header(26, &[5]) => ZipError::Header { field: "a name", .. },
        "flags": in_header(7, &[8]) => ZipError::Header { field: "flags", .. },
        "method": in_header(8, &[0]) => ZipError::Header { field: "a method", .. },
        "crc": in_header(14, &[0, 0]) => ZipError::Header { field: "a size or CRC", .. },
        "compressed size": in_header(18, &[1]) => ZipError::Header { field: "a size or CRC", .. },
        "size": in_header(22, &[1]) => ZipError::Header { field: "a size or CRC", .. },
        "a gap": in_both(18, 20, &[3]) => ZipError::Layout { .. },
        "a descriptor that is not there": in_both(6, 8, &[8]) => ZipError::Layout { .. },
        "longer extra": spoilt(|zip| { let at = zip.local[1] + 28; zip.patch(at, &[2]) }) => ZipError::Layout { .. },
    }
}

#[test]
fn damaged_contents() {
    let stored = |bytes: &[u8], size: u8| {
        let zip = Zip::of(&[Member::new("a", bytes).stored()]);
        let (local, central) = (zip.local[0], zip.central[0]);
        let zip = zip.patch(local + 8, &[8]).patch(central + 10, &[8]);
        zip.patch(local + 22, &[size]).patch(central + 24, &[size])
    };
    refused! {
        "crc": in_both(14, 16, &[0, 0, 0, 0]) => ZipError::Contents { .. },
        "too small": in_both(22, 24, &[8]) => ZipError::Contents { .. },
        "too large": in_both(22, 24, &[10]) => ZipError::Contents { .. },
        "no stream": stored(b"\xff\xff\xff\xff", 1) => ZipError::Contents { .. },
        "half a stream": stored(&deflate(b"some text")[..5], 9) => ZipError::Contents { .. },
        "more than a stream": stored(&[&deflate(b"")[..], b"more"].concat(), 0) => ZipError::Contents { .. },
        "stored in two sizes": spoilt(|zip| {
            let (local, central) = (zip.local[1] + 22, zip.central[1] + 24);
            zip.patch(local, &[1]).patch(central, &[1])
        }) => ZipError::Contents { .. },
    }
    let zip = Zip::of(&[Member::new("a", vec![0; 5000])]);
    let archive = Archive::open(&zip.bytes[..]).unwrap();
    assert!(matches!(archive.small(&archive.members()[0], 4999), Err(ZipError::Contents { .. })));
    assert_eq!(archive.small(&archive.members()[0], 5000).unwrap(), vec![0; 5000]);
}

/// Bytes that stop coming.
struct Failing {
    bytes: Vec<u8>,
    from: u64,
    until: u64,
}

impl ReadAt for Failing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if (self.from..self.until).contains(&offset) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.bytes.read_at(buffer, offset)
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

#[test]
fn failing_sources_are_not_called_broken_archives() {
    let zip = Zip::of(&[Member::new("a", vec![7; 100_000]).stored()]);
    for (from, until) in [(zip.central[0] as u64 - 10, u64::MAX), (0, 10), (40_000, 50_000)] {
        let source = Failing { bytes: zip.bytes.clone(), from, until };
        let opened = Archive::open(source);
        let result = opened.and_then(|archive| archive.small(&archive.members()[0], 1 << 20));
        let Err(ZipError::Read { source }) = result else { panic!("{from}") };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionReset, "{from}");
    }
}
