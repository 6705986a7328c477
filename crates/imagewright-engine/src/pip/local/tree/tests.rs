use std::os::unix::net::UnixListener;

use super::*;

/// A folder with these files; `DIR/` makes an empty folder, `NAME -> TARGET` a link.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    folder
}

fn write(root: &Path, path: &str, text: &str) {
    if let Some((link, target)) = path.split_once(" -> ") {
        return symlink(target, root.join(link)).unwrap();
    }
    let place = root.join(path);
    if path.ends_with('/') {
        return fs::create_dir_all(place).unwrap();
    }
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, text).unwrap();
}

fn hash(root: &Path) -> Result<Digest, EngineError> {
    Tree::open(root, &Cancel::new()).hash()
}

/// The files of a folder with their modes and times.
fn listed(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            let name = entry.path().strip_prefix(root).unwrap().display().to_string();
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.is_dir() {
                open.push(entry.path());
                all.push(format!("{name}/ {mode:o}"));
            } else if metadata.is_symlink() {
                all.push(format!("{name} -> {}", fs::read_link(entry.path()).unwrap().display()));
            } else {
                let time = metadata.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                all.push(format!("{name} {mode:o} {}", time.as_secs()));
            }
        }
    }
    all.sort();
    all
}

const PLAIN: [(&str, &str); 3] =
    [("pyproject.toml", "[build-system]\n"), ("src/x.py", "X = 1\n"), ("src/link -> x.py", "")];

