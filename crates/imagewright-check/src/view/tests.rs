//! Views of images that are made by hand.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::index::{IndexEntry, IndexKind, Indexer};

/// Files of one layer.
#[derive(Clone, Default)]
pub(crate) struct Files {
    entries: Vec<(String, IndexEntry, String)>,
    removed: Vec<String>,
    opaque: Vec<String>,
}

impl Files {
    pub(crate) fn entry(
        mut self,
        path: &str,
        kind: IndexKind,
        mode: u32,
        owner: (u32, u32),
        text: &str,
    ) -> Self {
        let entry = IndexEntry { kind, mode, uid: owner.0, gid: owner.1 };
        self.entries.push((path.to_owned(), entry, text.to_owned()));
        self
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.entry(path, IndexKind::File(text.len() as u64), 0o644, (0, 0), text)
    }

    pub(crate) fn script(self, path: &str, text: &str) -> Self {
        self.entry(path, IndexKind::File(text.len() as u64), 0o755, (0, 0), text)
    }

    pub(crate) fn program(self, path: &str) -> Self {
        self.entry(path, IndexKind::File(4), 0o755, (0, 0), "\u{7f}ELF")
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.entry(path, IndexKind::Symlink(target.to_owned()), 0o777, (0, 0), "")
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        self.owned(path, 0o755, (0, 0))
    }

    pub(crate) fn owned(self, path: &str, mode: u32, owner: (u32, u32)) -> Self {
        self.entry(path, IndexKind::Directory, mode, owner, "")
    }

    /// Without what was put there before.
    pub(crate) fn taken_away(mut self, path: &str) -> Self {
        let before = self.entries.len();
        self.entries.retain(|(known, _, _)| known != path);
        assert!(self.entries.len() < before, "there is no {path}");
        self
    }

    fn without(mut self, path: &str) -> Self {
        self.removed.push(path.to_owned());
        self
    }

    fn emptied(mut self, path: &str) -> Self {
        self.opaque.push(path.to_owned());
        self
    }

    pub(crate) fn index(&self) -> LayerIndex {
        let mut indexer = Indexer::default();
        for (path, entry, text) in &self.entries {
            indexer.add(path.as_bytes(), entry.clone(), &mut text.as_bytes()).unwrap();
        }
        self.removed.iter().for_each(|path| indexer.remove(path.as_bytes()));
        self.opaque.iter().for_each(|path| indexer.empty(path.as_bytes()));
        indexer.finish()
    }

    pub(crate) fn view(self) -> View {
        View::new([Some(&self.index())])
    }
}

fn view(layers: &[Files]) -> View {
    let indexes: Vec<_> = layers.iter().map(Files::index).collect();
    View::new(indexes.iter().map(Some))
}

fn paths(view: &View) -> Vec<String> {
    let root = view.find("/").unwrap();
    root.below(1000).iter().map(Entry::path).collect()
}

#[test]
fn upper_layers_change_what_lies_below() {
    let below = Files::default()
        .owned("etc", 0o700, (0, 0))
        .file("etc/passwd", "below")
        .file("opt/a/x", "")
        .file("opt/b/x", "")
        .file("opt/c/x", "")
        .file("srv", "a file");
    let above = Files::default()
        .owned("etc", 0o755, (0, 5))
        .file("etc/passwd", "above")
        .without("opt/a")
        .file("opt/a/y", "")
        .emptied("opt/b")
        .file("opt/c", "")
        .file("srv/x", "");
    let view = view(&[below, above]);
    assert_eq!(view.text("/etc/passwd"), Some("above"));
    let etc = view.find("etc/").unwrap();
    assert_eq!((etc.mode(), etc.gid()), (0o755, 5));
    assert_eq!(
        paths(&view),
        ["/etc", "/opt", "/srv", "/etc/passwd", "/opt/a", "/opt/b", "/opt/c", "/srv/x", "/opt/a/y"]
    );
    assert_eq!(view.gap(), None);
    assert_eq!(View::new([None, None]).gap(), Some("2 of its layers are not known"));
}

