//! What the daemon gets to see.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn folder(ignore: &str) -> (tempfile::TempDir, Folder) {
    let root = tempfile::tempdir().unwrap();
    for path in
        ["a.txt", "b.md", "data/one.txt", "data/deep/two.txt", "data-x", "left/three", ".dockerignore"]
    {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "text").unwrap();
    }
    symlink("data/one.txt", root.path().join("link")).unwrap();
    symlink("/data", root.path().join("rooted")).unwrap();
    let ignore = IgnoreRules::parse(".dockerignore", ignore).unwrap();
    let path = root.path().to_path_buf();
    (root, Folder { path, ignore })
}

fn told(folder: &Folder, wanted: &[&str]) -> Vec<String> {
    let wanted = Wanted { paths: wanted.iter().map(|path| (*path).to_owned()).collect() };
    let mut all = Vec::new();
    folder
        .walk(&wanted, &mut |stat, _| {
            all.push(stat.path);
            Ok(())
        })
        .unwrap();
    all
}

#[test]
fn all_is_told_in_the_order_of_buildkit_but_what_is_left_out() {
    let (_root, folder) = folder("left\ndata\n!data/deep/two.txt\n.dockerignore");
    let all = ["a.txt", "b.md", "data", "data/deep", "data/deep/two.txt", "data-x", "link", "rooted"];
    assert_eq!(told(&folder, &[]), all);
    assert_eq!(told(&folder, &["/"]), all);
    assert_eq!(told(&folder, &["left/three"]), [""; 0], "what is left out cannot be asked for");
    assert_eq!(told(&folder, &[".dockerignore"]), [".dockerignore"], "the rules themselves can");
}

#[test]
fn names_patterns_and_links_lead_to_what_is_wanted() {
    let (_root, folder) = folder("left");
    let cases: [(&[&str], &[&str]); 7] = [
        (&["a.txt"], &["a.txt"]),
        (&["data"], &["data", "data/deep", "data/deep/two.txt", "data/one.txt"]),
        (&["*.txt", "data/deep"], &["a.txt", "data", "data/deep", "data/deep/two.txt"]),
        (&["link"], &["data", "data/one.txt", "link"]),
        (&["rooted/deep"], &["data", "data/deep", "data/deep/two.txt", "rooted"]),
        (&["data/none*"], &["data"]),
        (&["../../absent"], &[]),
    ];
    for (wanted, expected) in cases {
        assert_eq!(told(&folder, wanted), expected, "{wanted:?}");
    }
}

#[test]
fn kinds_modes_and_second_names_are_told() {
    let (root, folder) = folder("");
    fs::set_permissions(root.path().join("a.txt"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(root.path().join("a.txt"), root.path().join("z.txt")).unwrap();
    std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    let mut all = std::collections::HashMap::new();
    folder
        .walk(&Wanted::default(), &mut |stat, has_contents| {
            all.insert(stat.path.clone(), (stat.mode, stat.size, stat.linkname, has_contents));
            Ok(())
        })
        .unwrap();
    assert_eq!(all["a.txt"], (mode::SET_USER | 0o755, 4, String::new(), true));
    assert_eq!(all["z.txt"], (mode::SET_USER | 0o755, 0, "a.txt".to_owned(), false));
    assert_eq!(all["link"].2, "data/one.txt");
    assert_eq!(all["data"].0 & mode::FOLDER, mode::FOLDER);
    assert!(!all.contains_key("socket"));
}
