//! Locks written and read, and what they fit.

use imagewright_oci::{Digest, Platform};
use proptest::prelude::*;

use super::*;
use crate::ErrorKind;
use crate::spec::{ImageSpec, PartialSpec};

fn debian(name: &str) -> LockedDebian {
    LockedDebian {
        name: name.to_owned(),
        version: "1:2.39-0+deb12u3".to_owned(),
        architecture: "amd64".to_owned(),
        sha256: Digest::of(name.as_bytes()).hex().to_owned(),
        size: 7,
        archive: None,
    }
}

fn conda(name: &str) -> LockedCondaPackage {
    LockedCondaPackage {
        name: name.to_owned(),
        version: "2.0".to_owned(),
        build: "py313_0".to_owned(),
        channel: "team".to_owned(),
        subdir: "linux-64".to_owned(),
        filename: format!("{name}-2.0-py313_0.conda"),
        url: Some(format!("https://mirror.example/{name}.conda")),
        sha256: Digest::of(name.as_bytes()).hex().to_owned(),
        md5: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
        size: 7,
        depends: vec!["python >=3.13,<3.14".to_owned()],
        constrains: Vec::new(),
    }
}

const PYLOCK: &str = "\
lock-version = \"1.0\"
created-by = \"imagewright\"

[[packages]]
name = \"numpy\"
version = \"2.4.1\"
wheels = [{ url = \"https://mirror.example/numpy.whl\", size = 12, hashes = { sha256 = \"ab\" } }]

[[packages]]
name = \"odd\"
vcs = { type = \"git\", url = \"https://mirror.example/odd \\\"x\\\"\", commit-id = \"00\" }
";

fn spec(text: &str) -> ImageSpec {
    PartialSpec::from_yaml("image.yaml", text).and_then(PartialSpec::finish).unwrap()
}

/// The lock of a spec, as a build would make it.
fn lock_of(spec: &ImageSpec) -> ImageLock {
    let keys = spec.lock_keys();
    ImageLock {
        spec: keys.spec,
        platform: Platform::linux("amd64"),
        transforms: BTreeMap::from([("layer".to_owned(), 1), ("step".to_owned(), 2)]),
        base: LockedBase {
            key: keys.base,
            name: spec.lock_name_of_base(),
            digest: Some(Digest::of(b"base")),
            distribution: None,
            packages: Vec::new(),
        },
        apt: Some(LockedApt {
            key: keys.apt,
            asked: spec.asked_of_apt(),
            packages: vec![debian("git"), debian("libc6")],
        }),
        conda: (!spec.conda.is_empty()).then(|| LockedConda {
            key: keys.conda.clone(),
            asked: spec.asked_of_conda(),
            prefix: "/opt/conda".to_owned(),
            packages: vec![
                conda("numpy-base"),
                LockedCondaPackage { url: None, md5: None, ..conda("python") },
            ],
        }),
        pip: Some(LockedPython {
            key: keys.pip,
            asked: spec.asked_of_pip(),
            interpreter: "/usr/bin/python3".to_owned(),
            version: "3.13.2".to_owned(),
            environment: "/opt/venv".to_owned(),
            document: LockedPython::document_of(PYLOCK).unwrap(),
        }),
        kernel: spec
            .asked_of_kernel()
            .map(|asked| LockedKernel { asked, sha256: Digest::of(b"launcher").hex().to_owned() }),
    }
}

fn full() -> ImageLock {
    lock_of(&spec("base: python:3.13-slim\napt: [git]\npip: [numpy]\n"))
}

fn with_kernel() -> ImageLock {
    lock_of(&spec("base: a\nkernel: {language: Python, launcher: 'eg=../files.tar.gz'}\n"))
}

#[test]
fn what_starts_a_kernel_is_locked_by_its_bytes() {
    let text = with_kernel().to_text();
    let start = text.find("[kernel]").unwrap();
    insta::assert_snapshot!(&text[start..], @r#"
    [kernel]
    asked = "python eg=files.tar.gz"
    sha256 = "ec9a6e9fe278eb1a471fbab6f40367d8548078b651d9c71581c57c2a6ca379e0"
    "#);
    assert_eq!(ImageLock::parse("image.lock", &text).unwrap(), with_kernel());
    let broken = text.replace("sha256 = \"", "sha256 = \"x");
    assert!(ImageLock::parse("image.lock", &broken).is_err());
    let platform = Platform::linux("amd64");
    let told = |text: &str| with_kernel().differences(&spec(text), &platform).pop();
    let ours = "it is for `python eg=files.tar.gz`, and not for `python imagewright`";
    assert_eq!(told("base: a\nkernel: python\n").as_deref(), Some(ours));
    assert_eq!(
        told("base: a\n").as_deref(),
        Some("it is for `python eg=files.tar.gz`, and not for no kernel")
    );
    assert_eq!(told("base: a\nkernel: {language: python, launcher: 'eg=/x/files.tar.gz'}\n"), None);
}

fn with_conda() -> ImageLock {
    lock_of(&spec("base: a\nconda: {packages: [python=3.13], channels: [team]}\npip: [numpy]\n"))
}

#[test]
fn conda_packages_look_like_this() {
    let text = with_conda().to_text();
    let start = text.find("[conda]").unwrap();
    let end = text.find("[python]").unwrap();
    insta::assert_snapshot!(&text[start..end], @r#"
    [conda]
    key = "sha256:0a9d24cf7c0691dccd96ec8d8d0016f35945c89eef182fcc8ef051b71ac302c2"
    asked = ["python=3.13"]
    prefix = "/opt/conda"

    [[conda.packages]]
    name = "numpy-base"
    version = "2.0"
    build = "py313_0"
    channel = "team"
    subdir = "linux-64"
    filename = "numpy-base-2.0-py313_0.conda"
    url = "https://mirror.example/numpy-base.conda"
    sha256 = "56d169499d217688596decce98292af6f111517e826e1f0a528b82893c2f7880"
    md5 = "d41d8cd98f00b204e9800998ecf8427e"
    size = 7
    depends = ["python >=3.13,<3.14"]

    [[conda.packages]]
    name = "python"
    version = "2.0"
    build = "py313_0"
    channel = "team"
    subdir = "linux-64"
    filename = "python-2.0-py313_0.conda"
    sha256 = "11a4a60b518bf24989d481468076e5d5982884626aed9faeb35b8576fcd223e1"
    size = 7
    depends = ["python >=3.13,<3.14"]
    "#);
    assert!(with_conda().names().contains("numpy-base"));
}

#[test]
fn what_conda_packages_are_called_cannot_lead_elsewhere() {
    let text = with_conda().to_text();
    for (good, bad, expected) in [
        ("prefix = \"/opt/conda\"", "prefix = \"opt/conda\"", "the prefix is an absolute path"),
        ("prefix = \"/opt/conda\"", "prefix = \"/opt/../etc\"", "the prefix is an absolute path"),
        ("filename = \"numpy", "filename = \"../numpy", "one word each"),
        ("subdir = \"linux-64", "subdir = \"../x", "one word each"),
    ] {
        assert!(text.contains(good), "{good}");
        let error = ImageLock::parse("image.lock", &text.replacen(good, bad, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{bad}: {error}");
    }
}

#[test]
fn a_lock_looks_like_this() {
    insta::assert_snapshot!(full().to_text());
}

#[test]
fn what_is_written_is_read() {
    let mut made_of_packages = full();
    made_of_packages.base.digest = None;
    made_of_packages.base.distribution = Some("debian/trixie".to_owned());
    let archive = ArchivePlace { suite: "trixie".to_owned(), filename: "pool/b/base.deb".to_owned() };
    made_of_packages.base.packages = vec![LockedDebian { archive: Some(archive), ..debian("base-files") }];
    let bare = ImageLock { apt: None, pip: None, ..full() };
    for lock in [full(), made_of_packages, bare, with_conda()] {
        assert_eq!(ImageLock::parse("image.lock", &lock.to_text()).unwrap(), lock);
    }
}

#[test]
fn the_packages_are_a_pylock() {
    let pylock = full().pip.unwrap().pylock();
    assert_eq!(LockedPython::document_of(&pylock).unwrap(), LockedPython::document_of(PYLOCK).unwrap());
    assert_eq!(full().names().into_iter().collect::<Vec<_>>(), ["git", "libc6", "numpy", "odd"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let cases = [
        ("version = 1\n", "version = 2\n", "3:11: version 2 of the lock is not one this program knows (1)"),
        ("version = 1\n", "version = 2\nmore = 1\n", "3:11: version 2 of the lock"),
        ("version = 1\n", "version = 1\nmore = 1\n", "4:1: malformed TOML in `more = 1`: unknown field"),
        ("platform = \"linux/amd64\"", "platform = \"linux\"", "5:12: "),
        ("spec = \"sha256:", "spec = \"sha256:x", "4:8: "),
        ("sha256 = \"", "sha256 = \"X", "a SHA-256 has 64 hexadecimal digits"),
        ("name = \"git\"", "name = \"-git\"", "one word each"),
        ("name = \"git\"", "name = \"g it\"", "one word each"),
        ("architecture = \"amd64\"\n", "architecture = \"amd64\"\nsuite = \"x\"\n", "go together"),
        ("lock-version = \"1.0\"", "lock-version = \"2.0\"", "lock version `2.0` is not one"),
        ("[python]\n", "[pythons]\n", "malformed TOML"),
        (
            "vcs = {",
            "directory = {path = \".\"}\nvcs = {",
            "`odd` is locked to a folder, and not to what that must hold",
        ),
        ("name = \"odd\"", "name = \"\"", "a package has no name"),
        ("[base]\n", "[base]\ndistribution = \"debian/trixie\"\n", "either a digest or a distribution"),
    ];
    let text = full().to_text();
    for (good, bad, expected) in cases {
        assert!(text.contains(good), "{good}");
        let error = ImageLock::parse("image.lock", &text.replacen(good, bad, 1)).unwrap_err();
        let shown = error.to_string();
        assert!(shown.starts_with("image.lock:") && shown.contains(expected), "{bad}: {shown}");
        assert!(error.hint().unwrap().contains("remove it"), "{bad}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn a_lock_holds_until_what_it_decides_changes() {
    let asked = "base: a\napt: [git]\npip: [numpy]\n";
    let lock = lock_of(&spec(asked));
    let cases = [
        ("", (true, true, true), vec![]),
        (
            "labels: {a: b}\nenv: {A: b}\ntags: [x]\ncompression: zstd\npython: {bytecode: none}\n",
            (true, true, true),
            vec![],
        ),
        (
            "base: b\napt: [git]\npip: [numpy]\n",
            (false, true, true),
            vec!["its base is `a:latest`, not `b:latest`"],
        ),
        (
            "base: a\napt: [git, tree]\npip: [numpy]\n",
            (true, false, true),
            vec!["`tree` (apt) is asked for and not in it"],
        ),
        ("base: a\napt: [git]\n", (true, true, false), vec!["`numpy` (pip) is not asked for any more"]),
        (
            "base: a\napt: {packages: [git], recommends: true}\npip: [numpy]\n",
            (true, false, true),
            vec!["the options of apt have changed"],
        ),
        ("python: {environment: /srv/e}\n", (true, true, false), vec!["the options of pip have changed"]),
    ];
    for (text, (base, apt, pip), differences) in cases {
        let text = if text.starts_with("base") { text.to_owned() } else { format!("{asked}{text}") };
        let spec = spec(&text);
        let keys = spec.lock_keys();
        let platform = Platform::linux("amd64");
        assert_eq!(lock.fits_base(&keys, &platform), base, "{text}");
        assert_eq!((lock.fits_apt(&keys, &spec), lock.fits_pip(&keys, &spec)), (apt, pip), "{text}");
        assert_eq!(lock.differences(&spec, &platform), differences, "{text}");
        assert_eq!(lock.spec == keys.spec, base && apt && pip, "{text}");
    }
    let elsewhere = lock.differences(&spec(asked), &Platform::linux("arm64"));
    assert_eq!(elsewhere, ["it is for linux/amd64, not linux/arm64"]);
}

#[test]
fn conda_packages_are_held_against_the_spec() {
    let asked = "base: a\nconda: {packages: [python=3.13], channels: [team]}\npip: [numpy]\n";
    let lock = with_conda();
    let none: [&str; 0] = [];
    for (text, differences) in [
        (asked.to_owned(), none.to_vec()),
        (asked.replace("channels", "link-scripts: skip, channels"), none.to_vec()),
        (asked.replace("channels", "link-scripts: run, channels"), none.to_vec()),
        (
            asked.replace("python=3.13", "python=3.14"),
            vec![
                "`python=3.14` (conda) is asked for and not in it",
                "`python=3.13` (conda) is not asked for any more",
            ],
        ),
        (asked.replace("team", "other"), vec!["the options of conda have changed"]),
    ] {
        let spec = spec(&text);
        assert_eq!(lock.differences(&spec, &Platform::linux("amd64")), differences, "{text}");
        assert_eq!(lock.fits_conda(&spec.lock_keys(), &spec), differences.is_empty());
    }
}

#[test]
fn a_path_is_no_part_of_a_lock() {
    let (here, there) = (spec("base: oci:/srv/a/image\n"), spec("base: oci:/home/me/image\n"));
    assert_eq!(here.lock_keys(), there.lock_keys());
    assert_eq!(here.lock_name_of_base(), "oci:image");
}

fn text() -> impl Strategy<Value = String> {
    "[a-z0-9\"'\\\\\\[\\]{}=# é\n\t\u{7f}]{0,12}"
}

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9+.:~-]{0,8}"
}

prop_compose! {
    fn locked_debian()(name in word(), version in word(), architecture in word(), seed in any::<u8>(),
        size in 0..u64::from(u32::MAX), archive in proptest::option::of((text(), text()))) -> LockedDebian {
        let archive = archive.map(|(suite, filename)| ArchivePlace { suite, filename });
        LockedDebian { name, version, architecture, sha256: Digest::of(&[seed]).hex().to_owned(), size, archive }
    }
}

/// Values that can stand in an entry of a `pylock.toml`, and some that do not.
fn value() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        text().prop_map(toml::Value::String),
        any::<i64>().prop_map(toml::Value::Integer),
        any::<bool>().prop_map(toml::Value::Boolean),
        (-1e9..1e9).prop_map(toml::Value::Float),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(toml::Value::Array),
            proptest::collection::btree_map(text(), inner, 0..3)
                .prop_map(|map| toml::Value::Table(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn locked_python()(asked in proptest::collection::vec(text(), 0..3), interpreter in text(), version in text(),
        environment in text(), packages in proptest::collection::vec((word(), value(), value()), 0..4)) -> LockedPython {
        let package = |(name, wheels, other): (String, toml::Value, toml::Value)| {
            let entries = [("name", toml::Value::String(name)), ("wheels", wheels), ("a b", other)];
            toml::Value::Table(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        };
        let packages = toml::Value::Array(packages.into_iter().map(package).collect());
        let entries = [("lock-version", toml::Value::String("1.0".to_owned())), ("packages", packages)];
        let document = entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        LockedPython { key: Digest::of(b"pip"), asked, interpreter, version, environment, document }
    }
}

proptest! {
    #[test]
    fn any_lock_survives_being_written(
        name in text(),
        apt in proptest::collection::vec(locked_debian(), 0..4),
        asked in proptest::collection::vec(text(), 0..3),
        pip in proptest::option::of(locked_python()),
    ) {
        let base = LockedBase { name, ..full().base };
        let apt = Some(LockedApt { key: Digest::of(b"apt"), asked, packages: apt });
        let lock = ImageLock { base, apt, pip, ..full() };
        let text = lock.to_text();
        let read = ImageLock::parse("image.lock", &text).unwrap();
        prop_assert_eq!(&read, &lock, "{}", text);
        prop_assert_eq!(read.to_text(), text);
    }

    #[test]
    fn no_text_makes_reading_panic(start in 0_usize..2000, length in 0_usize..40, piece in text()) {
        let mut text: Vec<char> = full().to_text().chars().collect();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, piece.chars());
        let text: String = text.into_iter().collect();
        if let Err(error) = ImageLock::parse("image.lock", &text) {
            prop_assert!(error.to_string().starts_with("image.lock"));
        }
    }
}
