//! What of an image a Python needs to run: enough to ask it what it is like, to make an environment of it and to compile
//! with it, and little beside it. Bases are large, and hardly any of their files matter to Python packages.
//!
//! This is a guess, made file by file as a layer streams by. Where it turns out too small the whole image is taken
//! ([`StepContext::on_python`](crate::step::StepContext::on_python)).

use std::str;

use imagewright_layer::Entry;
use imagewright_layer::EntryKind;
use imagewright_store::Part;

/// The files that Pythons need. Another rule gets another name.
pub(crate) const PYTHON: Part = Part { name: "python1", wants: is_wanted };

/// Larger libraries belong to computing, not to interpreters.
const LARGEST_LIBRARY: u64 = 32 << 20;
/// Where packages of a Python are.
const PACKAGES: [&str; 2] = ["site-packages", "dist-packages"];
/// Parts of the standard library that only tests and people use.
const UNUSED: [&str; 5] = ["test", "tests", "idlelib", "turtledemo", "_bundled"];
/// What says which system, users and packages these are.
const BOOKS: [&str; 10] = [
    "etc/os-release",
    "usr/lib/os-release",
    "etc/debian_version",
    "etc/passwd",
    "etc/group",
    "etc/ld.so.cache",
    "etc/ld.so.conf",
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
];

fn is_wanted(entry: &Entry) -> bool {
    let size = match entry.kind {
        EntryKind::File { size } => size,
        EntryKind::HardLink { .. } => 0,
        _ => return true,
    };
    // Python finds modules by names of any bytes; its own are ASCII.
    let Ok(path) = str::from_utf8(entry.path.as_bytes()) else { return false };
    let parts: Vec<&str> = path.split('/').collect();
    let (name, folders) = match parts.split_last() {
        Some((name, folders)) => (*name, folders),
        None => return false,
    };
    BOOKS.contains(&path)
        || name == "pyvenv.cfg"
        || path.starts_with("etc/ld.so.conf.d/")
        || path.starts_with("etc/ld-musl-")
        || is_program(name, folders)
        || is_library(name, folders, size)
        || is_module(name, folders)
}

/// `bin/python3.13`, `usr/bin/pypy3`.
fn is_program(name: &str, folders: &[&str]) -> bool {
    folders.last() == Some(&"bin") && (name.starts_with("python") || name.starts_with("pypy"))
}

/// A shared library where the loader looks for them, or beside an interpreter: `lib`, `usr/lib64`,
/// `usr/lib/x86_64-linux-gnu`, `opt/conda/lib`.
fn is_library(name: &str, folders: &[&str], size: u64) -> bool {
    let is_lib = |folder: &&str| matches!(*folder, "lib" | "lib64" | "bin");
    let is_beside = match folders {
        [.., above, architecture] => is_lib(above) && architecture.contains("-linux-"),
        _ => false,
    };
    name.contains(".so") && size <= LARGEST_LIBRARY && (folders.last().is_some_and(is_lib) || is_beside)
}

/// A module of a standard library, or what tells of an installed distribution.
fn is_module(name: &str, folders: &[&str]) -> bool {
    let Some(top) = folders.iter().position(|folder| is_version(folder)) else { return false };
    let inner = &folders[top + 1..];
    match inner {
        // The folder itself holds what Python runs when it starts.
        [packages] if PACKAGES.contains(packages) => name.ends_with(".py") || name.ends_with(".pth"),
        [packages, about] if PACKAGES.contains(packages) => {
            about.ends_with(".dist-info") || about.ends_with(".egg-info") || *about == "_distutils_hack"
        }
        [packages, ..] if PACKAGES.contains(packages) => false,
        _ => name != "RECORD" && !inner.iter().any(|folder| UNUSED.contains(folder)),
    }
}

/// `python3.13`, `python3`, `python3.13t`, `pypy3.11`.
fn is_version(folder: &str) -> bool {
    let version = folder.strip_prefix("python").or_else(|| folder.strip_prefix("pypy"));
    let is_part = |part: char| part.is_ascii_digit() || part == '.' || part == 't';
    version.is_some_and(|version| {
        version.starts_with(|first: char| first.is_ascii_digit()) && version.chars().all(is_part)
    })
}

#[cfg(test)]
mod tests {
    use imagewright_layer::LayerPath;

    use super::*;

    #[test]
    fn what_python_needs_is_told_from_what_it_does_not() {
        let wanted = [
            "usr/bin/python3.13",
            "opt/conda/bin/python3.12",
            "usr/lib/python3.13/json/__init__.py",
            "usr/lib/python3.13/lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so",
            "usr/lib/python3.13/EXTERNALLY-MANAGED",
            "usr/local/lib/python3.13/site-packages/pip-25.0.dist-info/INSTALLER",
            "usr/local/lib/python3.13/site-packages/distutils-precedence.pth",
            "usr/lib/python3/dist-packages/six-1.17.0.dist-info/METADATA",
            "etc/python3.13/sitecustomize.py",
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "lib/ld-musl-x86_64.so.1",
            "opt/conda/lib/libpython3.12.so.1.0",
            "opt/venv/pyvenv.cfg",
            "etc/os-release",
            "var/lib/dpkg/status",
        ];
        let unwanted = [
            "usr/local/lib/python3.13/site-packages/numpy/__init__.py",
            "usr/local/lib/python3.13/site-packages/numpy.libs/libopenblas.so",
            "usr/lib/python3.13/test/test_json.py",
            "usr/lib/python3.13/ensurepip/_bundled/pip-25.0-py3-none-any.whl",
            "usr/lib/x86_64-linux-gnu/perl/5.40/auto/x.so",
            "usr/local/cuda/lib64/stubs/libcuda.so",
            "usr/share/doc/python3.13-doc/index.html",
            "usr/bin/perl",
        ];
        for (paths, expected) in [(&wanted[..], true), (&unwanted[..], false)] {
            for path in paths {
                let path = LayerPath::parse(path.as_bytes()).unwrap();
                let entry = Entry::new(path, EntryKind::File { size: 1000 }, 0o644);
                assert_eq!(is_wanted(&entry), expected, "{}", entry.path);
            }
        }
    }

    #[test]
    fn libraries_for_computing_stay_away() {
        let path = LayerPath::parse(b"usr/lib/x86_64-linux-gnu/libcudnn.so.9").unwrap();
        let entry = Entry::new(path, EntryKind::File { size: 900 << 20 }, 0o644);
        assert!(!is_wanted(&entry));
    }
}
