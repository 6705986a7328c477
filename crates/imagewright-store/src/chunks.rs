//! Chunks of layers that were made here, to be taken again by the next layer that has the same.
//!
//! One more apt package makes a new layer, of which most was in the layer before. Compressing is what a layer costs
//! most, so what was compressed is looked up by the digest of its plain bytes. Nothing is kept for that but a list for
//! each layer: the chunks are in its blob.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use imagewright_layer::{ChunkMemory, Compression, StoredChunk, TRANSFORM_VERSION};
use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

use crate::collection::{entries, metadata};
use crate::{Store, StoreError};

/// The facts that list the chunks of layers.
const KIND: &str = "layer-chunks";
/// As many lists are looked at, the most recent ones.
const MOST_LISTS: usize = 16;
/// More chunks of one layer are not worth a list.
const MOST_CHUNKS: usize = 50_000;
/// No chunk is longer; what says otherwise is not ours.
const LONGEST: u64 = 8 << 20;

/// The chunks of a layer.
#[derive(Serialize, Deserialize)]
struct List {
    layer: Digest,
    chunks: Vec<StoredChunk>,
}

/// Chunks of recent layers, by the digests of their plain bytes.
pub(crate) struct Chunks {
    files: Vec<File>,
    known: HashMap<Digest, (usize, StoredChunk)>,
    recalled: AtomicUsize,
}

impl Chunks {
    /// Those of the layers that were made last and compressed in this way.
    pub(crate) fn recent(store: &Store, compression: Compression) -> Result<Self, StoreError> {
        let mut chunks = Self { files: Vec::new(), known: HashMap::new(), recalled: AtomicUsize::new(0) };
        if compression == Compression::None {
            return Ok(chunks);
        }
        for layer in recent_lists(store, &kind(compression))? {
            let list: Option<List> = store.peek_fact(&kind(compression), &layer)?;
            let Some(List { layer, chunks: listed }) = list else { continue };
            // Without its layer a list is of no use.
            let Ok(file) = File::open(store.blob_path(&layer)) else { continue };
            let number = chunks.files.len();
            chunks.files.push(file);
            for chunk in listed.into_iter().filter(|chunk| chunk.length <= LONGEST) {
                chunks.known.entry(chunk.plain.clone()).or_insert((number, chunk));
            }
        }
        Ok(chunks)
    }

    /// How many chunks were taken so far.
    pub(crate) fn recalled(&self) -> usize {
        self.recalled.load(Ordering::Relaxed)
    }
}

impl ChunkMemory for Chunks {
    fn recall(&self, plain: &Digest) -> Option<Vec<u8>> {
        let (file, chunk) = self.known.get(plain)?;
        let mut stored = vec![0; usize::try_from(chunk.length).ok()?];
        self.files[*file].read_exact_at(&mut stored, chunk.offset).ok()?;
        // A damaged blob must not damage another.
        let is_whole = Digest::of(&stored) == chunk.stored;
        self.recalled.fetch_add(usize::from(is_whole), Ordering::Relaxed);
        is_whole.then_some(stored)
    }
}

/// Keeps the list of a layer's chunks.
pub(crate) fn remember(
    store: &Store,
    compression: Compression,
    layer: &Digest,
    chunks: Vec<StoredChunk>,
) -> Result<(), StoreError> {
    if compression == Compression::None || chunks.len() > MOST_CHUNKS {
        return Ok(());
    }
    store.put_fact(&kind(compression), layer, &List { layer: layer.clone(), chunks })
}

/// Chunks of another compression or version have other stored forms.
fn kind(compression: Compression) -> String {
    format!("{KIND}-{TRANSFORM_VERSION}-{}", compression.to_string().replace(':', "-"))
}

/// The layers whose lists were written last, the last one first.
fn recent_lists(store: &Store, kind: &str) -> Result<Vec<Digest>, StoreError> {
    let mut lists: Vec<(SystemTime, Digest)> = Vec::new();
    for entry in entries(&store.room("facts").join(kind))? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let digest = name.strip_suffix(".json").and_then(|hex| format!("sha256:{hex}").parse().ok());
        // A collection may have taken it just now.
        let (Some(digest), Ok(metadata)) = (digest, metadata(&entry)) else { continue };
        lists.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), digest));
    }
    lists.sort_by(|a, b| b.cmp(a));
    Ok(lists.into_iter().take(MOST_LISTS).map(|(_, digest)| digest).collect())
}
