//! Makes a layer of an upper directory.

use std::collections::HashMap;
use std::fs::{File, Metadata, read_link};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use imagewright_layer::{
    ChunkMemory, Compression, Entry, EntryKind, LayerDigests, LayerEncoder, LayerError, LayerPath,
    LayerWriter,
};
use nix::sys::stat::{major, minor};

use super::OverlayError;
use super::metadata::{Appearance, MODE_BITS, attributes, belongs_in_layer, is_opaque, is_whiteout};
use super::walk::{Found, Step, Walk};
use crate::chunks::{self, Chunks};
use crate::files::Attempt;
use crate::{BlobWriter, StoreError};

/// A layer that was made of an upper directory.
#[derive(Clone, Debug)]
pub struct Captured {
    /// What the layer is.
    pub digests: LayerDigests,
    /// How many entries it has; a layer without any says nothing.
    pub entries: u64,
    /// How many of its chunks were not compressed, because a layer made before has them.
    pub recalled: usize,
}

/// Makes a layer of `upper`, which lies on `lowers` (top first), and enters it into the store: read, compressed on
/// `threads` threads and digested in one pass. What a layer that was made here not long ago has as well is taken from
/// there, compressed.
///
/// Entries come directory by directory in the order of their names' bytes. Of several names of one file the first is
/// the file and the others are hard links. Sockets are left out: nothing can be said about them in a layer. The root
/// directory is an entry only where it looks other than below.
pub fn capture(
    upper: &Path,
    lowers: &[PathBuf],
    compression: Compression,
    threads: usize,
    out: BlobWriter,
) -> Result<Captured, StoreError> {
    let blob = out.path().to_owned();
    let known = Arc::new(Chunks::recent(out.store(), compression)?);
    let memory: Arc<dyn ChunkMemory> = known.clone();
    let encoder = LayerEncoder::with_memory(out, compression, threads, &memory);
    let mut capture =
        Capture { upper, blob: &blob, writer: LayerWriter::new(encoder), links: HashMap::new(), entries: 0 };
    if root_differs(upper, lowers)? {
        capture.directory(&found_root(upper)?)?;
    }
    let mut walk = Walk::new(upper)?;
    while let Some(step) = walk.next().transpose()? {
        match step {
            Step::Enter(relative) if relative.as_os_str().is_empty() => {}
            Step::Enter(_) => capture.directory(walk.current().expect("a directory was just entered"))?,
            Step::Other(found) => capture.other(&found)?,
            Step::Leave(_) => {}
        }
    }
    let entries = capture.entries;
    let encoder = capture.writer.finish().map_err(|error| layer_failed(upper, &blob, error))?;
    let (out, digests, chunks) = encoder.finish_with_chunks().attempt("write", &blob)?;
    let store = out.store().clone();
    out.commit(&digests.digest)?;
    if entries > 0 {
        chunks::remember(&store, compression, &digests.digest, chunks)?;
    }
    Ok(Captured { digests, entries, recalled: known.recalled() })
}

/// Whether the root directory looks other than below, and so is an entry.
pub(super) fn root_differs(upper: &Path, lowers: &[PathBuf]) -> Result<bool, StoreError> {
    let below = match lowers.first() {
        Some(lower) => Appearance::of(lower).attempt("look at", lower)?,
        None => Appearance::plain(),
    };
    Ok(Appearance::of(upper).attempt("look at", upper)? != below)
}

fn found_root(upper: &Path) -> Result<Found, StoreError> {
    let metadata = std::fs::symlink_metadata(upper).attempt("look at", upper)?;
    Ok(Found { path: upper.to_owned(), relative: PathBuf::new(), metadata })
}

struct Capture<'a> {
    upper: &'a Path,
    blob: &'a Path,
    writer: LayerWriter<LayerEncoder<BlobWriter>>,
    links: HashMap<(u64, u64), LayerPath>,
    entries: u64,
}

