//! Archives that are whole.

use std::io::{self, Read};
use std::sync::Mutex;

use imagewright_python::zip::{Archive, Member, Method, ReadAt};

use crate::support::{Member as Packed, Zip, deflate};

fn open(bytes: &[u8]) -> Archive<&[u8]> {
    Archive::open(bytes).unwrap()
}

fn contents(archive: &Archive<impl ReadAt>, path: &str) -> Vec<u8> {
    archive.small(archive.member(path).unwrap(), 1 << 20).unwrap()
}

/// Every way to write a member comes out the same.
#[test]
fn members_in_all_forms() {
    let text = "some text ".repeat(100);
    let plain = Packed::new("pkg/a.py", &text);
    let members = [
        plain.clone(),
        Packed { name: b"b.py".to_vec(), descriptor: true, ..plain.clone() },
        Packed { name: b"c.py".to_vec(), large: true, ..plain.clone() },
        Packed { name: b"d.py".to_vec(), extra: b"UT\x05\0\x01abcd".to_vec(), ..plain.clone() }.stored(),
        Packed { name: "é/\u{fc}.py".into(), ..plain.clone() }.mode(0o100_755),
        Packed { name: b"\x82.py".to_vec(), ..plain.clone() },
        Packed::new("pkg/", "").stored().mode(0o040_755),
        Packed::new("empty", "").stored().mode(0o120_777),
    ];
    let archive = Zip::of(&members).bytes;
    let archive = open(&archive);
    let paths: Vec<_> = archive.members().iter().map(Member::path).collect();
    assert_eq!(paths, ["pkg/a.py", "b.py", "c.py", "d.py", "é/ü.py", "é.py", "pkg", "empty"]);
    for path in &paths[..6] {
        assert_eq!(contents(&archive, path), text.as_bytes(), "{path}");
        let member = archive.member(path).unwrap();
        assert_eq!(member.size(), 1000);
        let mut stored = Vec::new();
        archive.stored(member).unwrap().read_to_end(&mut stored).unwrap();
        let expected = if *path == "d.py" { text.clone().into_bytes() } else { deflate(text.as_bytes()) };
        assert_eq!(stored, expected, "{path}");
    }
    let [directory, link] = ["pkg", "empty"].map(|path| archive.member(path).unwrap());
    assert!(directory.is_directory() && !link.is_directory());
    assert_eq!((directory.name(), directory.method()), ("pkg/", Method::Stored));
    assert!(archive.member("é/ü.py").unwrap().is_executable() && link.is_executable());
    assert_eq!(link.unix_mode(), Some(0o120_777));
    assert!(archive.member("pkg/b.py").is_none());
}

#[test]
fn only_unix_has_modes() {
    let zip = Zip::of(&[Packed::new("a", "").mode(0o100_755)]);
    let at = zip.central[0] + 5;
    assert_eq!(open(&zip.patch(at, &[0]).bytes).member("a").unwrap().unix_mode(), None);
}

#[test]
fn members_are_in_the_order_of_their_contents() {
    let zip = Zip::of(&[Packed::new("b", "1"), Packed::new("a", "2"), Packed::new("c", "3")]);
    let mut bytes = zip.bytes.clone();
    let [first, second, third] = [zip.central[0], zip.central[1], zip.central[2]];
    bytes[first..third].rotate_left(second - first);
    let archive = open(&bytes);
    assert_eq!(archive.members().iter().map(Member::name).collect::<Vec<_>>(), ["b", "a", "c"]);
}

#[test]
fn ends_in_all_forms() {
    let zip = Zip::of(&[Packed::new("a", "x")]);
    let at = zip.end + 20;
    let commented = [&zip.clone().patch(at, &[5, 0]).bytes[..], b"PK\n~!"].concat();
    let padded = [&zip.bytes[..], &[0; 100]].concat();
    let (directory, size) = (zip.central[0] as u64, (zip.end - zip.central[0]) as u64);
    let record = [&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat();
    let numbers = [1, 1, size, directory].map(u64::to_le_bytes).concat();
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &(zip.end as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
    let end = zip.clone().patch(zip.end + 8, &[0xff; 12]).bytes[zip.end..].to_vec();
    let large = [&zip.bytes[..zip.end], &record, &numbers, &locator, &end].concat();
    for (form, bytes) in [("comment", commented), ("zeroes", padded), ("zip64", large)] {
        let archive = Archive::open(bytes).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(contents(&archive, "a"), b"x", "{form}");
    }
    assert!(open(&Zip::of(&[]).bytes).members().is_empty());
}

#[test]
fn equal_members_may_be_there_twice() {
    let zip = Zip::of(&[Packed::new("a", "x"), Packed::new("./a", "x"), Packed::new("A", "y")]);
    let archive = open(&zip.bytes);
    assert_eq!(archive.members().len(), 3);
    assert_eq!(archive.member("a").unwrap().name(), "a");
    assert_eq!(contents(&archive, "A"), b"y");
}

/// Notes what is read.
struct Watched {
    bytes: Vec<u8>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl ReadAt for Watched {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reads.lock().unwrap().push((offset, buffer.len()));
        self.bytes.read_at(buffer, offset)
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// A download can stand behind an archive: the tail is wanted first, then one member after the other.
#[test]
fn the_tail_is_read_first_and_then_all_from_front_to_back() {
    let bodies: Vec<Vec<u8>> =
        (0..20_u8).map(|seed| (0..20_000).map(|n: u32| (n * n) as u8 ^ seed).collect()).collect();
    let members: Vec<_> =
        bodies.iter().enumerate().map(|(n, body)| Packed::new(n.to_string(), body).stored()).collect();
    let zip = Zip::of(&members);
    let directory = zip.central[0] as u64;
    let archive = Archive::open(Watched { bytes: zip.bytes, reads: Mutex::default() }).unwrap();
    let reads = std::mem::take(&mut *archive.source().reads.lock().unwrap());
    let tail = archive.source().size() - 22 - u64::from(u16::MAX);
    assert!(reads.iter().all(|(offset, _)| *offset >= tail.min(directory)), "{reads:?}");
    for (member, body) in archive.members().iter().zip(&bodies) {
        let mut read = Vec::new();
        archive.stored(member).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(&read, body);
    }
    let reads = archive.source().reads.lock().unwrap();
    assert!(reads.iter().is_sorted_by_key(|(offset, _)| offset), "{reads:?}");
    assert!(reads.iter().all(|(offset, _)| *offset < directory));
}
