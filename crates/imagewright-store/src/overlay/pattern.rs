//! Patterns over the paths of a layer.

use std::ffi::OsStr;
use std::path::Path;

/// A pattern such as `var/log/**` or `**/*.pyc`.
///
/// `*` stands for any part of a name, `**` for any number of directories; at the end, `**` stands for everything
/// inside the directory but not for the directory itself. Names need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    components: Vec<Box<str>>,
}

impl PathPattern {
    /// Reads a pattern; a slash at either end changes nothing.
    pub fn new(pattern: &str) -> Self {
        let components = pattern.split('/').filter(|component| !component.is_empty());
        Self { components: components.map(Into::into).collect() }
    }

    /// Whether the pattern stands for `path`, which is relative to the root of the layer.
    pub fn matches(&self, path: &Path) -> bool {
        let names: Vec<&[u8]> = path.iter().map(OsStr::as_encoded_bytes).collect();
        matches_components(&self.components, &names)
    }
}

impl From<&str> for PathPattern {
    fn from(pattern: &str) -> Self {
        Self::new(pattern)
    }
}

fn matches_components(pattern: &[Box<str>], names: &[&[u8]]) -> bool {
    match pattern.split_first() {
        None => names.is_empty(),
        Some((first, [])) if &**first == "**" => !names.is_empty(),
        Some((first, rest)) if &**first == "**" => {
            (0..=names.len()).any(|skipped| matches_components(rest, &names[skipped..]))
        }
        Some((first, rest)) => names.split_first().is_some_and(|(name, names)| {
            matches_name(first.as_bytes(), name) && matches_components(rest, names)
        }),
    }
}

fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skipped| matches_name(rest, &name[skipped..])),
        Some((byte, rest)) => {
            name.split_first().is_some_and(|(first, name)| first == byte && matches_name(rest, name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_the_paths_they_should() {
        let cases = [
            ("var/log/**", "var/log/apt/term.log", true),
            ("var/log/**", "var/log/apt", true),
            ("var/log/**", "var/log", false),
            ("/var/log/**/", "var/log/a", true),
            ("**/__pycache__", "__pycache__", true),
            ("**/__pycache__", "usr/lib/__pycache__", true),
            ("**/__pycache__", "usr/lib/__pycache__/a", false),
            ("etc/*-", "etc/passwd-", true),
            ("etc/*-", "etc/passwd", false),
            ("etc/*-", "etc/a/passwd-", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("a/**/b/**/c", "a/b/x/b/y/c", true),
            ("a/**/b", "a/b", true),
            ("**", "anything/at/all", true),
            ("tmp", "tmp", true),
            ("tmp", "tmp/a", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(PathPattern::new(pattern).matches(Path::new(path)), expected, "{pattern} {path}");
        }
    }
}
