//! From archives to the exact list of packages.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use imagewright_model::Progress;
use imagewright_model::spec::Distribution;
use imagewright_oci::{Digest, Hasher};
use jiff::Timestamp;
use liblzma::bufread::XzDecoder;
use serde::{Deserialize, Serialize};

use super::closure::closure;
use super::distribution::has_pockets;
use super::download::{Wanted, cached};
use super::packages::{Index, Package};
use super::release::{PackageList, Release};
use super::sources::{AptSource, ArchiveSources, to_deb822};
use super::{BootstrapError, Report};
use crate::fetch::{FetchError, Fetcher};
use crate::names::Names;

/// Grows when the same packages would become another tree.
const TRANSFORM_VERSION: u32 = 1;

const BUFFER_SIZE: usize = 256 * 1024;

/// What to bootstrap.
#[derive(Clone, Debug)]
pub struct BootstrapRequest {
    /// Which distribution.
    pub distribution: Distribution,
    /// Which suite of it.
    pub suite: String,
    /// The architecture, by Debian's name (`amd64`).
    pub architecture: String,
    /// Packages beside those every system has.
    pub include: Vec<String>,
    /// From where, and what the image says about it.
    pub sources: ArchiveSources,
    /// The keyring that must have signed the archives.
    pub keyring: PathBuf,
}

impl BootstrapRequest {
    /// What makes two requests ask for the same root. Where it is fetched from is no part of it.
    pub fn key(&self) -> Digest {
        let mut hasher = Hasher::default();
        let mut line = |text: &str| writeln!(hasher, "{text}").expect("hashing cannot fail");
        line(&format!("{} {} {}", self.distribution, self.suite, self.architecture));
        let mut include: Vec<&str> = self.include.iter().map(String::as_str).collect();
        include.sort_unstable();
        include.dedup();
        line(&include.join(" "));
        line(&to_deb822(&self.sources.image));
        hasher.finish()
    }
}

/// One package of a solution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// The suite that listed it: says which archive it is fetched from.
    pub suite: String,
    /// Its path below the archive.
    pub filename: String,
    /// Bytes of its file.
    pub size: u64,
    /// Digest of its file.
    pub digest: Digest,
}

/// The exact packages of a root. It names no mirror, so it can be kept and downloaded from another one later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// Which distribution.
    pub distribution: Distribution,
    /// Which suite of it.
    pub suite: String,
    /// The architecture, by Debian's name.
    pub architecture: String,
    /// The packages, by name.
    pub packages: Vec<BootstrapPackage>,
    /// The text of the image's apt sources; empty when it gets none.
    pub image_sources: String,
    /// The newest date of the archives' release files.
    pub release_date: Option<Timestamp>,
}

impl Solution {
    /// What makes two roots equal: packages, apt sources of the image, and how a tree is made of them.
    pub fn key(&self) -> Digest {
        let mut hasher = Hasher::default();
        let mut line = |text: &str| writeln!(hasher, "{text}").expect("hashing cannot fail");
        line(&format!("bootstrap {TRANSFORM_VERSION} {} {}", self.distribution, self.architecture));
        for package in &self.packages {
            line(&format!(
                "{} {} {} {}",
                package.name, package.architecture, package.version, package.digest
            ));
        }
        line(&self.image_sources);
        hasher.finish()
    }

    /// Bytes of all package files.
    pub fn size(&self) -> u64 {
        self.packages.iter().map(|package| package.size).sum()
    }
}

/// Finds out which packages a root needs. Release files are always fetched, package lists only when `cache` does
/// not hold them; nothing counts that the keyring does not vouch for.
pub fn solve(
    request: &BootstrapRequest,
    fetcher: &Fetcher,
    cache: &Path,
    report: &mut dyn FnMut(Report),
) -> Result<Solution, BootstrapError> {
    warn_about_sources(request, report);
    let (index, release_date) = read_lists(request, fetcher, cache, report)?;
    let packages = closure(&index, &request.include, &request.suite)?;
    Ok(Solution {
        distribution: request.distribution,
        suite: request.suite.clone(),
        architecture: request.architecture.clone(),
        packages: packages.into_iter().map(solved).collect(),
        image_sources: to_deb822(&request.sources.image),
        release_date,
    })
}

/// All packages of the archives, each with its version.
pub(crate) fn names(
    request: &BootstrapRequest,
    fetcher: &Fetcher,
    cache: &Path,
) -> Result<Names, BootstrapError> {
    let (index, _) = read_lists(request, fetcher, cache, &mut |_| {})?;
    let listed = |package: &Package| (package.name.clone(), Some(package.version.clone()));
    Ok(index.packages().map(listed).collect())
}

