//! `conda-lock.yml`: one list of all packages for all platforms, each with its category.

use std::collections::{BTreeMap, BTreeSet};

use imagewright_python::lock::{Lock, write_lock};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::python::{Pinned, locked};
use super::{DEFAULT_CATEGORY, ListedFile, Listing, ListingError, Part, explicit, line_of, parse};

const TOOL: &str = "conda-lock";
/// The only version that there is. Those of pixi looked like it up to version 3.
const VERSION: u64 = 1;
const KNOWN: &str = "1";

/// What of it is looked at. There is more, which says how it was made.
#[derive(Deserialize)]
struct Document {
    version: u64,
    metadata: Metadata,
    package: Vec<Spanned<Package>>,
}

#[derive(Deserialize)]
struct Metadata {
    /// There may be nothing for a platform, and that is then meant.
    #[serde(default)]
    platforms: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manager: Manager,
    platform: String,
    url: String,
    #[serde(default)]
    hash: BTreeMap<String, Option<String>>,
    #[serde(default = "default_category")]
    category: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Manager {
    Conda,
    Pip,
}

fn default_category() -> String {
    DEFAULT_CATEGORY.to_owned()
}

impl Package {
    /// Hashes by algorithm.
    fn hashes(&self) -> BTreeMap<String, String> {
        let stated = self.hash.iter().filter_map(|(name, hash)| Some((name.clone(), hash.clone()?)));
        stated.filter(|(_, hash)| !hash.is_empty()).collect()
    }
}

pub(super) fn read(text: &str, part: &Part<'_>) -> Result<Listing, ListingError> {
    let document: Document = parse(TOOL, text)?;
    if document.version != VERSION {
        return Err(ListingError::Version { found: document.version, known: KNOWN });
    }
    let categories = categories(&document, part)?;
    let of_platform: Vec<&Spanned<Package>> =
        document.package.iter().filter(|package| package.value.platform == part.subdir).collect();
    if of_platform.is_empty() && !document.metadata.platforms.iter().any(|name| name == part.subdir) {
        let packages = document.package.iter().map(|package| &package.value.platform);
        let known: BTreeSet<&String> = packages.chain(&document.metadata.platforms).collect();
        let known = known.into_iter().cloned().collect();
        return Err(ListingError::NoPlatform { subdir: part.subdir.to_owned(), known });
    }
    let mut listing = Listing::default();
    let mut python = Lock::default();
    let mut seen = BTreeSet::new();
    for entry in of_platform {
        let (package, line) = (&entry.value, line_of(entry));
        // What several categories need stands in the list for each of them.
        let is_new = categories.contains(package.category.as_str()) && seen.insert(&package.url);
        if !is_new {
            continue;
        }
        let hashes = package.hashes();
        match package.manager {
            Manager::Conda => {
                let hash = |name: &str| hashes.get(name).map(String::as_str);
                let text = explicit(&package.url, hash("sha256"), hash("md5"));
                listing.files.push(ListedFile { text, line });
            }
            Manager::Pip => {
                let Package { name, version, url, .. } = package;
                let pinned = Pinned { name, version: Some(version), address: url, hashes: &hashes, line };
                python.packages.push(locked(&pinned)?);
            }
        }
    }
    listing.pylock = (!python.packages.is_empty()).then(|| write_lock(&python));
    Ok(listing)
}

/// The categories that are meant.
fn categories<'a>(document: &'a Document, part: &'a Part<'_>) -> Result<BTreeSet<&'a str>, ListingError> {
    let known: BTreeSet<&str> =
        document.package.iter().map(|package| package.value.category.as_str()).collect();
    match part.categories.iter().find(|name| !known.contains(name.as_str()) && *name != DEFAULT_CATEGORY) {
        Some(name) => Err(ListingError::NoCategory {
            name: name.clone(),
            known: known.into_iter().map(str::to_owned).collect(),
        }),
        None if part.categories.is_empty() => Ok(BTreeSet::from([DEFAULT_CATEGORY])),
        None => Ok(part.categories.iter().map(String::as_str).collect()),
    }
}
