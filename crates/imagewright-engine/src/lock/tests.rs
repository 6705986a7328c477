//! What of a lock is kept for which spec.

use imagewright_model::spec::PartialSpec;

use super::*;

fn spec(text: &str) -> ImageSpec {
    PartialSpec::from_yaml("image.yaml", text).and_then(PartialSpec::finish).unwrap()
}

fn debian(name: &str) -> LockedDebian {
    LockedDebian {
        name: name.to_owned(),
        version: "1".to_owned(),
        architecture: "all".to_owned(),
        sha256: Digest::of(name.as_bytes()).hex().to_owned(),
        size: 1,
        archive: None,
    }
}

const SPEC: &str = "base: a\napt: [git]\npip: [numpy]\n";

/// A lock of [`SPEC`], as a build would make it.
fn lock() -> ImageLock {
    let (spec, versions, platform) = (spec(SPEC), Versions::default(), Platform::linux("amd64"));
    let document = "[[packages]]\nname = \"numpy\"\n[[packages]]\nname = \"six\"\n";
    let python = LockedPython {
        key: Digest::of(b""),
        asked: Vec::new(),
        interpreter: "/usr/bin/python3".to_owned(),
        version: "3.13.0".to_owned(),
        environment: "system".to_owned(),
        document: LockedPython::document_of(document).unwrap(),
    };
    let keeping = Keeping::new(&versions, &spec, &platform).unwrap();
    let decided = Decided {
        base: locked_base(Some(Digest::of(b"base"))),
        apt: Some(vec![debian("git"), debian("libc6")]),
        conda: None,
        pip: Some(python),
        kernel: None,
    };
    keeping.lock_of(&platform, decided)
}

fn word<T>(kept: &Kept<T>) -> &'static str {
    match kept {
        Kept::Nothing => "nothing",
        Kept::Preferred(_) => "preferred",
        Kept::Exactly(_) => "exactly",
    }
}

/// What of the lock is kept: base, apt, pip, and all in a word.
fn kept(text: &str, upgrade: Upgrade, base: &[u8]) -> (bool, &'static str, &'static str, LockUse) {
    let versions = Versions { lock: Some(lock()), upgrade, ..Versions::default() };
    let spec = spec(text);
    let mut keeping = Keeping::new(&versions, &spec, &Platform::linux("amd64")).unwrap();
    keeping.base_is(Some(&Digest::of(base))).unwrap();
    let (apt, pip) = (keeping.apt(), keeping.pip());
    (keeping.base().is_some(), word(&apt), word(&pip), keeping.usage(&versions))
}

fn upgrade(name: &str) -> Upgrade {
    Upgrade::Packages(BTreeSet::from([name.to_owned()]))
}

#[test]
fn a_part_is_kept_where_all_below_it_is() {
    let nothing = || Upgrade::Nothing;
    let labelled = format!("{SPEC}labels: {{a: b}}\n");
    let cases = [
        (SPEC, nothing(), &b"base"[..], (true, "exactly", "exactly", LockUse::Kept)),
        (&labelled, nothing(), b"base", (true, "exactly", "exactly", LockUse::Kept)),
        (SPEC, nothing(), b"other", (false, "preferred", "preferred", LockUse::Preferred)),
        (
            "base: b\napt: [git]\npip: [numpy]\n",
            nothing(),
            b"base",
            (false, "preferred", "preferred", LockUse::Preferred),
        ),
        (
            "base: a\napt: [git, tree]\npip: [numpy]\n",
            nothing(),
            b"base",
            (true, "preferred", "preferred", LockUse::Preferred),
        ),
        (
            "base: a\napt: [git]\npip: [numpy, six]\n",
            nothing(),
            b"base",
            (true, "exactly", "preferred", LockUse::Preferred),
        ),
        (SPEC, upgrade("six"), b"base", (true, "exactly", "preferred", LockUse::Preferred)),
        (SPEC, upgrade("libc6"), b"base", (true, "preferred", "preferred", LockUse::Preferred)),
        (SPEC, Upgrade::Everything, b"base", (false, "nothing", "nothing", LockUse::Ignored)),
    ];
    for (text, upgrade, base, expected) in cases {
        let shown = format!("{text} {upgrade:?}");
        assert_eq!(kept(text, upgrade, base), expected, "{shown}");
    }
}

#[test]
fn what_may_change_is_not_preferred() {
    let versions = Versions { lock: Some(lock()), upgrade: upgrade("libc6"), ..Versions::default() };
    let spec = spec(SPEC);
    let keeping = Keeping::new(&versions, &spec, &Platform::linux("amd64")).unwrap();
    assert_eq!(keeping.apt(), Kept::Preferred(vec![debian("git")]));
}

#[test]
fn a_lock_that_must_be_kept_must_fit() {
    let platform = Platform::linux("amd64");
    let check = |lock: Option<ImageLock>, text: &str, base: &[u8]| {
        let versions = Versions { lock, locked: true, ..Versions::default() };
        let spec = spec(text);
        Keeping::new(&versions, &spec, &platform)?.base_is(Some(&Digest::of(base)))
    };
    check(Some(lock()), SPEC, b"base").unwrap();
    assert!(matches!(check(None, SPEC, b"base"), Err(EngineError::Versions(VersionsError::NoLock))));
    let other = check(Some(lock()), "base: a\napt: [git]\n", b"base").unwrap_err();
    assert!(other.to_string().contains("`numpy` (pip) is not asked for any more"), "{other}");
    let moved = check(Some(lock()), SPEC, b"other").unwrap_err();
    assert!(moved.to_string().contains("the base `a:latest` was sha256:"), "{moved}");
}

#[test]
fn only_what_is_locked_can_be_upgraded() {
    let versions = Versions { lock: Some(lock()), upgrade: upgrade("numpi"), ..Versions::default() };
    let spec = spec(SPEC);
    let Err(error) = Keeping::new(&versions, &spec, &Platform::linux("amd64")) else { panic!("it is taken") };
    assert_eq!(error.to_string(), "the lock holds no package `numpi`");
    assert_eq!(error.hint().as_deref(), Some("did you mean `numpy`?"));
}
