//! Lays layers over one another.

use std::collections::BTreeMap;

use super::{Kind, Node, ROOT, View};
use crate::index::{IndexEntry, IndexKind, LayerIndex};

/// More files than any image has that was not made to do harm.
const MOST_NODES: usize = 1_000_000;

pub(super) fn view<'a>(layers: impl IntoIterator<Item = Option<&'a LayerIndex>>) -> View {
    let mut builder = Builder::new();
    let (mut unknown, mut cut) = (0_usize, false);
    for layer in layers {
        match layer {
            Some(index) => {
                cut |= !index.is_whole();
                builder.lay(index);
            }
            None => unknown += 1,
        }
    }
    cut |= builder.is_full;
    let gap = match (unknown, cut) {
        (0, false) => None,
        (0, true) => Some("the image has more files than are looked at".to_owned()),
        (1, _) => Some("1 of its layers is not known".to_owned()),
        (unknown, _) => Some(format!("{unknown} of its layers are not known")),
    };
    View { gap, ..builder.view }
}

struct Builder {
    view: View,
    is_full: bool,
}

impl Builder {
    fn new() -> Self {
        let root = Node {
            name: "".into(),
            parent: ROOT,
            kind: Kind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
            text: None,
            children: BTreeMap::new(),
        };
        Self { view: View { nodes: vec![root], texts: Vec::new(), gap: None }, is_full: false }
    }

    fn lay(&mut self, index: &LayerIndex) {
        for path in index.opaque() {
            if let Some(folder) = self.place_of(path) {
                self.node(folder).children.clear();
            }
        }
        for path in index.removed() {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if let Some(folder) = self.place_of(folder) {
                self.node(folder).children.remove(name);
            }
        }
        let hard_links = self.add_entries(index);
        for (path, text) in index.texts() {
            let Some(found) = self.view.walk(ROOT, path, false) else { continue };
            if matches!(self.view.node(found).kind, Kind::File(_)) {
                let number = u32::try_from(self.view.texts.len()).unwrap_or(u32::MAX);
                self.view.texts.push(text.as_str().into());
                self.node(found).text = Some(number);
            }
        }
        for (here, target) in hard_links {
            self.join(here, &target);
        }
    }

    /// Folders and files, on the way that the form of the index shows: what a path shares with the one before is not looked
    /// up again. Files with several names come back with the name of each, and the path of the other one.
    fn add_entries(&mut self, index: &LayerIndex) -> Vec<(u32, String)> {
        let mut decoder = index.decoder();
        let mut hard_links = Vec::new();
        // The folders on the way to the entry before, and that entry where it is one.
        let mut way: Vec<u32> = vec![ROOT];
        while let Some((shared, entry)) = decoder.next() {
            let Some((name, folders)) = decoder.path().split_last() else {
                way.truncate(1);
                self.describe(ROOT, &entry);
                continue;
            };
            way.truncate(shared.min(folders.len()) + 1);
            let mut here = way.last().copied().unwrap_or(ROOT);
            for folder in folders.get(way.len() - 1..).unwrap_or_default() {
                here = self.folder_in(here, folder);
                way.push(here);
            }
            let node = self.put(here, name, &entry);
            match entry.kind {
                IndexKind::Directory => way.push(node),
                IndexKind::HardLink(target) => hard_links.push((node, target)),
                _ => {}
            }
        }
        hard_links
    }

    /// Makes a file with several names what its other name is.
    fn join(&mut self, here: u32, target: &str) {
        let target = self.view.walk(ROOT, target, false).filter(|target| *target != here);
        let Some(target) = target.map(|target| self.view.node(target)) else { return };
        if target.kind == Kind::Directory {
            return;
        }
        let (kind, text) = (target.kind.clone(), target.text);
        let (mode, uid, gid) = (target.mode, target.uid, target.gid);
        let node = self.node(here);
        (node.kind, node.mode, node.uid, node.gid, node.text) = (kind, mode, uid, gid, text);
    }

    fn node(&mut self, index: u32) -> &mut Node {
        &mut self.view.nodes[index as usize]
    }

    /// The folder at a path; what leads there by a link lies where the link leads.
    fn place_of(&self, path: &str) -> Option<u32> {
        self.view.walk(ROOT, path, true)
    }

    /// The folder of this name, made where there is none. Whoever unpacks a layer goes through links to folders.
    fn folder_in(&mut self, parent: u32, name: &str) -> u32 {
        if let Some(known) = self.view.node(parent).children.get(name).copied() {
            let is_link = matches!(self.view.node(known).kind, Kind::Symlink(_));
            let place = if is_link { self.view.walk(parent, name, true) } else { Some(known) };
            if let Some(place) = place.filter(|place| self.view.node(*place).kind == Kind::Directory) {
                return place;
            }
        }
        let entry = IndexEntry { kind: IndexKind::Directory, mode: 0o755, uid: 0, gid: 0 };
        self.put(parent, name, &entry)
    }

    fn put(&mut self, parent: u32, name: &str, entry: &IndexEntry) -> u32 {
        let known = self.view.node(parent).children.get(name).copied();
        if let Some(known) = known {
            self.describe(known, entry);
            return known;
        }
        let index = self.view.nodes.len();
        if index >= MOST_NODES {
            self.is_full = true;
            return parent;
        }
        self.view.nodes.push(Node {
            name: name.into(),
            parent,
            kind: Kind::Other,
            mode: 0,
            uid: 0,
            gid: 0,
            text: None,
            children: BTreeMap::new(),
        });
        let index = u32::try_from(index).expect("there are fewer nodes than that");
        self.node(parent).children.insert(name.into(), index);
        self.describe(index, entry);
        index
    }

    /// Makes a node what an entry says. A folder over a folder keeps what is in it.
    fn describe(&mut self, index: u32, entry: &IndexEntry) {
        let kind = match &entry.kind {
            IndexKind::File(size) => Kind::File(*size),
            IndexKind::Directory => Kind::Directory,
            IndexKind::Symlink(target) => Kind::Symlink(target.as_str().into()),
            IndexKind::HardLink(_) => Kind::File(0),
            IndexKind::Other => Kind::Other,
        };
        if index == ROOT && kind != Kind::Directory {
            return;
        }
        let node = self.node(index);
        if kind != Kind::Directory {
            node.children.clear();
        }
        (node.kind, node.mode, node.uid, node.gid) = (kind, entry.mode, entry.uid, entry.gid);
        node.text = None;
    }
}
