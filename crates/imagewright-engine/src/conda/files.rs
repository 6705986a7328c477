//! Files of packages: fetched from where their channel is had, checked, kept, and opened. A large one is read while it is on its way.

use std::fs::File;
use std::path::PathBuf;

use imagewright_conda::package::Archive;
use imagewright_python::zip::FileAt;

use super::chosen::Chosen;
use super::error::CondaError;
use super::layers::{Installer, wrong};
use crate::error::EngineError;
use crate::fetch::Expected;
use crate::fetch::growing::{Followed, Growing};
use crate::fetch::transfer::Transfer;

/// From which size on a package is read while it is fetched.
const FOLLOWED_FROM: u64 = 4 << 20;

impl Installer<'_> {
    /// Whether the file of a package is here.
    pub(super) fn has(&self, chosen: &Chosen) -> bool {
        self.path(chosen).exists()
    }

    /// Sees to it that the file of a package is here and whole, and opens it.
    pub(super) fn open(
        &self,
        chosen: &Chosen,
        transfer: &Transfer<'_>,
    ) -> Result<Archive<FileAt>, EngineError> {
        let path = self.path(chosen);
        let url = self.places.real(&chosen.place()?.url);
        self.fetcher
            .fetch_cached(&url, &expected(chosen), &path, &mut |bytes| transfer.add(bytes))
            .map_err(|source| CondaError::Artifact { file: chosen.file.clone(), source })?;
        let file = File::open(&path).and_then(FileAt::new).map_err(EngineError::io("read", &path))?;
        Archive::open(&chosen.file, file).map_err(|source| wrong(chosen, source))
    }

    /// Fetches the file of a package and lets `read` follow. None where it is here already, or not large.
    pub(super) fn follow<T: Send>(
        &self,
        chosen: &Chosen,
        transfer: &Transfer<'_>,
        read: impl FnOnce(&Growing<'_>) -> Result<T, EngineError> + Send,
    ) -> Option<Result<T, EngineError>> {
        if chosen.size < FOLLOWED_FROM || self.has(chosen) {
            return None;
        }
        let url = match chosen.place() {
            Ok(place) => self.places.real(&place.url),
            Err(error) => return Some(Err(error)),
        };
        let on_bytes = &mut |bytes| transfer.add(bytes);
        let read = |growing: &Growing<'_>| read(growing).map_err(Followed::Reader);
        let path = self.path(chosen);
        let followed = self.fetcher.follow(&url, &expected(chosen), chosen.size, &path, on_bytes, read);
        Some(followed.map_err(|error| match error {
            Followed::Transfer(source) => CondaError::Artifact { file: chosen.file.clone(), source }.into(),
            Followed::Reader(error) => error,
        }))
    }

    fn path(&self, chosen: &Chosen) -> PathBuf {
        self.folder.join(format!("{}-{}", chosen.sha256, chosen.file))
    }
}

fn expected(chosen: &Chosen) -> Expected {
    Expected { size: chosen.known_size(), digest: Some(chosen.digest()) }
}
