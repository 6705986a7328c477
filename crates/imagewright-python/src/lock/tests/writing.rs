//! Locks written, and what packages say of where they came from.

use super::*;

/// One package of every kind.
pub(super) const EVERY_KIND: &str = r#"
[[packages]]
name = "wheel"
version = "1.0+l"
wheels = [{ name = "wheel-1.0+l-py3-none-any.whl", url = "https://me:pw@mirror.example/files/1", size = 7, hashes = { sha256 = "HASH", blake2b = "00" } }]
[[packages]]
name = "archive"
archive = { path = "a \"b\".tar.gz", subdirectory = "inner", hashes = { sha256 = "HASH" } }
[[packages]]
name = "folder"
directory = { path = "./sub/../folder", editable = false, subdirectory = "d o" }
[[packages]]
name = "project"
directory = { path = "project", subdirectory = "a" }
tool = { imagewright = { content = "sha256:HASH" } }

[[packages]]
name = "remote"
archive = { url = "https://me:pw@mirror.example/r-1-py3-none-any.whl", hashes = { sha256 = "HASH" } }
[[packages]]
name = "repository"
vcs = { type = "git", url = "https://mirror.example/r.git", requested-revision = "v1", commit-id = "8d9519df093864ff90ca446d4af2dc8facd3c542", subdirectory = "a/b" }
[[packages]]
name = "clone"
vcs = { type = "git", path = "../clone", commit-id = "8d9519df093864ff90ca446d4af2dc8facd3c542" }
[[packages]]
name = "source"
version = "2"
sdist = { url = "https://mirror.example/source-2.tar.gz", hashes = { sha256 = "HASH" } }
"#;

fn every_kind() -> Lock {
    Lock {
        requires_python: Some(">=3.11,<3.12".parse().unwrap()),
        environments: vec!["sys_platform == 'linux'".into()],
        packages: select(&lock(EVERY_KIND), &Wish::default()).unwrap().packages,
    }
}

