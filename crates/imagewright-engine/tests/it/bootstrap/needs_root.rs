//! Extraction: writing owners takes root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use imagewright_engine::bootstrap::{BootstrapError, Extracted, Solution, extract};
use imagewright_model::ErrorKind;
use imagewright_testkit::archive::{Compression, ENTRY_TIME, Entry, Package};
use tar::EntryType;

use super::{Bench, archive, chain, request, system};

fn extracted(packages: &[Package], target: &Path) -> Result<(Solution, Extracted), BootstrapError> {
    let archive = archive(packages);
    let mut bench = Bench::new();
    let request = request(&archive, &archive.url());
    let solution = bench.solve(&request)?;
    let debs = bench.download(&request, &solution)?;
    let extracted = extract(&solution, &debs, target)?;
    Ok((solution, extracted))
}

fn with(package: Package) -> Vec<Package> {
    let mut packages = system();
    packages.push(package.field("Priority", "required"));
    packages
}

#[test]
#[ignore = "needs root"]
fn the_tree_is_what_the_packages_say() {
    let special = Entry {
        mode: 0o4755,
        owner: (12, 34),
        mtime: ENTRY_TIME + 5,
        body: b"tool".to_vec(),
        ..Entry::new("./usr/bin/tool", EntryType::Regular)
    };
    let link = Entry { target: "./usr/bin/tool".into(), ..Entry::new("./bin/same", EntryType::Link) };
    let sticky = Entry { mode: 0o2775, owner: (0, 50), ..Entry::new("./var/local/", EntryType::Directory) };
    let forms = [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd];
    for compression in forms {
        let package = Package::new("special", "1")
            .compressed(compression)
            .entry(special.clone())
            .entry(link.clone())
            .entry(sticky.clone())
            .symlink("./usr/bin/absolute", "/usr/bin/tool")
            .directory("./usr/bin/");
        let target = tempfile::tempdir().unwrap();
        let root = target.path();
        let (solution, extracted) = extracted(&with(package), root).unwrap();
        assert_eq!(extracted.newest_mtime, i64::try_from(ENTRY_TIME).unwrap() + 5);

        assert_eq!(fs::read_link(root.join("bin")).unwrap(), Path::new("usr/bin"));
        assert_eq!(fs::read_to_string(root.join("usr/bin/sh")).unwrap(), "dash", "written through the link");
        assert!(!root.join("lib32").exists(), "base-files brings the links it wants");
        let tool = fs::metadata(root.join("usr/bin/tool")).unwrap();
        assert_eq!((tool.mode() & 0o7777, tool.uid(), tool.gid()), (0o4755, 12, 34));
        assert_eq!(tool.mtime(), extracted.newest_mtime);
        assert_eq!(fs::metadata(root.join("bin/same")).unwrap().ino(), tool.ino());
        let local = fs::metadata(root.join("var/local")).unwrap();
        assert_eq!(
            (local.mode() & 0o7777, local.gid(), local.mtime()),
            (0o2775, 50, ENTRY_TIME.cast_signed())
        );
        assert_eq!(fs::read_link(root.join("usr/bin/absolute")).unwrap(), Path::new("/usr/bin/tool"));
        assert_eq!(fs::metadata(root).unwrap().permissions().mode() & 0o7777, 0o755);

        assert_eq!(fs::read(root.join("var/lib/dpkg/status")).unwrap(), b"");
        let sources = fs::read_to_string(root.join("etc/apt/sources.list.d/debian.sources")).unwrap();
        assert_eq!(sources, solution.image_sources);
        assert!(sources.contains("URIs: http://mirror.example/debian\nSuites: trixie\n"), "{sources}");
    }
}

#[test]
#[ignore = "needs root"]
fn the_same_packages_become_the_same_tree() {
    let trees = [0, 1].map(|_| {
        let target = tempfile::tempdir().unwrap();
        extracted(&system(), target.path()).unwrap();
        let arguments = [
            "--sort=name",
            "--numeric-owner",
            "--format=posix",
            "--pax-option=delete=atime,delete=ctime",
            "-c",
            ".",
        ];
        let tar = Command::new("tar").args(arguments).current_dir(target.path()).output().unwrap();
        assert!(tar.status.success());
        tar.stdout
    });
    assert!(trees[0] == trees[1]);
}

