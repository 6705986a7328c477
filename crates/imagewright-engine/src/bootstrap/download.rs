//! Files named by their digest, in a cache that several processes share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use imagewright_model::{Progress, SecretUrl};
use imagewright_oci::Digest;

use super::release::below;
use super::{BootstrapError, BootstrapPackage, BootstrapRequest, Report, Solution};
use crate::fetch::cached::sweep;
use crate::fetch::{Expected, Fetcher};

/// How many files are fetched at once.
const CONNECTIONS: usize = 4;

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
pub(super) fn cached(
    fetcher: &Fetcher,
    cache: &Path,
    url: &SecretUrl,
    wanted: &Wanted<'_>,
    on_bytes: &mut dyn FnMut(i64),
) -> Result<PathBuf, BootstrapError> {
    let path = cache.join(format!("{}{}", wanted.digest.hex(), wanted.suffix));
    let expected = Expected { size: Some(wanted.size), digest: Some(wanted.digest.clone()) };
    fetcher.fetch_cached(url, &expected, &path, on_bytes).map_err(|source| BootstrapError::Fetch {
        what: format!("`{}`", url.redacted().rsplit('/').next().unwrap_or_default()),
        source,
    })?;
    Ok(path)
}