#[test]
fn a_written_lock_is_read_as_what_it_was() {
    let lock = every_kind();
    let text = write_lock(&lock);
    insta::assert_snapshot!(text, @r#"
    lock-version = "1.0"
    environments = ["sys_platform == 'linux'"]
    requires-python = ">=3.11, <3.12"
    created-by = "imagewright"

    [[packages]]
    name = "archive"
    archive = { path = "a \"b\".tar.gz", hashes = { sha256 = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a" }, subdirectory = "inner" }

    [[packages]]
    name = "clone"
    vcs = { type = "git", path = "../clone", commit-id = "8d9519df093864ff90ca446d4af2dc8facd3c542" }

    [[packages]]
    name = "folder"
    directory = { path = "./sub/../folder", editable = false, subdirectory = "d o" }

    [[packages]]
    name = "project"
    directory = { path = "project", subdirectory = "a" }
    tool = { imagewright = { content = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a" } }

    [[packages]]
    name = "remote"
    archive = { url = "https://mirror.example/r-1-py3-none-any.whl", hashes = { sha256 = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a" } }

    [[packages]]
    name = "repository"
    vcs = { type = "git", url = "https://mirror.example/r.git", requested-revision = "v1", commit-id = "8d9519df093864ff90ca446d4af2dc8facd3c542", subdirectory = "a/b" }

    [[packages]]
    name = "source"
    version = "2"
    sdist = { url = "https://mirror.example/source-2.tar.gz", hashes = { sha256 = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a" } }

    [[packages]]
    name = "wheel"
    version = "1.0+l"
    wheels = [{ name = "wheel-1.0+l-py3-none-any.whl", url = "https://mirror.example/files/1", size = 7, hashes = { blake2b = "00", sha256 = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a" } }]
    "#);
    let again = select(&text, &Wish::default()).unwrap().packages;
    assert_eq!(Lock { packages: again, ..lock.clone() }.identity(), lock.identity());
    let mut other = lock.clone();
    other.packages.reverse();
    assert_eq!(write_lock(&other), text, "the order does not matter");
    let empty = write_lock(&Lock::default());
    assert_eq!(empty, "lock-version = \"1.0\"\ncreated-by = \"imagewright\"\npackages = []\n");
    assert!(select(&empty, &Wish::default()).unwrap().packages.is_empty());
}

#[test]
fn a_lock_of_uv_is_narrowed_to_what_is_installed() {
    let packages = select(UV, &Wish::default()).unwrap().packages;
    let lock = Lock { packages, ..Lock::default() };
    let text = write_lock(&lock);
    assert_eq!(select(&text, &Wish::default()).unwrap().packages, lock.packages);
    assert_eq!(text.matches(".whl").count(), 3, "{text}");
}

#[test]
fn identity_knows_bytes_and_no_addresses() {
    let moved = EVERY_KIND.replace("mirror.example", "registry.example").replace("files/1", "elsewhere/2");
    let moved = select(&lock(&moved), &Wish::default()).unwrap().packages;
    assert_eq!(Lock { packages: moved, ..Lock::default() }.identity(), every_kind().identity());
    let identity: Vec<String> = every_kind()
        .identity()
        .into_iter()
        .map(|package| {
            let artifact = package.artifact.unwrap_or("unknown".into()).replace(&"0a".repeat(32), "HASH");
            format!("{} {} {artifact}", package.name, package.version.unwrap_or("?".into()))
        })
        .collect();
    insta::assert_snapshot!(identity.join("\n"), @r#"
    archive ? sha256:HASH#inner
    clone ? git:8d9519df093864ff90ca446d4af2dc8facd3c542
    folder ? unknown
    project ? tree:sha256:HASH#a
    remote ? sha256:HASH
    repository ? git:8d9519df093864ff90ca446d4af2dc8facd3c542#a/b
    source 2 sha256:HASH
    wheel 1.0+l sha256:HASH
    "#);
}

/// The texts are those that uv 0.13.8 left for such packages.
#[test]
fn packages_say_where_they_came_from_as_uv_does() {
    let texts: Vec<String> = every_kind()
        .packages
        .iter()
        .map(|package| {
            let text = direct_url(&package.artifact, "/srv/my lock").unwrap_or("none".into());
            format!("{}: {text}", package.name)
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r#"
    archive: {"url":"file:///srv/my%20lock/a%20%22b%22.tar.gz","archive_info":{},"subdirectory":"inner"}
    clone: {"url":"file:///srv/clone/","vcs_info":{"vcs":"git","commit_id":"8d9519df093864ff90ca446d4af2dc8facd3c542","requested_revision":"8d9519df093864ff90ca446d4af2dc8facd3c542"}}
    folder: {"url":"file:///srv/my%20lock/folder/d%20o","dir_info":{"editable":false}}
    project: {"url":"file:///srv/my%20lock/project/a","dir_info":{}}
    remote: {"url":"https://mirror.example/r-1-py3-none-any.whl","archive_info":{}}
    repository: {"url":"https://mirror.example/r.git","vcs_info":{"vcs":"git","commit_id":"8d9519df093864ff90ca446d4af2dc8facd3c542","requested_revision":"v1"},"subdirectory":"a/b"}
    source: none
    wheel: none
    "#);
    let odd = Artifact::Directory {
        path: "./x/../od d#%c{}^|\\é`\"<>?[]~!$&'()*+,;=:@".into(),
        editable: None,
        subdirectory: None,
        content: None,
    };
    let expected = r#"{"url":"file:///srv/od%20d%23%25c%7B%7D^|%5C%C3%A9%60%22%3C%3E%3F[]~!$&'()*+,;=:@","dir_info":{}}"#;
    assert_eq!(direct_url(&odd, "/srv").unwrap(), expected);
}

#[test]
fn addresses_are_shown_without_passwords() {
    let cases = [
        ("https://me:pw@mirror.example/x?a=b@c", "https://mirror.example/x?a=b@c"),
        ("https://mirror.example/a@b", "https://mirror.example/a@b"),
        ("https://token@mirror.example", "https://mirror.example"),
        ("https://a@b:c@mirror.example/", "https://mirror.example/"),
        ("ssh://git@mirror.example/x.git", "ssh://git@mirror.example/x.git"),
        ("ssh://me:pw@mirror.example/x.git", "ssh://mirror.example/x.git"),
        ("https://git@mirror.example/x.git", "https://mirror.example/x.git"),
        ("no address", "no address"),
    ];
    for (text, expected) in cases {
        let address = Address::new(text);
        assert_eq!(address.to_string(), expected);
        assert_eq!(address.expose(), text);
    }
}
