//! Compresses and digests a layer in one pass, on several threads.
//!
//! The stream is cut into chunks, each of which becomes a gzip member or a zstd frame of its own; their concatenation is
//! a valid stream for every reader. Chunks have a greatest size, and end earlier where entries are announced (see
//! `chunks`). So the bytes depend on nothing but the input, the compression and
//! [`TRANSFORM_VERSION`](crate::TRANSFORM_VERSION), never on threads, on how writes are cut, or on what is remembered.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use imagewright_oci::{Descriptor, DiffId, Digest, Hasher, MediaType};
use libdeflater::{CompressionLvl, Compressor};
use serde::{Deserialize, Serialize};

use crate::chunks::Cutter;
use crate::pipeline::{Pipeline, Transform};
use crate::{ChunkMemory, Compression, Entry, StoredChunk};

const MIB: usize = 1024 * 1024;

/// What identifies a layer that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerDigests {
    /// Digest of the layer as stored.
    pub digest: Digest,
    /// Its size as stored.
    pub size: u64,
    /// Digest before compression.
    pub diff_id: DiffId,
    /// Size before compression.
    pub uncompressed_size: u64,
    /// How it is stored.
    pub media_type: MediaType,
}

impl LayerDigests {
    /// The descriptor of the layer as stored.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest.clone(), self.size)
    }
}

/// Takes the plain tar stream, writes the compressed layer, and knows both digests at the end.
///
/// An error of the stream below comes back from a later `write`, or from [`finish`](Self::finish); from then on every
/// call fails. Dropped unfinished, it leaves a broken layer behind but no thread. `flush` does nothing, since where
/// chunks end must not depend on it.
pub struct LayerEncoder<W: Write + Send + 'static> {
    pipeline: Pipeline<Chunk, W>,
    compression: Compression,
    chunk: Vec<u8>,
    chunk_size: usize,
    submitted: usize,
    cutter: Cutter,
    /// What was found out of the chunks, where there is a memory.
    seen: Option<Seen>,
    hasher: Hasher,
    uncompressed_size: u64,
}

/// A chunk and its number.
struct Chunk {
    number: usize,
    bytes: Vec<u8>,
}

/// Digests of chunks, plain and stored, and their stored lengths, by their numbers, in any order.
type Seen = Arc<Mutex<Vec<(usize, Digest, Digest, u64)>>>;

