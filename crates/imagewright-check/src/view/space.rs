//! What takes the space in an image: its Python packages, and the folders of all else.

use std::collections::BTreeMap;

use super::{Kind, ROOT, View};

/// Folders in which each entry is a package of Python.
const PACKAGES: [&str; 2] = ["site-packages", "dist-packages"];
/// Folders that say little by themselves: what is in them is told apart.
const BROAD: [&str; 9] =
    ["usr", "usr/lib", "usr/local", "usr/local/lib", "usr/share", "opt", "home", "var", "opt/conda"];

/// Something that takes space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// Where it lies, absolute.
    pub path: String,
    /// The Python package that it is, as its folder is called.
    pub package: Option<String>,
    /// Bytes of its files, before any compression.
    pub size: u64,
}

impl View {
    /// What takes the space, the largest first. Files that a later layer hides do not count.
    pub fn space(&self) -> Vec<Space> {
        let mut sizes: BTreeMap<String, (Option<String>, u64)> = BTreeMap::new();
        // Each with the group that it belongs to; none where it is still too broad to be one.
        let mut pending: Vec<(u32, String, Option<String>)> = vec![(ROOT, String::new(), None)];
        while let Some((place, path, group)) = pending.pop() {
            let node = self.node(place);
            let holds_packages = PACKAGES.contains(&&*node.name);
            for (name, child) in &node.children {
                let here = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
                let is_folder = self.node(*child).kind == Kind::Directory;
                let package = holds_packages.then(|| package(name));
                let group = match (&package, &group) {
                    (Some(package), _) => Some(format!("{path}/{package}")),
                    (None, Some(group)) => Some(group.clone()),
                    (None, None) if is_folder && BROAD.contains(&here.as_str()) => None,
                    (None, None) => Some(if is_folder { here.clone() } else { path.clone() }),
                };
                if let Kind::File(size) = self.node(*child).kind {
                    let entry = sizes.entry(group.clone().unwrap_or_default()).or_default();
                    entry.0 = entry.0.take().or_else(|| package.clone());
                    entry.1 += size;
                } else if is_folder {
                    if let (Some(package), Some(group)) = (&package, &group) {
                        sizes.entry(group.clone()).or_default().0 = Some(package.clone());
                    }
                    pending.push((*child, here, group));
                }
            }
        }
        let mut space: Vec<Space> = sizes
            .into_iter()
            .filter(|(_, (_, size))| *size > 0)
            .map(|(path, (package, size))| Space { path: format!("/{path}"), package, size })
            .collect();
        space.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.path.cmp(&other.path)));
        space
    }
}

/// The package that an entry belongs to: `numpy`, `numpy.libs` and `numpy-2.1.dist-info` are all `numpy`.
fn package(name: &str) -> String {
    let name = name.strip_suffix(".py").unwrap_or(name);
    let name = match name.strip_suffix(".dist-info").or_else(|| name.strip_suffix(".egg-info")) {
        Some(stem) => stem.split('-').next().unwrap_or(stem),
        None => name.strip_suffix(".libs").unwrap_or(name),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::Files;
    use super::*;
    use crate::index::IndexKind;

    #[test]
    fn packages_and_folders_are_told_apart_and_what_is_hidden_does_not_count() {
        let sized =
            |files: Files, path: &str, size: u64| files.entry(path, IndexKind::File(size), 0o644, (0, 0), "");
        let site = "usr/lib/python3/site-packages";
        let below = [
            (format!("{site}/numpy/core.so"), 500),
            (format!("{site}/numpy.libs/blas.so"), 300),
            (format!("{site}/numpy-2.dist-info/METADATA"), 7),
            (format!("{site}/six.py"), 40),
            ("usr/bin/python3".to_owned(), 60),
            ("usr/lib/x86_64-linux-gnu/libc.so.6".to_owned(), 90),
            ("opt/conda/pkgs/big.conda".to_owned(), 200),
            ("root.txt".to_owned(), 1),
            ("usr/share/doc/empty".to_owned(), 0),
        ];
        let below = below.iter().fold(Files::default(), |files, (path, size)| sized(files, path, *size));
        let above = sized(Files::default(), "usr/bin/python3", 10);
        let indexes = [below.index(), above.index()];
        let view = View::new(indexes.iter().map(Some));
        let told: Vec<_> =
            view.space().iter().map(|it| (it.path.clone(), it.package.clone(), it.size)).collect();
        let package = |name: &str| Some(name.to_owned());
        assert_eq!(
            told,
            [
                (format!("/{site}/numpy"), package("numpy"), 807),
                ("/opt/conda/pkgs".to_owned(), None, 200),
                ("/usr/lib/x86_64-linux-gnu".to_owned(), None, 90),
                (format!("/{site}/six"), package("six"), 40),
                ("/usr/bin".to_owned(), None, 10),
                ("/".to_owned(), None, 1),
            ]
        );
    }

    #[test]
    fn what_belongs_to_a_package_counts_as_it() {
        for (entry, name) in [
            ("numpy", "numpy"),
            ("numpy.libs", "numpy"),
            ("numpy-2.1.0.dist-info", "numpy"),
            ("six.py", "six"),
            ("__pycache__", "__pycache__"),
        ] {
            assert_eq!(package(entry), name);
        }
    }
}
