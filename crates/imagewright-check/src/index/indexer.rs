//! Makes the index of a layer from its entries, in whatever order they come.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use super::entries::Encoder;
use super::keep::{Keep, kept};
use super::{IndexEntry, IndexKind, LayerIndex};

/// The most entries, bytes of their paths and links, and bytes of texts that one layer is granted.
const MOST_ENTRIES: usize = 600_000;
const MOST_NAMES: usize = 64 << 20;
const MOST_TEXTS: usize = 24 << 20;

/// Makes an index.
#[derive(Default)]
pub struct Indexer {
    entries: BTreeMap<String, IndexEntry>,
    removed: BTreeSet<String>,
    opaque: BTreeSet<String>,
    texts: BTreeMap<String, String>,
    names: usize,
    text_bytes: usize,
    leaves_out: bool,
}

impl Indexer {
    /// Takes in an entry. Of `contents` as much is read as is wanted.
    ///
    /// # Errors
    /// Those of reading `contents`.
    pub fn add(&mut self, path: &[u8], entry: IndexEntry, contents: &mut dyn Read) -> io::Result<()> {
        let path = name_of(path);
        if !self.has_room(&path, &entry) {
            return Ok(());
        }
        self.texts.remove(&path);
        if let IndexKind::File(size) = entry.kind
            && let Some((keep, limit)) = kept(&path, entry.mode, size)
        {
            self.keep(&path, keep, contents, limit)?;
        }
        self.entries.insert(path, entry);
        Ok(())
    }

    /// Takes in that a path is removed from what lies below.
    pub fn remove(&mut self, path: &[u8]) {
        let path = name_of(path);
        if self.has_names(path.len()) {
            self.removed.insert(path);
        }
    }

    /// Takes in that a folder is emptied of what lies below.
    pub fn empty(&mut self, path: &[u8]) {
        let path = name_of(path);
        if self.has_names(path.len()) {
            self.opaque.insert(path);
        }
    }

    /// The index of all that was taken in.
    pub fn finish(self) -> LayerIndex {
        let mut encoder = Encoder::default();
        self.entries.iter().for_each(|(path, entry)| encoder.add(path, entry));
        LayerIndex {
            entries: encoder.finish(),
            removed: self.removed.into_iter().collect(),
            opaque: self.opaque.into_iter().collect(),
            texts: self.texts,
            is_whole: !self.leaves_out,
        }
    }

    fn has_room(&mut self, path: &str, entry: &IndexEntry) -> bool {
        let target = match &entry.kind {
            IndexKind::Symlink(target) | IndexKind::HardLink(target) => target.len(),
            _ => 0,
        };
        self.has_names(path.len() + target)
    }

    /// Counts names; tells whether there is still room.
    fn has_names(&mut self, length: usize) -> bool {
        self.names += length;
        let count = self.entries.len() + self.removed.len() + self.opaque.len();
        let has_room = count < MOST_ENTRIES && self.names <= MOST_NAMES;
        self.leaves_out |= !has_room;
        has_room
    }

    fn keep(&mut self, path: &str, keep: Keep, contents: &mut dyn Read, limit: u64) -> io::Result<()> {
        let mut bytes = vec![0; 2];
        let mut contents = contents.take(limit);
        if keep == Keep::Script {
            let length = read_up_to(&mut contents, &mut bytes)?;
            if bytes[..length] != *b"#!" {
                return Ok(());
            }
        } else {
            bytes.clear();
        }
        contents.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = match keep {
            Keep::Headers => headers(&text),
            Keep::Whole | Keep::Script => text.into_owned(),
        };
        if self.text_bytes + text.len() > MOST_TEXTS {
            self.leaves_out = true;
            return Ok(());
        }
        self.text_bytes += text.len();
        self.texts.insert(path.to_owned(), text);
        Ok(())
    }
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A path as text, without what names nothing.
fn name_of(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let names = text.split('/').filter(|name| !matches!(*name, "" | "." | ".."));
    names.collect::<Vec<_>>().join("/")
}

/// The header lines of metadata that rules read, with their continuations.
fn headers(text: &str) -> String {
    const WANTED: [&str; 5] = ["name:", "version:", "requires-dist:", "requires-python:", "provides-extra:"];
    let mut kept = String::new();
    let mut is_wanted = false;
    for line in text.lines().take_while(|line| !line.trim_end().is_empty()) {
        if !line.starts_with([' ', '\t']) {
            let name: String = line.chars().take(20).collect();
            is_wanted = WANTED.iter().any(|wanted| name.to_ascii_lowercase().starts_with(wanted));
        }
        if is_wanted {
            kept += line.trim_end();
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64, mode: u32) -> IndexEntry {
        IndexEntry { kind: IndexKind::File(size), mode, uid: 0, gid: 0 }
    }

    #[test]
    fn the_last_entry_of_a_path_counts_with_its_text() {
        let mut indexer = Indexer::default();
        for text in ["one", "two"] {
            indexer.add(b"./etc//passwd", file(3, 0o644), &mut text.as_bytes()).unwrap();
        }
        indexer.add(b"usr/bin/tool", file(4, 0o755), &mut &b"\x7fELF"[..]).unwrap();
        indexer.add(b"usr/bin/../caf\xe9", file(4, 0o755), &mut &b"#!x\n"[..]).unwrap();
        indexer.remove(b"opt/x");
        indexer.empty(b"srv");
        let index = indexer.finish();
        let paths: Vec<_> = index.entries().map(|(path, _)| path).collect();
        assert_eq!(paths, ["etc/passwd", "usr/bin/caf\u{fffd}", "usr/bin/tool"]);
        let texts: Vec<_> = index.texts().iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(texts, [("etc/passwd", "two"), ("usr/bin/caf\u{fffd}", "#!x\n")]);
        assert_eq!((index.removed(), index.opaque()), (&["opt/x".to_owned()][..], &["srv".to_owned()][..]));
        assert!(index.is_whole());
        let filed = serde_json::to_string(&index).unwrap();
        assert_eq!(serde_json::from_str::<LayerIndex>(&filed).unwrap(), index);
    }

    #[test]
    fn of_metadata_few_headers_are_kept() {
        let text = "Metadata-Version: 2.1\nName: Jinja2\nVersion: 3\nSummary: long\n  text\nRequires-Dist: a\n  >=1\n\nRequires-Dist: not";
        assert_eq!(headers(text), "Name: Jinja2\nVersion: 3\nRequires-Dist: a\n  >=1\n");
    }

    #[test]
    fn what_is_too_much_is_left_out_and_told() {
        let mut indexer = Indexer::default();
        let path = "d/".repeat(2_000);
        for number in 0..20_000 {
            indexer.add(format!("{path}{number}").as_bytes(), file(0, 0o644), &mut io::empty()).unwrap();
        }
        assert!(indexer.names > MOST_NAMES && indexer.entries.len() < 17_000);
        assert!(!indexer.finish().is_whole());
        let mut indexer = Indexer::default();
        let text = vec![b'x'; 64 << 10];
        for number in 0..500 {
            let path = format!("etc/jupyter/{number}.py");
            indexer.add(path.as_bytes(), file(64 << 10, 0o644), &mut &text[..]).unwrap();
        }
        let index = indexer.finish();
        assert!(!index.is_whole() && index.texts().len() == MOST_TEXTS / text.len());
        assert_eq!(index.entries().count(), 500);
    }
}
