//! `RECORD`: the files of an installed package with their hashes and sizes.
//!
//! It is read and written by the library that uv uses, so that it comes out the same to the byte.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A line of `RECORD`. Lines are ordered by path, then hash, then size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Row {
    /// Relative to where packages are.
    pub(super) path: String,
    /// As `sha256=` and the hash in base 64.
    pub(super) hash: Option<String>,
    pub(super) size: Option<u64>,
}

/// Reads the lines. Some tools write paths with a slash in front.
pub(super) fn read(record: impl Read) -> Result<Vec<Row>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).escape(Some(b'"')).from_reader(record);
    let relative = |row: Row| Row { path: row.path.trim_start_matches('/').to_owned(), ..row };
    reader.deserialize().map(|row| row.map(relative)).collect()
}

/// Writes the lines in their order.
pub(super) fn write(mut rows: Vec<Row>) -> Result<Vec<u8>, csv::Error> {
    rows.sort();
    let mut writer = csv::WriterBuilder::new().has_headers(false).escape(b'"').from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The lines of a wheel, of which each names a file that is there, and each file has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) rows: Vec<Row>,
    /// The line of each file, by the file's path.
    by_path: BTreeMap<String, usize>,
    /// How many lines named no file, and how many files had no line.
    pub(super) dropped: usize,
    pub(super) added: usize,
}

impl Record {
    /// Drops the lines without a file and adds one, without a hash, for each file that has none: as uv does. The files
    /// with signatures of the list itself are in no list.
    pub(super) fn of_files(rows: Vec<Row>, mut files: BTreeMap<String, u64>, dist_info: &str) -> Self {
        let listed = rows.len();
        let (mut kept, mut by_path) = (Vec::with_capacity(listed), BTreeMap::new());
        for row in rows {
            let path = normalized(&row.path);
            if files.remove(&path).is_some() {
                by_path.insert(path, kept.len());
                kept.push(row);
            }
        }
        let dropped = listed - kept.len();
        for signature in ["RECORD.jws", "RECORD.p7s"] {
            files.remove(&format!("{dist_info}/{signature}"));
        }
        let added = files.len();
        for (path, size) in files {
            by_path.insert(path.clone(), kept.len());
            kept.push(Row { path, hash: None, size: Some(size) });
        }
        Self { rows: kept, by_path, dropped, added }
    }

    /// The position of the line of a file of the wheel.
    pub(super) fn position(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }
}

/// A path without empty and `.` components, and without those that a `..` takes back.
fn normalized(path: &str) -> String {
    let mut components: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." if components.last().is_some_and(|last| *last != "..") => {
                components.pop();
            }
            _ => components.push(component),
        }
    }
    components.join("/")
}

/// A hash as `RECORD` has it.
pub(super) fn sha256_text(sha256: &[u8]) -> String {
    format!("sha256={}", base64(sha256))
}

/// Base 64 with `-` and `_`, not filled up at the end.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().chain([&0; 2]).take(3).fold(0, |group, byte| group << 8 | usize::from(*byte));
        for position in 0..=chunk.len() {
            text.push(LETTERS[group >> (18 - 6 * position) & 63].into());
        }
    }
    text
}

/// Hashes of a file while it streams past: the one everybody wants, and the one its line has.
pub(super) struct FileHashes {
    size: u64,
    sha256: Sha256,
    listed: Option<Listed>,
}

enum Listed {
    Sha384(Sha384),
    Sha512(Sha512),
}

impl FileHashes {
    /// Hashes for a file whose line has `hash`.
    pub(super) fn new(hash: Option<&str>) -> Self {
        let algorithm = hash.and_then(|hash| hash.split_once('=')).map(|(algorithm, _)| algorithm);
        let listed = match algorithm {
            Some("sha384") => Some(Listed::Sha384(Sha384::new())),
            Some("sha512") => Some(Listed::Sha512(Sha512::new())),
            _ => None,
        };
        Self { size: 0, sha256: Sha256::new(), listed }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        match &mut self.listed {
            Some(Listed::Sha384(hash)) => hash.update(bytes),
            Some(Listed::Sha512(hash)) => hash.update(bytes),
            None => {}
        }
    }

    pub(super) fn finish(self) -> FileSums {
        let listed = match self.listed {
            Some(Listed::Sha384(hash)) => Some(format!("sha384={}", base64(&hash.finalize()))),
            Some(Listed::Sha512(hash)) => Some(format!("sha512={}", base64(&hash.finalize()))),
            None => None,
        };
        FileSums { size: self.size, sha256: self.sha256.finalize().into(), listed }
    }
}

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileSums {
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    listed: Option<String>,
}

/// How a file differs from its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: &'static str,
    pub(super) found: String,
    pub(super) listed: String,
}

