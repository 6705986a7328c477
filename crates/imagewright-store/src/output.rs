//! Files that are made for others, in folders that are not the store's.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::files::parent;
use crate::unfinished::Unfinished;

/// A file that appears as a whole. Dropped before it is finished, it never was.
#[derive(Debug)]
pub struct OutputFile {
    file: Unfinished,
    path: PathBuf,
}

impl OutputFile {
    /// Begins a file that will be at `path`, in place of what is there then.
    pub fn begin(path: &Path) -> Result<Self, StoreError> {
        // What is behind a link is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self { file: Unfinished::nameless(parent(&path))?, path })
    }

    /// Gives it its name, when it is on disk.
    pub fn finish(self) -> Result<(), StoreError> {
        self.file.persist(&self.path)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