impl Capture<'_> {
    fn directory(&mut self, found: &Found) -> Result<(), StoreError> {
        let path = self.layer_path(found)?;
        self.append(&entry(path.clone(), EntryKind::Directory, found)?, &mut io::empty())?;
        match is_opaque(&found.path).attempt("read the attributes of", &found.path)? {
            true => self.append(&Entry::new(path, EntryKind::OpaqueDirectory, 0), &mut io::empty()),
            false => Ok(()),
        }
    }

    fn other(&mut self, found: &Found) -> Result<(), StoreError> {
        let path = self.layer_path(found)?;
        if is_whiteout(&found.metadata) {
            // The kernel makes all whiteouts of a mount links of one another, so this comes before links.
            return self.append(&Entry::new(path, EntryKind::Whiteout, 0), &mut io::empty());
        }
        if let Some(target) = self.earlier_name(&found.metadata, &path) {
            return self.append(&entry(path, EntryKind::HardLink { target }, found)?, &mut io::empty());
        }
        let Some(kind) = kind_of(found)? else { return Ok(()) };
        if let EntryKind::File { .. } = kind {
            let mut file = File::open(&found.path).attempt("open", &found.path)?;
            return self.append(&entry(path, kind, found)?, &mut file);
        }
        self.append(&entry(path, kind, found)?, &mut io::empty())
    }

    /// The first name of a file with several, unless this is it.
    fn earlier_name(&mut self, metadata: &Metadata, path: &LayerPath) -> Option<LayerPath> {
        if metadata.nlink() < 2 || metadata.file_type().is_socket() {
            return None;
        }
        let identity = (metadata.dev(), metadata.ino());
        match self.links.get(&identity) {
            Some(first) => Some(first.clone()),
            None => {
                self.links.insert(identity, path.clone());
                None
            }
        }
    }

    fn append(&mut self, entry: &Entry, body: &mut dyn io::Read) -> Result<(), StoreError> {
        self.entries += 1;
        let (upper, blob) = (self.upper, self.blob);
        self.writer.get_mut().announce(entry).attempt("write", blob)?;
        self.writer.append(entry, body).map_err(|error| layer_failed(upper, blob, error))
    }

    fn layer_path(&self, found: &Found) -> Result<LayerPath, StoreError> {
        LayerPath::parse(found.relative.as_os_str().as_bytes())
            .map_err(|error| layer_failed(self.upper, self.blob, error.into()))
    }
}

fn layer_failed(upper: &Path, blob: &Path, error: LayerError) -> StoreError {
    match error {
        LayerError::Write { source } => StoreError::Io { action: "write", path: blob.to_owned(), source },
        source => OverlayError::Layer { upper: upper.to_owned(), source }.into(),
    }
}

/// What a path is; none for sockets.
fn kind_of(found: &Found) -> Result<Option<EntryKind>, StoreError> {
    let (metadata, kind) = (&found.metadata, found.metadata.file_type());
    let (major, minor) = (device_number(major(metadata.rdev())), device_number(minor(metadata.rdev())));
    Ok(if kind.is_file() {
        Some(EntryKind::File { size: metadata.len() })
    } else if kind.is_symlink() {
        let target = read_link(&found.path).attempt("read the link", &found.path)?;
        Some(EntryKind::Symlink { target })
    } else if kind.is_char_device() {
        Some(EntryKind::CharDevice { major, minor })
    } else if kind.is_block_device() {
        Some(EntryKind::BlockDevice { major, minor })
    } else if kind.is_fifo() {
        Some(EntryKind::Fifo)
    } else {
        None
    })
}

fn device_number(number: u64) -> u32 {
    u32::try_from(number).expect("Linux device numbers have 32 bits")
}

fn entry(path: LayerPath, kind: EntryKind, found: &Found) -> Result<Entry, StoreError> {
    let xattrs = attributes(&found.path, belongs_in_layer).attempt("read the attributes of", &found.path)?;
    Ok(Entry {
        path,
        kind,
        mode: found.metadata.mode() & MODE_BITS,
        uid: found.metadata.uid(),
        gid: found.metadata.gid(),
        mtime: found.metadata.mtime(),
        xattrs,
    })
}
