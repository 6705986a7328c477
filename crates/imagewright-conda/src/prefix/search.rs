//! Looks for bytes in a file, a window at a time.

use std::io;

use imagewright_python::zip::ReadAt;
use memchr::memmem::Finder;

/// As much is in memory at once.
const WINDOW: usize = 1 << 20;

/// Where `needle` begins, from the first place at or after `from` on, and all of it before `end`; places do not overlap.
pub(super) fn all(source: &dyn ReadAt, needle: &[u8], from: u64, end: u64) -> io::Result<Vec<u64>> {
    let finder = Finder::new(needle);
    let mut places = Vec::new();
    let mut window = vec![0; WINDOW.max(2 * needle.len())];
    let mut start = from;
    while start < end {
        let length = fill(source, &mut window, start, end)?;
        let mut at = 0;
        while let Some(found) = finder.find(&window[at..length]) {
            places.push(start + (at + found) as u64);
            at += found + needle.len();
        }
        if start + length as u64 >= end {
            break;
        }
        // What the window cuts in two is looked at again.
        start += at.max(length - (needle.len() - 1)) as u64;
    }
    Ok(places)
}

/// The first zero of `unit` bytes at or after `from`, at a distance of whole units from there.
pub(super) fn zero(source: &dyn ReadAt, from: u64, unit: u64) -> io::Result<Option<u64>> {
    let unit = usize::try_from(unit).expect("a character has at most four bytes");
    let mut window = vec![0; 4096];
    let mut start = from;
    loop {
        let length = fill(source, &mut window, start, source.size())?;
        let whole = length - length % unit;
        if whole == 0 {
            return Ok(None);
        }
        let zero = window[..whole].chunks_exact(unit).position(|unit| unit.iter().all(|byte| *byte == 0));
        if let Some(position) = zero {
            return Ok(Some(start + (position * unit) as u64));
        }
        start += whole as u64;
        if window.len() < WINDOW {
            window.resize(WINDOW, 0);
        }
    }
}

/// Reads as much as there is, and fits.
pub(super) fn fill(source: &dyn ReadAt, window: &mut [u8], start: u64, end: u64) -> io::Result<usize> {
    let most = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX).min(window.len());
    let mut length = 0;
    while length < most {
        match source.read_at(&mut window[length..most], start + length as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
