//! Indexes of layers: each layer is read once, wherever it is, and what was seen is filed.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use imagewright_check::{IndexEntry, IndexKind, Indexer, LAYER_INDEX, LayerIndex};
use imagewright_engine::{Cancel, EngineError};
use imagewright_layer::{Entry, EntryKind, LayerError, LayerReader, decompress};
use imagewright_model::{ErrorKind, Progress, in_one_line};
use imagewright_oci::{Descriptor, Reference};

use crate::{Service, ServiceError};

/// Layers that are read at once: each is decompressed on a thread of its own.
const AT_ONCE: usize = 4;
/// How often it is told how far reading has come.
const PACE: Duration = Duration::from_millis(200);

/// What became of a layer that was to be looked through.
type Looked = Result<Option<LayerIndex>, ServiceError>;

/// Indexes of the layers of an image, and why some are missing.
#[derive(Default)]
pub(super) struct Indexed {
    pub(super) layers: Vec<Option<LayerIndex>>,
    pub(super) notes: Vec<String>,
}

impl Service {
    /// The indexes of layers: those that are known, and those of which each is read now, from the store or streamed from its
    /// registry without being kept. `place` is where layers can be had of which the store knows nothing.
    pub(super) fn indexes(
        &self,
        layers: &[Descriptor],
        place: Option<&Reference>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Indexed, ServiceError> {
        let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
        let total = layers.iter().map(|layer| layer.size).sum();
        let mut found: Vec<Option<Looked>> = layers.iter().map(|_| None).collect();
        let (sender, done) = mpsc::channel::<(usize, Looked)>();
        thread::scope(|scope| {
            for _ in 0..self.engine.threads.clamp(1, AT_ONCE).min(layers.len()) {
                let (sender, next, bytes) = (sender.clone(), &next, &bytes);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(layer) = layers.get(number) else { return };
                        if sender.send((number, self.index_of(layer, place, bytes, cancel))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            loop {
                match done.recv_timeout(PACE) {
                    Ok((number, looked)) => found[number] = Some(looked),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                let done = bytes.load(Ordering::Relaxed);
                progress("looking through the layers", Progress { done, total: Some(total) });
            }
        });
        let mut indexed = Indexed::default();
        for (layer, read) in layers.iter().zip(found) {
            match read.unwrap_or(Ok(None)) {
                Ok(index) => indexed.layers.push(index),
                Err(error) if is_out_of_reach(&error) => {
                    indexed.layers.push(None);
                    let why = in_one_line(&error);
                    indexed.notes.push(format!("layer {} was not looked at: {why}", layer.digest.short()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(indexed)
    }

    /// The index of a layer: as it was made once, or made now. None where nobody knows where the layer is.
    fn index_of(
        &self,
        layer: &Descriptor,
        place: Option<&Reference>,
        bytes: &AtomicU64,
        cancel: &Cancel,
    ) -> Looked {
        let store = self.store();
        if let Some(known) = store.get_fact(LAYER_INDEX, &layer.digest)? {
            bytes.fetch_add(layer.size, Ordering::Relaxed);
            return Ok(Some(known));
        }
        let counted = |blob| Counted { blob, bytes };
        let index = match store.has_blob(&layer.digest) {
            true => read(counted(Box::new(store.open_blob(&layer.digest)?)), cancel),
            false => {
                let mut places = store.origins(&layer.digest)?;
                places.extend(place.cloned());
                if places.is_empty() || self.trust().offline {
                    return Ok(None);
                }
                let remote = self.engine.remote.open_layer(layer, &places, 0, cancel.stop());
                read(counted(remote.map_err(EngineError::Remote)?), cancel)
            }
        };
        let index = index.map_err(|source| match source {
            _ if cancel.is_cancelled() => EngineError::Cancelled.into(),
            LayerError::Read { source } => transfer_error(source, layer),
            source => ServiceError::Layer { digest: layer.digest.clone(), source },
        })?;
        store.put_fact(LAYER_INDEX, &layer.digest, &index)?;
        Ok(Some(index))
    }
}

/// A layer on its way, whose bytes are counted.
struct Counted<'a> {
    blob: Box<dyn Read + Send>,
    bytes: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.blob.read(buffer)?;
        self.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// What reading failed with: the transfer itself, or what was in the layer.
fn transfer_error(source: io::Error, layer: &Descriptor) -> ServiceError {
    match source.downcast() {
        Ok(remote) => EngineError::Remote(remote).into(),
        Err(source) => {
            ServiceError::Layer { digest: layer.digest.clone(), source: LayerError::Read { source } }
        }
    }
}

/// Whether an error says where a layer could not be had, rather than what is wrong with it.
fn is_out_of_reach(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Engine(EngineError::Remote(_)))
        && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Denied | ErrorKind::NotFound)
}

/// Makes the index of a layer. Nothing is unpacked.
fn read(blob: impl Read, cancel: &Cancel) -> Result<LayerIndex, LayerError> {
    let unreadable = |source| LayerError::Read { source };
    let mut indexer = Indexer::default();
    LayerReader::new(decompress(blob).map_err(unreadable)?).for_each(|entry, contents| {
        cancel.stop().check().map_err(unreadable)?;
        match entry.kind {
            EntryKind::Whiteout => indexer.remove(entry.path.as_bytes()),
            EntryKind::OpaqueDirectory => indexer.empty(entry.path.as_bytes()),
            _ => indexer.add(entry.path.as_bytes(), index_entry(&entry), contents).map_err(unreadable)?,
        }
        Ok::<_, LayerError>(())
    })?;
    Ok(indexer.finish())
}

fn index_entry(entry: &Entry) -> IndexEntry {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let kind = match &entry.kind {
        EntryKind::File { size } => IndexKind::File(*size),
        EntryKind::Directory => IndexKind::Directory,
        EntryKind::Symlink { target } => IndexKind::Symlink(text(target.as_os_str().as_bytes())),
        EntryKind::HardLink { target } => IndexKind::HardLink(text(target.as_bytes())),
        _ => IndexKind::Other,
    };
    IndexEntry { kind, mode: entry.mode, uid: entry.uid, gid: entry.gid }
}
