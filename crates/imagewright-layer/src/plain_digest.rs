//! The digest of a stream that another thread hashes while this one makes it.

use std::io;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use imagewright_oci::{DiffId, Hasher};

const CHUNK: usize = 128 * 1024;
/// How many chunks may wait.
const DEPTH: usize = 4;

/// Takes the plain bytes of a layer. Dropped, it waits for its thread.
pub(crate) struct PlainDigest {
    chunk: Vec<u8>,
    chunks: Option<Sender<Vec<u8>>>,
    thread: Option<JoinHandle<Hasher>>,
    /// Chunks that were hashed, to be filled again.
    used: Receiver<Vec<u8>>,
    size: u64,
}

impl PlainDigest {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
        let (chunks, todo) = bounded::<Vec<u8>>(DEPTH);
        let (done, used) = bounded(DEPTH + 2);
        let thread = thread::spawn(move || {
            let mut hasher = Hasher::default();
            for mut chunk in todo {
                hasher.update(&chunk);
                chunk.clear();
                // Without room, or with nobody there, it is not needed any more.
                let _ = done.try_send(chunk);
            }
            hasher
        });
        Self { chunk: Vec::with_capacity(CHUNK), chunks: Some(chunks), thread: Some(thread), used, size: 0 }
    }

    /// Takes bytes; waits while as many are under way as memory is meant to hold.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(taken);
            bytes = rest;
            if self.chunk.len() == CHUNK {
                self.submit();
            }
        }
    }

    /// The digest and the size of everything that was taken.
    pub(crate) fn finish(mut self) -> io::Result<(DiffId, u64)> {
        self.submit();
        let hasher =
            self.join().ok_or_else(|| io::Error::other("the thread that hashes the layer panicked"))?;
        Ok((DiffId::new(hasher.finish()), self.size))
    }

    fn submit(&mut self) {
        let fresh = self.used.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        let full = std::mem::replace(&mut self.chunk, fresh);
        if let Some(chunks) = &self.chunks {
            // Fails only where the thread panicked, which `finish` will tell.
            let _ = chunks.send(full);
        }
    }

    fn join(&mut self) -> Option<Hasher> {
        drop(self.chunks.take());
        self.thread.take()?.join().ok()
    }
}

impl Drop for PlainDigest {
    fn drop(&mut self) {
        self.join();
    }
}
