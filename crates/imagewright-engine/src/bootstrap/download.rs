//! Files named by their digest, in a cache that several processes share.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use imagewright_model::{Progress, SecretUrl};
use imagewright_oci::{Digest, Hasher};

use super::release::below;
use super::{BootstrapError, BootstrapPackage, BootstrapRequest, Report, Solution};
use crate::fetch::{Expected, Fetcher, PARTIAL_PREFIX};

/// How many files are fetched at once.
const CONNECTIONS: usize = 4;

/// After how long a file that never became complete is nobody's any more.
const PARTIAL_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes to have in the cache.
pub(super) struct Wanted<'a> {
    pub(super) digest: &'a Digest,
    pub(super) size: u64,
    /// End of the file's name.
    pub(super) suffix: &'a str,
}

/// Fetches the packages of a solution that `cache` does not hold yet, from the archives of the request. The paths
/// stand in the solution's order.
pub fn download(
    request: &BootstrapRequest,
    solution: &Solution,
    fetcher: &Fetcher,
    cache: &Path,
    report: &mut dyn FnMut(Report),
) -> Result<Vec<PathBuf>, BootstrapError> {
    sweep(cache).map_err(|source| BootstrapError::Cache { path: cache.to_owned(), source })?;
    let packages = &solution.packages;
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let work = || {
        let sender = sender.clone();
        while !stopped.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(package) = packages.get(number) else { break };
            // The receiver lives until all workers have ended.
            let mut on_bytes = |bytes| drop(sender.send(Event::Bytes(bytes)));
            let result = fetch_package(request, package, fetcher, cache, &mut on_bytes);
            stopped.fetch_or(result.is_err(), Ordering::Relaxed);
            drop(sender.send(Event::Done(number, result)));
        }
    };
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(packages.len()) {
            scope.spawn(work);
        }
        collect(&receiver, packages.len(), solution.size(), report)
    })
}

enum Event {
    Bytes(i64),
    Done(usize, Result<PathBuf, BootstrapError>),
}

/// Waits for all packages, or for the first that cannot be had.
fn collect(
    events: &mpsc::Receiver<Event>,
    count: usize,
    total: u64,
    report: &mut dyn FnMut(Report),
) -> Result<Vec<PathBuf>, BootstrapError> {
    let mut paths = vec![PathBuf::new(); count];
    let (mut missing, mut done) = (count, 0);
    while missing > 0 {
        match events.recv().expect("the sender lives as long as this function") {
            Event::Bytes(bytes) => {
                done += bytes;
                let progress = Progress { done: u64::try_from(done).unwrap_or(0), total: Some(total) };
                report(Report::Progress { message: "packages".to_owned(), progress });
            }
            Event::Done(number, path) => {
                paths[number] = path?;
                missing -= 1;
            }
        }
    }
    Ok(paths)
}

fn fetch_package(
    request: &BootstrapRequest,
    package: &BootstrapPackage,
    fetcher: &Fetcher,
    cache: &Path,
    on_bytes: &mut dyn FnMut(i64),
) -> Result<PathBuf, BootstrapError> {
    let wanted = Wanted { digest: &package.digest, size: package.size, suffix: ".deb" };
    let mut sources = request.sources.fetch.iter();
    let source = sources.find(|source| source.suites.contains(&package.suite)).ok_or_else(|| {
        BootstrapError::NoSource { suite: package.suite.clone(), package: package.name.clone() }
    })?;
    cached(fetcher, cache, &below(&source.uri, &package.filename), &wanted, on_bytes)
}

/// The file of the cache with the wanted bytes, fetched when it is not there or not whole.
/// It is not synchronised to disk: who finds it later looks at its bytes again.
pub(super) fn cached(
    fetcher: &Fetcher,
    cache: &Path,
    url: &SecretUrl,
    wanted: &Wanted<'_>,
    on_bytes: &mut dyn FnMut(i64),
) -> Result<PathBuf, BootstrapError> {
    let path = cache.join(format!("{}{}", wanted.digest.hex(), wanted.suffix));
    if is_whole(&path, wanted).map_err(|source| BootstrapError::Cache { path: path.clone(), source })? {
        on_bytes(i64::try_from(wanted.size).unwrap_or(i64::MAX));
        return Ok(path);
    }
    let expected = Expected { size: Some(wanted.size), digest: Some(wanted.digest.clone()) };
    fetcher.fetch_path(url, &expected, &path, on_bytes).map_err(|source| BootstrapError::Fetch {
        what: format!("`{}`", url.redacted().rsplit('/').next().unwrap_or_default()),
        source,
    })?;
    Ok(path)
}

fn is_whole(path: &Path, wanted: &Wanted<'_>) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    if file.metadata()?.len() != wanted.size {
        return Ok(false);
    }
    let mut hasher: Hasher = wanted.digest.algorithm().hasher();
    io::copy(&mut file, &mut hasher)?;
    Ok(hasher.finish() == *wanted.digest)
}

/// Removes what killed processes left behind.
fn sweep(cache: &Path) -> io::Result<()> {
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
