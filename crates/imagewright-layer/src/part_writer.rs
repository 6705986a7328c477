//! The parts of a package layer: what can be cut apart and joined with parts of other layers.
//!
//! A part is one gzip member, one or more zstd frames, or just plain bytes. Inside a gzip member stand deflate blocks:
//! those of bodies that were copied, and between them those of runs of everything else.

use std::io::{self, Write};

use flate2::Crc;
use imagewright_oci::DiffId;

use crate::batch::{self, Batch};
use crate::pipeline::Pipeline;
use crate::plain_digest::PlainDigest;
use crate::{Compression, LayerDigests, LayerError};

/// No name, no time, 255 (unknown) for the operating system: what the encoder of other layers writes, too.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// An empty block with the fixed codes, marked as the last.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Collects the bytes of a layer, and has them compressed, hashed and written by three threads.
pub(crate) struct PartWriter<W: Write + Send + 'static> {
    pipeline: Pipeline<Batch, W>,
    /// None where the plain bytes are the stored ones, which are hashed anyway.
    digest: Option<PlainDigest>,
    compression: Compression,
    batch: Batch,
    /// The sum of the part's plain bytes; its amount is zero where the part has not begun.
    crc: Crc,
    is_empty: bool,
}

impl<W: Write + Send + 'static> PartWriter<W> {
    pub(crate) fn new(out: W, compression: Compression) -> Self {
        Self {
            pipeline: Pipeline::start(out, vec![batch::transform(compression)]),
            digest: (compression != Compression::None).then(PlainDigest::start),
            compression,
            batch: Batch::default(),
            crc: Crc::new(),
            is_empty: true,
        }
    }

    /// Whether deflate streams can be copied.
    pub(crate) fn is_gzip(&self) -> bool {
        matches!(self.compression, Compression::Gzip { .. })
    }

    /// Takes plain bytes that are to be compressed.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.crc.update(bytes);
        self.write_unsummed(bytes)
    }

    /// Takes plain bytes that are to be compressed; their sum comes by [`add_sum`](Self::add_sum).
    pub(crate) fn write_unsummed(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        self.begin();
        self.observe(bytes);
        let limit = run_limit(self.compression);
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(limit - self.batch.run_length()));
            self.batch.push_plain(taken);
            bytes = rest;
            if self.batch.run_length() == limit {
                self.batch.end_run();
                self.submit_if_full()?;
            }
        }
        Ok(())
    }

    /// Takes bytes of a deflate stream, which [`observe`](Self::observe) and [`add_sum`](Self::add_sum) see plain.
    pub(crate) fn splice(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.begin();
        self.batch.push_stored(bytes);
        self.submit_if_full()
    }

    /// Has plain bytes hashed that are stored by [`splice`](Self::splice).
    pub(crate) fn observe(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
    }

    /// Takes the sum of plain bytes that were taken without.
    pub(crate) fn add_sum(&mut self, crc: &Crc) {
        self.crc.combine(crc);
    }

    /// Ends the part, if it has begun.
    pub(crate) fn end(&mut self) -> Result<(), LayerError> {
        if self.is_empty {
            return Ok(());
        }
        self.batch.end_run();
        if self.is_gzip() {
            self.batch.push_stored(&LAST_BLOCK);
            self.batch.push_stored(&self.crc.sum().to_le_bytes());
            self.batch.push_stored(&self.crc.amount().to_le_bytes());
        }
        self.crc.reset();
        self.is_empty = true;
        self.submit()
    }

    /// Waits until everything taken so far is written and says how much is stored.
    pub(crate) fn written(&mut self) -> Result<u64, LayerError> {
        self.pipeline.written().map_err(write_error)
    }

    /// Waits for the threads and gives the stream back.
    pub(crate) fn finish(mut self) -> Result<(W, LayerDigests), LayerError> {
        self.end()?;
        let written = self.pipeline.finish().map_err(write_error)?;
        let plain = self.digest.map(PlainDigest::finish).transpose().map_err(write_error)?;
        let (diff_id, uncompressed_size) =
            plain.unwrap_or_else(|| (DiffId::new(written.digest.clone()), written.size));
        let digests = LayerDigests {
            digest: written.digest,
            size: written.size,
            diff_id,
            uncompressed_size,
            media_type: self.compression.media_type(),
        };
        Ok((written.out, digests))
    }

    fn begin(&mut self) {
        if self.is_empty && self.is_gzip() {
            self.batch.push_stored(&GZIP_HEADER);
        }
        self.is_empty = false;
    }

    fn submit_if_full(&mut self) -> Result<(), LayerError> {
        if self.batch.len() >= run_limit(self.compression) { self.submit() } else { Ok(()) }
    }

    fn submit(&mut self) -> Result<(), LayerError> {
        self.pipeline.submit(std::mem::take(&mut self.batch)).map_err(write_error)
    }
}

/// How long runs become; part of the package version.
fn run_limit(compression: Compression) -> usize {
    match compression {
        Compression::None | Compression::Gzip { .. } => 256 * 1024,
        Compression::Zstd { .. } => 4 * 1024 * 1024,
    }
}

fn write_error(source: io::Error) -> LayerError {
    LayerError::Write { source }
}
