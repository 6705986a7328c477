//! Whether a Python of an image finds a module: by its files, as the import system looks for them.

use super::names::is_shared;
use crate::view::{Entry, Python, View};

/// Modules that are in the interpreter itself, for one platform or another.
const BUILT_IN: [&str; 46] = [
    "_abc",
    "_ast",
    "_codecs",
    "_collections",
    "_functools",
    "_imp",
    "_io",
    "_locale",
    "_operator",
    "_signal",
    "_sre",
    "_stat",
    "_string",
    "_symtable",
    "_thread",
    "_tracemalloc",
    "_typing",
    "_warnings",
    "_weakref",
    "array",
    "atexit",
    "binascii",
    "builtins",
    "cmath",
    "errno",
    "faulthandler",
    "fcntl",
    "gc",
    "grp",
    "itertools",
    "__main__",
    "marshal",
    "math",
    "posix",
    "pwd",
    "pyexpat",
    "resource",
    "select",
    "spwd",
    "sys",
    "syslog",
    "time",
    "unicodedata",
    "xxsubtype",
    "zlib",
    "__future__",
];
/// More entries than a folder that could be a module needs to be looked at.
const ENOUGH: usize = 200;

/// What looking for a module came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Yes,
    /// It is not there; this is as much of its name as is missing.
    No(String),
    /// Something that is worked on elsewhere may bring it.
    Unsure(String),
}

/// Looks for a module, and for what is taken from it where that may be a module.
pub(super) fn find(view: &View, python: &Python, module: &str, names: &[String]) -> Found {
    let missing = match place(view, python, module) {
        Place::Missing(missing) => missing,
        // A name that only packages are below: what is taken from it is one of these.
        Place::Shared => {
            let whole = names.iter().map(|name| format!("{module}.{name}"));
            let missing = whole.into_iter().find_map(|whole| match place(view, python, &whole) {
                Place::Missing(missing) => Some(missing),
                _ => None,
            });
            match missing {
                Some(missing) => missing,
                None => return Found::Yes,
            }
        }
        Place::There => return Found::Yes,
    };
    let missing = if is_shared(&missing) { whole(module, names) } else { missing };
    if has_paths_elsewhere(view, python) { Found::Unsure(missing) } else { Found::No(missing) }
}

/// A module below a name that belongs to nobody alone, by all that is known of it: the name above it says nothing.
fn whole(module: &str, names: &[String]) -> String {
    match names.first().filter(|_| module.split('.').count() < 3) {
        Some(name) => format!("{module}.{name}"),
        None => module.to_owned(),
    }
}

enum Place {
    There,
    /// A folder without code of its own, which several packages share.
    Shared,
    Missing(String),
}

fn place(view: &View, python: &Python, module: &str) -> Place {
    let mut parts = module.split('.');
    let first = parts.next().unwrap_or_default();
    if BUILT_IN.contains(&first) {
        return Place::There;
    }
    let library = &python.standard_library;
    let dynamic = format!("{library}/lib-dynload");
    let roots = python.packages.iter().chain([library, &dynamic]);
    let mut folders: Vec<Entry<'_>> = roots.filter_map(|root| view.find(root)).collect();
    let mut name = String::new();
    for part in [first].into_iter().chain(parts) {
        if !name.is_empty() {
            name.push('.');
        }
        name += part;
        match step(&folders, part) {
            Step::Code => return Place::There,
            Step::Nothing => return Place::Missing(name),
            Step::Folders(below) => folders = below,
        }
    }
    Place::Shared
}

enum Step<'a> {
    /// Code: what is below it, it decides itself.
    Code,
    /// Folders that lead on.
    Folders(Vec<Entry<'a>>),
    Nothing,
}

fn step<'a>(folders: &[Entry<'a>], name: &str) -> Step<'a> {
    let mut below = Vec::new();
    for folder in folders {
        if let Some(package) = folder.child(name).filter(Entry::is_directory) {
            if ["__init__.py", "__init__.pyc"].iter().any(|file| package.child(file).is_some())
                || is_extension(&package, "__init__")
            {
                return Step::Code;
            }
            below.push(package);
        }
        let is_module = [".py", ".pyc"].iter().any(|end| folder.child(&format!("{name}{end}")).is_some());
        if is_module || is_extension(folder, name) {
            return Step::Code;
        }
    }
    // A folder in which there is nothing to import is one of something else.
    below.retain(|folder| folder.below(ENOUGH).iter().any(is_code));
    if below.is_empty() { Step::Nothing } else { Step::Folders(below) }
}

fn is_code(entry: &Entry<'_>) -> bool {
    entry.name().ends_with(".py") || entry.name().ends_with(".so")
}

/// Whether a folder has a module of this name in machine code: `name.cpython-313-x86_64-linux-gnu.so`.
fn is_extension(folder: &Entry<'_>, name: &str) -> bool {
    let rest = |entry: &Entry<'_>| {
        let rest = entry.name().strip_prefix(name)?;
        (rest.starts_with('.') && rest.ends_with(".so")).then_some(())
    };
    folder.children().any(|entry| rest(&entry).is_some())
}

/// Whether files that lead elsewhere lie among the packages: what is installed to be worked on does that.
fn has_paths_elsewhere(view: &View, python: &Python) -> bool {
    let leads = |entry: &Entry<'_>| {
        let name = entry.name();
        name.ends_with(".egg-link")
            || name == "easy-install.pth"
            || (name.starts_with("__editable__") && name.ends_with(".pth"))
    };
    python
        .packages
        .iter()
        .filter_map(|root| view.find(root))
        .any(|folder| folder.children().any(|entry| leads(&entry)))
}
