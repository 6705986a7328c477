//! Files of Python packages: fetched from where a lock says, checked against its hashes, and kept.

use std::path::{Path, PathBuf};

use imagewright_model::{BuildSettings, SecretUrl};
use imagewright_oci::Digest;
use imagewright_python::lock::{FileSource, Location};

use super::error::PipError;
use super::local::{Local, Locals};
use crate::error::EngineError;
use crate::fetch::cached::sweep;
use crate::fetch::growing::{Followed, Growing};
use crate::fetch::transfer::Transfer;
use crate::fetch::{Expected, Fetcher};
use crate::outside::Outside;
use crate::workbench::Site;

/// Fetches files and keeps them.
pub(super) struct Artifacts<'a> {
    fetcher: Fetcher,
    folder: PathBuf,
    outside: &'a Outside,
    indexes: Vec<&'a SecretUrl>,
    locals: &'a Locals,
}

/// A file that is here.
pub(super) struct Artifact {
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
}

impl<'a> Artifacts<'a> {
    pub(super) fn open(
        site: Site<'a>,
        settings: &'a BuildSettings,
        locals: &'a Locals,
    ) -> Result<Self, EngineError> {
        let fetcher = Fetcher::new(&settings.trust)?.stopped_by(site.cancel.stop());
        let folder = site.store.cache_dir("wheels")?;
        sweep(&folder).map_err(EngineError::io("list", &folder))?;
        let python = &settings.python;
        let indexes = python.index.iter().chain(&python.extra_indexes).chain(&python.find_links).collect();
        Ok(Self { fetcher, folder, outside: site.outside, indexes, locals })
    }

    /// The folder that files are kept in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file is kept, or will be.
    pub(super) fn path(&self, name: &str, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}-{name}", digest.hex()))
    }

    /// Sees to it that a file is here and whole.
    pub(super) fn get(&self, file: &FileSource, transfer: &Transfer<'_>) -> Result<Artifact, EngineError> {
        let digest = digest_of(file);
        let path = self.path(&file.name, &digest);
        let expected = Expected { size: file.size, digest: Some(digest.clone()) };
        self.fetcher
            .fetch_cached(&self.address(file), &expected, &path, &mut |bytes| transfer.add(bytes))
            .map_err(|source| PipError::Artifact { file: file.name.clone(), source })?;
        Ok(Artifact { path, digest })
    }

    /// What a folder of a lock stands for.
    pub(super) fn local(&self, path: &str) -> Option<&'a Local> {
        self.locals.of_pinned(path)
    }

    /// Whether a file is here.
    pub(super) fn has(&self, file: &FileSource) -> bool {
        self.path(&file.name, &digest_of(file)).exists()
    }

    /// Fetches a file and lets `read` follow, which is given the growing file and its hash. None where the file is here.
    pub(super) fn follow<T: Send>(
        &self,
        file: &FileSource,
        transfer: &Transfer<'_>,
        read: impl FnOnce(&Growing<'_>, Digest) -> Result<T, EngineError> + Send,
    ) -> Option<Result<T, EngineError>> {
        let digest = digest_of(file);
        let path = self.path(&file.name, &digest);
        let size = file.size.filter(|_| !self.has(file))?;
        let expected = Expected { size: Some(size), digest: Some(digest.clone()) };
        let url = self.address(file);
        let on_bytes = &mut |bytes| transfer.add(bytes);
        let wrong = |source| EngineError::from(PipError::Artifact { file: file.name.clone(), source });
        // Errors of the transfer and of the reader are told apart by their types.
        let read = |growing: &Growing<'_>| read(growing, digest).map_err(Followed::Reader);
        let result = self.fetcher.follow(&url, &expected, size, &path, on_bytes, read);
        Some(result.map_err(|error| match error {
            Followed::Transfer(source) => wrong(source),
            Followed::Reader(error) => error,
        }))
    }

    /// The address of a file, with the user name and password of the index it comes from.
    fn address(&self, file: &FileSource) -> SecretUrl {
        let text = match &file.location {
            Location::Url(url) => url.expose().to_owned(),
            Location::Path(path) => match self.locals.of_pinned(path) {
                Some(local) => return SecretUrl::new(format!("file://{}", local.host().display())),
                // The name of a file in one of the folders of distributions.
                None => format!("file://{path}"),
            },
        };
        if let Some(path) = self.outside.on_host(&text) {
            return SecretUrl::new(format!("file://{}", path.display()));
        }
        let url = SecretUrl::new(text.as_str());
        if url.credentials().is_some() {
            return url;
        }
        self.indexes.iter().find_map(|index| with_credentials(&text, index)).unwrap_or(url)
    }
}

/// The strongest hash a lock gives of a file; reading a lock refuses files without one.
pub(super) fn digest_of(file: &FileSource) -> Digest {
    file.hashes.to_string().parse().expect("a hash of a lock is a digest")
}

/// The address with the credentials of `index`, where both are on one host.
fn with_credentials(address: &str, index: &SecretUrl) -> Option<SecretUrl> {
    let credentials = index.credentials()?;
    let (scheme, rest) = index.expose().split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let path = address.strip_prefix(scheme)?.strip_prefix("://")?.strip_prefix(host)?;
    path.starts_with('/').then(|| SecretUrl::new(format!("{scheme}://{}@{host}{path}", credentials.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_with_their_host() {
        let index = SecretUrl::new("https://me:word@mirror.example/simple/");
        let with = |address: &str| Some(with_credentials(address, &index)?.expose().to_owned());
        let known = with("https://mirror.example/files/a.whl");
        assert_eq!(known.as_deref(), Some("https://me:word@mirror.example/files/a.whl"));
        for address in [
            "https://mirror.example.net/a.whl",
            "https://other.example/a.whl",
            "http://mirror.example/a.whl",
            "https://mirror.example:8080/a.whl",
        ] {
            assert_eq!(with(address), None, "{address}");
        }
        let open = SecretUrl::new("https://mirror.example/simple/");
        assert_eq!(with_credentials("https://mirror.example/a.whl", &open), None);
    }
}
