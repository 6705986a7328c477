//! The plain bytes of a layer, decompressed and digested on a thread of their own, so that whoever unpacks them
//! has the other core to itself.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use imagewright_layer::{LayerError, decompress};
use imagewright_oci::{Descriptor, DiffId, Digest, Hasher};

use crate::progress::Meter;

/// Bytes handed over at once, and how many such chunks may wait.
const CHUNK: usize = 256 << 10;
const WAITING: usize = 8;

/// Reads the layer that `blob` gives to its end through `consume`, then checks digest, size and diff id. `meter` counts the
/// bytes of the blob.
///
/// An error of `consume` comes before one of the checks: a broken stream breaks its reader first.
pub(crate) fn read_verified<E: From<LayerError>>(
    blob: impl Read + Send,
    layer: &Descriptor,
    diff_id: &DiffId,
    meter: Meter<'_>,
    consume: impl FnOnce(&mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let done = AtomicU64::new(0);
    let (sender, chunks) = sync_channel(WAITING);
    let found = thread::scope(|scope| {
        let reader = scope.spawn(|| read(blob, layer, diff_id, &done, sender));
        let mut plain = PlainLayer { chunks, chunk: Vec::new(), position: 0, done: &done, meter };
        consume(&mut plain)?;
        io::copy(&mut plain, &mut io::sink()).map_err(unreadable)?;
        Ok::<_, E>(reader.join().expect("reading a layer does not panic"))
    })?;
    Ok(found.map_err(unreadable)?.check(layer, diff_id)?)
}

fn unreadable(source: io::Error) -> LayerError {
    LayerError::Read { source }
}

/// What a layer turned out to be.
struct Found {
    digest: Digest,
    size: u64,
    diff_id: DiffId,
}

impl Found {
    fn check(self, layer: &Descriptor, diff_id: &DiffId) -> Result<(), LayerError> {
        let digest = self.digest;
        if digest != layer.digest {
            return Err(LayerError::Digest { expected: layer.digest.clone(), found: digest });
        }
        if self.size != layer.size {
            return Err(LayerError::Size { digest, expected: layer.size, found: self.size });
        }
        if self.diff_id != *diff_id {
            return Err(LayerError::DiffId { digest, expected: diff_id.clone(), found: self.diff_id });
        }
        Ok(())
    }
}

/// Reads, digests, decompresses and digests again, and hands the plain bytes over.
fn read(
    blob: impl Read,
    layer: &Descriptor,
    diff_id: &DiffId,
    done: &AtomicU64,
    chunks: SyncSender<io::Result<Vec<u8>>>,
) -> io::Result<Found> {
    let mut packed = Packed { blob, hasher: layer.digest.algorithm().hasher(), done };
    let mut hasher = diff_id.digest().algorithm().hasher();
    let handed_over = decompress(&mut packed).and_then(|plain| hand_over(plain, &mut hasher, &chunks));
    if let Err(error) = handed_over {
        // The reader of the chunks is the one who tells; if it is gone, it has told already.
        let _ = chunks.send(Err(error));
    }
    drop(chunks);
    io::copy(&mut packed, &mut io::sink())?;
    let size = done.load(Ordering::Relaxed);
    Ok(Found { digest: packed.hasher.finish(), size, diff_id: DiffId::new(hasher.finish()) })
}

fn hand_over(
    mut plain: impl Read,
    hasher: &mut Hasher,
    chunks: &SyncSender<io::Result<Vec<u8>>>,
) -> io::Result<()> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        plain.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
        hasher.update(&chunk);
        if chunk.is_empty() || chunks.send(Ok(chunk)).is_err() {
            return Ok(());
        }
    }
}

/// Digests and counts the bytes of a blob as they are read.
struct Packed<'a, B> {
    blob: B,
    hasher: Hasher,
    done: &'a AtomicU64,
}

impl<B: Read> Read for Packed<'_, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.blob.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.done.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// The receiving end.
struct PlainLayer<'a, 'm> {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    position: usize,
    done: &'a AtomicU64,
    meter: Meter<'m>,
}

impl Read for PlainLayer<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.chunk.len() {
            // A closed channel is the end of the layer.
            let Ok(next) = self.chunks.recv() else { return Ok(0) };
            self.chunk = next?;
            self.position = 0;
            self.meter.set(self.done.load(Ordering::Relaxed));
        }
        let length = buffer.len().min(self.chunk.len() - self.position);
        buffer[..length].copy_from_slice(&self.chunk[self.position..self.position + length]);
        self.position += length;
        Ok(length)
    }
}