#[test]
fn links_stay_inside_and_end() {
    let files = Files::default()
        .file("usr/lib/os-release", "ID=debian")
        .link("etc/os-release", "../usr/lib/os-release")
        .link("etc/escape", "/../../../etc/os-release")
        .link("etc/loop", "loop")
        .link("etc/one", "two")
        .link("etc/two", "one")
        .link("bin", "usr/bin")
        .folder("usr/bin")
        .link("root/x", "/nothing");
    // A layer may put files below a name that is a link: whoever unpacks it goes through.
    let above = Files::default()
        .program("bin/tool")
        .entry("usr/bin/alias", IndexKind::HardLink("bin/tool".to_owned()), 0o644, (0, 0), "")
        .entry("usr/bin/broken", IndexKind::HardLink("nowhere".to_owned()), 0o644, (0, 0), "");
    let view = view(&[files, above]);
    assert_eq!(view.text("/etc/os-release"), Some("ID=debian"));
    assert_eq!(view.text("etc/escape"), Some("ID=debian"));
    for path in ["/etc/loop", "/etc/one", "/root/x", "/root/x/y", "/usr/bin/tool/y"] {
        assert!(view.find(path).is_none(), "{path}");
    }
    assert_eq!(view.find_itself("/etc/loop").unwrap().link(), Some("loop"));
    assert_eq!(view.find("/bin/tool").unwrap().path(), "/usr/bin/tool");
    assert!(view.find("/bin/alias").unwrap().is_program());
    assert_eq!(view.which_path("tool", "relative:/sbin:/bin").as_deref(), Some("/bin/tool"));
    assert_eq!(view.which("tool", "/usr/bin/").unwrap().path(), "/usr/bin/tool");
}

#[test]
fn who_may_do_what_follows_from_modes_on_the_way() {
    let files = Files::default()
        .owned("home", 0o755, (0, 0))
        .owned("home/jovyan", 0o2775, (1000, 100))
        .owned("closed", 0o700, (0, 0))
        .owned("closed/open", 0o777, (0, 0))
        .owned("tmp", 0o1777, (0, 0))
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\njovyan:x:1000:100::/home/jovyan:/bin/bash\n")
        .file("etc/group", "root:x:0:\nusers:x:100:\nwheel:x:10:jovyan,other\n");
    let view = files.view();
    let jovyan = view.user("jovyan").unwrap();
    assert_eq!(jovyan, User { uid: 1000, gid: 100, groups: vec![10] });
    assert_eq!(view.user("1000:0"), Some(User { uid: 1000, gid: 0, groups: Vec::new() }));
    assert_eq!(view.user("1000:users").unwrap().gid, 100);
    assert_eq!((view.user("nobody"), view.user("1000:nobodies")), (None, None));
    assert_eq!(view.user("").map(|user| user.uid), Some(0));
    assert_eq!(view.user("4000"), Some(User { uid: 4000, gid: 0, groups: Vec::new() }));
    for (user, path, expected) in [
        (&jovyan, "/home/jovyan", true),
        (&jovyan, "/home", false),
        (&jovyan, "/tmp", true),
        (&jovyan, "/closed/open", false),
        (&User::ARBITRARY, "/home/jovyan", false),
        (&User { uid: 7, gid: 7, groups: vec![100] }, "/home/jovyan", true),
        (&view.user("root").unwrap(), "/closed/open", true),
    ] {
        assert_eq!(user.may_fill(&view.find(path).unwrap()), expected, "{user:?} {path}");
    }
    assert!(jovyan.may_make(&view, "/home/jovyan/.local/lib") && !jovyan.may_make(&view, "/srv/x"));
    assert!(!jovyan.may_make(&view, "/etc/passwd/x"));
    assert!(!jovyan.may(Right::Execute, &view.find("/etc/passwd").unwrap()));
    assert!(jovyan.may(Right::Read, &view.find("/etc/passwd").unwrap()));
}

