//! What the entries of a layer tell: caches that were left in it, and Python packages that it brings or takes away.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{IndexKind, LayerIndex};

/// A package manager that leaves things behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Manager {
    /// Debian's and Ubuntu's.
    Apt,
    /// Python's.
    Pip,
    /// Python's, by Astral.
    Uv,
    /// conda, mamba, micromamba.
    Conda,
    /// Node's.
    Npm,
    /// Node's, by Yarn.
    Yarn,
    /// Alpine's.
    Apk,
    /// Fedora's and Red Hat's.
    Dnf,
}

impl Manager {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Pip => "pip",
            Self::Uv => "uv",
            Self::Conda => "conda",
            Self::Npm => "npm",
            Self::Yarn => "yarn",
            Self::Apk => "apk",
            Self::Dnf => "dnf",
        }
    }

    /// What it leaves, in words.
    pub(crate) fn leaves(self) -> &'static str {
        match self {
            Self::Apt => "package lists",
            Self::Pip | Self::Uv => "downloaded and built packages",
            Self::Conda => "downloaded packages and their archives",
            Self::Npm | Self::Yarn => "downloaded packages",
            Self::Apk => "package indexes",
            Self::Dnf => "package lists and packages",
        }
    }
}

/// What counts in a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerContents {
    /// Bytes of caches by manager, and the folder in which the first of them lies.
    pub(crate) caches: BTreeMap<Manager, (u64, String)>,
    /// Python distributions that it brings: folder of packages, then name and version as the folder of its metadata has
    /// them.
    pub(crate) distributions: BTreeSet<(String, String, String)>,
    /// Folders with metadata of Python distributions that it removes.
    pub(crate) removed: BTreeSet<String>,
}

impl LayerContents {
    /// What counts in a layer of which this is the index.
    pub(crate) fn of(index: &LayerIndex) -> Self {
        let mut contents = Self::default();
        for (path, entry) in index.entries() {
            if let IndexKind::File(size) = entry.kind {
                contents.add(&path, size);
            }
        }
        index.removed().iter().for_each(|path| contents.remove(path));
        contents
    }

    /// Takes in a file by its path from the root, without a slash in front.
    fn add(&mut self, path: &str, size: u64) {
        if let Some((manager, folder)) = cache_of(path).filter(|_| size > 0) {
            let known = self.caches.entry(manager).or_insert_with(|| (0, folder.to_owned()));
            known.0 += size;
        }
        self.distributions.extend(distribution(path));
    }

    /// Takes in that a path is removed.
    fn remove(&mut self, path: &str) {
        if path.ends_with(".dist-info") || path.ends_with(".egg-info") {
            self.removed.insert(path.to_owned());
        }
    }
}

/// The cache that a file lies in, and the folder of it.
fn cache_of(path: &str) -> Option<(Manager, &str)> {
    let fixed = [
        ("var/lib/apt/lists/", Manager::Apt),
        ("var/cache/apk/", Manager::Apk),
        ("var/cache/dnf/", Manager::Dnf),
        ("var/cache/yum/", Manager::Dnf),
    ];
    if let Some((folder, manager)) = fixed.into_iter().find(|(folder, _)| path.starts_with(folder)) {
        // A lock is always there, and says nothing.
        return (!path.ends_with("/lock")).then_some((manager, folder));
    }
    let homes = [
        (".cache/pip/", Manager::Pip),
        (".cache/uv/", Manager::Uv),
        (".npm/_cacache/", Manager::Npm),
        (".cache/yarn/", Manager::Yarn),
    ];
    for (folder, manager) in homes {
        let home = path.find(folder).filter(|at| *at == 0 || path.as_bytes()[at - 1] == b'/');
        if let Some(at) = home.filter(|at| is_home(&path[..*at])) {
            return Some((manager, &path[..at + folder.len()]));
        }
    }
    let archive = path.ends_with(".conda") || path.ends_with(".tar.bz2");
    let (pkgs, file) = path.rsplit_once('/')?;
    (archive && pkgs.ends_with("/pkgs") && !file.is_empty()).then(|| (Manager::Conda, &path[..=pkgs.len()]))
}

/// Whether a path, with its slash at the end, is where somebody's home would be.
fn is_home(path: &str) -> bool {
    path == "root/" || (path.starts_with("home/") && path.matches('/').count() == 2)
}

/// `…/site-packages/NAME-VERSION.dist-info/METADATA`.
fn distribution(path: &str) -> Option<(String, String, String)> {
    let folder = path.strip_suffix("/METADATA")?.strip_suffix(".dist-info")?;
    let (parent, name) = folder.rsplit_once('/')?;
    let (name, version) = name.split_once('-')?;
    let is_packages = parent.ends_with("/site-packages") || parent.ends_with("/dist-packages");
    is_packages.then(|| (parent.to_owned(), name.to_owned(), version.to_owned()))
}

/// The Python distributions of an image, by the folder they lie in, from what its layers tell.
pub(crate) fn distributions(layers: &[Option<LayerContents>]) -> BTreeSet<(String, String, String)> {
    let mut all = BTreeSet::new();
    for layer in layers.iter().flatten() {
        all.retain(|(folder, name, version)| {
            !layer.removed.contains(&format!("{folder}/{name}-{version}.dist-info"))
        });
        all.extend(layer.distributions.iter().cloned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_told_from_what_looks_like_them() {
        for (path, expected) in [
            ("var/lib/apt/lists/mirror.example_Packages", Some((Manager::Apt, "var/lib/apt/lists/"))),
            ("var/lib/apt/lists/lock", None),
            ("root/.cache/pip/http-v2/a/b", Some((Manager::Pip, "root/.cache/pip/"))),
            ("home/jovyan/.cache/uv/x", Some((Manager::Uv, "home/jovyan/.cache/uv/"))),
            ("srv/app/.cache/pip/x", None),
            ("home/a/b/.cache/pip/x", None),
            ("root/.npm/_cacache/x", Some((Manager::Npm, "root/.npm/_cacache/"))),
            ("opt/conda/pkgs/numpy-2.0.conda", Some((Manager::Conda, "opt/conda/pkgs/"))),
            ("opt/conda/pkgs/numpy-2.0/lib/x.py", None),
            ("usr/share/pkgs/readme", None),
            ("root/.npmrc", None),
        ] {
            assert_eq!(cache_of(path), expected, "{path}");
        }
    }

    #[test]
    fn distributions_come_and_go() {
        let site = "usr/local/lib/python3.13/site-packages";
        let mut below = LayerContents::default();
        below.add(&format!("{site}/Jinja2-3.1.5.dist-info/METADATA"), 10);
        below.add(&format!("{site}/six-1.0.dist-info/METADATA"), 10);
        below.add("srv/x/Other-1.dist-info/METADATA", 10);
        let mut above = LayerContents::default();
        above.remove(&format!("{site}/Jinja2-3.1.5.dist-info"));
        above.add(&format!("{site}/jinja2-3.1.6.dist-info/METADATA"), 10);
        let found = distributions(&[Some(below), None, Some(above)]);
        let found: Vec<_> = found.iter().map(|(_, name, version)| format!("{name} {version}")).collect();
        assert_eq!(found, ["jinja2 3.1.6", "six 1.0"]);
    }
}