/// The lists of the archives, and the newest date of their release files.
fn read_lists(
    request: &BootstrapRequest,
    fetcher: &Fetcher,
    cache: &Path,
    report: &mut dyn FnMut(Report),
) -> Result<(Index, Option<Timestamp>), BootstrapError> {
    let mut index = Index::default();
    let mut release_date = None;
    for source in &request.sources.fetch {
        for suite in &source.suites {
            report(Report::Status(format!("reading the package lists of {suite}")));
            let release = fetch_release(request, fetcher, source, suite, cache, report)?;
            release_date = release_date.max(release.date);
            for component in &source.components {
                match release.package_list(component, &request.architecture) {
                    Some(list) => {
                        let path = fetch_list(&list, fetcher, cache, report)?;
                        read_list(&list, &path, &mut index, &request.architecture, suite)?;
                    }
                    None => report(Report::Warning(format!(
                        "`{suite}` has no component `{component}` for {}",
                        request.architecture
                    ))),
                }
            }
        }
    }
    index.finish();
    Ok((index, release_date))
}

fn solved(package: &Package) -> BootstrapPackage {
    BootstrapPackage {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        suite: package.suite.to_string(),
        filename: package.filename.clone(),
        size: package.size,
        digest: package.digest.clone(),
    }
}

fn warn_about_sources(request: &BootstrapRequest, report: &mut dyn FnMut(Report)) {
    let suites = || request.sources.fetch.iter().flat_map(|source| &source.suites);
    if has_pockets(request.distribution, &request.suite)
        && !suites().any(|suite| suite.ends_with("-security"))
    {
        report(Report::Warning(format!(
            "no archive of security updates for {} is known: name one with `apt.security-mirror`",
            request.suite
        )));
    }
    if request.sources.image.is_empty() {
        report(Report::Warning(
            "the image will have no apt sources: name an archive for it with `apt.image-mirror`".to_owned(),
        ));
    }
}

fn fetch_release(
    request: &BootstrapRequest,
    fetcher: &Fetcher,
    source: &AptSource,
    suite: &str,
    cache: &Path,
    report: &mut dyn FnMut(Report),
) -> Result<Release, BootstrapError> {
    let release =
        Release::fetch(fetcher, &source.uri, suite, &request.architecture, &request.keyring, cache)?;
    // Frozen mirrors and snapshots are always past it: packages are signed for all the same.
    if let Some(until) = release.expired(Timestamp::now()) {
        report(Report::Warning(format!(
            "the release file of {suite} was valid until {until}: the mirror is old"
        )));
    }
    Ok(release)
}

/// A package list in the cache, fetched when it is not there.
fn fetch_list(
    list: &PackageList,
    fetcher: &Fetcher,
    cache: &Path,
    report: &mut dyn FnMut(Report),
) -> Result<PathBuf, BootstrapError> {
    let mut done = 0;
    let mut on_bytes = |bytes: i64| {
        done += bytes;
        let progress = Progress { done: u64::try_from(done).unwrap_or(0), total: Some(list.size) };
        report(Report::Progress { message: "package lists".to_owned(), progress });
    };
    let wanted = Wanted { digest: &list.digest, size: list.size, suffix: list.form };
    if let Some(url) = &list.url_by_digest {
        match cached(fetcher, cache, url, &wanted, &mut on_bytes) {
            // Not every mirror has the addresses that the archive announces.
            Err(BootstrapError::Fetch { source: FetchError::NotFound { .. }, .. }) => {}
            found => return found,
        }
    }
    cached(fetcher, cache, &list.url, &wanted, &mut on_bytes)
}

fn read_list(
    list: &PackageList,
    path: &Path,
    index: &mut Index,
    architecture: &str,
    suite: &str,
) -> Result<(), BootstrapError> {
    let file = File::open(path).map_err(|source| BootstrapError::Cache { path: path.to_owned(), source })?;
    let bytes = BufReader::with_capacity(BUFFER_SIZE, file);
    let text: Box<dyn Read> = match list.form {
        ".xz" => Box::new(XzDecoder::new_multi_decoder(bytes)),
        ".gz" => Box::new(MultiGzDecoder::new(bytes)),
        _ => Box::new(bytes),
    };
    index
        .read(BufReader::with_capacity(BUFFER_SIZE, text), architecture, suite)
        .map_err(|source| BootstrapError::PackageList { url: list.url.clone(), source })
}
