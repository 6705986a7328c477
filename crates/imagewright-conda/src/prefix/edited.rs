//! A file as it is after its changes.

use std::io::{self, Read};

use imagewright_python::zip::ReadAt;

use super::Edit;

/// Reads a file with changes, which stand in order and do not overlap.
pub(crate) struct Edited<'a> {
    source: &'a dyn ReadAt,
    edits: &'a [Edit],
    /// Where in the file the next byte is.
    at: u64,
    /// What of the first of `edits` was given already.
    given: usize,
}

impl<'a> Edited<'a> {
    pub(crate) fn new(source: &'a dyn ReadAt, edits: &'a [Edit]) -> Self {
        Self { source, edits, at: 0, given: 0 }
    }

    /// The size with all changes.
    pub(crate) fn size(&self) -> u64 {
        let less: u64 = self.edits.iter().map(|edit| edit.length).sum();
        let more: u64 = self.edits.iter().map(|edit| edit.replacement.len() as u64).sum();
        self.source.size() - less + more
    }
}

impl Read for Edited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(edit) = self.edits.first().filter(|edit| edit.at == self.at) {
            let rest = &edit.replacement[self.given..];
            if rest.is_empty() {
                self.at += edit.length;
                self.given = 0;
                self.edits = &self.edits[1..];
                continue;
            }
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.given += count;
            return Ok(count);
        }
        let end = self.edits.first().map_or_else(|| self.source.size(), |edit| edit.at);
        let most = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.source.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