#[test]
#[ignore = "needs root"]
fn older_suites_get_their_links() {
    let mut packages = system();
    packages[1] =
        Package::new("base-files", "12").field("Essential", "yes").directory("./bin/").directory("./lib/");
    let target = tempfile::tempdir().unwrap();
    extracted(&packages, target.path()).unwrap();
    for name in ["bin", "lib", "lib64", "sbin"] {
        assert_eq!(fs::read_link(target.path().join(name)).unwrap(), Path::new("usr").join(name));
    }
    assert_eq!(fs::read_to_string(target.path().join("usr/bin/sh")).unwrap(), "dash");
    assert_eq!(fs::symlink_metadata(target.path().join("bin")).unwrap().mtime(), ENTRY_TIME.cast_signed());
}

#[test]
#[ignore = "needs root"]
fn hostile_packages_stay_inside() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().display().to_string();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let link =
        |path: &str, target: &str| Entry { target: target.into(), ..Entry::new(path, EntryType::Link) };
    let refused = [
        (Package::new("zz", "1").file("../escaped", "x"), "leads out of the tree"),
        (Package::new("zz", "1").file("/escaped", "x"), "leads out of the tree"),
        (Package::new("zz", "1").entry(link("./shadow", "../../etc/shadow")), "leads out of the tree"),
        (
            Package::new("zz", "1").entry(link("./shadow", &secret.display().to_string())),
            "leads out of the tree",
        ),
        (Package::new("zz", "1").entry(Entry::new("./dev/sda", EntryType::Block)), "is a device"),
        (Package::new("zz", "1").file("./usr/bin", "x"), "could not make `usr/bin`"),
    ];
    for (package, message) in refused {
        let target = tempfile::tempdir().unwrap();
        let error = extracted(&with(package), target.path()).unwrap_err();
        assert!(chain(&error).contains(message), "{}", chain(&error));
        assert_eq!(error.to_string(), "could not extract `zz`");
    }

    // Links that lead out are followed as if the tree were the root.
    let package = Package::new("zz", "1")
        .symlink("./out", &folder)
        .symlink("./up", "../../../../../../../..")
        .file("./up/lifted", "x")
        .directory(&format!(".{folder}"))
        .file("./out/written", "x")
        .symlink("./file", &secret.display().to_string())
        .file("./file", "mine");
    let target = tempfile::tempdir().unwrap();
    extracted(&with(package), target.path()).unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
    assert!(target.path().join("lifted").exists());
    assert!(target.path().join(&folder[1..]).join("written").exists());
    assert!(!Path::new("/lifted").exists());
}

#[test]
#[ignore = "needs root"]
fn damaged_packages_are_named() {
    let archive = archive(&system());
    let mut bench = Bench::new();
    let request = request(&archive, &archive.url());
    let solution = bench.solve(&request).unwrap();
    let debs = bench.download(&request, &solution).unwrap();
    let dash = solution.packages.iter().position(|package| package.name == "dash").unwrap();
    let whole = fs::read(&debs[dash]).unwrap();
    let spoilt: [(Vec<u8>, &str); 4] = [
        (b"no package".to_vec(), "it is not a Debian package"),
        (whole[..100].to_vec(), "it ends before its files"),
        (whole[..whole.len() - 20].to_vec(), ""),
        ([&whole[..whole.len() - 60], &[0; 60]].concat(), ""),
    ];
    for (bytes, message) in spoilt {
        fs::write(&debs[dash], bytes).unwrap();
        let target = tempfile::tempdir().unwrap();
        let error = extract(&solution, &debs, target.path()).unwrap_err();
        assert_eq!(error.to_string(), "could not read the package `dash`");
        assert!(chain(&error).contains(message), "{}", chain(&error));
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}