impl FileSums {
    /// Compares with a line. Hashes of other kinds than wheels may have are not looked at, as no installer does.
    pub(super) fn compare(&self, row: &Row) -> Result<(), Difference> {
        if let Some(listed) = row.size.filter(|size| *size != self.size) {
            return Err(Difference {
                what: "size",
                found: self.size.to_string(),
                listed: listed.to_string(),
            });
        }
        let Some(listed) = &row.hash else { return Ok(()) };
        let found = match listed.split_once('=') {
            Some(("sha256", _)) => sha256_text(&self.sha256),
            Some(("sha384" | "sha512", _)) => self.listed.clone().unwrap_or_default(),
            _ => return Ok(()),
        };
        if found == listed.trim_end_matches('=') {
            Ok(())
        } else {
            Err(Difference { what: "hash", found, listed: listed.clone() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, hash: Option<&str>, size: Option<u64>) -> Row {
        Row { path: path.to_owned(), hash: hash.map(str::to_owned), size }
    }

    #[test]
    fn lines_are_read_and_written_as_uv_does() {
        let text = "\"a,\"\"b.py\",sha256=x,1\r\n\r\n/c.py,,\n\"line\nbreak\",,0\n d.py,,\nZ.py,,\n";
        let rows = read(text.as_bytes()).unwrap();
        assert_eq!(rows[0], row("a,\"b.py", Some("sha256=x"), Some(1)));
        assert_eq!(rows[1], row("c.py", None, None));
        let written = String::from_utf8(write(rows).unwrap()).unwrap();
        assert_eq!(written, " d.py,,\nZ.py,,\n\"a,\"\"b.py\",sha256=x,1\nc.py,,\n\"line\nbreak\",,0\n");
        for text in ["a.py,\n", "a.py,,one\n", "a.py,,-1\n", "a.py,,\nb.py,,,\n"] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(read(&b"\xff.py,,\n"[..]).is_err());
    }

    #[test]
    fn equal_paths_are_ordered_by_hash() {
        let rows = vec![row("a", Some("b"), None), row("a", None, Some(2)), row("a", None, None)];
        assert_eq!(write(rows).unwrap(), b"a,,\na,,2\na,b,\n");
    }

    #[test]
    fn every_file_has_one_line_in_the_end() {
        let rows = [("./a.py", Some("sha256=x")), ("a.py", None), ("gone.py", None), ("p//../b.py", None)];
        let rows = rows.map(|(path, hash)| row(path, hash, None)).to_vec();
        let files = ["a.py", "b.py", "c.py", "x.dist-info/RECORD", "x.dist-info/RECORD.jws"];
        let files = files.iter().map(|path| ((*path).to_owned(), 7)).collect();
        let record = Record::of_files(rows, files, "x.dist-info");
        let paths: Vec<_> = record.rows.iter().map(|row| row.path.as_str()).collect();
        assert_eq!(paths, ["./a.py", "p//../b.py", "c.py", "x.dist-info/RECORD"]);
        assert_eq!(record.rows[2], row("c.py", None, Some(7)));
        assert_eq!((record.dropped, record.added), (2, 2));
        assert_eq!((record.position("a.py"), record.position("x.dist-info/RECORD.jws")), (Some(0), None));
    }

    #[test]
    fn hashes_are_those_of_the_specification() {
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg", "Zm8", "Zm9v", "Zm9vYg"]
        );
        assert_eq!(base64(&[0xfb, 0xff]), "-_8");
        let sha384 = "sha384=OLBgp1GsljhM2TJ-sbHjaiH9txEUvgdDTAzHv2P24donTt6_529l-9Ua0vFImLlb";
        let sha512 =
            "sha512=z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg_SpIdNs6c5H0NE8XYXysP-DGNKHfuwvY7kxvUdBeoGlODJ6-SfaPg";
        let sha256 = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        let padded = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=";
        for (algorithm, expected) in
            [("sha384", sha384), ("sha512", sha512), ("sha256", sha256), ("md5", "md5=anything")]
        {
            let is_checked = algorithm != "md5";
            let mut hashes = FileHashes::new(Some(expected));
            hashes.update(b"");
            let empty = hashes.finish();
            assert_eq!(empty.compare(&row("a", Some(expected), Some(0))), Ok(()), "{algorithm}");
            let mut hashes = FileHashes::new(Some(expected));
            hashes.update(b"x");
            let other = hashes.finish();
            assert_eq!(other.compare(&row("a", Some(expected), Some(1))).is_err(), is_checked, "{algorithm}");
            assert_eq!(other.compare(&row("a", None, Some(0))).unwrap_err().what, "size");
        }
        assert!(FileHashes::new(Some(padded)).finish().compare(&row("a", Some(padded), None)).is_ok());
    }
}
