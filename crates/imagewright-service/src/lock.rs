//! Where locks are kept: beside the spec, or in the store where a spec is no file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use imagewright_engine::Upgrade;
use imagewright_model::lock::{ImageLock, LockKeys};
use imagewright_store::Store;

use crate::ServiceError;

/// The lock of a folder.
const FILE: &str = "image.lock";
/// The facts that are locks of specs without a file.
const FACT: &str = "image-lock";

/// Where the lock of a spec is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LockPlace {
    /// A file beside the spec.
    File(PathBuf),
    /// The store, by what the spec asks for.
    Store,
}

impl LockPlace {
    /// The place for the spec at `source`, which exists.
    pub(crate) fn of(source: Option<&Path>) -> Self {
        match source {
            None => Self::Store,
            Some(path) if path.is_dir() => Self::File(path.join(FILE)),
            Some(path) => Self::File(path.with_extension("lock")),
        }
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Store => None,
        }
    }

    /// The lock, where there is one. One that cannot be read is an error, unless nothing of it would be kept.
    pub(crate) fn read(
        &self,
        store: &Store,
        keys: &LockKeys,
        upgrade: &Upgrade,
    ) -> Result<Option<ImageLock>, ServiceError> {
        let path = match self {
            Self::File(path) => path,
            Self::Store => {
                let known: Option<String> = store.get_fact(FACT, &keys.spec)?;
                return Ok(known.and_then(|text| ImageLock::parse(FACT, &text).ok()));
            }
        };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| ServiceError::Read { path: path.clone(), source })?,
        };
        match ImageLock::parse(&path.display().to_string(), &text) {
            Err(_) if *upgrade == Upgrade::Everything => Ok(None),
            lock => Ok(Some(lock?)),
        }
    }

    /// Keeps a lock, where it is another than that which is there.
    pub(crate) fn write(&self, store: &Store, lock: &ImageLock) -> Result<(), ServiceError> {
        let text = lock.to_text();
        match self {
            Self::Store => Ok(store.put_fact(FACT, &lock.spec, &text)?),
            Self::File(path) if fs::read_to_string(path).is_ok_and(|known| known == text) => Ok(()),
            Self::File(path) => {
                write_file(path, &text).map_err(|source| ServiceError::Write { path: path.clone(), source })
            }
        }
    }
}

/// Writes a file that appears at once and whole.
pub(crate) fn write_file(path: &Path, text: &str) -> io::Result<()> {
    // What is behind a link is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The umask takes from this what it does.
    let permissions = fs::Permissions::from_mode(0o666);
    let mut file =
        tempfile::Builder::new().prefix(".imagewright-").permissions(permissions).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_lies_beside_its_spec() {
        let folder = tempfile::tempdir().unwrap();
        let place = |path: &Path| LockPlace::of(Some(path)).file().map(Path::to_path_buf);
        assert_eq!(place(folder.path()), Some(folder.path().join("image.lock")));
        for (spec, lock) in [("image.yaml", "image.lock"), ("gpu.yml", "gpu.lock"), ("plain", "plain.lock")] {
            let spec = folder.path().join(spec);
            fs::write(&spec, "").unwrap();
            assert_eq!(place(&spec), Some(folder.path().join(lock)));
        }
        assert_eq!(LockPlace::of(None), LockPlace::Store);
    }

    #[test]
    fn a_file_is_replaced_whole_and_a_link_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real"), folder.path().join("link"));
        write_file(&file, "one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_file(&link, "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        write_file(&folder.path().join("missing/file"), "").unwrap_err();
    }
}
