//! Where the files of packages go in an image, and how the folders on the way look there.

use std::collections::{BTreeMap, BTreeSet};

use imagewright_layer::{Entry, EntryKind, LayerPath};
use imagewright_python::markers::{InterpreterReport, Scheme};
use serde::Serialize;

use super::interpreter::{Folder, PythonFacts, Target};
use crate::package_layer::PACKAGE_TIME;

/// The set-group-id bit, by which new files belong to the group of their folder.
const SET_GROUP_ID: u32 = 0o2000;

/// All that decides how the files of a package look, beside the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Layout {
    /// Absolute, and free of symbolic links.
    pub(super) scheme: Scheme,
    /// What scripts are started by.
    pub(super) python: String,
    /// The minor version of that Python 3.
    pub(super) python_minor: u8,
    /// What a new folder is like.
    pub(super) folder: Folder,
    /// Folders that exist, or that the environment will have, and look otherwise; and those that all packages share.
    folders: BTreeMap<String, Folder>,
    shared: BTreeSet<String>,
}

impl Layout {
    pub(super) fn of(facts: &PythonFacts, report: &InterpreterReport) -> Self {
        let (named, python) = match &facts.target {
            Target::Environment(path) => {
                let scheme = match facts.new_environment() {
                    Some(path) => below(&report.virtualenv, path),
                    None => report.scheme.clone(),
                };
                (scheme, format!("{path}/bin/python"))
            }
            Target::System => (report.scheme.clone(), report.sys_executable.clone()),
        };
        let real = |path: &String| facts.links.get(path).unwrap_or(path).trim_end_matches('/').to_owned();
        let scheme = Scheme {
            purelib: real(&named.purelib),
            platlib: real(&named.platlib),
            include: real(&named.include),
            scripts: real(&named.scripts),
            data: real(&named.data),
        };
        let root = Folder { mode: 0o755, uid: 0, gid: 0 };
        let own = facts.folders.get(&scheme.purelib).copied().unwrap_or(root);
        let folder = Folder { mode: 0o755 | own.mode & SET_GROUP_ID, ..own };
        let ways = [&scheme.purelib, &scheme.platlib, &scheme.scripts, &scheme.data];
        let shared: BTreeSet<String> = ways.into_iter().flat_map(|path| way_to(path)).collect();
        let inside = format!("{}/", scheme.data);
        let concerned = |path: &&String| shared.contains(*path) || path.starts_with(&inside);
        let folders = facts.folders.iter().filter(|(path, _)| concerned(path));
        let folders = folders.map(|(path, folder)| (path.clone(), *folder)).collect();
        let python_minor = u8::try_from(report.version().1).unwrap_or(0);
        Self { scheme, python, python_minor, folder, folders, shared }
    }

    /// What a folder is like.
    pub(super) fn folder(&self, path: &str) -> Folder {
        self.folders.get(path).copied().unwrap_or(self.folder)
    }

    /// Whether every layer of a package begins with this folder.
    pub(super) fn is_shared(&self, path: &str) -> bool {
        self.shared.contains(path)
    }

    /// The folders that every layer of a package begins with, outermost first.
    pub(super) fn shared(&self) -> impl Iterator<Item = &str> {
        self.shared.iter().map(String::as_str)
    }

    /// The same as entries of a layer.
    pub(super) fn head(&self) -> Vec<Entry> {
        self.shared().map(|path| self.directory(path)).collect()
    }

    /// The entry of a folder.
    pub(super) fn directory(&self, path: &str) -> Entry {
        let Folder { mode, uid, gid } = self.folder(path);
        let path = LayerPath::parse(path.as_bytes()).expect("paths of an interpreter are paths");
        Entry { uid, gid, mtime: PACKAGE_TIME, ..Entry::new(path, EntryKind::Directory, mode) }
    }
}

/// The folders of a segment, each once and before what is in it.
pub(super) struct Folders<'a> {
    layout: &'a Layout,
    written: BTreeSet<LayerPath>,
}

impl<'a> Folders<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        Self { layout, written: BTreeSet::new() }
    }

    /// Whether a folder is still to be written; from now on it is not.
    pub(super) fn take(&mut self, folder: &LayerPath) -> bool {
        !self.layout.is_shared(&format!("/{folder}")) && self.written.insert(folder.clone())
    }

    /// Those on the way to a path that were not written yet and are not in the head.
    pub(super) fn new_on_the_way(&mut self, path: &LayerPath) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| !folder.is_root()) {
            let text = format!("/{folder}");
            if self.layout.is_shared(&text) || !self.written.insert(folder.clone()) {
                break;
            }
            entries.push(self.layout.directory(&text));
            above = folder.parent();
        }
        entries.reverse();
        entries
    }
}

/// A scheme whose paths are relative to a folder.
fn below(scheme: &Scheme, folder: &str) -> Scheme {
    let join = |path: &String| format!("{folder}/{path}").trim_end_matches('/').to_owned();
    let Scheme { purelib, platlib, include, scripts, data } = scheme;
    Scheme {
        purelib: join(purelib),
        platlib: join(platlib),
        include: join(include),
        scripts: join(scripts),
        data: join(data),
    }
}

/// All folders down to `path`, without the root. Sorted, outer folders come first.
fn way_to(path: &str) -> Vec<String> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.filter(|end| *end > 0).map(|end| path[..end].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_folder_begins_outside() {
        assert_eq!(way_to("/opt/venv/lib"), ["/opt", "/opt/venv", "/opt/venv/lib"]);
        assert_eq!(way_to("/opt"), ["/opt"]);
        assert!(way_to("").is_empty());
    }
}
