//! An archive that is being written: deterministic, compressed as its name says, and in place only when complete.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use imagewright_layer::{Compression, Entry, EntryKind, LayerEncoder, LayerError, LayerPath, LayerWriter};

use super::TransferError;
use crate::StoreError;
use crate::files::{Attempt, parent};
use crate::temporary::Temporary;
use crate::unfinished::Unfinished;

/// The permissions archive members have.
const MODE: u32 = 0o644;

/// A tar on its way to `path`.
pub(super) struct TarFile {
    path: PathBuf,
    unfinished: Unfinished,
    writer: LayerWriter<Out>,
}

/// Where the tar goes.
enum Out {
    Plain(File),
    Compressed(Box<LayerEncoder<File>>),
}

impl TarFile {
    /// Begins an archive beside `path`.
    pub(super) fn create(path: &Path) -> Result<Self, TransferError> {
        let unfinished = Temporary::unswept(parent(path)).file()?;
        let file = unfinished.as_file().try_clone().attempt("open", unfinished.path())?;
        let out = match compression(path) {
            Compression::None => Out::Plain(file),
            compression => {
                let threads = thread::available_parallelism().map_or(1, usize::from);
                Out::Compressed(Box::new(LayerEncoder::new(file, compression, threads)))
            }
        };
        Ok(Self { path: path.to_owned(), unfinished, writer: LayerWriter::new(out) })
    }

    /// Adds a file of `size` bytes.
    pub(super) fn append(&mut self, name: &str, size: u64, body: &mut dyn Read) -> Result<(), TransferError> {
        let path = LayerPath::parse(name.as_bytes()).expect("the names of members are ours");
        let entry = Entry::new(path, EntryKind::File { size }, MODE);
        self.writer.append(&entry, body).map_err(|error| self.failed(error))
    }

    /// Adds a file that is in memory.
    pub(super) fn append_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), TransferError> {
        self.append(name, bytes.len() as u64, &mut &bytes[..])
    }

    /// Completes the archive and gives it its name.
    pub(super) fn finish(self) -> Result<(), TransferError> {
        let out = match self.writer.finish() {
            Ok(out) => out,
            Err(LayerError::Write { source }) => return Err(write_failed(&self.path, source)),
            Err(source) => return Err(not_readable(&self.path, source)),
        };
        if let Out::Compressed(encoder) = out {
            encoder.finish().map_err(|source| write_failed(&self.path, source))?;
        }
        Ok(self.unfinished.persist(&self.path)?)
    }

    fn failed(&self, error: LayerError) -> TransferError {
        match error {
            LayerError::Write { source } => write_failed(&self.path, source),
            source => not_readable(&self.path, source),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Compressed(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Compressed(encoder) => encoder.flush(),
        }
    }
}

fn compression(path: &Path) -> Compression {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz" | "tgz") => Compression::default(),
        Some("zst") => "zstd".parse().expect("zstd is a compression"),
        _ => Compression::None,
    }
}

fn write_failed(path: &Path, source: io::Error) -> TransferError {
    StoreError::Io { action: "write", path: path.to_owned(), source }.into()
}

/// What goes in is what failed.
fn not_readable(path: &Path, source: LayerError) -> TransferError {
    TransferError::Pack { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_an_archive_is_compressed() {
        let cases = [
            ("image.tar", Compression::None),
            ("image", Compression::None),
            ("image.tar.gz", Compression::Gzip { level: 6 }),
            ("image.tgz", Compression::Gzip { level: 6 }),
            ("image.tar.zst", Compression::Zstd { level: 3 }),
        ];
        for (name, expected) in cases {
            assert_eq!(compression(Path::new(name)), expected, "{name}");
        }
    }
}
