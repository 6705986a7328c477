//! Locks (PEP 751) with contents in place of paths.

use imagewright_model::lock::LockedPython;
use imagewright_model::spec::joined;
use toml::{Table, Value};

use super::{FOLDER, Local, LocalError, Locals};
use crate::error::EngineError;

/// A lock with contents in place of paths.
#[derive(Default)]
pub(crate) struct Pinned {
    pub(crate) text: String,
    /// What is not as it was locked, a sentence each.
    pub(crate) changed: Vec<String>,
}

impl Locals {
    /// A solution of uv with contents in place of paths.
    pub(crate) fn pin_solution(&self, lock: &str) -> Result<String, EngineError> {
        let stray = |package: &str, path: &str| {
            EngineError::from(LocalError::Stray { package: package.to_owned(), path: path.to_owned() })
        };
        let pinned = rewrite(lock, |package, path, entry| {
            let inner =
                path.rsplit_once(&format!("/{FOLDER}/")).map(|(_, inner)| format!("{FOLDER}/{inner}"));
            match inner.and_then(|pinned| self.of_pinned(&pinned)) {
                None if entry == Entry::OfIndex => Ok(None),
                local => local.map(Some).ok_or_else(|| stray(package, path)),
            }
        });
        pinned.map(|pinned| pinned.text)
    }

    /// A lock from outside with contents in place of paths.
    pub(crate) fn pin_lock(&self, lock: &str) -> Result<Pinned, EngineError> {
        rewrite(lock, |_, path, _| Ok(self.found.get(&joined("", path))))
    }
}

/// What has a path in a lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    Archive,
    /// A wheel or a source distribution, which may lie in a folder that a lock does not name.
    OfIndex,
}

/// Paths of wheels and source distributions in a lock.
pub(super) fn paths_of_files(lock: &str) -> Vec<String> {
    let Ok(mut document) = lock.parse::<Table>() else { return Vec::new() };
    let mut paths = Vec::new();
    for package in packages(&mut document) {
        let entries = entries(package).into_iter().filter(|(kind, _)| *kind == Entry::OfIndex);
        paths.extend(entries.filter_map(|(_, entry)| text(entry, "path")).map(|path| joined("", &path)));
    }
    paths
}

fn rewrite<'l>(
    lock: &str,
    local: impl Fn(&str, &str, Entry) -> Result<Option<&'l Local>, EngineError>,
) -> Result<Pinned, EngineError> {
    // What is not a lock is told by who reads it as one.
    let Ok(mut document) = lock.parse::<Table>() else {
        return Ok(Pinned { text: lock.to_owned(), ..Pinned::default() });
    };
    let mut changed = Vec::new();
    let mut is_rewritten = false;
    for package in packages(&mut document) {
        let name = text(package, "name").unwrap_or_default();
        let content = content(package);
        let mut folder = None;
        for (kind, entry) in entries(package) {
            let Some(path) = text(entry, "path") else { continue };
            let Some(local) = local(&name, &path, kind)? else {
                // What has an address too is fetched from there, and files of indexes may lie elsewhere.
                if kind != Entry::OfIndex && !entry.contains_key("url") {
                    changed.push(format!("`{path}`, from which `{name}` comes, is not asked for"));
                }
                continue;
            };
            let locked = if kind == Entry::Folder { content.clone() } else { hash(entry) };
            if locked.is_some_and(|locked| locked != local.content.to_string()) {
                changed.push(format!("`{path}`, from which `{name}` comes, has changed"));
            }
            entry.insert("path".to_owned(), Value::String(local.pinned()));
            folder = folder.or((kind == Entry::Folder).then_some(local));
            is_rewritten = true;
        }
        if let Some(folder) = folder {
            let content = Value::String(folder.content.to_string());
            let tool = Table::from_iter([("content".to_owned(), content)]);
            let tools = Table::from_iter([("imagewright".to_owned(), Value::Table(tool))]);
            package.insert("tool".to_owned(), Value::Table(tools));
        }
    }
    let text = if is_rewritten { LockedPython::text_of(&document) } else { lock.to_owned() };
    Ok(Pinned { text, changed })
}

fn packages(document: &mut Table) -> impl Iterator<Item = &mut Table> {
    let packages = document.get_mut("packages").and_then(Value::as_array_mut);
    packages.into_iter().flatten().filter_map(Value::as_table_mut)
}

/// Whatever of a package may have a path.
fn entries(package: &mut Table) -> Vec<(Entry, &mut Table)> {
    let mut entries = Vec::new();
    for (key, value) in package.iter_mut() {
        match (key.as_str(), value) {
            ("directory", Value::Table(entry)) => entries.push((Entry::Folder, entry)),
            ("archive", Value::Table(entry)) => entries.push((Entry::Archive, entry)),
            ("sdist", Value::Table(entry)) => entries.push((Entry::OfIndex, entry)),
            ("wheels", Value::Array(wheels)) => {
                let wheels = wheels.iter_mut().filter_map(Value::as_table_mut);
                entries.extend(wheels.map(|entry| (Entry::OfIndex, entry)));
            }
            _ => {}
        }
    }
    entries
}

fn text(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// What a lock says that a folder holds.
fn content(package: &Table) -> Option<String> {
    text(package.get("tool")?.get("imagewright")?.as_table()?, "content")
}

/// The hash of a file, where the lock has it in the form that is used here.
fn hash(entry: &Table) -> Option<String> {
    text(entry.get("hashes")?.as_table()?, "sha256").map(|hex| format!("sha256:{}", hex.to_lowercase()))
}
