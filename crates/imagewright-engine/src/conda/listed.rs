//! Locks of conda-lock and pixi, as a spec has their packages.

use imagewright_conda::listing::{ListingError, Part, read_listing};
use imagewright_model::spec::{CondaList, CondaSpecError, ListedPackages, LockPart, Origin, SpecError};

/// Reads the part of a lock of conda-lock or pixi that is for a folder of channels, as `linux-64`.
///
/// # Errors
/// Names what in the lock cannot be honoured, and where that stands.
pub fn read_conda_lock(list: &CondaList, subdir: &str, part: &LockPart) -> Result<ListedPackages, SpecError> {
    let place = |line: Option<u32>| match line {
        Some(line) => Origin::line(&list.source, line),
        None => Origin::file(&list.source),
    };
    let part = Part { subdir, environment: part.environment.as_deref(), categories: &part.categories };
    let listing = read_listing(&list.text, &part).map_err(|error: ListingError| {
        let problem = CondaSpecError::Lock { text: error.to_string(), remedy: error.hint() };
        SpecError::new(place(error.line()), problem)
    })?;
    let conda = listing.files.into_iter().map(|file| (place(file.line), file.text)).collect();
    Ok(ListedPackages { conda, pylock: listing.pylock })
}
