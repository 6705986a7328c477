//! The program that goes into images needs nothing of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The type of a program header that names a loader.
const INTERPRETER: u32 = 3;
/// The type of one with a list of libraries; a static program that may lie anywhere has one, too, without names.
const DYNAMIC: u32 = 2;
/// In that list: a library that is needed.
const NEEDED: u64 = 1;
const LARGEST: u64 = 2 << 20;

/// Number at a place of a file of 64 bits, the low byte first.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn place(bytes: &[u8], at: usize) -> usize {
    usize::try_from(number(bytes, at, 8)).unwrap()
}

/// Type, offset and size of each program header.
fn headers(program: &Path) -> (Vec<u8>, Vec<(u32, usize, usize)>) {
    let bytes = fs::read(program).unwrap();
    assert_eq!(&bytes[..5], b"\x7fELF\x02");
    let (table, size, count) = (place(&bytes, 32), number(&bytes, 54, 2), number(&bytes, 56, 2));
    let at = |index: u64| table + usize::try_from(index * size).unwrap();
    let header = |at: usize| {
        (u32::try_from(number(&bytes, at, 4)).unwrap(), place(&bytes, at + 8), place(&bytes, at + 32))
    };
    let headers = (0..count).map(|index| header(at(index))).collect();
    (bytes, headers)
}

/// Whether it wants a loader, and how many libraries.
fn wants(program: &Path) -> (bool, usize) {
    let (bytes, headers) = headers(program);
    let lists = headers.iter().filter(|(kind, ..)| *kind == DYNAMIC);
    let entries = lists.flat_map(|(_, offset, size)| bytes[*offset..offset + size].chunks_exact(16));
    (
        headers.iter().any(|(kind, ..)| *kind == INTERPRETER),
        entries.filter(|entry| number(entry, 0, 8) == NEEDED).count(),
    )
}

#[test]
fn the_reader_sees_what_a_program_wants() {
    let (loader, libraries) = wants(&PathBuf::from("/proc/self/exe"));
    assert!(loader && libraries > 0, "tests are linked as usual");
}

/// Builds it, which takes a minute of a processor, so `scripts/test` alone asks for it.
#[test]
#[ignore = "needs time: builds the program as it goes into images"]
fn the_program_is_small_and_needs_no_loader() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let store = tempfile::tempdir().unwrap();
    let build = || {
        let output = Command::new("scripts/build-launcher")
            .arg(store.path())
            .current_dir(&repository)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stderr
    };
    assert!(!build().is_empty(), "it says what it made");
    assert!(build().is_empty(), "what is there is not made again");

    let program = store.path().join("tools/imagewright-kernel-launcher");
    assert_eq!(wants(&program), (false, 0));
    assert!(fs::metadata(&program).unwrap().len() < LARGEST);
    // It runs where there is nothing else.
    let root = tempfile::tempdir().unwrap();
    fs::copy(&program, root.path().join("launcher")).unwrap();
    let version = Command::new(root.path().join("launcher")).arg("--version").env_clear().output().unwrap();
    assert_eq!(
        version.stdout,
        format!("imagewright-kernel-launcher {}\n", env!("CARGO_PKG_VERSION")).into_bytes()
    );
    let record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(store.path().join("tools/kernel-launcher.json")).unwrap())
            .unwrap();
    assert_eq!(record["name"], "imagewright-kernel-launcher");
}
