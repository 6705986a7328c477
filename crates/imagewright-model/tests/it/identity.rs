//! What makes two specs the same, and what does not.

use imagewright_model::spec::{AptPackage, ImageSpec, LockedPip, Origin, PartialSpec, PipRequirement};
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
        "pip: [x]",
        "pip: ['x>1']",
        "pip: ['x[y]']",
        "pip: {packages: [x], constraints: [y]}",
        "pip: {packages: [x], index: https://mirror.example}",
        "pip: {packages: [x], extra-indexes: [https://mirror.example]}",
        "pip: {packages: [x], find-links: [https://mirror.example]}",
        "pip: {packages: [x], pre: true}",
        "python: /usr/bin/python3",
        "python: {environment: system}",
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
    let text = "base: oci:dir:1\napt: ['git=1.2']\npip: ['x>1']\nports: [80]\nuser: a:1\ncompression: zstd:3\n\
                python: {environment: /opt/venv}\n";
    let spec = spec(text);
    let json = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<ImageSpec>(&json).unwrap(), spec);
}

proptest! {
    #[test]
    fn the_order_of_packages_means_nothing(
        apt in proptest::collection::vec("[a-z][a-z0-9]{1,6}", 0..8),
        pip in proptest::collection::vec("[a-z][a-z0-9]{0,6}(>=[0-9])?", 0..8),
        seed in any::<u64>(),
    ) {
        let key = |apt: &[String], pip: &[String]| {
            let origin = |line: usize| Origin::line("x", u32::try_from(line).unwrap());
            let parsed = PartialSpec {
                base: Some("a".parse().unwrap()),
                apt: apt.iter().enumerate().map(|(at, text)| AptPackage::parse(text, origin(at)).unwrap()).collect(),
                pip: pip.iter().enumerate().map(|(at, text)| PipRequirement::parse(text, origin(at)).unwrap()).collect(),
                ..PartialSpec::default()
            };
            parsed.finish().unwrap().canonical_key()
        };
        prop_assert_eq!(key(&apt, &pip), key(&shuffled(&apt, seed), &shuffled(&pip, seed)));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,60}", line in "[-a-z0-9=<>!~;:@\\[\\]{}'\"#$/., \t\n\\\\]{0,60}") {
        for text in [&text, &line] {
            let _ = PartialSpec::from_yaml("image.yaml", text);
            let _ = AptPackage::parse_file("apt.txt", text);
            let _ = LockedPip::parse("pylock.toml", text);
            let files = [("requirements.txt".to_owned(), text.clone()), ("pyproject.toml".to_owned(), text.clone())];
            let _ = imagewright_model::spec::read_folder(&files.into_iter().collect::<std::collections::BTreeMap<_, _>>());
            if let Err(error) = PipRequirement::parse(text, Origin::flag("--pip")) {
                let _ = (error.to_string(), error.hint());
            }
        }
    }
}

/// Another order of the same entries.
fn shuffled(entries: &[String], seed: u64) -> Vec<String> {
    let mut keyed: Vec<(u64, &String)> =
        (1..).map(|at: u64| (at.wrapping_mul(seed | 1) % 97, 0)).map(|(key, _)| key).zip(entries).collect();
    keyed.sort();
    keyed.into_iter().map(|(_, entry)| entry.clone()).collect()
}
