//! An image's files as a container sees them: the indexes of its layers, laid over one another.
//!
//! Nothing is unpacked. Whiteouts remove, folders that are opaque empty what lies below, and links are followed inside the
//! root, as often as Linux follows them.

mod access;
mod accounts;
mod build;
mod distributions;
mod python;

use std::collections::BTreeMap;

pub(crate) use access::{Right, User};
pub(crate) use accounts::Account;
pub(crate) use distributions::{Distribution, Installed};
pub(crate) use python::{Python, PythonAnswer};

use crate::index::LayerIndex;

/// As many links as the kernel follows in one path.
const LONGEST_LINK_CHAIN: usize = 40;
/// The longest way that links may make of a path, in names.
const LONGEST_WAY: usize = 8192;
/// The root.
const ROOT: u32 = 0;

/// The files of an image.
#[derive(Clone, Debug)]
pub struct View {
    nodes: Vec<Node>,
    texts: Vec<Box<str>>,
    /// Why something may be missing; none where all is known.
    gap: Option<String>,
}

#[derive(Clone, Debug)]
struct Node {
    name: Box<str>,
    parent: u32,
    kind: Kind,
    mode: u32,
    uid: u32,
    gid: u32,
    text: Option<u32>,
    children: BTreeMap<Box<str>, u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    File(u64),
    Directory,
    Symlink(Box<str>),
    Other,
}

impl View {
    /// Lays layers over one another, bottom first; none stands for a layer of which nothing is known.
    pub fn new<'a>(layers: impl IntoIterator<Item = Option<&'a LayerIndex>>) -> Self {
        build::view(layers)
    }

    /// Why something may be missing; none where all is known.
    pub fn gap(&self) -> Option<&str> {
        self.gap.as_deref()
    }

    /// What is at a path, links followed.
    pub(crate) fn find(&self, path: &str) -> Option<Entry<'_>> {
        self.walk(ROOT, path, true).map(|index| self.entry(index))
    }

    /// What is at a path; a link at its end stays a link.
    pub(crate) fn find_itself(&self, path: &str) -> Option<Entry<'_>> {
        self.walk(ROOT, path, false).map(|index| self.entry(index))
    }

    /// The text of a file, where it was kept.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.find(path)?.text()
    }

    /// The first program of this name that the folders of a search path hold.
    pub(crate) fn which(&self, name: &str, search_path: &str) -> Option<Entry<'_>> {
        let folders = search_path.split(':').filter(|folder| folder.starts_with('/'));
        folders.filter_map(|folder| self.find(&format!("{folder}/{name}"))).find(Entry::is_program)
    }

    /// The path by which a program is found: where it was looked for, links not followed.
    pub(crate) fn which_path(&self, name: &str, search_path: &str) -> Option<String> {
        let folders = search_path.split(':').filter(|folder| folder.starts_with('/'));
        let paths = folders.map(|folder| format!("{}/{name}", folder.trim_end_matches('/')));
        paths.into_iter().find(|path| self.find(path).is_some_and(|entry| entry.is_program()))
    }

    fn entry(&self, index: u32) -> Entry<'_> {
        Entry { view: self, index }
    }

    fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    /// The node that a path leads to.
    fn walk(&self, from: u32, path: &str, follow_last: bool) -> Option<u32> {
        let mut pending: Vec<&str> = path.rsplit('/').filter(|name| !matches!(*name, "" | ".")).collect();
        let mut here = if path.starts_with('/') { ROOT } else { from };
        let mut links = 0;
        while let Some(name) = pending.pop() {
            if name == ".." {
                here = self.node(here).parent;
                continue;
            }
            let found = *self.node(here).children.get(name)?;
            let Kind::Symlink(target) = &self.node(found).kind else {
                here = found;
                continue;
            };
            if pending.is_empty() && !follow_last {
                return Some(found);
            }
            links += 1;
            let names = target.rsplit('/').filter(|name| !matches!(*name, "" | "."));
            pending.extend(names);
            if links > LONGEST_LINK_CHAIN || pending.len() > LONGEST_WAY {
                return None;
            }
            if target.starts_with('/') {
                here = ROOT;
            }
        }
        Some(here)
    }
}

/// Something in an image.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    view: &'a View,
    index: u32,
}

impl<'a> Entry<'a> {
    fn node(&self) -> &'a Node {
        self.view.node(self.index)
    }

    /// Its path, with a slash in front, free of links but for the last name.
    pub(crate) fn path(&self) -> String {
        let mut names = Vec::new();
        let mut index = self.index;
        while index != ROOT {
            let node = self.view.node(index);
            names.push(&*node.name);
            index = node.parent;
        }
        names.push("");
        names.reverse();
        if names.len() == 1 { "/".to_owned() } else { names.join("/") }
    }

    pub(crate) fn name(&self) -> &'a str {
        &self.node().name
    }

    /// The folder it lies in; the root lies in itself.
    pub(crate) fn parent(&self) -> Self {
        self.view.entry(self.node().parent)
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.node().kind == Kind::Directory
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.node().kind, Kind::File(_))
    }

    /// Whether it is a file that somebody may execute.
    pub(crate) fn is_program(&self) -> bool {
        self.is_file() && self.mode() & 0o111 != 0
    }

    /// The target of a link.
    pub(crate) fn link(&self) -> Option<&'a str> {
        match &self.node().kind {
            Kind::Symlink(target) => Some(target),
            _ => None,
        }
    }

    pub(crate) fn mode(&self) -> u32 {
        self.node().mode
    }

    pub(crate) fn uid(&self) -> u32 {
        self.node().uid
    }

    pub(crate) fn gid(&self) -> u32 {
        self.node().gid
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        self.node().text.map(|text| &*self.view.texts[text as usize])
    }

    /// What lies in a folder, by name.
    pub(crate) fn children(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let view = self.view;
        self.node().children.values().map(move |index| view.entry(*index))
    }

    /// What lies in a folder under this name, links followed.
    pub(crate) fn child(&self, name: &str) -> Option<Entry<'a>> {
        let view = self.view;
        view.walk(self.index, name.trim_start_matches('/'), true).map(|index| view.entry(index))
    }

    /// Everything below a folder, links not followed, up to a number of entries.
    pub(crate) fn below(&self, most: usize) -> Vec<Entry<'a>> {
        let mut found: Vec<Entry<'a>> = self.children().take(most).collect();
        let mut next = 0;
        while next < found.len() && found.len() < most {
            let room = most - found.len();
            let more: Vec<_> = found[next].children().take(room).collect();
            found.extend(more);
            next += 1;
        }
        found
    }
}

#[cfg(test)]
pub(crate) mod tests;
