//! Kernelspecs that are handed in with an image.

use std::fs;
use std::path::Path;

use imagewright_check::KernelspecFolder;

use crate::ServiceError;

/// A kernelspec has a few small files.
const LARGEST: u64 = 1 << 20;
const MOST: usize = 1_000;
const DEEPEST: usize = 8;

/// Reads the folder of a kernelspec.
///
/// # Errors
/// Where there is none, or it has no `kernel.json`.
pub(crate) fn kernelspec(folder: &Path) -> Result<KernelspecFolder, ServiceError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| ServiceError::Read { path, source }
    };
    let whole = fs::canonicalize(folder).map_err(unreadable(folder))?;
    let path = whole.join("kernel.json");
    let metadata = fs::metadata(&path).map_err(unreadable(&path))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no kernelspec");
        return Err(ServiceError::Read { path, source });
    }
    let mut spec = KernelspecFolder {
        name: whole.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        kernel_json: fs::read_to_string(&path).map_err(unreadable(&path))?,
        ..KernelspecFolder::default()
    };
    list(&whole, "", DEEPEST, &mut spec).map_err(unreadable(&whole))?;
    Ok(spec)
}

fn list(folder: &Path, beginning: &str, depth: usize, spec: &mut KernelspecFolder) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{beginning}{}", entry.file_name().to_string_lossy());
        if spec.files.len() >= MOST {
            return Ok(());
        }
        match entry.file_type()?.is_dir() {
            true if depth > 0 => list(&entry.path(), &format!("{name}/"), depth - 1, spec)?,
            true => {}
            false => drop(spec.files.insert(name)),
        }
    }
    Ok(())
}
