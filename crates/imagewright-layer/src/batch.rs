//! Bytes of a package layer on their way from who collects them to who compresses them.

use std::io;
use std::ops::Range;

use libdeflater::{CompressionLvl, Compressor};

use crate::inflate::{InflateError, Inflater, Streams};
use crate::pipeline::Transform;
use crate::{Compression, encoder};

/// Plain bytes that are still to be compressed, and stored ones between them.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// What of it is plain. Each run is compressed by itself: nothing in it refers to what stands elsewhere.
    runs: Vec<Range<usize>>,
    /// Whether the last run goes on.
    is_open: bool,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The length of the run that goes on.
    pub(crate) fn run_length(&self) -> usize {
        self.runs.last().filter(|_| self.is_open).map_or(0, Range::len)
    }

    pub(crate) fn push_plain(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        match self.runs.last_mut() {
            Some(run) if self.is_open => run.end = self.bytes.len(),
            _ => self.runs.push(start..self.bytes.len()),
        }
        self.is_open = true;
    }

    pub(crate) fn end_run(&mut self) {
        self.is_open = false;
    }

    pub(crate) fn push_stored(&mut self, bytes: &[u8]) {
        self.end_run();
        self.bytes.extend_from_slice(bytes);
    }

    /// All bytes as they are stored, with the runs compressed by `compress`.
    fn store(self, mut compress: impl FnMut(&[u8], &mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
        let mut stored = Vec::with_capacity(self.bytes.len());
        let mut next = 0;
        for run in self.runs {
            stored.extend_from_slice(&self.bytes[next..run.start]);
            next = run.end;
            compress(&self.bytes[run], &mut stored)?;
        }
        stored.extend_from_slice(&self.bytes[next..]);
        Ok(stored)
    }
}

/// What makes stored bytes of a batch.
pub(crate) fn transform(compression: Compression) -> Transform<Batch> {
    match compression {
        Compression::None => Box::new(|batch| Ok(batch.bytes)),
        Compression::Gzip { level } => {
            let mut deflater = Deflater::new(level);
            Box::new(move |batch| {
                let deflater = deflater.as_mut().map_err(|()| encoder::invalid_level(level))?;
                batch.store(|run, stored| deflater.deflate(run, stored))
            })
        }
        // A fresh context for each frame: zstd does not promise that a used one gives the same bytes.
        Compression::Zstd { level } => Box::new(move |batch| {
            batch.store(|run, stored| {
                stored.extend_from_slice(&zstd::bulk::compress(run, level)?);
                Ok(())
            })
        }),
    }
}

/// Compresses runs so that more blocks may follow.
///
/// libdeflate can only end a stream; the inflater takes the end off again.
struct Deflater {
    compressor: Compressor,
    inflater: Inflater,
    scratch: Vec<u8>,
}

impl Deflater {
    fn new(level: u8) -> Result<Self, ()> {
        let level = CompressionLvl::new(level.into()).map_err(|_| ())?;
        Ok(Self { compressor: Compressor::new(level), inflater: Inflater::new(), scratch: Vec::new() })
    }

    fn deflate(&mut self, run: &[u8], stored: &mut Vec<u8>) -> io::Result<()> {
        let bound = self.compressor.deflate_compress_bound(run.len());
        if self.scratch.len() < bound {
            self.scratch.resize(bound, 0);
        }
        let length = self.compressor.deflate_compress(run, &mut self.scratch).map_err(io::Error::other)?;
        let mut joined = Joined { stream: &self.scratch[..length], stored };
        self.inflater.inflate(length as u64, run.len() as u64, &mut joined).map_err(io::Error::other)
    }
}

/// A stream in memory of which only what is to be stored is wanted.
struct Joined<'a> {
    stream: &'a [u8],
    stored: &'a mut Vec<u8>,
}

impl Streams for Joined<'_> {
    type Error = InflateError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, InflateError> {
        let (bytes, rest) = self.stream.split_at(buffer.len().min(self.stream.len()));
        buffer[..bytes.len()].copy_from_slice(bytes);
        self.stream = rest;
        Ok(bytes.len())
    }

    fn plain(&mut self, _: &[u8]) -> Result<(), InflateError> {
        Ok(())
    }

    fn deflated(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        self.stored.extend_from_slice(bytes);
        Ok(())
    }
}
