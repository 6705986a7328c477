//! Notebooks, read from their files, and what lies beside them.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_check::Notebook;

use crate::ServiceError;

/// Notebooks with pictures in them are large; more than this is none.
const LARGEST: u64 = 256 << 20;
/// More files than anybody has beside a notebook.
const MOST_BESIDE: usize = 10_000;

/// Reads notebooks.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "images are looked at on Linux alone"))]
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Notebook>, ServiceError> {
    paths.iter().map(|path| notebook(path)).collect()
}

fn notebook(path: &Path) -> Result<Notebook, ServiceError> {
    let unreadable = |source| ServiceError::Read { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        let reason = if metadata.is_file() { "it is too large" } else { "it is no file" };
        return Err(unreadable(std::io::Error::new(std::io::ErrorKind::InvalidInput, reason)));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(Notebook::parse(&path.display().to_string(), &text, modules_in(folder))?)
}

/// Names under which a notebook imports what lies beside it.
fn modules_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(MOST_BESIDE).filter_map(Result::ok);
    let modules = entries.filter_map(|entry| {
        let path = entry.path();
        let is_package = path.join("__init__.py").is_file();
        let is_module = path.extension().is_some_and(|end| end == "py");
        let name = if is_package { path.file_name() } else { path.file_stem().filter(|_| is_module) };
        name.and_then(|name| name.to_str()).map(str::to_owned)
    });
    modules.collect()
}
