//! `pixi.lock`: environments, which for each platform name packages that stand in one list at the end.
//!
//! `rattler_lock` reads these as well. It is not used, because it changes how others here read Python requirements (by a feature of
//! `pep508_rs`), knows no places in the file, and would refuse an environment for what stands in another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use imagewright_python::lock::{Lock, LockedPackage, write_lock};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::python::{Pinned, folder, locked};
use super::{DEFAULT_ENVIRONMENT, ListedFile, Listing, ListingError, Part, explicit, line_of, parse};

const TOOL: &str = "pixi";
/// Those with environments.
const KNOWN: std::ops::RangeInclusive<u64> = 4..=7;
const KNOWN_SHOWN: &str = "4 to 7";
/// Endings of files that Python packages come in.
const PYTHON_FILES: [&str; 7] = [".whl", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip"];

/// What of it is looked at. There is more, which says how it was made.
#[derive(Deserialize)]
struct Document {
    version: u64,
    /// Since version 7 platforms may have names of their own.
    #[serde(default)]
    platforms: Vec<PlatformEntry>,
    environments: BTreeMap<String, Environment>,
    packages: Vec<Spanned<Package>>,
}

#[derive(Deserialize)]
struct PlatformEntry {
    name: String,
    subdir: Option<String>,
}

#[derive(Deserialize)]
struct Environment {
    packages: BTreeMap<String, Vec<Spanned<Reference>>>,
}

/// How an environment names a package.
#[derive(Deserialize)]
struct Reference {
    conda: Option<String>,
    /// As `NAME[HASH] @ PLACE`.
    conda_source: Option<String>,
    pypi: Option<String>,
}

/// A package as it is described: its place is `conda` or `pypi`, and was `url` or `path` up to version 5.
#[derive(Deserialize)]
struct Package {
    conda: Option<String>,
    pypi: Option<String>,
    url: Option<String>,
    path: Option<String>,
    name: Option<String>,
    version: Option<String>,
    md5: Option<String>,
    sha256: Option<String>,
}

impl Package {
    fn place(&self) -> Option<&String> {
        self.conda.as_ref().or(self.pypi.as_ref()).or(self.url.as_ref()).or(self.path.as_ref())
    }
}

/// What is said of one place; of a package that is described several times, all of it.
#[derive(Default)]
struct Described<'d> {
    name: Option<&'d str>,
    version: Option<&'d str>,
    sha256: Option<&'d str>,
    md5: Option<&'d str>,
    line: Option<u32>,
}

pub(super) fn read(text: &str, part: &Part<'_>) -> Result<Listing, ListingError> {
    let document: Document = parse(TOOL, text)?;
    if !KNOWN.contains(&document.version) {
        return Err(ListingError::Version { found: document.version, known: KNOWN_SHOWN });
    }
    let references = references(&document, part)?;
    let described = described(&document);
    let of_place = |place: &str, at: Option<u32>| {
        // Of an address the end: there may be a secret in front.
        let shown = || place.split_once("://").and_then(|(_, rest)| rest.rsplit('/').next()).unwrap_or(place);
        described.get(place).ok_or_else(|| ListingError::NotDescribed { place: shown().to_owned(), line: at })
    };
    let mut listing = Listing::default();
    let mut python = Lock::default();
    let mut seen = BTreeSet::new();
    for reference in references {
        let at = line_of(reference);
        match &reference.value {
            Reference { conda_source: Some(source), .. } => {
                let name = source.split(['[', ' ']).next().unwrap_or(source);
                return Err(refused(
                    name,
                    "is built by pixi from sources, and conda packages come from channels",
                    at,
                ));
            }
            Reference { conda: Some(place), .. } => {
                let package = of_place(place, at)?;
                if !["http://", "https://"].iter().any(|scheme| place.starts_with(scheme)) {
                    let name = package.name.unwrap_or(place);
                    let reason = "is of this machine, and conda packages come from channels";
                    return Err(refused(name, reason, package.line));
                }
                if seen.insert(place) {
                    let text = explicit(place, package.sha256, package.md5);
                    listing.files.push(ListedFile { text, line: package.line });
                }
            }
            Reference { pypi: Some(place), .. } => {
                let package = of_place(place, at)?;
                if seen.insert(place) {
                    python.packages.push(of_index(place, package)?);
                }
            }
            Reference { conda: None, conda_source: None, pypi: None } => {
                return Err(refused("a package", "is of a kind that is not known here", at));
            }
        }
    }
    listing.pylock = (!python.packages.is_empty()).then(|| write_lock(&python));
    Ok(listing)
}

/// The packages of the environment and the platform that are meant.
fn references<'d>(document: &'d Document, part: &Part<'_>) -> Result<&'d [Spanned<Reference>], ListingError> {
    let name = part.environment.unwrap_or(DEFAULT_ENVIRONMENT);
    let environment = document.environments.get(name).ok_or_else(|| ListingError::NoEnvironment {
        name: name.to_owned(),
        known: document.environments.keys().cloned().collect(),
    })?;
    let subdir_of = |name: &str| {
        let entry = document.platforms.iter().find(|platform| platform.name == name);
        entry.and_then(|entry| entry.subdir.as_deref()).unwrap_or(name) == part.subdir
    };
    let fitting: Vec<&String> = environment.packages.keys().filter(|name| subdir_of(name)).collect();
    let subdir = part.subdir.to_owned();
    let platform = match fitting.as_slice() {
        [] => {
            let known = environment.packages.keys().cloned().collect();
            return Err(ListingError::NoPlatform { subdir, known });
        }
        [platform] => *platform,
        // That which has no name of its own.
        several => match several.iter().find(|name| ***name == subdir) {
            Some(platform) => *platform,
            None => {
                let known = several.iter().map(|name| (*name).clone()).collect();
                return Err(ListingError::SeveralPlatforms { subdir, known });
            }
        },
    };
    Ok(&environment.packages[platform])
}

/// What the lock says of packages, by their places.
fn described(document: &Document) -> HashMap<&str, Described<'_>> {
    let mut all: HashMap<&str, Described<'_>> = HashMap::new();
    for package in &document.packages {
        let Package { name, version, md5, sha256, .. } = &package.value;
        let Some(place) = package.value.place() else { continue };
        let described = all.entry(place).or_default();
        described.name = described.name.or(name.as_deref());
        described.version = described.version.or(version.as_deref());
        described.sha256 = described.sha256.or(sha256.as_deref());
        described.md5 = described.md5.or(md5.as_deref());
        described.line = described.line.or(line_of(package));
    }
    all
}

/// A Python package.
fn of_index(place: &str, package: &Described<'_>) -> Result<LockedPackage, ListingError> {
    let Described { name, version, sha256, md5, line } = *package;
    let name = name.ok_or_else(|| refused(place, "has no name in the lock", line))?;
    if !place.contains("://") {
        return match PYTHON_FILES.iter().any(|ending| place.ends_with(ending)) {
            true => Err(refused(name, "is a file of this machine, and not of an index", line)),
            false => folder(name, place, line),
        };
    }
    let hashes = [("sha256", sha256), ("md5", md5)];
    let hashes =
        hashes.into_iter().filter_map(|(kind, hash)| Some((kind.to_owned(), hash?.to_owned()))).collect();
    locked(&Pinned { name, version, address: place, hashes: &hashes, line })
}

fn refused(name: &str, reason: &'static str, line: Option<u32>) -> ListingError {
    ListingError::NoFile { name: name.to_owned(), reason, line }
}
