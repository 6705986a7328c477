//! What a store holds, as a killed command may leave it: from before, or from after, and nothing in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms whose contents appear at once or not at all, and how deep their things lie.
const ROOMS: [(&str, usize); 4] = [("blobs", 2), ("facts", 2), ("origins", 2), ("snapshots", 1)];

/// Relative paths of the files of one thing, with their sizes.
type Files = BTreeMap<PathBuf, u64>;

/// A store's list of images and its things: blobs, facts, unpacked layers.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) index: String,
    things: BTreeMap<PathBuf, Files>,
}

impl State {
    pub(crate) fn of(root: &Path) -> Self {
        let index = fs::read_to_string(root.join("index.json")).unwrap();
        let mut things = BTreeMap::new();
        for (room, depth) in ROOMS {
            for path in paths(&root.join(room), depth) {
                let name = path.strip_prefix(root).unwrap();
                // A tool is known by the time of the last change of its file, which tests share by links. A solution is
                // put in other words when it comes from the lock that a run left beside its spec.
                if !["facts/tool", "facts/pip-solution"].iter().any(|kind| name.starts_with(kind)) {
                    things.insert(name.to_owned(), files(&path));
                }
            }
        }
        Self { index, things }
    }

    /// How many things there are in a room.
    pub(crate) fn count(root: &Path, room: &str) -> usize {
        let (_, depth) = ROOMS.into_iter().find(|(known, _)| *known == room).unwrap();
        paths(&root.join(room), depth).len()
    }

    /// Demands that the list is one of two, and that each thing is whole: as it is in one of them.
    #[track_caller]
    pub(crate) fn assert_between(&self, before: &Self, after: &Self) {
        let is_known = [&before.index, &after.index].contains(&&self.index);
        assert!(is_known, "the list is neither old nor new: {}", self.index);
        for (path, files) in &self.things {
            let whole = [before, after].map(|state| state.things.get(path));
            if !whole.contains(&Some(files)) {
                let parts = whole.into_iter().flatten().map(|whole| difference(whole, files));
                panic!("`{}` is in part: {:?}", path.display(), parts.collect::<Vec<_>>());
            }
        }
    }

    /// Demands that two stores hold the same; `what` says what it means if not.
    #[track_caller]
    pub(crate) fn assert_same(&self, other: &Self, what: &str) {
        assert_eq!(self.index, other.index, "{what}");
        let things = difference(&self.things, &other.things);
        assert!(things.is_empty(), "{what}: {things:?}");
    }

    /// Removes from a store what is not in this state, and puts its list back. What was removed does not come back.
    pub(crate) fn restore(&self, root: &Path) {
        for (room, depth) in ROOMS {
            for path in paths(&root.join(room), depth) {
                if self.things.contains_key(path.strip_prefix(root).unwrap()) {
                    continue;
                }
                let is_folder = fs::symlink_metadata(&path).unwrap().is_dir();
                if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.unwrap();
            }
        }
        // Its file may have another name in another store: replaced, never written to.
        let beside = root.join("index.json.test");
        fs::write(&beside, &self.index).unwrap();
        fs::rename(&beside, root.join("index.json")).unwrap();
    }
}

/// Keys that only one of two has, or that stand for different values.
fn difference<V: PartialEq>(one: &BTreeMap<PathBuf, V>, other: &BTreeMap<PathBuf, V>) -> Vec<PathBuf> {
    let keys: BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).cloned().collect()
}

/// Copies a store.
pub(crate) fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    assert!(Command::new("cp").arg("--archive").args([from, to]).status().unwrap().success());
}

/// The paths that lie `depth` below a folder.
fn paths(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    match depth {
        1 => entries.collect(),
        _ => entries.flat_map(|path| paths(&path, depth - 1)).collect(),
    }
}

fn files(top: &Path) -> Files {
    let mut found = Files::new();
    let mut rest = vec![top.to_owned()];
    while let Some(path) = rest.pop() {
        // It goes when the disk has everything, and says nothing of what is there.
        if path.ends_with("unflushed") {
            continue;
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            rest.extend(paths(&path, 1));
        }
        let size = if metadata.is_dir() { 0 } else { metadata.len() };
        found.insert(path.strip_prefix(top).unwrap().to_owned(), size);
    }
    found
}
