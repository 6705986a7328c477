//! What makes two specs the same, and what does not.

use imagewright_model::spec::{AptPackage, ImageSpec, LockedPip, Origin, PartialSpec, PipRequirement};
use imagewright_oci::Digest;
use proptest::prelude::*;

fn spec(text: &str) -> ImageSpec {
    PartialSpec::from_yaml("image.yaml", text)
        .and_then(PartialSpec::finish)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn the_way_of_writing_means_nothing() {
    let pairs = [
        ("base: bootstrap\napt: [git, curl]", "# comment\napt:\n- curl\n- git\n- git\nbase: bootstrap"),
        ("base: python", "base: python:latest"),
        ("base: a\npip: ['Foo_Bar >= 1', x]", "base: a\npip: [x, 'foo-bar>=1']"),
        ("base: a\nports: [80, 81]", "base: a\nports: [81/tcp, 80/tcp, 80]"),
        ("base: a\ntags: [b]", "base: a\ntags: [c]"),
        ("base: a\napt: []", "base: a"),
        ("base: a\napt: {recommends: false}", "base: a"),
        ("base: a\nconda: [-c team B, a]", "base: a\nconda: [a, 'team::b', a]"),
        ("base: a\nconda: {channels: [team]}", "base: a"),
    ];
    for (one, other) in pairs {
        assert_eq!(spec(one).canonical_key(), spec(other).canonical_key(), "{one} / {other}");
    }
}

#[test]
fn what_changes_the_image_changes_the_key() {
    let changes = [
        "base: b",
        "platform: linux/arm64",
        "apt: [git]",
        "apt: ['git=1.2']",
        "apt: [git/sid]",
        "apt: ['git:arm64']",
        "apt: {packages: [git], recommends: true}",
        "conda: [x]",
        "conda: ['x>1']",
        "conda: ['team::x']",
        "conda: ['team/noarch::x']",
        "conda: {packages: [x], channels: [a, b]}",
        "conda: {packages: [x], channels: [b, a]}",
        "conda: {packages: [x], channel-priority: flexible}",
        "conda: {packages: [x], link-scripts: skip}",
        "conda: {packages: [x], link-scripts: run}",
        "conda: {packages: [x], cuda: 12}",
        "pip: [x]",
        "pip: ['x>1']",
        "pip: ['x[y]']",
        "pip: {packages: [x], constraints: [y]}",
        "pip: {packages: [x], index: https://mirror.example}",
        "pip: {packages: [x], extra-indexes: [https://mirror.example]}",
        "pip: {packages: [x], find-links: [https://mirror.example]}",
        "pip: {packages: [x], pre: true}",
        "pip: {packages: [x], exclude-newer: 2026-01-31}",
        "python: /usr/bin/python3",
        "python: {environment: system}",
        "python: {bytecode: none}",
        "python: {bytecode: full}",
        "env: {A: b}",
        "env: {A: c}",
        "user: root",
        "user: root:root",
        "workdir: /a",
        "labels: {a: b}",
        "entrypoint: a",
        "entrypoint: []",
        "command: a",
        "command: [a]",
        "ports: [80]",
        "volumes: [/a]",
        "stop-signal: SIGINT",
        "compression: zstd",
        "compression: gzip:9",
    ];
    let mut keys = vec![spec("base: a").canonical_key()];
    for change in changes {
        let text = if change.starts_with("base") { change.to_owned() } else { format!("base: a\n{change}") };
        let key = spec(&text).canonical_key();
        assert!(!keys.contains(&key), "{change}");
        keys.push(key);
    }
}

#[test]
fn a_lock_counts_by_what_it_locks() {
    let key = |text: &str| {
        let mut spec = spec("base: a");
        spec.pip.locked = Some(LockedPip::parse("pylock.toml", text).unwrap());
        spec.canonical_key()
    };
    let lock = "lock-version = '1.0'\npackages = [{ name = 'x', version = '1' }]\n";
    let same = "# made by hand\nlock-version = \"1.0\"\n\n[[packages]]\nversion = '1'\nname = 'x'\n";
    assert_eq!(key(lock), key(same));
    assert_ne!(key(lock), key(&lock.replace("'1'", "'2'")));
}

#[test]
fn a_spec_survives_being_written_down() {
    let text = "base: oci:dir:1\napt: ['git=1.2']\nconda: ['team::a >=1']\npip: ['x>1']\nports: [80]\nuser: a:1\ncompression: zstd:3\n\
                python: {environment: /opt/venv}\n";
    let spec = spec(text);
    let json = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<ImageSpec>(&json).unwrap(), spec);
}

/// A list, and the same list in another order.
fn in_two_orders(pattern: &'static str) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    proptest::collection::vec(pattern, 0..8)
        .prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
}

fn key_of(apt: &[String], pip: &[String]) -> Digest {
    let lines =
        |list: &[String]| (1..).map(|line| Origin::line("x", line)).zip(list.to_vec()).collect::<Vec<_>>();
    let spec = PartialSpec {
        base: Some("a".parse().unwrap()),
        apt: lines(apt).into_iter().map(|(origin, text)| AptPackage::parse(&text, origin).unwrap()).collect(),
        pip: lines(pip)
            .into_iter()
            .map(|(origin, text)| PipRequirement::parse(&text, origin).unwrap())
            .collect(),
        ..PartialSpec::default()
    };
    spec.finish().unwrap().canonical_key()
}

proptest! {
    #[test]
    fn the_order_of_packages_means_nothing(
        (apt, apt_shuffled) in in_two_orders("[a-z][a-z0-9]{1,6}"),
        (pip, pip_shuffled) in in_two_orders("[a-z][a-z0-9]{0,6}(>=[0-9])?"),
    ) {
        prop_assert_eq!(key_of(&apt, &pip), key_of(&apt_shuffled, &pip_shuffled));
    }
}
