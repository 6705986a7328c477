//! Lists in pages: where one begins follows from what the one before ended with, so that nothing is shown twice or left
//! out when entries come and go meanwhile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a page begins: behind this entry. Opaque to whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is sorted by, of that entry.
    pub key: String,
    /// The identity of the entry, which decides where keys are equal.
    pub id: String,
}

/// That a text is no cursor of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this cursor is not one that a page ended with")]
pub struct CursorError;

/// Which page is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Behind which entry; the first page where there is none.
    pub after: Option<Cursor>,
    /// How many entries at most.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last one.
    pub next: Option<String>,
}

impl PageRequest {
    /// How many entries a page has where nothing is said.
    pub const USUAL: u32 = 50;
    /// How many a page has at most.
    pub const MOST: u32 = 500;

    /// The first page, of the usual length.
    pub fn first() -> Self {
        Self { after: None, limit: Self::USUAL }
    }
}

impl<T> Page<T> {
    /// A page of what was found: `found` has one entry more than the page where another page follows.
    pub fn of(mut found: Vec<T>, limit: u32, cursor: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let next = (found.len() > limit && limit > 0).then(|| cursor(&found[limit - 1]).to_string());
        found.truncate(limit);
        Self { items: found, next }
    }

    /// The same page of something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// Hexadecimal digits of the identity, a dot, and those of the key: safe in an address as they are.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |f: &mut fmt::Formatter<'_>, text: &str| {
            text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
        };
        hex(f, &self.id)?;
        f.write_str(".")?;
        hex(f, &self.key)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (id, key) = text.split_once('.').ok_or(CursorError)?;
        Ok(Self { key: text_of(key)?, id: text_of(id)? })
    }
}

fn text_of(hex: &str) -> Result<String, CursorError> {
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| CursorError)?;
            match pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                true => u8::from_str_radix(pair, 16).map_err(|_| CursorError),
                false => Err(CursorError),
            }
        })
        .collect::<Result<_, _>>()?;
    String::from_utf8(bytes).map_err(|_| CursorError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were() {
        let cursor = Cursor { key: "größe\n".to_owned(), id: "1".to_owned() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "x", "1.zz", "1.+1", "31", "ff.31"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }

    #[test]
    fn a_page_says_where_the_next_begins() {
        let cursor = |number: &u32| Cursor { key: String::new(), id: number.to_string() };
        let page = Page::of(vec![1, 2, 3], 2, cursor);
        assert_eq!((page.items, page.next.as_deref()), (vec![1, 2], Some("32.")));
        assert_eq!(Page::of(vec![1, 2], 2, cursor).next, None);
    }
}