/// What a file system would have, built in the plainest way.
fn by_hand(layers: &[Vec<(String, bool)>]) -> Vec<String> {
    let mut all: BTreeMap<String, bool> = BTreeMap::new();
    for layer in layers {
        for (path, is_folder) in layer {
            let names: Vec<&str> = path.split('/').collect();
            for end in 1..names.len() {
                let parent = names[..end].join("/");
                all.insert(parent, true);
            }
            if !is_folder {
                let below = format!("{path}/");
                all.retain(|known, _| !known.starts_with(&below));
            }
            all.insert(path.clone(), *is_folder);
        }
    }
    all.into_keys().map(|path| format!("/{path}")).collect()
}

proptest! {
    #[test]
    fn layers_come_to_what_a_file_system_would_have(
        layers in proptest::collection::vec(
            proptest::collection::btree_map("[ab](/[abc]){0,3}", any::<bool>(), 0..8), 0..4)
    ) {
        let layers: Vec<Vec<(String, bool)>> = layers.into_iter().map(|layer| layer.into_iter().collect()).collect();
        let files: Vec<_> = layers.iter().map(|layer| {
            layer.iter().fold(Files::default(), |files, (path, is_folder)| match is_folder {
                true => files.folder(path),
                false => files.file(path, "x"),
            })
        }).collect();
        let mut found = paths(&view(&files));
        found.sort();
        prop_assert_eq!(found, by_hand(&layers));
    }

    #[test]
    fn no_links_are_too_much(links in proptest::collection::vec(("[abc](/[abc]){0,2}", "(/|\\.\\./|)[abc](/(\\.\\.|[abc])){0,4}"), 0..20)) {
        let files = links.iter().fold(Files::default(), |files, (path, target)| files.link(path, target));
        let above = links.iter().fold(Files::default(), |files, (path, target)| files.file(&format!("{path}/{target}"), "x").without(target));
        let view = view(&[files, above]);
        for (path, target) in &links {
            let _ = view.find(path).map(|entry| entry.path());
            let _ = view.find(&format!("{path}/{target}")).map(|entry| entry.path());
        }
    }

    #[test]
    fn no_filed_index_is_too_much(entries in "([0-9]/[abc/.%]{0,4} [fdlho][0-7]{0,4} ([0-9]:[0-9])? [a-c/.0-9]{0,4};){0,10}", text in ".{0,40}") {
        let filed = serde_json::json!({
            "entries": entries, "removed": [text, "a/b"], "opaque": ["a", text], "texts": {"a": "b", "a/b": "c"}, "is_whole": true,
        });
        let index: LayerIndex = serde_json::from_value(filed).unwrap();
        let view = View::new([Some(&index), Some(&index)]);
        let _ = view.find("/").unwrap().below(100);
    }
}

#[test]
fn many_files_take_little_time() {
    let mut indexer = Indexer::default();
    for number in 0..100_000 {
        let path =
            format!("opt/conda/lib/python3.13/site-packages/p{}/m{}/f{number}.py", number % 300, number % 7);
        let entry = IndexEntry { kind: IndexKind::File(number), mode: 0o644, uid: 0, gid: 0 };
        indexer.add(path.as_bytes(), entry, &mut std::io::empty()).unwrap();
    }
    let filed = serde_json::to_vec(&indexer.finish()).unwrap();
    assert!(filed.len() < 3_500_000, "{}", filed.len());
    let started = std::time::Instant::now();
    let index: LayerIndex = serde_json::from_slice(&filed).unwrap();
    let view = View::new([Some(&index)]);
    let took = started.elapsed();
    assert_eq!(view.find("/").unwrap().below(200_000).len(), 102_405);
    // Far more than it takes, for a slow machine; what is quadratic takes minutes.
    assert!(took.as_secs() < 10, "{took:?}");
}
