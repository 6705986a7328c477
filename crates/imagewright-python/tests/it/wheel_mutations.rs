//! Wheels with bytes changed at random: whatever happens, no file leaves its place.

use std::collections::BTreeSet;

use imagewright_layer::{EntryKind, LayerPath};
use proptest::prelude::*;

use crate::support::{Layer, Member, Zip, install, options, venv, wheel, wheel_members};

/// A small wheel with some of everything, and with names that become bad ones easily.
fn seed() -> Zip {
    let entry_points = "[console_scripts]\nab = a:b\n[gui_scripts]\ncd = c.d:e.f [x]\n";
    Zip::of(&wheel_members(&[
        Member::new("a/...py", "some text"),
        Member::new("a/b/", "").stored(),
        Member { large: true, ..Member::new("b-.py", "text") }.stored(),
        Member { descriptor: true, ..Member::new("foo-1.0.data/scripts/s", "#!python\nprint()\n") },
        Member::new("foo-1.0.data/data/share/x", "y").mode(0o100_755),
        Member::new("foo-1.0.data/headers/h", "z"),
        Member::new("foo-1.0.dist-info/entry_points.txt", entry_points).stored(),
    ]))
}

/// Checks what every layer must be, however it came about.
fn check(layer: &Layer) {
    let scheme = venv("/opt/venv/bin/python");
    let shared = scheme.shared_directories();
    let root = LayerPath::parse(b"opt/venv").unwrap();
    let mut there = BTreeSet::new();
    for (entry, _) in &layer.entries {
        assert!(entry.path.as_path().starts_with(root.as_path()), "{} is outside", entry.path);
        assert!(there.insert(entry.path.clone()), "{} is there twice", entry.path);
        let parent = entry.path.parent().unwrap();
        assert!(shared.contains(&parent) || there.contains(&parent), "{} has no folder", entry.path);
        assert!(!shared.contains(&entry.path), "{} belongs to the interpreter", entry.path);
        assert!(matches!(entry.kind, EntryKind::File { .. } | EntryKind::Directory));
        assert!(matches!(entry.mode, 0o644 | 0o755));
        assert_eq!(entry.mtime, options().mtime);
    }
}

#[test]
fn the_seed_is_a_wheel() {
    let (_, layer) = install(&seed().bytes).unwrap();
    check(&layer);
    assert_eq!(layer.entries.len(), 17);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes anywhere in the archive.
    #[test]
    fn changed_bytes(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = seed().bytes;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok((_, layer)) = install(&bytes) {
            check(&layer);
        }
    }

    /// Fields of headers and of the directory, where a change means most.
    #[test]
    fn changed_fields(member in 0..10_usize, at in 0..60_usize, value in any::<[u8; 4]>(), in_both in any::<bool>()) {
        let zip = seed();
        let (local, central) = (zip.local[member] + at.min(34), zip.central[member] + at);
        let mut zip = zip.patch(central, &value[..1 + at % 4]);
        if in_both {
            zip = zip.patch(local, &value[..1 + at % 4]);
        }
        if let Ok((_, layer)) = install(&zip.bytes) {
            check(&layer);
        }
    }

    #[test]
    fn cut_and_repeated(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), repeat in any::<bool>()) {
        let bytes = seed().bytes;
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let (from, to) = (from.min(to), from.max(to));
        let rest = if repeat { from } else { to };
        let bytes = [&bytes[..to * usize::from(repeat) + from * usize::from(!repeat)], &bytes[rest..]].concat();
        if let Ok((_, layer)) = install(&bytes) {
            check(&layer);
        }
    }

    /// Archives that are whole, with names and contents of all sorts.
    #[test]
    fn any_names(
        members in prop::collection::vec(("(foo-1.0.data/)?(data|scripts|headers|purelib|\\.\\.|a|/|b|\\.){1,3}(/(a|b|\\.\\.|RECORD)){0,2}/?", "[a-c]{0,2}"), 0..6),
        scripts in prop::collection::vec("[a-b./]{1,3} ?= ?[a-b]{0,2}:?[a-b.]{1,2}", 0..3),
    ) {
        let mut members: Vec<_> = members.iter().map(|(name, body)| Member::new(name, body)).collect();
        let text = format!("[console_scripts]\n{}\n", scripts.join("\n"));
        members.push(Member::new("foo-1.0.dist-info/entry_points.txt", text));
        if let Ok((_, layer)) = install(&wheel(&members)) {
            check(&layer);
        }
    }
}
