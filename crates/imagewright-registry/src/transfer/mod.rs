//! Whole images: pulled into a store, pushed from one, copied between registries without one.
//!
//! Blobs move on a few connections at once, those that are there are skipped, and mounts are tried first.

mod copy;
mod pull;
mod push;
mod workers;

use std::collections::HashSet;
use std::io::{self, Read};

use imagewright_oci::{Descriptor, Manifest, MediaType};

use crate::{BlobOutcome, Cancel, RegistryError};

pub use copy::{FetchManifest, Selection, Tree, collect, copy, push_tree};
pub use pull::{RemoteImage, inspect, open_blob, pull, pull_blobs, refuse_foreign_layers};
pub use push::{PushOptions, push, push_blob};

/// Where pulled blobs are kept.
pub trait BlobSink: Sync {
    /// Whether the blob is there already, complete.
    fn has(&self, blob: &Descriptor) -> io::Result<bool>;

    /// Keeps a blob. Its bytes are verified when `bytes` has come to its end without an error: the blob must be read
    /// to the end, and not be visible before.
    fn put(&self, blob: &Descriptor, bytes: &mut dyn Read) -> io::Result<()>;
}

/// Where blobs to push are.
pub trait ImageSource: Sync {
    /// Opens the bytes of a blob from `offset` on.
    fn open(&self, blob: &Descriptor, offset: u64) -> io::Result<Box<dyn Read + '_>>;
}

/// How an image is moved.
#[derive(Clone, Debug)]
pub struct TransferOptions {
    /// Blobs that move at once.
    pub connections: usize,
    /// Leave foreign layers where they are instead of refusing the image: what arrives is a partial image.
    pub skip_foreign_layers: bool,
    /// Who may stop it.
    pub cancel: Cancel,
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self { connections: 4, skip_foreign_layers: false, cancel: Cancel::default() }
    }
}

/// What happens while an image moves. Events of several blobs come mixed, from several threads.
#[derive(Clone, Copy, Debug)]
pub enum TransferEvent<'a> {
    /// This much is to be moved at most.
    Planned {
        /// Number of blobs.
        blobs: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Bytes of a blob have moved.
    Bytes {
        /// Which.
        blob: &'a Descriptor,
        /// How many; negative when some were in vain.
        count: i64,
    },
    /// A blob is where it should be.
    Done {
        /// Which.
        blob: &'a Descriptor,
        /// How it came there.
        outcome: BlobOutcome,
    },
}

/// Takes events in; must not block for long.
pub type OnEvent<'a> = &'a (dyn Fn(TransferEvent<'_>) + Sync);

/// The blobs of manifests, each once, the largest first so that no connection ends up alone with it.
fn blobs_of<'a>(
    manifests: impl IntoIterator<Item = &'a Manifest>,
    what: &str,
    options: &TransferOptions,
) -> Result<Vec<&'a Descriptor>, RegistryError> {
    let (mut seen, mut blobs) = (HashSet::new(), Vec::new());
    for manifest in manifests {
        for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
            if is_foreign(&blob.media_type) {
                if options.skip_foreign_layers {
                    continue;
                }
                let (what, digest, urls) = (what.to_owned(), blob.digest.clone(), blob.urls.clone());
                return Err(RegistryError::ForeignLayer { what, digest, urls });
            }
            if seen.insert(&blob.digest) {
                blobs.push(blob);
            }
        }
    }
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    Ok(blobs)
}

/// Layers whose bytes registries must not hold: Docker's, and OCI's since withdrawn.
fn is_foreign(media_type: &MediaType) -> bool {
    *media_type == MediaType::DockerForeignLayer
        || media_type.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.")
}

fn announce(on_event: OnEvent<'_>, blobs: &[&Descriptor]) {
    on_event(TransferEvent::Planned { blobs: blobs.len(), bytes: blobs.iter().map(|blob| blob.size).sum() });
}
