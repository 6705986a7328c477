//! What is installed.

use super::*;

#[test]
fn a_lock_of_uv_means_what_it_means_to_uv() {
    assert_eq!(
        shown(UV, &Wish::default()),
        [
            "markupsafe: MarkupSafe-3.0.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "six: six-1.16.0-py2.py3-none-any.whl",
            "tornado: tornado-6.4.2-cp38-abi3-manylinux_2_5_x86_64.manylinux1_x86_64.manylinux_2_17_x86_64.\
             manylinux2014_x86_64.whl",
        ]
    );
    let selection = select(UV, &Wish::default()).unwrap();
    let six = &selection.packages[1];
    assert_eq!(six.version.as_ref().unwrap().to_string(), "1.16.0");
    let Artifact::Wheel { name, file } = &six.artifact else { panic!("{six:?}") };
    assert_eq!(name.compressed_tags(), "py2.py3-none-any");
    assert_eq!(file.size, Some(11053));
    let (algorithm, digits) = file.hashes.strong();
    assert_eq!(algorithm, HashAlgorithm::Sha256);
    assert_eq!(digits, "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254");
    let Location::Url(address) = &file.location else { panic!("{file:?}") };
    assert!(address.expose().starts_with("https://mirror.example/packages/d9/5a/"), "{address}");
    assert!(selection.notes.is_empty());
}

#[test]
fn what_may_be_built_decides_between_wheel_and_source() {
    let wheel = "six: six-1.16.0-py2.py3-none-any.whl";
    let source = "six: six-1.16.0.tar.gz";
    let cases: [(&[&str], &[&str], &str); 8] = [
        (&[], &[], wheel),
        (&["six"], &[], source),
        (&[":all:"], &[], source),
        (&[":all:"], &["six"], wheel),
        (&["six"], &[":all:"], source),
        (&["Six"], &["sIX"], wheel),
        (&[":all:", ":none:"], &[":all:"], wheel),
        (&["tornado"], &["tornado"], wheel),
    ];
    for (no_binary, only_binary, expected) in cases {
        let packages: String = UV.split_inclusive("\n\n").filter(|part| part.contains("six")).collect();
        let found = shown(&lock(&packages), &Wish::formats(no_binary, only_binary));
        assert_eq!(found, [expected], "{no_binary:?} {only_binary:?}");
    }
    assert!(PackageSet::parse(["a b"]).is_err() && PackageSet::parse([""]).is_err());
}

#[test]
fn every_kind_of_source_is_read() {
    let text = lock(
        r#"
[[packages]]
name = "archive"
archive = { url = "https://mirror.example/a%20b.tar.gz?x=/y#z", size = 5, subdirectory = "in/ner", hashes = { sha512 = "HASHHASH", md5 = "x" } }
[[packages]]
name = "folder"
directory = { path = "../folder", editable = true }
[[packages]]
name = "repository"
version = "1!2.0"
vcs = { type = "git", url = "ssh://git@mirror.example/x.git", requested-revision = "main", commit-id = "8D9519DF093864FF90CA446D4AF2DC8FACD3C542" }
[[packages]]
name = "Source_Only"
index = "https://mirror.example/simple"
sdist = { name = "source-only-1.tar.gz", path = "sources/1.tar.gz", hashes = { sha256 = "HASH" } }
dependencies = [{ name = "archive" }]
attestation-identities = [{ kind = "Somewhere", workflow = "w" }]
[packages.tool.locker]
anything = 1
"#,
    );
    let packages = select(&text, &Wish::default()).unwrap().packages;
    let Artifact::Archive { file, subdirectory } = &packages[0].artifact else { panic!("{packages:?}") };
    assert_eq!(
        (file.name.as_str(), file.size, subdirectory.as_deref()),
        ("a b.tar.gz", Some(5), Some("in/ner"))
    );
    assert_eq!((file.hashes.strong().0, file.is_wheel()), (HashAlgorithm::Sha512, false));
    assert_eq!(file.hashes.iter().map(|(algorithm, _)| algorithm).collect::<Vec<_>>(), ["md5", "sha512"]);
    let folder = Artifact::Directory {
        path: "../folder".into(),
        editable: Some(true),
        subdirectory: None,
        content: None,
    };
    assert_eq!(packages[1].artifact, folder);
    let Artifact::Vcs(vcs) = &packages[2].artifact else { panic!("{packages:?}") };
    assert_eq!((vcs.kind.as_str(), vcs.requested_revision.as_deref()), ("git", Some("main")));
    assert_eq!(vcs.commit_id, "8d9519df093864ff90ca446d4af2dc8facd3c542");
    let Artifact::Sdist { file } = &packages[3].artifact else { panic!("{packages:?}") };
    assert_eq!(packages[3].name.to_string(), "source-only");
    assert_eq!(file.name, "source-only-1.tar.gz");
    assert_eq!(file.location, Location::Path("sources/1.tar.gz".into()));
}

#[test]
fn extras_and_groups_decide_what_belongs_to_it() {
    let package = |name: &str, marker: &str| {
        format!(
            "[[packages]]\nname = \"{name}\"\nmarker = \"{marker}\"\ndirectory = {{ path = \"{name}\" }}\n"
        )
    };
    let text = format!(
        "lock-version = \"1.0\"\ncreated-by = \"test\"\nextras = [\"web\"]\ndependency-groups = [\"dev\", \"docs\"]\n\
         default-groups = [\"main\"]\n{}{}{}{}",
        package("always", "python_version >= '3.9'"),
        package("main", "'main' in dependency_groups"),
        package("tests", "'dev' in dependency_groups and 'web' not in extras"),
        package("server", "'web' in extras or 'docs' in dependency_groups"),
    );
    let groups = |default, names: &[&str]| Groups {
        default,
        named: names.iter().map(|name| name.parse().unwrap()).collect(),
    };
    let cases: [(&'static [&'static str], Groups, &[&str]); 6] = [
        (&[], Groups::default(), &["always", "main"]),
        (&["Web"], Groups::default(), &["always", "main", "server"]),
        (&[], groups(true, &["dev"]), &["always", "main", "tests"]),
        (&[], groups(false, &["docs", "dev"]), &["always", "server", "tests"]),
        (&["web"], groups(false, &["dev"]), &["always", "server"]),
        (&[], groups(false, &[]), &["always"]),
    ];
    for (extras, groups, expected) in cases {
        let wish = Wish { extras, groups, formats: Formats::default() };
        let packages = select(&text, &wish).unwrap().packages;
        let names: Vec<String> = packages.iter().map(|package| package.name.to_string()).collect();
        assert_eq!(names, expected, "{extras:?} {:?}", wish.groups);
    }
}

#[test]
fn what_does_not_hold_here_is_not_looked_at() {
    let text = lock(
        "[[packages]]\nname = \"x\"\nmarker = \"sys_platform == 'win32'\"\nrequires-python = \">=4\"\n\
         [[packages]]\nname = \"x\"\ndirectory = { path = \"x\" }",
    );
    assert_eq!(shown(&text, &Wish::default()), ["x: x"]);
}

#[test]
fn a_later_minor_version_is_read_with_a_note() {
    let text = UV.replace("\"1.0\"", "\"1.7\"").replace("created-by", "flavour = 1\ncreated-by");
    let selection = select(&text, &Wish::default()).unwrap();
    assert_eq!(selection.packages.len(), 3);
    assert_eq!(
        selection.notes,
        ["pylock.toml:1:16: lock version `1.7` is later than 1.0, so something in it may be passed over"]
    );
}
