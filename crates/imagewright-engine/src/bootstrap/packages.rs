//! Package lists: read in one pass, keeping of each package the newest version and only what is needed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::{self, BufRead};
use std::rc::Rc;

use imagewright_oci::Digest;

use super::version;

/// How much a system needs a package, most first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    Required,
    Important,
    Standard,
    #[default]
    Optional,
    Extra,
}

/// A package as a list describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
    pub(super) priority: Priority,
    pub(super) essential: bool,
    /// `Pre-Depends` and `Depends` as they stand.
    pub(super) depends: [String; 2],
    pub(super) provides: String,
    /// Path below the archive.
    pub(super) filename: String,
    pub(super) size: u64,
    pub(super) digest: Digest,
    /// The suite it comes from.
    pub(super) suite: Rc<str>,
}

/// All packages by name.
#[derive(Default)]
pub(super) struct Index {
    packages: HashMap<String, Package>,
    providers: HashMap<String, Vec<String>>,
}

impl Index {
    /// Takes a list in: packages of the architecture and those for all. Of several versions the newest counts, of
    /// equal ones the first.
    pub(super) fn read(&mut self, list: impl BufRead, architecture: &str, suite: &str) -> io::Result<()> {
        let suite: Rc<str> = suite.into();
        each_stanza(list, |stanza| {
            if stanza.architecture == architecture || stanza.architecture == "all" {
                self.add(stanza.package(&suite)?);
            }
            Ok(())
        })
    }

    fn add(&mut self, package: Package) {
        let known = self.packages.get(&package.name);
        if known.is_none_or(|known| version::compare(&package.version, &known.version) == Ordering::Greater) {
            self.packages.insert(package.name.clone(), package);
        }
    }

