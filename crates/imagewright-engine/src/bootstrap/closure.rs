//! The packages a root begins with: what is essential or required, apt, what was asked for, and what these need.
//!
//! Deliberately simple: versions and conflicts are not looked at, since a suite is consistent by itself and dpkg
//! checks them again. Everything after the bootstrap is solved by apt.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::BootstrapError;
use super::packages::{Index, Package, Priority, package_name, provided_names};

/// Taken from alternatives wherever it stands: its rival would convert a tree that is made merged already.
const PREFERRED: &str = "usr-is-merged";

/// The closure, by name.
pub(super) fn closure<'a>(
    index: &'a Index,
    include: &[String],
    suite: &str,
) -> Result<Vec<&'a Package>, BootstrapError> {
    let mut closure =
        Closure { index, selected: BTreeMap::new(), provided: HashSet::new(), queue: VecDeque::new() };
    let mut roots: Vec<&Package> = index
        .packages()
        .filter(|package| package.essential || package.priority == Priority::Required)
        .collect();
    for name in include.iter().map(String::as_str).chain(["apt"]) {
        let package = index.get(name).or_else(|| index.best_provider(name));
        roots.push(package.ok_or_else(|| unknown(index, name, suite))?);
    }
    roots.sort_by_key(|package| &package.name);
    for package in roots {
        closure.select(package);
    }
    closure.complete()?;
    Ok(closure.selected.into_values().collect())
}

struct Closure<'a> {
    index: &'a Index,
    selected: BTreeMap<&'a str, &'a Package>,
    provided: HashSet<&'a str>,
    queue: VecDeque<&'a Package>,
}

impl<'a> Closure<'a> {
    fn select(&mut self, package: &'a Package) {
        if self.selected.insert(&package.name, package).is_none() {
            self.provided.extend(provided_names(&package.provides));
            self.queue.push_back(package);
        }
    }

    fn complete(&mut self) -> Result<(), BootstrapError> {
        while let Some(package) = self.queue.pop_front() {
            let groups = package.depends.iter().flat_map(|field| field.split(','));
            for group in groups.filter(|group| !group.trim().is_empty()) {
                self.satisfy(package, group)?;
            }
        }
        Ok(())
    }

    /// Selects a package for `a | b | c`, unless one is there.
    fn satisfy(&mut self, package: &Package, group: &str) -> Result<(), BootstrapError> {
        let names: Vec<&str> = group.split('|').map(package_name).collect();
        if names.iter().any(|name| self.selected.contains_key(name) || self.provided.contains(name)) {
            return Ok(());
        }
        let preferred = names.contains(&PREFERRED).then_some(PREFERRED);
        let candidate = |name| self.index.get(name).or_else(|| self.index.best_provider(name));
        let found = preferred.into_iter().chain(names).find_map(candidate);
        let chosen = found.ok_or_else(|| BootstrapError::Unsatisfiable {
            package: package.name.clone(),
            dependency: group.trim().to_owned(),
        })?;
        self.select(chosen);
        Ok(())
    }
}

fn unknown(index: &Index, name: &str, suite: &str) -> BootstrapError {
    const SIMILAR: f64 = 0.9;
    let score = |package: &'_ Package| strsim::jaro_winkler(&package.name, name);
    let mut nearest: Vec<(f64, &str)> = index
        .packages()
        .map(|package| (score(package), package.name.as_str()))
        .filter(|(score, _)| *score > SIMILAR)
        .collect();
    nearest.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
    nearest.truncate(3);
    BootstrapError::UnknownPackage {
        name: name.to_owned(),
        suite: suite.to_owned(),
        nearest: nearest.into_iter().map(|(_, name)| name.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Packages as `name: field=value; field=value`.
    fn index(packages: &[&str]) -> Index {
        let mut list = String::new();
        for package in packages {
            let (name, fields) = package.split_once(':').unwrap_or((package, ""));
            list += &format!(
                "Package: {name}\nVersion: 1\nArchitecture: all\nFilename: x\nSize: 1\nSHA256: {HEX}\n"
            );
            for field in fields.split(';').filter(|field| !field.trim().is_empty()) {
                list += &format!("{}\n", field.trim().replacen('=', ": ", 1));
            }
            list += "\n";
        }
        let mut index = Index::default();
        index.read(list.as_bytes(), "amd64", "trixie").unwrap();
        index.finish();
        index
    }

    fn names(packages: &[&str], include: &[&str]) -> Result<Vec<String>, BootstrapError> {
        let include: Vec<String> = include.iter().map(|&name| name.to_owned()).collect();
        let index = index(packages);
        let closure = closure(&index, &include, "trixie")?;
        Ok(closure.into_iter().map(|package| package.name.clone()).collect())
    }

    #[test]
    fn the_closure_holds_what_is_needed_and_no_more() {
        let packages = [
            "apt: Depends=libapt (>= 3), keyring | other-keyring",
            "libapt: Depends=awk",
            "keyring",
            "other-keyring",
            "gawk: Priority=optional; Provides=awk",
            "mawk: Priority=required; Provides=awk",
            "base: Essential=yes; Pre-Depends=awk; Depends=usrmerge | usr-is-merged (>= 37~)",
            "usrmerge",
            "usr-is-merged",
            "extra: Recommends=keyring; Depends=apt:any, missing | virtual [amd64]",
            "b-provider: Provides=virtual (= 1)",
            "a-provider: Provides=virtual",
            "unrelated",
        ];
        assert_eq!(
            names(&packages, &[]).unwrap(),
            ["apt", "base", "keyring", "libapt", "mawk", "usr-is-merged"]
        );
        assert_eq!(
            names(&packages, &["extra"]).unwrap(),
            ["a-provider", "apt", "base", "extra", "keyring", "libapt", "mawk", "usr-is-merged"]
        );
        // What was asked for serves as an alternative.
        let asked = names(&packages, &["extra", "b-provider", "other-keyring"]).unwrap();
        assert!(
            asked.contains(&"b-provider".to_owned()) && !asked.contains(&"a-provider".to_owned()),
            "{asked:?}"
        );
        assert!(!asked.contains(&"keyring".to_owned()), "{asked:?}");
    }

    #[test]
    fn unknown_and_unsatisfiable_packages_are_named() {
        let packages = ["apt", "python3", "python3-pip", "broken: Depends=nothing (>= 1) | nowhere"];
        let error = names(&packages, &["pyhton3"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no package `pyhton3` in `trixie`");
        assert!(error.hint().unwrap().starts_with("did you mean `python3`"), "{:?}", error.hint());
        let error = names(&packages, &["broken"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`broken` needs `nothing (>= 1) | nowhere`, which no package of the archive brings"
        );
        assert_eq!(
            names(&["python3"], &[]).unwrap_err().to_string(),
            "there is no package `apt` in `trixie`"
        );
    }
}
