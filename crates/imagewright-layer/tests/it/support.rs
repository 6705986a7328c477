//! Entries, archives and streams to test with.

use std::io::{self, Read};

use imagewright_layer::{Entry, EntryKind, LayerError, LayerPath, LayerReader, LayerWriter};

pub(crate) fn path(text: &str) -> LayerPath {
    LayerPath::parse(text.as_bytes()).unwrap()
}

pub(crate) fn entry(at: &str, kind: EntryKind) -> Entry {
    Entry::new(path(at), kind, 0o755)
}

pub(crate) fn file(at: &str, size: usize) -> Entry {
    entry(at, EntryKind::File { size: size as u64 })
}

/// The tar of entries with their contents.
pub(crate) fn write(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = LayerWriter::new(Vec::new());
    for (entry, body) in entries {
        writer.append(entry, &mut body.as_slice()).unwrap();
    }
    writer.finish().unwrap()
}

/// The entries of a tar with their contents.
pub(crate) fn read(tar: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, LayerError> {
    let mut entries = Vec::new();
    LayerReader::new(tar).for_each(|entry, body| {
        let mut contents = Vec::new();
        body.read_to_end(&mut contents).map_err(|source| LayerError::Read { source })?;
        entries.push((entry, contents));
        Ok::<_, LayerError>(())
    })?;
    Ok(entries)
}

/// Bytes that compress about as well as a file system does, the same for the same seed.
pub(crate) fn data(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        let word = next();
        if word & 0x300 == 0 {
            bytes.extend_from_slice(&word.to_le_bytes());
        } else {
            bytes.extend_from_slice(&b"library."[..1 + (word & 7) as usize]);
        }
    }
    bytes.truncate(length);
    bytes
}

/// A reader that hands out one byte at a time, as a slow network may.
pub(crate) struct Drip<R>(pub(crate) R);

impl<R: Read> Read for Drip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(1);
        self.0.read(&mut buffer[..wanted])
    }
}
