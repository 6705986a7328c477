//! `pylock.toml` (PEP 751): a solution made elsewhere, installed as it is.

use std::collections::BTreeMap;

use pep508_rs::PackageName;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Origin, Problem, SpecError, local_path, toml_text};

/// A lock of Python packages, which uv installs without solving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedPip {
    /// Name of the file it was read from.
    pub source: String,
    /// The document as it was written.
    pub text: String,
    /// What it locks.
    pub packages: Vec<LockedPackage>,
    /// What conda installs beside it, where it is part of a lock of conda packages: normalised names, and versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<(String, String)>,
}

/// One package of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedPackage {
    /// Normalised name.
    pub name: String,
    /// Version, absent where a source tree has none.
    pub version: Option<String>,
    /// Hashes of the files that may be installed, a list for each file, as `sha256:…`. A source distribution is
    /// not among them where there are wheels.
    pub hashes: Vec<Vec<String>>,
    /// Where its folder or archive lies on this machine, from the folder of the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    lock_version: Spanned<String>,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    directory: Option<Directory>,
    archive: Option<Artefact>,
    sdist: Option<Artefact>,
    #[serde(default)]
    wheels: Vec<Artefact>,
}

impl Package {
    /// The path of its folder or archive. What has an address as well is fetched from there.
    fn path(&self) -> Option<String> {
        let archive = self.archive.iter().filter(|archive| archive.url.is_none());
        let mut paths = self.directory.iter().map(|directory| &directory.path);
        let path = paths.next().or_else(|| archive.filter_map(|archive| archive.path.as_ref()).next());
        path.map(|path| local_path::join("", path))
    }

    fn hashes(&self) -> Vec<Vec<String>> {
        let sdist = self.sdist.iter().filter(|_| self.wheels.is_empty());
        self.wheels.iter().chain(sdist).chain(&self.archive).map(Artefact::hashes).collect()
    }
}

#[derive(Deserialize)]
struct Directory {
    path: String,
}

/// A file that can be installed.
#[derive(Deserialize)]
struct Artefact {
    url: Option<IgnoredAny>,
    path: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl Artefact {
    fn hashes(&self) -> Vec<String> {
        self.hashes.iter().map(|(algorithm, digits)| format!("{algorithm}:{digits}")).collect()
    }
}

impl LockedPip {
    /// Reads a lock.
    ///
    /// # Errors
    /// Refuses what is not a lock of version 1.
    pub fn parse(source: &str, text: &str) -> Result<Self, SpecError> {
        let document: Document = toml_text::parse(source, text)?;
        let at = |offset: usize| toml_text::origin_at(source, text, offset);
        let version = &document.lock_version;
        if !version.get_ref().starts_with("1.") {
            let text = format!("lock version `{}` is not one this program knows (1.0)", version.get_ref());
            let remedy = "lock again with a tool that writes version 1.0".to_owned();
            return Err(SpecError::new(at(version.span().start), Problem::Project { text, remedy }));
        }
        let package = |package: &Package| {
            let name = package.name.get_ref();
            let wrong = |text: String, remedy: &str| {
                let problem = Problem::Project { text, remedy: remedy.to_owned() };
                SpecError::new(at(package.name.span().start), problem)
            };
            let normalised = PackageName::new(name.clone())
                .map_err(|_| wrong(format!("`{name}` is not the name of a package"), "lock again"))?;
            Ok(LockedPackage {
                name: normalised.to_string(),
                version: package.version.clone(),
                hashes: package.hashes(),
                path: package.path(),
            })
        };
        let packages = document.packages.iter().map(package).collect::<Result<_, _>>()?;
        Ok(Self { source: source.to_owned(), text: text.to_owned(), packages, given: Vec::new() })
    }

    /// Where it was read from.
    pub fn origin(&self) -> Origin {
        Origin::file(&self.source)
    }
}
