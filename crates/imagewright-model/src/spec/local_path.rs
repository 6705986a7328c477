//! Requirements that name a file or folder of this machine: `./project[extra] ; marker`, `NAME @ file:…`, `-e .`.

use pep508_rs::PackageName;
use serde::{Deserialize, Serialize};

use super::RequirementError;

/// Endings of files that distributions come as.
const ARCHIVES: [&str; 7] = [".whl", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip"];
/// Options of pip that ask for an editable install.
const EDITABLE: [&str; 2] = ["-e", "--editable"];

/// A wheel, an archive of sources or a project that lies on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocalPath {
    /// Where it is, from the folder that the spec counts from; `.` for that folder itself. Without needless parts.
    pub path: String,
    /// Extras that are asked for: `[a,b]`, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub extras: String,
    /// In which environments it is wanted, after PEP 508; nothing for all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub marker: String,
    /// Whether it was to be installed in place, which an image cannot do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub editable: bool,
}

impl LocalPath {
    /// The requirement as PEP 508 has it, with `address` for the path.
    pub fn requirement(&self, name: Option<&str>, address: &str) -> String {
        let Self { extras, marker, .. } = self;
        let subject = match name {
            Some(name) => format!("{name}{extras} @ {address}"),
            None => format!("{address}{extras}"),
        };
        if marker.is_empty() { subject } else { format!("{subject} ; {marker}") }
    }

    /// The same, for a spec that counts from another folder: `way` leads from there to the one it counted from.
    #[must_use]
    pub fn seen_from(mut self, way: &str) -> Self {
        self.path = join(way, &self.path);
        self
    }

    /// The last part of its path, which is what a person would call it.
    pub fn short(&self) -> &str {
        self.path.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or(&self.path)
    }
}

/// A requirement that was taken apart.
pub(super) struct Parsed {
    pub(super) name: Option<String>,
    pub(super) local: LocalPath,
}

/// The text behind `-e` or `--editable`.
pub(super) fn editable(text: &str) -> Option<&str> {
    EDITABLE.into_iter().find_map(|option| {
        let rest = text.strip_prefix(option)?;
        let value = match rest.strip_prefix(['=', ' ', '\t']) {
            Some(value) => value,
            None if option == "-e" && rest.starts_with(['.', '/']) => rest,
            None => return None,
        };
        Some(value.trim()).filter(|value| !value.is_empty())
    })
}

/// Takes a requirement apart that names a path; none where it names none. Paths count from `folder`.
pub(super) fn parse(text: &str, folder: &str) -> Result<Option<Parsed>, RequirementError> {
    let (subject, marker) = split_marker(text);
    let (named, target) = match named(subject) {
        Some((named, target)) => (Some(named), target),
        None => (None, subject),
    };
    let target = match target.strip_prefix("file:") {
        Some(rest) => Target { path: decoded(text, rest)?, is_address: true },
        None if is_path(target) => Target { path: target.to_owned(), is_address: false },
        None => return Ok(None),
    };
    let (mut name, mut extras) = match named {
        Some(named) => {
            let (name, extras) = split_extras(named);
            (Some(package_name(text, name)?), extras)
        }
        None => (None, ""),
    };
    let (path, own_extras) = match named {
        Some(_) => (target.path.as_str(), ""),
        None => split_extras(&target.path),
    };
    if named.is_none() {
        extras = own_extras;
    }
    let path = checked(text, path, &target)?;
    if name.is_none() {
        name = name_of_wheel(path);
    }
    // What stands for the path must be a requirement with every other part as it is.
    let local = LocalPath {
        path: join(folder, path),
        extras: extras.split_whitespace().collect(),
        marker: marker.to_owned(),
        editable: false,
    };
    super::requirement::parse(&local.requirement(Some("x"), "https://mirror.example/x"))?;
    Ok(Some(Parsed { name, local }))
}

struct Target {
    path: String,
    is_address: bool,
}

/// Splits at the `;` before a marker. A path may hold one too: then no blank stands before it.
fn split_marker(text: &str) -> (&str, &str) {
    let blank = |at: &usize| text[..*at].ends_with(char::is_whitespace);
    let first = || text.find(';').filter(|_| !text.starts_with(['.', '/', '~']));
    match text.match_indices(';').map(|(at, _)| at).find(blank).or_else(first) {
        Some(at) => (text[..at].trim_end(), text[at + 1..].trim()),
        None => (text, ""),
    }
}

/// What stands before and behind the `@` of `NAME[EXTRAS] @ TARGET`.
fn named(subject: &str) -> Option<(&str, &str)> {
    let (before, target) = subject.split_once('@')?;
    let name = split_extras(before.trim()).0;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    is_name.then(|| (before.trim(), target.trim_start()))
}

fn split_extras(text: &str) -> (&str, &str) {
    match text.strip_suffix(']').and_then(|rest| rest.rfind('[')) {
        Some(at) => (text[..at].trim_end(), &text[at..]),
        None => (text, ""),
    }
}

fn is_path(target: &str) -> bool {
    let (path, _) = split_extras(target);
    let is_archive = ARCHIVES.iter().any(|ending| path.ends_with(ending));
    path.starts_with(['.', '/', '~']) || (!path.contains("://") && (is_archive || path.contains('/')))
}

