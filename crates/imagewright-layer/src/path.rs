//! Paths inside a layer.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The longest path and the longest name Linux takes.
const PATH_MAX: usize = 4095;
const NAME_MAX: usize = 255;
/// In front of removed names (see `whiteout`); it never reaches a file system, so it does not count.
const WHITEOUT: &[u8] = b".wh.";

/// A path inside a layer: relative, normalised, and unable to leave the root by itself.
///
/// `./usr/bin/` and `/usr/bin` both read as `usr/bin`; the root is the empty path. The bytes need not be UTF-8.
/// Symbolic links on the way are the unpacker's business.
///
/// Paths are ordered name by name, as those of the standard library are; because they are normalised, their bytes tell
/// all there is to compare.
#[derive(Clone, Debug, Default)]
pub struct LayerPath(PathBuf);

/// Why bytes are not a path inside a layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A component is `..`.
    #[error("path `{0}` has a `..` in it")]
    Parent(String),
    /// A byte is zero.
    #[error("path `{0}` has a zero byte in it")]
    Nul(String),
    /// The path, or one name of it, is longer than a Linux file system takes.
    #[error("path `{0}` is longer than Linux takes")]
    TooLong(String),
}

impl LayerPath {
    /// Reads the bytes of a path as they stand in an archive.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        let shown = || String::from_utf8_lossy(bytes).into_owned();
        if bytes.contains(&0) {
            return Err(PathError::Nul(shown()));
        }
        let mut path = PathBuf::new();
        for name in bytes.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => return Err(PathError::Parent(shown())),
                _ if name.strip_prefix(WHITEOUT).unwrap_or(name).len() > NAME_MAX => {
                    return Err(PathError::TooLong(shown()));
                }
                _ => path.push(OsStr::from_bytes(name)),
            }
        }
        match path.as_os_str().len() {
            0..=PATH_MAX => Ok(Self(path)),
            _ => Err(PathError::TooLong(shown())),
        }
    }

    /// The root of the image.
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether this is the root of the image.
    pub fn is_root(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// The path, relative to the root of the image; empty for the root itself.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The path's bytes, without a slash at either end.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_os_str().as_bytes()
    }

    /// The last name; none for the root.
    pub fn file_name(&self) -> Option<&OsStr> {
        self.0.file_name()
    }

    /// The directory it lies in; none for the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.parent().map(|parent| Self(parent.to_owned()))
    }

    /// The path of `name` in this directory; `name` is checked like any path.
    pub fn join(&self, name: impl AsRef<OsStr>) -> Result<Self, PathError> {
        let mut bytes = self.as_bytes().to_vec();
        bytes.push(b'/');
        bytes.extend_from_slice(name.as_ref().as_bytes());
        Self::parse(&bytes)
    }
}

impl PartialEq for LayerPath {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for LayerPath {}

impl Hash for LayerPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for LayerPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LayerPath {
    fn cmp(&self, other: &Self) -> Ordering {
        // The end of a name comes before any byte of a longer one.
        let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
        let (one, other) = (self.as_bytes(), other.as_bytes());
        match one.iter().zip(other).find(|(a, b)| a != b) {
            Some((a, b)) => rank(*a).cmp(&rank(*b)),
            None => one.len().cmp(&other.len()),
        }
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str(".") } else { self.0.display().fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised() {
        let cases: &[(&[u8], &str)] = &[
            (b"usr/bin", "usr/bin"),
            (b"./usr//./bin/", "usr/bin"),
            (b"/usr", "usr"),
            (b"///", ""),
            (b"./", ""),
            (b"", ""),
            (b"...", "..."),
            (b"a/..b", "a/..b"),
            (b"a\nb", "a\nb"),
        ];
        for (bytes, expected) in cases {
            let path = LayerPath::parse(bytes).unwrap();
            assert_eq!(path.as_path(), Path::new(expected), "{bytes:?}");
        }
        assert_eq!(LayerPath::parse(b"caf\xe9").unwrap().as_bytes(), b"caf\xe9");
    }

    #[test]
    fn paths_are_ordered_name_by_name() {
        let names = [
            "", "a", "a/b", "a/b/c", "a/b-c", "a-", "a-b/c", "a.b", "ab", "b", "b/a", "B", "a/\u{1}",
            "a\u{1}",
        ];
        for (one, other) in names.iter().flat_map(|one| names.iter().map(move |other| (*one, *other))) {
            let [left, right] = [one, other].map(|path| LayerPath::parse(path.as_bytes()).unwrap());
            assert_eq!(left.cmp(&right), Path::new(one).cmp(Path::new(other)), "{one:?} {other:?}");
            assert_eq!(left == right, one == other);
        }
    }

    #[test]
    fn paths_that_leave_the_root_are_refused() {
        for bytes in [&b".."[..], b"../x", b"/../x", b"a/../../b", b"a/../b", b"a/.."] {
            assert!(matches!(LayerPath::parse(bytes), Err(PathError::Parent(_))), "{bytes:?}");
        }
        assert!(matches!(LayerPath::parse(b"a\0b"), Err(PathError::Nul(_))));
    }

    #[test]
    fn lengths_are_those_of_linux() {
        let name = "n".repeat(NAME_MAX);
        assert!(LayerPath::parse(name.as_bytes()).is_ok());
        assert!(matches!(LayerPath::parse(format!("{name}n").as_bytes()), Err(PathError::TooLong(_))));
        assert!(LayerPath::parse(format!(".wh.{name}").as_bytes()).is_ok());
        assert!(LayerPath::parse("d/".repeat(2048).as_bytes()).is_ok());
        assert!(matches!(LayerPath::parse("d/".repeat(2049).as_bytes()), Err(PathError::TooLong(_))));
    }

    #[test]
    fn parents_and_names() {
        let path = LayerPath::parse(b"usr/bin").unwrap();
        assert_eq!(path.file_name(), Some(OsStr::new("bin")));
        let usr = path.parent().unwrap();
        assert_eq!((usr.to_string().as_str(), usr.is_root()), ("usr", false));
        let root = usr.parent().unwrap();
        assert_eq!((root.to_string().as_str(), root.is_root(), root.parent()), (".", true, None));
        assert_eq!(root.join("usr").unwrap().join("bin").unwrap(), path);
        assert!(root.join("../x").is_err());
    }
}