#[test]
fn what_counts_is_contents_names_and_whether_a_file_can_be_run() {
    let first = project(&PLAIN);
    let expected = hash(first.path()).unwrap();
    let same = project(&PLAIN);
    fs::set_permissions(same.path().join("src/x.py"), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(same.path().join("src"), Permissions::from_mode(0o2775)).unwrap();
    File::open(same.path().join("src/x.py")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    write(same.path(), "empty/folder/", "");
    assert_eq!(hash(same.path()).unwrap(), expected);

    let changes: [&dyn Fn(&Path); 6] = [
        &|root| write(root, "src/x.py", "X = 2\n"),
        &|root| write(root, "src/y.py", ""),
        &|root| fs::rename(root.join("src/x.py"), root.join("src/z.py")).unwrap(),
        &|root| fs::set_permissions(root.join("src/x.py"), Permissions::from_mode(0o755)).unwrap(),
        &|root| {
            fs::remove_file(root.join("src/link")).unwrap();
            write(root, "src/link -> y.py", "");
        },
        // The same bytes in a row, in other files.
        &|root| {
            write(root, "src/x.py", "X");
            write(root, "src/y.py", " = 1\n");
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let other = project(&PLAIN);
        change(other.path());
        assert_ne!(hash(other.path()).unwrap(), expected, "change {number}");
    }
}

#[test]
fn what_machines_make_for_themselves_is_left_out() {
    let tag = format!("{}\n", String::from_utf8_lossy(CACHE_TAG));
    let lock = format!("{}\nversion = 1\n", ImageLock::heading());
    let expected = hash(project(&PLAIN).path()).unwrap();
    for (path, text) in [
        ("src/__pycache__/x.cpython-313.pyc", "1"),
        (".tox/x", "1"),
        ("env/pyvenv.cfg", ""),
        (".ruff_cache/CACHEDIR.TAG", tag.as_str()),
        ("image.lock", lock.as_str()),
        (".git/HEAD", "ref: refs/heads/main"),
        (".hg/x", ""),
        (".git", "gitdir: /elsewhere"),
    ] {
        let other = project(&PLAIN);
        write(other.path(), path, text);
        write(other.path(), "link -> env", "");
        let with_link = project(&PLAIN);
        write(with_link.path(), "link -> env", "");
        let expected = if path.starts_with("env") { &expected } else { &hash(with_link.path()).unwrap() };
        assert_eq!(hash(other.path()).unwrap(), *expected, "{path}");
    }
    for (path, text) in [("uv.lock", "version = 1\n"), ("build/x", "1"), ("x/CACHEDIR.TAG", "none")] {
        let other = project(&PLAIN);
        write(other.path(), path, text);
        assert_ne!(hash(other.path()).unwrap(), expected, "{path} may change what is built");
    }
}

#[test]
fn a_copy_is_what_was_hashed_and_alike_everywhere() {
    let folder = project(&PLAIN);
    write(folder.path(), "run", "");
    write(folder.path(), "src/__pycache__/x.pyc", "");
    fs::set_permissions(folder.path().join("run"), Permissions::from_mode(0o4711)).unwrap();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("copy");
    let copied = Tree::open(folder.path(), &Cancel::new()).copy_to(&target, 1_000_000).unwrap();
    assert_eq!(copied, hash(folder.path()).unwrap());
    assert_eq!(copied, hash(&target).unwrap());
    let expected = [
        "pyproject.toml 644 1000000",
        "run 755 1000000",
        "src/ 755",
        "src/link -> x.py",
        "src/x.py 644 1000000",
    ];
    assert_eq!(listed(&target), expected);
}

#[test]
fn what_leads_out_or_is_no_file_is_named() {
    for target in ["/etc/passwd", "../../x", "../../x/y/../z"] {
        let folder = project(&PLAIN);
        write(folder.path(), &format!("src/out -> {target}"), "");
        let error = hash(folder.path()).unwrap_err().to_string();
        assert!(error.contains("src/out` is a link to `") && error.contains("outside"), "{error}");
    }
    let inside = project(&PLAIN);
    write(inside.path(), "src/in -> ../src/../pyproject.toml", "");
    write(inside.path(), "gone -> nowhere", "");
    hash(inside.path()).unwrap();
    let _socket = UnixListener::bind(inside.path().join("socket")).unwrap();
    let error = hash(inside.path()).unwrap_err().to_string();
    assert!(error.ends_with("/socket` is a socket, which no package can hold"), "{error}");
}

#[test]
fn somebody_may_ask_to_stop() {
    let cancel = Cancel::new();
    cancel.cancel();
    let folder = project(&PLAIN);
    assert!(matches!(Tree::open(folder.path(), &cancel).hash(), Err(EngineError::Cancelled)));
}

/// An index of git with one file.
fn index(time: u8, object: u8, name: &str) -> String {
    let mut bytes = b"DIRC\0\0\0\x02\0\0\0\x01".to_vec();
    let mut entry = vec![time; 24];
    entry.extend([0, 0, 1, 2]);
    entry.extend([time; 12]);
    entry.extend([object; 20]);
    entry.extend([0, name.len() as u8]);
    entry.extend(name.bytes());
    entry.resize((entry.len() + 8) & !7, 0);
    bytes.extend(entry);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_repository_counts_by_its_state_where_the_version_comes_from_it() {
    let versioned = ("pyproject.toml", "[build-system]\nrequires = ['setuptools-scm']\n");
    let index = index;
    let (plain, later, added) = (index(1, 2, "x.py"), index(7, 2, "x.py"), index(1, 2, "y.py"));
    let loose = [
        versioned,
        (".git/HEAD", "ref: refs/heads/main\n"),
        (".git/refs/heads/main", "aaaa\n"),
        (".git/refs/tags/v/1", "bbbb\n"),
        (".git/objects/aa/aa", "object"),
        (".git/index", &plain),
        (".git/logs/HEAD", "a log"),
    ];
    let packed = [
        versioned,
        (".git/HEAD", "aaaa\n"),
        (".git/packed-refs", "# pack-refs with: peeled\naaaa refs/heads/main\nbbbb refs/tags/v/1\n^cccc\n"),
        (".git/objects/pack/pack-1.pack", "packed"),
        (".git/index", &later),
        (".git/hooks/post-commit", "a hook"),
    ];
    let (one, other) = (project(&loose), project(&packed));
    let expected = hash(one.path()).unwrap();
    assert_eq!(hash(other.path()).unwrap(), expected, "the same commit in two clones");

    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("copy");
    assert_eq!(Tree::open(one.path(), &Cancel::new()).copy_to(&target, 0).unwrap(), expected);
    assert!(target.join(".git/objects/aa/aa").is_file() && !target.join(".git/logs").exists());

    for (path, text) in [
        (".git/refs/heads/main", "dddd\n"),
        (".git/refs/tags/v2", "aaaa\n"),
        (".git/shallow", "aaaa\n"),
        (".git/index", &added),
        (".git/index", "DIRC of another form"),
    ] {
        let changed = project(&loose);
        write(changed.path(), path, text);
        assert_ne!(hash(changed.path()).unwrap(), expected, "{path}");
    }
}
