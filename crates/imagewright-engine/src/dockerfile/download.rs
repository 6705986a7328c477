//! What `ADD` fetches, and archives of kernel image files. It is kept by its address; without a digest it is fetched again in each build.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use imagewright_model::{SecretUrl, TrustSettings};
use imagewright_oci::{Digest, Hasher};

use crate::error::EngineError;
use crate::fetch::cached::is_whole;
use crate::fetch::{Expected, Fetcher};
use crate::reporter::StepReporter;
use crate::step;
use crate::versions_error::VersionsError;
use crate::workbench::Site;

/// The folder of downloads among the caches.
const ROOM: &str = "downloads";

/// Something that was fetched.
pub(crate) struct Download {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// The name its address gives it.
    pub(crate) name: String,
    pub(crate) digest: Digest,
}

impl Download {
    pub(crate) fn new(
        site: Site<'_>,
        trust: &TrustSettings,
        report: &StepReporter<'_>,
        url: &str,
        expected: Option<&Digest>,
    ) -> Result<Self, EngineError> {
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
        report.status(format!("fetching {url}"));
        let fetcher = Fetcher::new(trust)?.stopped_by(site.cancel.stop());
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