    /// Notes who provides what, once all lists are read.
    pub(super) fn finish(&mut self) {
        for package in self.packages.values() {
            for name in provided_names(&package.provides) {
                self.providers.entry(name.to_owned()).or_default().push(package.name.clone());
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Package> {
        self.packages.get(name)
    }

    pub(super) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// The package that best stands for a virtual one: by priority, then by name.
    pub(super) fn best_provider(&self, name: &str) -> Option<&Package> {
        let providers = self.providers.get(name)?.iter().filter_map(|name| self.get(name));
        providers.min_by_key(|package| (package.priority, &package.name))
    }
}

/// The names in a `Provides` field.
pub(super) fn provided_names(provides: &str) -> impl Iterator<Item = &str> {
    provides.split(',').map(package_name).filter(|name| !name.is_empty())
}

/// The name at the begin of a relation: without version, architecture and other restrictions.
pub(super) fn package_name(relation: &str) -> &str {
    let relation = relation.trim();
    &relation[..relation.find([' ', '(', ':', '[', '<', '\n', '\t']).unwrap_or(relation.len())]
}

/// The fields of a stanza that matter, as text.
#[derive(Default)]
struct RawStanza {
    name: String,
    version: String,
    architecture: String,
    priority: Priority,
    essential: bool,
    depends: [String; 2],
    provides: String,
    filename: String,
    size: String,
    sha256: String,
}

impl RawStanza {
    fn set(&mut self, field: &[u8], value: &str) {
        match field {
            b"Package" => value.clone_into(&mut self.name),
            b"Version" => value.clone_into(&mut self.version),
            b"Architecture" => value.clone_into(&mut self.architecture),
            b"Priority" => self.priority = priority(value),
            b"Essential" => self.essential = value == "yes",
            b"Pre-Depends" => value.clone_into(&mut self.depends[0]),
            b"Depends" => value.clone_into(&mut self.depends[1]),
            b"Provides" => value.clone_into(&mut self.provides),
            b"Filename" => value.clone_into(&mut self.filename),
            b"Size" => value.clone_into(&mut self.size),
            b"SHA256" => value.clone_into(&mut self.sha256),
            _ => {}
        }
    }

    fn package(self, suite: &Rc<str>) -> io::Result<Package> {
        let wrong = |field: &str| {
            let message = format!("the package `{}` has no usable `{field}`", self.name);
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let size = self.size.parse().map_err(|_| wrong("Size"))?;
        let digest = format!("sha256:{}", self.sha256).parse().map_err(|_| wrong("SHA256"))?;
        if self.filename.is_empty() {
            return Err(wrong("Filename"));
        }
        if self.version.is_empty() {
            return Err(wrong("Version"));
        }
        Ok(Package {
            name: self.name,
            version: self.version,
            architecture: self.architecture,
            priority: self.priority,
            essential: self.essential,
            depends: self.depends,
            provides: self.provides,
            filename: self.filename,
            size,
            digest,
            suite: Rc::clone(suite),
        })
    }
}

fn priority(value: &str) -> Priority {
    match value {
        "required" => Priority::Required,
        "important" => Priority::Important,
        "standard" => Priority::Standard,
        "extra" => Priority::Extra,
        _ => Priority::Optional,
    }
}

/// Calls `take` with each stanza. Lines that continue a field are passed over: the fields that matter have one.
fn each_stanza(mut list: impl BufRead, mut take: impl FnMut(RawStanza) -> io::Result<()>) -> io::Result<()> {
    let mut line = Vec::with_capacity(4096);
    let mut stanza = RawStanza::default();
    loop {
        line.clear();
        let at_end = list.read_until(b'\n', &mut line)? == 0;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.is_empty() && !stanza.name.is_empty() {
            take(std::mem::take(&mut stanza))?;
        }
        if at_end {
            return Ok(());
        }
        if matches!(line.first(), None | Some(b' ' | b'\t')) {
            continue;
        }
        let invalid = |problem: &str| {
            let message = format!("{problem}: `{}`", String::from_utf8_lossy(&line));
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let colon =
            line.iter().position(|byte| *byte == b':').ok_or_else(|| invalid("a line has no field"))?;
        let value = std::str::from_utf8(&line[colon + 1..]).map_err(|_| invalid("a line is not UTF-8"))?;
        stanza.set(&line[..colon], value.trim());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn stanza(name: &str, version: &str, architecture: &str, more: &str) -> String {
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nDescription: x\n more\n .\n y: z\n\
             Filename: pool/{name}_{version}.deb\nSize: 12\nSHA256: {HEX}\n{more}\n"
        )
    }

    fn index(lists: &[&str]) -> io::Result<Index> {
        let mut index = Index::default();
        for (suite, list) in ["trixie", "trixie-updates"].into_iter().zip(lists) {
            index.read(list.as_bytes(), "amd64", suite)?;
        }
        index.finish();
        Ok(index)
    }

    #[test]
    fn the_newest_version_of_all_lists_counts() {
        let first = [
            stanza("a", "1.9", "amd64", "Essential: yes\nPriority: required\nDepends: b (>= 1) | c\n"),
            stanza("b", "1", "all", "Priority: optional\nProvides: virtual (= 1), other\n"),
            stanza("b", "2", "i386", ""),
        ];
        let second = stanza("a", "1.10", "amd64", "Priority: important\nProvides: virtual\n");
        let index = index(&[&first.join("\n"), second.trim_end()]).unwrap();
        let a = index.get("a").unwrap();
        assert_eq!(
            (a.version.as_str(), &*a.suite, a.priority),
            ("1.10", "trixie-updates", Priority::Important)
        );
        assert_eq!(index.get("b").unwrap().version, "1");
        assert_eq!(index.best_provider("virtual").unwrap().name, "a");
        assert_eq!(index.best_provider("other").unwrap().name, "b");
        assert!(index.best_provider("a").is_none());
    }

    #[test]
    fn malformed_lists_are_refused() {
        let whole = stanza("a", "1", "amd64", "");
        for (list, problem) in [
            (whole.replace("Size: 12", "Size: many"), "the package `a` has no usable `Size`"),
            (whole.replace(HEX, "abc"), "the package `a` has no usable `SHA256`"),
            (whole.replace("Filename", "Name"), "the package `a` has no usable `Filename`"),
            ("Package: a\nnonsense\n".to_owned(), "a line has no field: `nonsense`"),
        ] {
            assert_eq!(index(&[&list]).err().unwrap().to_string(), problem);
        }
    }

    #[test]
    fn relations_are_reduced_to_names() {
        for (relation, name) in
            [(" a (>= 1)", "a"), ("a:any", "a"), ("a [amd64]", "a"), ("a(= 1)", "a"), ("a\n", "a"), ("", "")]
        {
            assert_eq!(package_name(relation), name);
        }
    }
}
