//! Kernelspecs that are handed in with an image.

use std::path::Path;

use imagewright_check::KernelspecFolder;
use imagewright_kernelspec::{KERNEL_JSON, KernelspecError};

use crate::ServiceError;
use crate::kernelspec::KernelsFolderError;
use crate::kernelspec::folder::files_of;

/// Reads the folder of a kernelspec. What is wrong with its `kernel.json` is for rules to say.
///
/// # Errors
/// Where there is none, or it has no `kernel.json`.
pub(crate) fn kernelspec(folder: &Path) -> Result<KernelspecFolder, ServiceError> {
    let (name, files) = files_of(folder)?;
    let Some(document) = files.get(KERNEL_JSON) else {
        let error = KernelspecError::Malformed { name, reason: "it is not there".to_owned() };
        return Err(KernelsFolderError::from(error).into());
    };
    let kernel_json = String::from_utf8_lossy(&document.contents).into_owned();
    Ok(KernelspecFolder { name, kernel_json, files: files.into_keys().collect() })
}
