//! Entries, archives and streams to test with.

use std::io::{self, Read, Write};
use std::sync::Arc;

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

/// Takes so many bytes and fails then; holds on to something, to see whether it still lives.
pub(crate) struct FullDisk {
    room: usize,
    alive: Arc<()>,
}

impl FullDisk {
    pub(crate) fn with_room(room: usize) -> Self {
        Self { room, alive: Arc::new(()) }
    }

    /// Counts one more for as long as the disk lives.
    pub(crate) fn alive(&self) -> Arc<()> {
        Arc::clone(&self.alive)
    }
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A deflate stream as zip archives hold them.
pub(crate) fn deflate(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn crc32(plain: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    crc.sum()
}
