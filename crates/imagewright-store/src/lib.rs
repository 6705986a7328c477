//! The content store: a folder that several processes may use at once.
//!
//! ```text
//! oci-layout, index.json, blobs/   an OCI image layout, readable by any tool that knows one
//! snapshots/<chain>/fs             unpacked layers, as overlays take them
//! snapshots/<chain>-<part>/fs      those of their files that some purpose needs
//! origins/<algorithm>/<hex>        where a layer can be had that is not here
//! repositories/<key>/              what repositories of a registry have of the blobs
//! facts/<kind>/<key>.json          what was found out about something, by its digest
//! keys/                            what servers of this store share and nobody else knows
//! locks/                           one file for each thing that only one process may do at a time
//! cache/<name>/, tools/            folders that are given to package managers; nothing here looks inside
//! tmp/                             unfinished things, each held by the process that makes it
//! ```
//!
//! Every change appears at once or not at all: it is made under `tmp/`, flushed to disk, and renamed. Snapshots are
//! flushed later, and do not count after a crash before that; facts are not, and one that a crash left empty is unknown.
//! What a killed process leaves in `tmp/` is removed by the next [`Store::open`]. Where the store lies is the caller's
//! to say.

mod blobs;
mod check;
mod chunks;
mod collection;
mod error;
mod facts;
mod files;
mod flushing;
mod growing;
mod images;
mod index;
mod layer_stream;
mod layout;
mod locks;
mod origins;
mod output;
pub mod overlay;
mod progress;
mod repositories;
mod scratch;
mod snapshots;
mod store;
mod temporary;
pub mod transfer;
mod unfinished;
mod validate;

pub use blobs::BlobWriter;
pub use check::{CheckReport, Damage};
pub use collection::{Collected, CollectionRules, Lease, Tally};
pub use error::StoreError;
pub use growing::{GrowingBlob, Growth};
pub use images::{Image, ImageRecord};
pub use locks::Lock;
pub use origins::MOST_PLACES;
pub use output::OutputFile;
pub use progress::OnProgress;
pub use repositories::{Repository, RepositoryKey, StoredManifest, Upload, UploadId, document_digests};
pub use scratch::Scratch;
pub use snapshots::{OpenLayer, Part, UnpackError};
pub use store::Store;
pub use validate::ValidationError;
