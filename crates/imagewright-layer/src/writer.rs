//! Writes entries as a tar that repeats to the byte. The order is the caller's.

use std::io::{self, Read, Write};

use crate::header::{self, BLOCK};
use crate::{Entry, EntryKind, LayerError, entry_header};

const COPY_BUFFER: usize = 64 * 1024;
/// What ends an archive.
pub(crate) const END_OF_ARCHIVE: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Writes the entries of a layer to a stream. After an error the stream is broken and to be thrown away.
pub struct LayerWriter<W: Write> {
    out: W,
    buffer: Box<[u8]>,
}

impl<W: Write> LayerWriter<W> {
    /// Starts a layer on `out`.
    pub fn new(out: W) -> Self {
        Self { out, buffer: copy_buffer() }
    }

    /// Writes one entry; `body` is read for plain files only, and must hold exactly their size.
    pub fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), LayerError> {
        let Self { out, buffer } = self;
        append(entry, body, buffer, |bytes| {
            out.write_all(bytes).map_err(|source| LayerError::Write { source })
        })
    }

    /// The stream below, between entries.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes the end of the archive and gives the stream back.
    pub fn finish(mut self) -> Result<W, LayerError> {
        let written = self.out.write_all(&END_OF_ARCHIVE).and_then(|()| self.out.flush());
        written.map_err(|source| LayerError::Write { source })?;
        Ok(self.out)
    }
}

/// A buffer for [`append`].
pub(crate) fn copy_buffer() -> Box<[u8]> {
    vec![0; COPY_BUFFER].into()
}

/// Hands all blocks of an entry to `write`: header, contents, padding.
pub(crate) fn append(
    entry: &Entry,
    body: &mut dyn Read,
    buffer: &mut [u8],
    mut write: impl FnMut(&[u8]) -> Result<(), LayerError>,
) -> Result<(), LayerError> {
    write(&entry_header::encode(entry)?)?;
    let EntryKind::File { size } = entry.kind else { return Ok(()) };
    let mut remaining = size;
    loop {
        // One byte more than announced is asked for, to notice a file that has grown.
        let wanted = buffer.len().min(usize::try_from(remaining.saturating_add(1)).unwrap_or(usize::MAX));
        let length = match body.read(&mut buffer[..wanted]) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(LayerError::Body { entry: entry.path.to_string(), source }),
        };
        if length as u64 > remaining || (length == 0 && remaining > 0) {
            return Err(LayerError::BodySize { entry: entry.path.to_string(), expected: size });
        }
        if length == 0 {
            return write(header::zeroes(size));
        }
        write(&buffer[..length])?;
        remaining -= length as u64;
    }
}
