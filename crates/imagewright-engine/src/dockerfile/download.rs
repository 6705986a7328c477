//! What `ADD` fetches. It is kept by its address; without a digest it is fetched again in each build.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use imagewright_model::SecretUrl;
use imagewright_oci::{Digest, Hasher};

use super::stages::Surroundings;
use crate::error::EngineError;
use crate::fetch::cached::is_whole;
use crate::fetch::{Expected, Fetcher};
use crate::step;
use crate::versions_error::VersionsError;

/// The folder of downloads among the caches.
const ROOM: &str = "downloads";

/// Something that was fetched.
pub(super) struct Download {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// The name its address gives it.
    pub(super) name: String,
    pub(super) digest: Digest,
}

impl Download {
    pub(super) fn new(
        surroundings: &Surroundings<'_>,
        url: &str,
        expected: Option<&Digest>,
    ) -> Result<Self, EngineError> {
        let site = surroundings.context.site;
        let path = site.store.cache_dir(ROOM)?.join(step::key("url", &(url, expected)).hex());
        let name = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        let expected = Expected { size: None, digest: expected.cloned() };
        if let Some(digest) = &expected.digest
            && is_whole(&path, &expected).unwrap_or(None).is_some()
        {
            return Ok(Self { path, name, digest: digest.clone() });
        }
        if site.outside.offline {
            return Err(VersionsError::Offline { what: format!("`{url}` is") }.into());
        }
        let report = surroundings.context.report;
        report.status(format!("fetching {url}"));
        let fetcher = Fetcher::new(&surroundings.settings.trust)?.stopped_by(site.cancel.stop());
        let mut done = 0u64;
        fetcher.fetch_path(&SecretUrl::new(url), &expected, &path, &mut |bytes| {
            done = done.saturating_add_signed(bytes);
            report.progress("fetching", done, None);
        })?;
        // What was expected was found while it was fetched.
        let digest = match expected.digest {
            Some(digest) => digest,
            None => digest_of(&path)?,
        };
        Ok(Self { path, name, digest })
    }
}

fn digest_of(path: &Path) -> Result<Digest, EngineError> {
    let mut hasher = Hasher::default();
    let mut file = File::open(path).map_err(EngineError::io("open", path))?;
    io::copy(&mut file, &mut hasher).map_err(EngineError::io("read", path))?;
    Ok(hasher.finish())
}
