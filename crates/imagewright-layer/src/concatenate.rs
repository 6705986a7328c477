//! Makes one layer of parts of others.

use std::io::{self, Read, Write};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use imagewright_oci::{DiffId, Hasher};

use crate::{Compression, LayerDigests, decompress, end_of_archive};

const CHUNK: usize = 128 * 1024;
/// How many chunks may wait to be inflated.
const DEPTH: usize = 4;

/// Joins parts of layers into one and gives `out` back, flushed.
///
/// The parts are those that [`PackageWriter`](crate::PackageWriter) ends at its cuts; the last must be the
/// [`end_of_archive`]. Both digests come from one pass: a thread beside inflates what is written.
pub fn concatenate<W: Write + Send + 'static>(
    mut out: W,
    compression: Compression,
    parts: impl IntoIterator<Item = io::Result<Box<dyn Read + Send>>>,
) -> io::Result<(W, LayerDigests)> {
    let mut plain = (compression != Compression::None).then(PlainThread::start);
    let mut ending = Ending::new(end_of_archive(compression)?);
    let (mut hasher, mut size) = (Hasher::default(), 0);
    for part in parts {
        let mut part = part?;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            part.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
            if chunk.is_empty() {
                break;
            }
            hasher.update(&chunk);
            size += chunk.len() as u64;
            ending.update(&chunk);
            out.write_all(&chunk)?;
            if let Some(plain) = &mut plain {
                plain.submit(chunk)?;
            }
        }
    }
    ending.check()?;
    out.flush()?;
    let digest = hasher.finish();
    let (diff_id, uncompressed_size) = match plain {
        Some(plain) => plain.finish()?,
        None => (DiffId::new(digest.clone()), size),
    };
    Ok((out, LayerDigests { digest, size, diff_id, uncompressed_size, media_type: compression.media_type() }))
}

/// Watches for the end that a layer must have.
struct Ending {
    expected: Vec<u8>,
    last: Vec<u8>,
}

impl Ending {
    fn new(expected: Vec<u8>) -> Self {
        Self { expected, last: Vec::new() }
    }

    fn update(&mut self, bytes: &[u8]) {
        let kept = bytes.len().saturating_sub(self.expected.len());
        self.last.extend_from_slice(&bytes[kept..]);
        let surplus = self.last.len().saturating_sub(self.expected.len());
        self.last.drain(..surplus);
    }

    fn check(&self) -> io::Result<()> {
        if self.last == self.expected {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the parts of the layer do not end with the end of an archive",
        ))
    }
}

/// The thread that inflates and hashes. Dropped, it waits for it.
struct PlainThread {
    chunks: Option<Sender<Vec<u8>>>,
    thread: Option<JoinHandle<io::Result<(DiffId, u64)>>>,
}

impl PlainThread {
    fn start() -> Self {
        let (chunks, todo) = bounded(DEPTH);
        let thread = thread::spawn(move || digest(ChunkReader { todo, chunk: Vec::new(), next: 0 }));
        Self { chunks: Some(chunks), thread: Some(thread) }
    }

    fn submit(&mut self, chunk: Vec<u8>) -> io::Result<()> {
        let accepted = self.chunks.as_ref().is_some_and(|chunks| chunks.send(chunk).is_ok());
        if accepted { Ok(()) } else { Err(self.join().err().unwrap_or_else(stopped)) }
    }

    fn finish(mut self) -> io::Result<(DiffId, u64)> {
        self.join()
    }

    fn join(&mut self) -> io::Result<(DiffId, u64)> {
        drop(self.chunks.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(io::Error::other("the thread that inflates the layer panicked")),
            None => Err(stopped()),
        }
    }
}

impl Drop for PlainThread {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

fn digest(stored: ChunkReader) -> io::Result<(DiffId, u64)> {
    let mut plain = decompress(stored)?;
    let (mut hasher, mut size) = (Hasher::default(), 0);
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = match plain.read(&mut buffer) {
            Ok(0) => return Ok((DiffId::new(hasher.finish()), size)),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..length]);
        size += length as u64;
    }
}

/// Reads chunks as they come in.
struct ChunkReader {
    todo: Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    next: usize,
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.next == self.chunk.len() {
            // There is no next chunk where the stream has ended.
            self.chunk = self.todo.recv().unwrap_or_default();
            self.next = 0;
        }
        let rest = &self.chunk[self.next..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.next += length;
        Ok(length)
    }
}

fn stopped() -> io::Error {
    io::Error::other("the layer was given up after an earlier error")
}
