//! Trees of conda packages, held against those that rattler installs. `docs/conda.md` lists what differs, and why.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_testkit::conda::{CondaPackage, Format, Index, PLACEHOLDER};
use imagewright_testkit::context::{Outcome, TestContext};

use crate::conda::support::{Found, build, channels, context_with, tree};

/// Times in the head of bytecode.
const TIME: std::ops::Range<usize> = 8..12;

/// The program of `tests/rattler`, where `scripts/test` has put it.
pub(crate) fn rattler() -> Command {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let shared = variable("IMAGEWRIGHT_TEST_ROOT").or_else(|| Some(cache()?.join("imagewright-test-store")));
    let program = shared.expect("there is a home folder").join("rattler/imagewright-rattler");
    assert!(program.is_file(), "no `{}`: scripts/test puts it there", program.display());
    Command::new(program)
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Everything that a package may bring.
fn packages() -> Vec<(CondaPackage, Format)> {
    let bytecode = [&b"\xf3\x0d\r\n\0\0\0\0\x01\x02\x03\x04size"[..], b"code"].concat();
    let two = format!("{PLACEHOLDER}/lib:{PLACEHOLDER}/lib64\0rest{PLACEHOLDER}\0\0tail");
    let long = "d/".repeat(60);
    let native = CondaPackage::new("native", "1.0")
        .depends("below")
        .placed("bin/native", "binary", format!("\x7fELF\0{two}"))
        .placed("bin/unterminated", "binary", format!("\x7fELF{PLACEHOLDER}/end"))
        .placed("lib/wide.so", "binary", [&b"\0\0"[..], &wide(&format!("{PLACEHOLDER}/wide\0more"))].concat())
        .placed(
            "bin/script",
            "text",
            format!("#!{PLACEHOLDER}/bin/python -E\nroot = '{PLACEHOLDER}' # {PLACEHOLDER}\n"),
        )
        .placed("bin/long", "text", format!("#!{PLACEHOLDER}/{long}bin/python3.13 -E\nx\n"))
        .placed("bin/perl", "text", format!("#! {PLACEHOLDER}/{long}bin/perl -w\nx\n"))
        .placed("share/wide.txt", "text", wide(&format!("{PLACEHOLDER} and {PLACEHOLDER}/x\n")))
        .placed("share/none", "text", "nothing of it\n")
        .file("share/data", "data")
        .hard_link("share/again", "share/data")
        .hard_link("bin/script-too", "bin/script")
        .last_is_placed("text")
        .symlink("lib/link.so", "wide.so")
        .symlink("lib/up", "../share/data")
        .file("share/both", "native")
        .file("lib/__pycache__/x.cpython-313.pyc", bytecode)
        .file("unlisted", "x")
        .last_is_unlisted();
    let python =
        CondaPackage::new("python", "3.13.2").build("h1_cpython").program("bin/python3.13", "\x7fELF");
    let pure = CondaPackage::new("pure", "1.0")
        .noarch("python")
        .depends("python")
        .entry_point("pure = pure.cli:app.main")
        .file("site-packages/pure/__init__.py", "")
        .file("python-scripts/pure-old", "#!/usr/bin/env python\n")
        .file("share/pure", "x");
    let below = CondaPackage::new("below", "1.0").file("share/both", "below").file("share/generic/x", "x");
    vec![
        (native, Format::Conda),
        (python, Format::Conda),
        (pure, Format::TarBz2),
        (below.noarch("generic"), Format::TarBz2),
    ]
}

/// The tree that rattler installed, without what it keeps for itself.
fn installed(folder: &Path) -> BTreeMap<String, Found> {
    let mut tree = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(&inner).unwrap().map(Result::unwrap) {
            let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let metadata = entry.path().symlink_metadata().unwrap();
            let found = if metadata.is_symlink() {
                Found::Symlink(fs::read_link(entry.path()).unwrap())
            } else if metadata.is_dir() {
                if !["conda-meta", "__clobbers__"].contains(&path.as_str()) {
                    open.push(entry.path());
                }
                continue;
            } else {
                Found::File(fs::read(entry.path()).unwrap(), metadata.permissions().mode() & 0o777)
            };
            if path != "CACHEDIR.TAG" {
                tree.insert(path, found);
            }
        }
    }
    tree
}

/// Our tree as that one is: below the prefix, without folders and books, every name of a file with its contents.
fn comparable(ours: &BTreeMap<String, Found>) -> BTreeMap<String, Found> {
    let inside = ours.iter().filter_map(|(path, found)| Some((path.strip_prefix("opt/conda/")?, found)));
    let files = inside
        .filter(|(path, found)| !path.starts_with("conda-meta/") && !matches!(found, Found::Folder(..)));
    let contents = |found: &Found| match found {
        Found::HardLink(target) => ours[target].clone(),
        other => other.clone(),
    };
    files.map(|(path, found)| (path.to_owned(), contents(found))).collect()
}

/// Takes out what is meant to differ.
fn without_differences(path: &str, found: Found) -> Found {
    match found {
        Found::File(mut bytes, mode) if path.ends_with(".pyc") => {
            bytes[TIME].fill(0);
            Found::File(bytes, mode)
        }
        // The script of an entry point.
        Found::File(bytes, _) if path == "bin/pure" => Found::File(bytes, 0),
        other => other,
    }
}

/// Holds an image against what rattler installs of a channel: as many files as this at least, and the same.
#[track_caller]
pub(crate) fn assert_as_rattler_installs(
    context: &TestContext,
    image: &str,
    channel: &Path,
    files: &[String],
    least: usize,
) {
    let ours = tree(context, image);
    let (target, cache) = (context.work().join("target"), context.work().join("cache"));
    let mut command = rattler();
    command.arg("install").arg(channel).args([&target, Path::new("/opt/conda"), &cache]).args(files);
    drop(Outcome::of(&mut command).success());
    let (found, expected) = (comparable(&ours), installed(&target));
    assert!(expected.len() >= least, "{expected:?}");
    let paths = |tree: &BTreeMap<String, Found>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&found), paths(&expected));
    for (path, expected) in expected {
        let found = without_differences(&path, found[&path].clone());
        assert_eq!(found, without_differences(&path, expected), "{path}");
    }
}

#[test]
#[ignore = "needs rattler"]
fn our_tree_is_that_of_rattler() {
    let packages = packages();
    let context = context_with(Index::Json, &packages);
    drop(build(&context, &["--conda", "native", "--conda", "pure", "-t", "demo/all"]));
    let files: Vec<String> = packages.iter().map(|(package, format)| package.file_name(*format)).collect();
    assert_as_rattler_installs(&context, "demo/all", &channels(&context).join("team"), &files, 21);
}

#[test]
#[ignore = "needs rattler"]
fn rattler_reads_our_books() {
    let context = context_with(Index::Json, &packages());
    drop(build(&context, &["--conda", "native", "--conda", "pure", "-t", "demo/all"]));
    let books = context.work().join("image/conda-meta");
    fs::create_dir_all(&books).unwrap();
    for (path, found) in tree(&context, "demo/all") {
        if let (Some(name), Found::File(bytes, _)) = (path.strip_prefix("opt/conda/conda-meta/"), found) {
            fs::write(books.join(name), bytes).unwrap();
        }
    }
    let read = Outcome::of(rattler().arg("read").arg(books.parent().unwrap())).success().stdout;
    assert_eq!(read, "below 1.0 2\nnative 1.0 15\npure 1.0 4\npython 3.13.2 1\n");
}
