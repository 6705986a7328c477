//! What Python packages an image has, by the metadata that lies beside them: what `pip list` would say.

use std::collections::BTreeMap;

use super::{Entry, Python, View};
use crate::requirement::normalised;

/// A Python package that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Distribution {
    /// Its name as its metadata has it, which is how `pip freeze` prints it.
    pub(crate) name: String,
    /// Its version, as its metadata has it.
    pub(crate) version: String,
    /// What it requires, a line each.
    pub(crate) requires: Vec<String>,
    /// Whether it came from an address, or is worked on where it lies: `pip freeze` prints no version then.
    pub(crate) is_direct: bool,
    /// The folder it lies in.
    pub(crate) folder: String,
}

/// The packages that a Python has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Installed {
    /// By normalised name.
    all: BTreeMap<String, Distribution>,
}

/// More packages than any environment has, and more requirements than any package.
const MOST: usize = 20_000;
const MOST_REQUIREMENTS: usize = 2_000;

impl Installed {
    pub(crate) fn get(&self, name: &str) -> Option<&Distribution> {
        self.all.get(&normalised(name))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Normalised name and package, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Distribution)> {
        self.all.iter().map(|(name, distribution)| (name.as_str(), distribution))
    }

    /// The same with a package in another version, of which nothing else is known.
    pub(crate) fn insert(&mut self, distribution: Distribution) {
        self.all.insert(normalised(&distribution.name), distribution);
    }
}

impl View {
    /// The packages that a Python has: of those that it finds twice, the first counts.
    pub(crate) fn installed(&self, python: &Python) -> Installed {
        let mut all = BTreeMap::new();
        for folder in python.packages.iter().filter_map(|folder| self.find(folder)) {
            for entry in folder.children().take(MOST) {
                if let Some(distribution) = distribution(&folder, &entry) {
                    all.entry(normalised(&distribution.name)).or_insert(distribution);
                }
            }
        }
        Installed { all }
    }

    /// Whether a Python can import a module or package of this name.
    pub(crate) fn has_module(&self, python: &Python, name: &str) -> bool {
        python.packages.iter().chain([&python.standard_library]).any(|folder| {
            self.find(&format!("{folder}/{name}/__init__.py")).is_some()
                || self.find(&format!("{folder}/{name}.py")).is_some()
        })
    }
}

fn distribution(folder: &Entry<'_>, entry: &Entry<'_>) -> Option<Distribution> {
    let kind = entry.name().rsplit_once('.')?.1;
    let (text, is_direct) = match kind {
        "dist-info" => (entry.child("METADATA")?.text(), entry.child("direct_url.json").is_some()),
        "egg-info" if entry.is_directory() => (entry.child("PKG-INFO")?.text(), false),
        "egg-info" => (entry.text(), false),
        _ => return None,
    };
    // Headers that are missing or broken leave what the name of the folder says.
    let stem = entry.name().rsplit_once('.')?.0;
    let (by_name, by_version) = stem.split_once('-').unwrap_or((stem, ""));
    let headers = headers(text.unwrap_or_default());
    let first = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
    };
    let requires = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("requires-dist"));
    Some(Distribution {
        name: first("name").filter(|name| !name.is_empty()).unwrap_or_else(|| by_name.to_owned()),
        version: first("version")
            .unwrap_or_else(|| by_version.split("-py").next().unwrap_or_default().to_owned()),
        requires: requires.take(MOST_REQUIREMENTS).map(|(_, value)| value.clone()).collect(),
        is_direct,
        folder: folder.path(),
    })
}

/// Header lines, continued ones joined.
fn headers(text: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    headers
}
