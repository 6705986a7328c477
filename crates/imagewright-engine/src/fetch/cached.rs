//! Fetched files that are kept: named by their digest, in a folder that several processes share.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use imagewright_model::SecretUrl;
use imagewright_oci::Hasher;

use super::{Expected, FetchError, Fetcher, PARTIAL_PREFIX};

/// After how long a file that never became complete is nobody's any more.
const PARTIAL_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

impl Fetcher {
    /// Sees to it that `path` holds the expected bytes: fetched when it is not there or not whole.
    /// It is not synchronised to disk: who finds it later looks at its bytes again.
    pub fn fetch_cached(
        &self,
        url: &SecretUrl,
        expected: &Expected,
        path: &Path,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<(), FetchError> {
        let whole = is_whole(path, expected);
        if let Some(size) = whole.map_err(|source| FetchError::Write { path: path.to_owned(), source })? {
            on_bytes(i64::try_from(size).unwrap_or(i64::MAX));
            return Ok(());
        }
        self.fetch_path(url, expected, path, on_bytes)
    }
}

/// The size of a file that holds the expected bytes.
pub(crate) fn is_whole(path: &Path, expected: &Expected) -> io::Result<Option<u64>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let size = file.metadata()?.len();
    if expected.size.is_some_and(|expected| expected != size) {
        return Ok(None);
    }
    let Some(digest) = &expected.digest else { return Ok(Some(size)) };
    let mut hasher: Hasher = digest.algorithm().hasher();
    io::copy(&mut file, &mut hasher)?;
    Ok((hasher.finish() == *digest).then_some(size))
}

/// Removes what killed processes left behind in such a folder.
pub(crate) fn sweep(cache: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PARTIAL_PREFIX) {
            continue;
        }
        // Another process may have completed or removed it meanwhile.
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        if now.duration_since(modified).is_ok_and(|age| age > PARTIAL_LIFETIME) {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}
