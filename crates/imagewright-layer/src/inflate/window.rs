//! The inflated bytes: those to hand out, behind those that matches may still reach.

use super::InflateError;

/// How far back a distance reaches.
const HISTORY: usize = 32 * 1024;
/// How many bytes are handed out at once.
const CHUNK: usize = 128 * 1024;
/// The longest match and the bytes written beyond a match because words are copied, not bytes.
const SLACK: usize = 258 + 38;

pub(super) type Bytes = [u8; HISTORY + CHUNK + SLACK];

/// A buffer that starts anew, with the history in front, whenever it is full.
pub(super) struct Window {
    pub(super) bytes: Box<Bytes>,
    /// Where the next byte goes.
    pub(super) position: usize,
    /// Where what is not handed out begins.
    start: usize,
}

impl Window {
    /// Behind it there is no room for a literal or a match.
    pub(super) const FULL: usize = HISTORY + CHUNK;

    pub(super) fn new() -> Self {
        let bytes = vec![0; HISTORY + CHUNK + SLACK].into_boxed_slice().try_into();
        Self { bytes: bytes.expect("the buffer was made in its size"), position: 0, start: 0 }
    }

    /// Forgets everything: no distance reaches what was before.
    pub(super) fn restart(&mut self) {
        (self.position, self.start) = (0, 0);
    }

    /// The bytes not handed out yet.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.start..self.position]
    }

    /// Keeps the history and makes room; what was pending is handed out.
    pub(super) fn advance(&mut self) {
        let kept = self.position.min(HISTORY);
        self.bytes.copy_within(self.position - kept..self.position, 0);
        (self.position, self.start) = (kept, kept);
    }

    /// Takes as many bytes as there is room for and says how many.
    pub(super) fn append(&mut self, bytes: &[u8]) -> usize {
        let length = bytes.len().min(Self::FULL.saturating_sub(self.position));
        self.bytes[self.position..self.position + length].copy_from_slice(&bytes[..length]);
        self.position += length;
        length
    }
}

/// Repeats what is `distance` bytes before `at`, `length` bytes long, and possibly some bytes more.
#[inline(always)]
pub(super) fn copy_match(
    bytes: &mut Bytes,
    at: usize,
    distance: usize,
    length: usize,
) -> Result<(), InflateError> {
    let Some(from) = at.checked_sub(distance) else { return Err(InflateError::Distance) };
    let end = at + length;
    if distance >= 16 {
        copy_words::<16>(bytes, from, at, end);
    } else if distance >= 8 {
        copy_words::<8>(bytes, from, at, end);
    } else {
        repeat(bytes, from, at, end);
    }
    Ok(())
}

/// Copies words that do not overlap with themselves.
#[inline(always)]
fn copy_words<const SIZE: usize>(bytes: &mut Bytes, mut from: usize, mut to: usize, end: usize) {
    loop {
        let Some(word) = bytes.get(from..).and_then(|rest| rest.first_chunk::<SIZE>()).copied() else {
            return;
        };
        let Some(target) = bytes.get_mut(to..).and_then(|rest| rest.first_chunk_mut::<SIZE>()) else {
            return;
        };
        *target = word;
        from += SIZE;
        to += SIZE;
        if to >= end {
            return;
        }
    }
}

/// Repeats a pattern of less than eight bytes.
fn repeat(bytes: &mut Bytes, from: usize, mut to: usize, end: usize) {
    let distance = to - from;
    let Some(word) = bytes[from..].first_chunk::<8>().map(|word| u64::from_le_bytes(*word)) else { return };
    // Where the pattern does not fill the word, the next word is laid over its rest.
    let (pattern, step) = match distance {
        1 => ((word & 0xff) * 0x0101_0101_0101_0101, 8),
        2 => ((word & 0xffff) * 0x0001_0001_0001_0001, 8),
        3 => ((word & 0xff_ffff) * 0x0000_0100_0001, 6),
        4 => ((word & 0xffff_ffff) * 0x0000_0001_0000_0001, 8),
        _ => (word, distance),
    };
    while to < end {
        let Some(target) = bytes[to..].first_chunk_mut::<8>() else { return };
        *target = pattern.to_le_bytes();
        to += step;
    }
}
