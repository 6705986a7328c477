use std::collections::BTreeMap;
use std::io::Read;

use imagewright_layer::{Entry, EntryKind};
use imagewright_testkit::conda::{CondaPackage, Format, PLACEHOLDER};

use super::*;

const PREFIX: &str = "/opt/conda";
const TIME: i64 = 946_684_800;

/// A file of a layer.
#[derive(Debug, PartialEq, Eq)]
enum Placed {
    File(Vec<u8>, u32),
    Symlink(String),
    HardLink(String),
}

type Tree = BTreeMap<String, Placed>;

fn place() -> Place {
    let python = InstalledPython::of("3.13.2", None).unwrap();
    let (mtime, owner, spool) = (TIME, (0, 0), std::env::temp_dir());
    Place { prefix: PREFIX.to_owned(), python: Some(python), mtime, owner, spool }
}

fn install_at(
    package: &CondaPackage,
    format: Format,
    place: &Place,
) -> Result<(Tree, Installed), PackageError> {
    let archive = Archive::open(&package.file_name(format), package.bytes(format).unwrap())?;
    let metadata = Metadata::read(&archive)?;
    let plan = Plan::new(&archive, &metadata, place)?;
    let mut tree = Tree::new();
    let installed = plan.write(&mut |entry: &Entry, body: &mut dyn Read| {
        let placed = match &entry.kind {
            EntryKind::File { size } => {
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).unwrap();
                assert_eq!(bytes.len() as u64, *size, "{}", entry.path);
                Placed::File(bytes, entry.mode)
            }
            EntryKind::Symlink { target } => Placed::Symlink(target.display().to_string()),
            EntryKind::HardLink { target } => Placed::HardLink(target.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!((entry.mtime, entry.uid, entry.gid), (TIME, 0, 0));
        assert!(tree.insert(entry.path.to_string(), placed).is_none(), "{} twice", entry.path);
        Ok(())
    })?;
    let planned: Vec<String> = plan.files().map(ToString::to_string).collect();
    assert!(planned.iter().all(|path| tree.contains_key(path)) && planned.len() == tree.len());
    Ok((tree, installed))
}

/// Installs both forms of a package, which must come to the same.
fn install(package: &CondaPackage) -> Result<Tree, PackageError> {
    let (old, _) = install_at(package, Format::TarBz2, &place())?;
    let (new, _) = install_at(package, Format::Conda, &place())?;
    assert_eq!(old, new);
    Ok(new)
}

/// Why neither form of a package can be installed; the words are those for the newer one.
fn refused(package: &CondaPackage) -> String {
    install_at(package, Format::TarBz2, &place()).unwrap_err();
    install_at(package, Format::Conda, &place()).unwrap_err().to_string()
}

fn file(bytes: impl Into<Vec<u8>>, mode: u32) -> Placed {
    Placed::File(bytes.into(), mode)
}

#[test]
fn files_and_links_come_to_lie_below_the_prefix() {
    let package = CondaPackage::new("tool", "1.0")
        .program("bin/tool", "#!/bin/sh\n")
        .file("share/tool/data", "data")
        .symlink("bin/other", "tool")
        .symlink("share/up", "../bin/tool")
        .symlink("share/home", "/opt/conda/bin")
        .hard_link("share/tool/copy", "share/tool/data")
        .file("unlisted", "x")
        .last_is_unlisted();
    let tree = install(&package).unwrap();
    let expected = [
        ("opt/conda/bin/other", Placed::Symlink("tool".into())),
        ("opt/conda/bin/tool", file("#!/bin/sh\n", 0o755)),
        ("opt/conda/share/home", Placed::Symlink("/opt/conda/bin".into())),
        ("opt/conda/share/tool/copy", Placed::HardLink("opt/conda/share/tool/data".into())),
        ("opt/conda/share/tool/data", file("data", 0o644)),
        ("opt/conda/share/up", Placed::Symlink("../bin/tool".into())),
    ];
    assert_eq!(tree, expected.map(|(path, placed)| (path.to_owned(), placed)).into());
}

#[test]
fn the_prefix_is_replaced_where_the_package_says_so() {
    let text = format!("#!{PLACEHOLDER}/bin/python\nroot = '{PLACEHOLDER}'\n");
    let binary = format!("\x7fELF{PLACEHOLDER}/lib\0rest");
    let large = format!("{}{PLACEHOLDER}\0", "z".repeat(5 << 20));
    let package = CondaPackage::new("tool", "1.0")
        .placed("bin/tool", "text", text.as_str())
        .placed("lib/libtool.so", "binary", binary.as_str())
        .placed("lib/large.so", "binary", large.as_str())
        .file("share/kept", text.as_str());
    let tree = install(&package).unwrap();
    let padding = "\0".repeat(PLACEHOLDER.len() - PREFIX.len());
    assert_eq!(
        tree["opt/conda/bin/tool"],
        file(format!("#!{PREFIX}/bin/python\nroot = '{PREFIX}'\n"), 0o755)
    );
    assert_eq!(tree["opt/conda/lib/libtool.so"], file(format!("\x7fELF{PREFIX}/lib{padding}\0rest"), 0o755));
    assert!(
        tree["opt/conda/lib/large.so"] == file(format!("{}{PREFIX}{padding}\0", "z".repeat(5 << 20)), 0o755)
    );
    assert_eq!(tree["opt/conda/share/kept"], file(text, 0o644));
}

#[test]
fn other_names_of_a_file_with_a_prefix_are_files_of_their_own() {
    let package = CondaPackage::new("tool", "1.0")
        .placed("bin/one", "text", format!("{PLACEHOLDER}/one"))
        .hard_link("bin/two", "bin/one")
        .last_is_placed("text")
        .hard_link("bin/raw", "bin/one")
        .file("share/one.pyc", "no bytecode")
        .hard_link("share/two", "share/one.pyc");
    let tree = install(&package).unwrap();
    assert_eq!(tree["opt/conda/bin/one"], file(format!("{PREFIX}/one"), 0o755));
    assert_eq!(tree["opt/conda/bin/two"], file(format!("{PREFIX}/one"), 0o755));
    assert_eq!(tree["opt/conda/bin/raw"], file(format!("{PLACEHOLDER}/one"), 0o755));
    assert_eq!(tree["opt/conda/share/two"], file("no bytecode", 0o644));
}

#[test]
fn python_packages_go_where_the_python_looks_for_them() {
    let package = CondaPackage::new("pure", "1.0")
        .noarch("python")
        .entry_point("pure = pure.cli:main")
        .file("site-packages/pure/__init__.py", "")
        .file("python-scripts/old-script", "x")
        .file("share/pure", "x");
    let tree = install(&package).unwrap();
    let names: Vec<&str> = tree.keys().map(String::as_str).collect();
    let expected = [
        "opt/conda/bin/old-script",
        "opt/conda/bin/pure",
        "opt/conda/lib/python3.13/site-packages/pure/__init__.py",
        "opt/conda/share/pure",
    ];
    assert_eq!(names, expected);
    let Placed::File(script, 0o755) = &tree["opt/conda/bin/pure"] else { panic!("{tree:?}") };
    let script = String::from_utf8_lossy(script);
    assert!(script.starts_with("#!/opt/conda/bin/python3.13\n"), "{script}");
    assert!(
        script.contains("from pure.cli import main\n") && script.contains("sys.exit(main())"),
        "{script}"
    );

    let none = Place { python: None, ..place() };
    let error = install_at(&package, Format::Conda, &none).unwrap_err();
    assert!(matches!(error, PackageError::NoPython), "{error}");
    let elsewhere = InstalledPython::of("3.13.1", Some("lib/python3.13t/site-packages")).unwrap();
    let (tree, _) =
        install_at(&package, Format::Conda, &Place { python: Some(elsewhere), ..place() }).unwrap();
    assert!(tree.contains_key("opt/conda/lib/python3.13t/site-packages/pure/__init__.py"), "{tree:?}");
}

#[test]
fn bytecode_has_the_time_of_its_source() {
    let bytecode = |flags: u8, time: u32| {
        let mut bytes = vec![0xf3, 0x0d, b'\r', b'\n', flags, 0, 0, 0];
        bytes.extend(time.to_le_bytes());
        bytes.extend(*b"sizecode");
        bytes
    };
    let package = CondaPackage::new("python", "3.13.1")
        .file("lib/__pycache__/a.cpython-313.pyc", bytecode(0, 7))
        .file("lib/__pycache__/hashed.cpython-313.pyc", bytecode(1, 7))
        .file("lib/short.pyc", "x");
    let tree = install(&package).unwrap();
    let time = u32::try_from(TIME).unwrap();
    assert_eq!(tree["opt/conda/lib/__pycache__/a.cpython-313.pyc"], file(bytecode(0, time), 0o644));
    assert_eq!(tree["opt/conda/lib/__pycache__/hashed.cpython-313.pyc"], file(bytecode(1, 7), 0o644));
    assert_eq!(tree["opt/conda/lib/short.pyc"], file("x", 0o644));
}

#[test]
fn what_was_changed_has_the_hash_that_it_has_in_the_prefix() {
    let package = CondaPackage::new("tool", "1.0")
        .placed("bin/placed", "text", format!("{PLACEHOLDER}\n"))
        .file("share/same", "same");
    let (_, installed) = install_at(&package, Format::Conda, &place()).unwrap();
    let [placed, same] = installed.paths.as_slice() else { panic!("{installed:?}") };
    let hash = rattler_digest::compute_bytes_digest::<rattler_digest::Sha256>(format!("{PREFIX}\n"));
    assert_eq!(placed.sha256_in_prefix, Some(hash));
    assert_eq!(placed.size_in_bytes, Some(PREFIX.len() as u64 + 1));
    assert_eq!(placed.prefix_placeholder.as_deref(), Some(PLACEHOLDER));
    assert!(same.sha256_in_prefix.is_none() && same.sha256.is_some());
}

#[test]
fn nothing_leaves_the_prefix() {
    let package = || CondaPackage::new("evil", "1.0");
    let cases = [
        (package().file("../../etc/passwd", "x"), "a path that is none"),
        (package().file("lib/../../../etc/x", "x"), "a path that is none"),
        (package().file("/etc/passwd", "x"), "it is absolute"),
        (package().symlink("lib/x", "/etc/passwd"), "leads out of the prefix"),
        (package().symlink("lib/x", "../../../etc/passwd"), "leads out of the prefix"),
        (package().symlink("lib/x", "/opt/conda/../other"), "leads out of the prefix"),
        (package().symlink("lib", "bin").file("lib/x", "x"), "inside `opt/conda/lib`"),
        (package().file("a", "x").file("a/b", "x"), "inside `opt/conda/a`"),
        (package().file("a", "x").file("a", "y"), "twice"),
        (package().file("a", "x").file("./a", "y"), "twice"),
        (package().hard_link("a", "bin/not-there"), "it is not there"),
        (
            package().noarch("python").file("site-packages/x", "").file("lib/python3.13/site-packages/x", ""),
            "twice",
        ),
        (package().noarch("python").entry_point("x = m:f").file("bin/x", ""), "twice"),
    ];
    for (package, expected) in cases {
        let error = refused(&package);
        assert!(error.contains(expected), "{error}, not {expected}");
    }
}

#[test]
fn entry_points_are_names_of_scripts() {
    for text in ["../x = m:f", "/bin/x = m:f", "x = m;import os:f", "x"] {
        let package = CondaPackage::new("evil", "1.0").noarch("python").entry_point(text);
        let error = refused(&package);
        assert!(error.contains("info/link.json"), "{text}: {error}");
    }
}

#[test]
fn packages_that_unpack_to_too_much_are_refused() {
    let package = CondaPackage::new("bomb", "1.0").file("zeros", vec![0; 64 << 20]);
    for format in [Format::Conda, Format::TarBz2] {
        let bytes = package.bytes(format).unwrap();
        assert!(bytes.len() < 1 << 20);
        let archive = Archive::open(&package.file_name(format), bytes).unwrap().with_limit(1 << 20);
        // The description of a tar.bz2 stands in front of the files.
        let metadata = Metadata::read(&archive).unwrap();
        let place = place();
        let plan = Plan::new(&archive, &metadata, &place).unwrap();
        let error = plan
            .write(&mut |_, body| {
                std::io::copy(body, &mut std::io::sink()).map_err(|source| {
                    imagewright_layer::LayerError::Body { entry: "zeros".into(), source }
                })?;
                Ok(())
            })
            .unwrap_err();
        assert!(matches!(error, PackageError::Bomb { limit: 1_048_576 }), "{error:?}");
    }
}

#[test]
fn what_is_no_package_is_told_so() {
    let archive = |name: &str, bytes: &[u8]| {
        let archive = Archive::open(name, bytes.to_vec())?;
        Metadata::read(&archive).map(|_| ())
    };
    assert!(matches!(archive("x-1-0.zip", b""), Err(PackageError::Format { .. })));
    assert!(matches!(archive("x-1-0.conda", b"nothing"), Err(PackageError::Zip(_))));
    assert!(archive("x-1-0.tar.bz2", b"nothing").is_err());
    let whole = CondaPackage::new("x", "1").file("a", "b").bytes(Format::TarBz2).unwrap();
    for length in [0, 1, 100, whole.len() / 2] {
        assert!(archive("x-1-0.tar.bz2", &whole[..length]).is_err(), "{length}");
    }
    let whole = CondaPackage::new("x", "1").file("a", "b").bytes(Format::Conda).unwrap();
    assert!(archive("x-1-0.conda", &whole[..whole.len() - 1]).is_err());
}

#[test]
fn scripts_of_packages_are_found() {
    let package = CondaPackage::new("tool", "1.0")
        .program("bin/.tool-post-link.sh", "x")
        .program("bin/.other-post-link.sh", "x");
    let archive = Archive::open("x.conda", package.bytes(Format::Conda).unwrap()).unwrap();
    let metadata = Metadata::read(&archive).unwrap();
    assert_eq!(metadata.link_scripts(), ["bin/.tool-post-link.sh"]);
    assert!(!metadata.has_activation_scripts());
    assert_eq!((metadata.name(), metadata.summary()), ("tool", Some("The package tool")));
}
