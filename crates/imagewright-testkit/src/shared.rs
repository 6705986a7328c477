//! The folder that runs of the tests share: `scripts/test` puts there what they are held against.

use std::path::PathBuf;

/// `IMAGEWRIGHT_TEST_ROOT`, else a folder among the user's caches.
///
/// # Panics
///
/// When the user has no home folder.
pub fn folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let named = variable("IMAGEWRIGHT_TEST_ROOT").or_else(|| Some(cache()?.join("imagewright-test-store")));
    named.expect("there is a home folder")
}
