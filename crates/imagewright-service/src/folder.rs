//! Files of a spec's folder, as the model wants them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use imagewright_model::spec::SpecFiles;

/// Larger texts are no list of packages.
const LARGEST_FILE: u64 = 16 << 20;

/// A folder on disk. Messages name its files as the user would from where they stand.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }
}

impl SpecFiles for Folder {
    fn read(&self, path: &str) -> io::Result<Option<String>> {
        read_text(&self.path.join(path))
    }

    fn exists(&self, path: &str) -> bool {
        self.path.join(path).exists()
    }

    fn shown(&self, path: &str) -> String {
        match path {
            "." => self.path.display().to_string(),
            path => self.path.join(path).display().to_string(),
        }
    }
}

/// The text of a file; none where there is none.
pub(crate) fn read_text(path: &Path) -> io::Result<Option<String>> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if metadata.len() > LARGEST_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB"));
    }
    fs::read_to_string(path).map(Some)
}
