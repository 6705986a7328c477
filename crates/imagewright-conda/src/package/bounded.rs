//! A stream that ends with an error where an honest one would have ended long before.

use std::io::{self, Read};

/// What every package may unpack to.
const FREE: u64 = 1 << 30;
/// How many times its size a package may unpack to beyond that. Packages of text reach about 30.
const RATIO: u64 = 200;

/// How large the archive in a package may be that takes so many bytes.
pub(super) fn limit(compressed: u64) -> u64 {
    FREE.saturating_add(compressed.saturating_mul(RATIO))
}

/// Reads no more than it may.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
}

/// The error behind that of the stream.
#[derive(Debug, thiserror::Error)]
#[error("it is larger than any honest package")]
pub(super) struct TooLarge;

impl<R: Read> Bounded<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(TooLarge))?;
        Ok(count)
    }
}
