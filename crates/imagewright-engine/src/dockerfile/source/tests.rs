use std::fs::{self, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::SystemTime;

use super::*;

fn origin() -> Origin {
    Origin::line("Dockerfile", 2)
}

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn context(root: &Path, ignore: &str) -> SourceRoot {
    SourceRoot::folder(root, IgnoreRules::parse(".dockerignore", ignore).unwrap())
}

fn walked(root: &SourceRoot, path: &str) -> Vec<String> {
    let mut all = Vec::new();
    root.walk(Path::new(path), &IgnoreRules::default(), &mut |found| {
        all.push(found.relative.to_string_lossy().into_owned());
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn sources_are_paths_and_patterns_inside_the_root() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["b.txt", "a.txt", "c.md", "one/x.txt", "two/x.txt", "left/x.txt"] {
        write(folder.path(), path, path);
    }
    symlink("/one", folder.path().join("inside")).unwrap();
    symlink("../../../../etc", folder.path().join("outside")).unwrap();
    let root = context(folder.path(), "left\n*.md");
    let matches = |source: &str| root.matches(&origin(), source).map_err(|error| error.to_string());
    let paths = |paths: &[&str]| Ok(paths.iter().map(PathBuf::from).collect::<Vec<_>>());
    assert_eq!(matches("/*.txt"), paths(&["/a.txt", "/b.txt"]));
    assert_eq!(matches("/*/x.txt"), paths(&["/inside/x.txt", "/one/x.txt", "/two/x.txt"]));
    assert_eq!(matches("/none*"), paths(&[]));
    assert_eq!(matches("/inside/x.txt"), paths(&["/inside/x.txt"]));
    for absent in ["/absent", "/c.md", "/left/x.txt", "/outside/passwd"] {
        let text = format!("Dockerfile:2: there is no `{absent}` in the build context");
        assert_eq!(matches(absent), Err(text));
    }
    assert_eq!(walked(&root, "/inside"), ["", "x.txt"]);
}

#[test]
fn what_is_left_out_is_passed_over_and_exceptions_come_with_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["keep/a", "docs/x", "docs/deep/README", "docs/deep/y", "empty/z"] {
        write(folder.path(), path, path);
    }
    let root = context(folder.path(), "docs\nempty\n!docs/deep/README");
    assert_eq!(walked(&root, "/"), ["", "docs", "docs/deep", "docs/deep/README", "keep", "keep/a"]);
    let root = context(folder.path(), "docs\nempty");
    assert_eq!(walked(&root, "/"), ["", "keep", "keep/a"]);
}

#[test]
fn contents_and_modes_count_and_times_do_not() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/file", "one");
    symlink("file", folder.path().join("a/link")).unwrap();
    let file = folder.path().join("a/file");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let digest =
        || context(folder.path(), "").digest(&origin(), Path::new("/a"), &IgnoreRules::default()).unwrap();
    let first = digest();
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::options().append(true).open(&file).unwrap().set_times(times).unwrap();
    assert_eq!(digest(), first);
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    assert_ne!(digest(), first);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    fs::write(&file, "two").unwrap();
    assert_ne!(digest(), first);
    fs::write(&file, "one").unwrap();
    assert_eq!(digest(), first);
    fs::remove_file(folder.path().join("a/link")).unwrap();
    symlink("elsewhere", folder.path().join("a/link")).unwrap();
    assert_ne!(digest(), first);
}