/// The path of a `file:` address.
fn decoded(text: &str, rest: &str) -> Result<String, RequirementError> {
    let wrong = |reason: &str| RequirementError::Syntax { text: text.to_owned(), reason: reason.to_owned() };
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    if rest.starts_with("//") && !path.starts_with('/') {
        return Err(wrong("a path of this machine follows `file://`, and begins with `/`"));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_err(|_| wrong("its path is not text"))
}

/// The path without what pip would take for a fragment, if it is one that can be used.
fn checked<'p>(text: &str, path: &'p str, target: &Target) -> Result<&'p str, RequirementError> {
    let wrong = |reason: String| RequirementError::Syntax { text: text.to_owned(), reason };
    let (path, fragment) = match path.split_once('#') {
        Some((path, fragment)) if target.is_address || fragment.starts_with("egg=") => (path, fragment),
        _ => (path, ""),
    };
    // `egg` names the package, which it does itself.
    if let Some(other) = fragment.split('&').find(|part| !part.is_empty() && !part.starts_with("egg=")) {
        return Err(wrong(format!("`{other}` behind a path is not honoured")));
    }
    if path.starts_with('~') {
        return Err(wrong("`~` is put in by shells, and none is asked here".to_owned()));
    }
    if path.is_empty() || path.contains(|c: char| c.is_control()) || path.contains('\\') {
        return Err(wrong("its path holds a character that cannot be in one".to_owned()));
    }
    Ok(path)
}

fn package_name(text: &str, name: &str) -> Result<String, RequirementError> {
    match PackageName::new(name.to_owned()) {
        Ok(name) => Ok(name.to_string()),
        Err(_) => Err(RequirementError::Syntax {
            text: text.to_owned(),
            reason: format!("name `{name}` must end with a letter or digit"),
        }),
    }
}

/// The package whose wheel has this name.
fn name_of_wheel(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?.strip_suffix(".whl")?;
    let name = file.split('-').next()?;
    PackageName::new(name.to_owned()).ok().map(|name| name.to_string())
}

/// The path `named` from where `folder` counts from, without `.` and needless `..`.
pub fn join(folder: &str, named: &str) -> String {
    let whole = if named.starts_with('/') { named.to_owned() } else { format!("{folder}/{named}") };
    let is_absolute = named.starts_with('/') || folder.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    match (is_absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, folder: &str) -> Option<String> {
        let parsed = parse(text, folder).unwrap_or_else(|error| panic!("{text}: {error}"))?;
        Some(parsed.local.requirement(parsed.name.as_deref(), &parsed.local.path))
    }

    #[test]
    fn paths_are_taken_from_where_they_are_named() {
        let cases = [
            (".", "", "."),
            ("./", "sub", "sub"),
            ("..", "sub", "."),
            ("../lib", "", "../lib"),
            ("../../lib", "sub", "../lib"),
            ("./my project", "", "my project"),
            (".[dev, docs]", "", ".[dev,docs]"),
            ("./pkg [dev] ; python_version > '3'", "a/b", "a/b/pkg[dev] ; python_version > '3'"),
            ("./odd;name", "", "odd;name"),
            ("src/package", "", "src/package"),
            ("dist/A_b-1.0-py3-none-any.whl", "", "a-b @ dist/A_b-1.0-py3-none-any.whl"),
            ("x-1.0-py3-none-any.whl[all]", "", "x[all] @ x-1.0-py3-none-any.whl"),
            ("x-1.0.tar.gz ; os_name == 'posix'", "", "x-1.0.tar.gz ; os_name == 'posix'"),
            ("/srv/./a/../x", "sub", "/srv/x"),
            ("/../x", "", "/x"),
            ("X.y @ file:///srv/a%20b", "", "x-y @ /srv/a b"),
            (
                "x[a] @ file://localhost/srv/x.whl ; os_name == 'posix'",
                "",
                "x[a] @ /srv/x.whl ; os_name == 'posix'",
            ),
            ("x @ file:lib/x", "sub", "x @ sub/lib/x"),
            ("x @ ./x", "", "x @ x"),
            ("file:///srv/x[a]", "", "/srv/x[a]"),
            ("file:./x#egg=x", "", "x"),
            (".#egg=demo", "", "."),
        ];
        for (text, folder, expected) in cases {
            assert_eq!(shown(text, folder).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_path() {
        for text in [
            "numpy",
            "a.b",
            "numpy>=2 ; os_name == 'posix'",
            "numpy; platform_version == 'a/b'",
            "x @ https://mirror.example/x.whl",
            "https://mirror.example/x.whl",
            "git+https://mirror.example/x.git@v1",
            "git+ssh://git@mirror.example/x.git",
            "x[a] @ git+https://mirror.example/x.git",
        ] {
            assert_eq!(shown(text, ""), None, "{text}");
        }
    }

    #[test]
    fn paths_that_cannot_be_used() {
        let cases = [
            ("~/x", "put in by shells"),
            ("./x\\y", "cannot be in one"),
            ("file://server/x", "begins with `/`"),
            ("file:///srv/x.tar.gz#sha256=00", "`sha256=00` behind a path"),
            ("file:///x#subdirectory=y", "`subdirectory=y` behind a path"),
            ("./x ; python_versio > '3'", "is not a requirement"),
            ("./x[a_]", "must end with a letter or digit"),
            ("x- @ ./x", "must end with a letter or digit"),
        ];
        for (text, part) in cases {
            let error = parse(text, "").map(|parsed| parsed.map(|it| it.local)).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn options_that_ask_for_an_editable_install() {
        for text in ["-e .", "-e.", "--editable .", "--editable=.", "-e  . "] {
            assert_eq!(editable(text), Some("."), "{text}");
        }
        for text in ["-e", "--editable", "--editablex", "--extra", "-x ."] {
            assert_eq!(editable(text), None, "{text}");
        }
    }
}
