//! Layers as streams: tar entries, whiteouts, compression, digests.
//!
//! Everything here works on `Read` and `Write`; files, folders and overlays are the store's. A layer is written by
//! a [`LayerWriter`] into a [`LayerEncoder`], which compresses on all cores and knows both digests in one pass, and
//! is read back by [`decompress()`] and a [`LayerReader`], which refuses what no layer of an honest image holds. The
//! layer of a package whose files come compressed is written by a [`PackageWriter`], which copies them as they are.

mod batch;
mod chunks;
mod compression;
mod concatenate;
mod decompress;
mod encoder;
mod entry;
mod entry_header;
mod error;
mod header;
mod inflate;
mod member;
mod package_writer;
mod part_writer;
mod path;
mod pax;
mod pipeline;
mod plain_digest;
mod reader;
mod verify;
mod whiteout;
mod writer;

pub use chunks::{ChunkMemory, StoredChunk};
pub use compression::{Compression, CompressionError};
pub use concatenate::concatenate;
pub use decompress::decompress;
pub use encoder::{LayerDigests, LayerEncoder};
pub use entry::{Entry, EntryKind};
pub use error::LayerError;
pub use inflate::InflateError;
pub use package_writer::{Deflated, PackageWriter, end_of_archive};
pub use path::{LayerPath, PathError};
pub use reader::LayerReader;
pub use verify::verify_layer;
pub use writer::LayerWriter;

/// The version of everything that decides a layer's bytes beside its entries: tar header rules, chunk sizes, and the
/// compressors. It is part of cache keys, and grows whenever the same entries would give other bytes.
pub const TRANSFORM_VERSION: u32 = 2;

/// The version of what decides the bytes of a layer written by a [`PackageWriter`], beside its entries and
/// [`TRANSFORM_VERSION`]: which bodies are copied, how large runs and frames are, how streams are joined.
pub const PACKAGE_VERSION: u32 = 1;