impl<W: Write + Send + 'static> LayerEncoder<W> {
    /// Starts `threads` compressing threads (one at least) and one that writes to `out`.
    pub fn new(out: W, compression: Compression, threads: usize) -> Self {
        let compress = || {
            let mut compress = transform(compression);
            Box::new(move |chunk: Chunk| compress(chunk.bytes)) as Transform<Chunk>
        };
        Self::start(out, compression, (0..threads.max(1)).map(|_| compress()).collect(), None)
    }

    /// The same, and takes from `memory` what was compressed before.
    pub fn with_memory(
        out: W,
        compression: Compression,
        threads: usize,
        memory: &Arc<dyn ChunkMemory>,
    ) -> Self {
        let seen = Seen::default();
        let recall = || recalling(compression, Arc::clone(memory), Arc::clone(&seen));
        let transforms = (0..threads.max(1)).map(|_| recall()).collect();
        Self::start(out, compression, transforms, Some(seen))
    }

    fn start(
        out: W,
        compression: Compression,
        transforms: Vec<Transform<Chunk>>,
        seen: Option<Seen>,
    ) -> Self {
        let chunk_size = chunk_size(compression);
        Self {
            pipeline: Pipeline::start(out, transforms),
            compression,
            chunk: Vec::with_capacity(chunk_size),
            chunk_size,
            submitted: 0,
            cutter: Cutter::new(chunk_size),
            seen,
            hasher: Hasher::default(),
            uncompressed_size: 0,
        }
    }

    /// Says that what is written next is this entry. A chunk may end here.
    pub fn announce(&mut self, entry: &Entry) -> io::Result<()> {
        match self.cutter.ends_before(entry, self.chunk.len()) {
            true => self.end_chunk(),
            false => Ok(()),
        }
    }

    fn end_chunk(&mut self) -> io::Result<()> {
        let bytes = std::mem::replace(&mut self.chunk, Vec::with_capacity(self.chunk_size));
        let number = self.submitted;
        self.submitted += 1;
        self.pipeline.submit(Chunk { number, bytes })
    }

    /// Writes what is left, waits for the threads and gives `out` back, flushed.
    pub fn finish(self) -> io::Result<(W, LayerDigests)> {
        self.finish_with_chunks().map(|(out, digests, _)| (out, digests))
    }

    /// The same, and tells the chunks, where there is a memory that may want them.
    pub fn finish_with_chunks(mut self) -> io::Result<(W, LayerDigests, Vec<StoredChunk>)> {
        // An empty stream still needs a member: no bytes at all are not a gzip or zstd stream.
        if !self.chunk.is_empty() || self.uncompressed_size == 0 {
            self.end_chunk()?;
        }
        let written = self.pipeline.finish()?;
        let digests = LayerDigests {
            digest: written.digest,
            size: written.size,
            diff_id: DiffId::new(self.hasher.finish()),
            uncompressed_size: self.uncompressed_size,
            media_type: self.compression.media_type(),
        };
        let mut seen = self.seen.map(|seen| std::mem::take(&mut *lock(&seen))).unwrap_or_default();
        seen.sort_unstable_by_key(|(number, ..)| *number);
        let mut offset = 0;
        let chunks = seen.into_iter().map(|(_, plain, stored, length)| {
            let chunk = StoredChunk { plain, stored, offset, length };
            offset += length;
            chunk
        });
        Ok((written.out, digests, chunks.collect()))
    }
}

impl<W: Write + Send + 'static> Write for LayerEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (taken, _) = bytes.split_at(bytes.len().min(self.chunk_size - self.chunk.len()));
        self.chunk.extend_from_slice(taken);
        self.hasher.update(taken);
        self.uncompressed_size += taken.len() as u64;
        if self.chunk.len() == self.chunk_size {
            self.end_chunk()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the stored form of a chunk from the memory, or makes it, and notes what it is.
fn recalling(compression: Compression, memory: Arc<dyn ChunkMemory>, seen: Seen) -> Transform<Chunk> {
    let mut compress = transform(compression);
    Box::new(move |Chunk { number, bytes }| {
        let plain = Digest::of(&bytes);
        let stored = match memory.recall(&plain) {
            Some(stored) => stored,
            None => compress(bytes)?,
        };
        lock(&seen).push((number, plain, Digest::of(&stored), stored.len() as u64));
        Ok(stored)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Larger chunks compress better and keep fewer threads busy; part of the transform version.
fn chunk_size(compression: Compression) -> usize {
    match compression {
        Compression::None | Compression::Gzip { .. } => MIB,
        Compression::Zstd { .. } => 4 * MIB,
    }
}

fn transform(compression: Compression) -> Transform<Vec<u8>> {
    match compression {
        Compression::None => Box::new(Ok),
        Compression::Gzip { level } => gzip(level),
        // A fresh context for each chunk: zstd does not promise that a used one gives the same bytes.
        Compression::Zstd { level } => Box::new(move |chunk| zstd::bulk::compress(&chunk, level)),
    }
}

/// libdeflate's gzip header has no name, no time, and 255 (unknown) for the operating system.
fn gzip(level: u8) -> Transform<Vec<u8>> {
    let mut compressor = CompressionLvl::new(level.into()).map(Compressor::new);
    Box::new(move |chunk| {
        let compressor = compressor.as_mut().map_err(|_| invalid_level(level))?;
        let mut member = vec![0; compressor.gzip_compress_bound(chunk.len())];
        let length = compressor.gzip_compress(&chunk, &mut member).map_err(io::Error::other)?;
        member.truncate(length);
        Ok(member)
    })
}

/// The error for a level that libdeflate does not have.
pub(crate) fn invalid_level(level: u8) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("gzip has no compression level {level}"))
}
