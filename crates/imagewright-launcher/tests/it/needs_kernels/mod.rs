//! Real kernels, and a real Enterprise Gateway, from where `scripts/fetch-kernels` puts them.

pub(crate) mod enterprise_gateway;
pub(crate) mod ipykernel;
mod spark;

use std::env;
use std::path::PathBuf;

/// Where the environments are.
pub(crate) fn kernels() -> PathBuf {
    shared().join("kernel")
}

/// The folder that tests share.
pub(crate) fn shared() -> PathBuf {
    let named = env::var_os("IMAGEWRIGHT_TEST_ROOT").map(PathBuf::from);
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    named.or_else(|| Some(cache?.join("imagewright-test-store"))).unwrap()
}

/// A file of these tests.
fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/needs_kernels").join(name)
}
