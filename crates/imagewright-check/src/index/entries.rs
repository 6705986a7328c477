//! The short form of entries: one text, which JSON takes as it is and in which most of a path is what it shares with the
//! one before.
//!
//! `SHARED/REST KIND+MODE UID:GID EXTRA;` for each entry: how many names it shares with the path before, the other names,
//! a letter and the mode in octal, the owner unless it is the one before, and a size or the target of a link.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{IndexEntry, IndexKind};

/// Writes entries one after the other.
#[derive(Default)]
pub(super) struct Encoder {
    text: String,
    path: String,
    owner: Option<(u32, u32)>,
}

impl Encoder {
    pub(super) fn add(&mut self, path: &str, entry: &IndexEntry) {
        let shared = self.path.split('/').zip(path.split('/')).take_while(|(one, other)| one == other);
        let shared = if path.is_empty() || self.path.is_empty() { 0 } else { shared.count() };
        let rest = path.splitn(shared + 1, '/').nth(shared).unwrap_or_default();
        let (letter, extra) = match &entry.kind {
            IndexKind::File(size) => ('f', size.to_string()),
            IndexKind::Directory => ('d', String::new()),
            IndexKind::Symlink(target) => ('l', escaped(target).into_owned()),
            IndexKind::HardLink(target) => ('h', escaped(target).into_owned()),
            IndexKind::Other => ('o', String::new()),
        };
        let owner = match self.owner.replace((entry.uid, entry.gid)) {
            Some(before) if before == (entry.uid, entry.gid) => String::new(),
            _ => format!("{}:{}", entry.uid, entry.gid),
        };
        let _ = write!(
            self.text,
            "{shared}/{} {letter}{:o} {owner} {extra};",
            escaped(rest),
            entry.mode & 0o7777
        );
        path.clone_into(&mut self.path);
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// What has a meaning here, or would need an escape in JSON.
fn needs_escape(letter: char) -> bool {
    matches!(letter, '%' | ' ' | ';' | '"' | '\\' | '\u{7f}') || letter < ' '
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::new();
    for letter in text.chars() {
        match needs_escape(letter) {
            true => {
                let _ = write!(escaped, "%{:02X}", u32::from(letter));
            }
            false => escaped.push(letter),
        }
    }
    Cow::Owned(escaped)
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain += &part[2..];
            }
            None => plain += part,
        }
    }
    Cow::Owned(plain)
}

/// Reads entries one after the other. Where somebody else wrote the text, what is no entry is passed over.
pub(crate) struct Decoder<'a> {
    rest: &'a str,
    path: Vec<Cow<'a, str>>,
    owner: (u32, u32),
}

impl<'a> Decoder<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, path: Vec::new(), owner: (0, 0) }
    }

    /// The names of the path of the entry that was read last.
    pub(crate) fn path(&self) -> &[Cow<'a, str>] {
        &self.path
    }

    /// The next entry, and how many names its path shares with the one before.
    pub(crate) fn next(&mut self) -> Option<(usize, IndexEntry)> {
        while let Some((entry, rest)) = self.rest.split_once(';') {
            self.rest = rest;
            let found = self.entry(entry);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn entry(&mut self, text: &'a str) -> Option<(usize, IndexEntry)> {
        let mut fields = text.splitn(4, ' ');
        let (shared, names) = fields.next()?.split_once('/')?;
        let what = fields.next()?;
        let owner = fields.next()?;
        let extra = fields.next()?;
        if let Some((uid, gid)) = owner.split_once(':') {
            self.owner = (uid.parse().ok()?, gid.parse().ok()?);
        }
        let mode = u32::from_str_radix(what.get(1..)?, 8).ok()?;
        let kind = match what.as_bytes().first()? {
            b'f' => IndexKind::File(extra.parse().ok()?),
            b'd' => IndexKind::Directory,
            b'l' => IndexKind::Symlink(unescaped(extra).into_owned()),
            b'h' => IndexKind::HardLink(unescaped(extra).into_owned()),
            _ => IndexKind::Other,
        };
        let shared: usize = shared.parse().ok()?;
        let shared = shared.min(self.path.len());
        self.path.truncate(shared);
        self.path.extend(names.split('/').filter(|name| is_name(name)).map(unescaped));
        Some((shared, IndexEntry { kind, mode: mode & 0o7777, uid: self.owner.0, gid: self.owner.1 }))
    }
}

/// Whether this is the name of something in a folder.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(kind: IndexKind, mode: u32, uid: u32) -> IndexEntry {
        IndexEntry { kind, mode, uid, gid: uid + 1 }
    }

    fn round(entries: &[(String, IndexEntry)]) -> Vec<(String, IndexEntry)> {
        let mut encoder = Encoder::default();
        entries.iter().for_each(|(path, entry)| encoder.add(path, entry));
        let text = encoder.finish();
        let mut decoder = Decoder::new(&text);
        let mut all = Vec::new();
        while let Some((_, entry)) = decoder.next() {
            all.push((decoder.path().join("/"), entry));
        }
        all
    }

    #[test]
    fn entries_are_short_and_come_back() {
        let entries = [
            (String::new(), entry(IndexKind::Directory, 0o755, 0)),
            ("a".to_owned(), entry(IndexKind::Directory, 0o2775, 0)),
            ("a/b c".to_owned(), entry(IndexKind::File(7), 0o644, 0)),
            ("a/b c;%\n\"".to_owned(), entry(IndexKind::Symlink("../x y;".to_owned()), 0o777, 1000)),
            ("a/b".to_owned(), entry(IndexKind::HardLink("a/b c".to_owned()), 0o600, 1000)),
            ("ab/ü".to_owned(), entry(IndexKind::Other, 0o600, 1000)),
        ];
        assert_eq!(round(&entries), entries);
        let mut encoder = Encoder::default();
        entries.iter().for_each(|(path, entry)| encoder.add(path, entry));
        let text = encoder.finish();
        assert!(text.starts_with("0/ d755 0:1 ;0/a d2775  ;1/b%20c f644  7;"), "{text}");
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        for text in [
            "",
            ";;",
            "x",
            "1/a;",
            "9/a f644 0:0 1;",
            "0/.. d755 0:0 ;",
            "0/a f9 0:0 x;",
            "0/%zz%4 d755 :0 ;",
            "0/é%é d755 0:0 ;",
        ] {
            let mut decoder = Decoder::new(text);
            while decoder.next().is_some() {
                assert!(decoder.path().iter().all(|name| !matches!(&**name, "" | "..")), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_entries_come_back(paths in proptest::collection::btree_set("[a-c%; \u{1}é]{1,3}(/[a-c]{1,2}){0,3}", 0..20)) {
            let entries: Vec<_> = paths.into_iter().map(|path| {
                let kind = IndexKind::Symlink(path.clone());
                (path, entry(kind, 0o644, 5))
            }).collect();
            prop_assert_eq!(round(&entries), entries);
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,200}") {
            let mut decoder = Decoder::new(&text);
            while decoder.next().is_some() {}
        }
    }
}
