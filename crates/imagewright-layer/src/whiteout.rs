//! The names that stand for removals (image spec, "Whiteouts").

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::{LayerError, LayerPath};

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// AUFS kept its own data under such names; layers written by old Docker still hold them.
const METADATA: &[u8] = b".wh..wh.";

/// What the name of an archive entry stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The path itself.
    Plain(LayerPath),
    /// The removal of this path.
    Whiteout(LayerPath),
    /// The removal of what lower layers have in this directory.
    Opaque(LayerPath),
    /// Nothing: data of AUFS.
    Metadata,
}

/// Reads the meaning of a path as it stands in an archive.
pub(crate) fn decode(path: LayerPath) -> Result<Meaning, LayerError> {
    let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
        return Ok(Meaning::Plain(path));
    };
    let malformed = || LayerError::Whiteout { entry: path.to_string() };
    if names(&parent).any(is_metadata) {
        return Ok(Meaning::Metadata);
    }
    if is_reserved(&parent) {
        return Err(malformed());
    }
    if name.as_bytes() == OPAQUE {
        return Ok(Meaning::Opaque(parent));
    }
    if is_metadata(name.as_bytes()) {
        return Ok(Meaning::Metadata);
    }
    match name.as_bytes().strip_prefix(PREFIX) {
        None => Ok(Meaning::Plain(path)),
        Some(b"" | b"." | b"..") => Err(malformed()),
        Some(removed) => Ok(Meaning::Whiteout(parent.join(OsStr::from_bytes(removed))?)),
    }
}

/// Whether a name of the path is one that archives keep for whiteouts.
pub(crate) fn is_reserved(path: &LayerPath) -> bool {
    names(path).any(|name| name.starts_with(PREFIX))
}

/// The name in an archive that removes `path`; none for the root, which cannot be removed.
pub(crate) fn whiteout_name(path: &LayerPath) -> Option<Vec<u8>> {
    let (name, parent) = (path.file_name()?, path.parent()?);
    Some(inside(&parent, &[PREFIX, name.as_bytes()].concat()))
}

/// The name in an archive that makes `directory` opaque.
pub(crate) fn opaque_name(directory: &LayerPath) -> Vec<u8> {
    inside(directory, OPAQUE)
}

fn inside(directory: &LayerPath, name: &[u8]) -> Vec<u8> {
    if directory.is_root() { name.to_vec() } else { [directory.as_bytes(), name].join(&b'/') }
}

fn is_metadata(name: &[u8]) -> bool {
    name.starts_with(METADATA)
}

fn names(path: &LayerPath) -> impl Iterator<Item = &[u8]> {
    path.as_path().iter().map(OsStrExt::as_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> LayerPath {
        LayerPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_are_decoded() {
        let cases = [
            ("", Meaning::Plain(path(""))),
            ("usr/bin/x", Meaning::Plain(path("usr/bin/x"))),
            ("usr/.who", Meaning::Plain(path("usr/.who"))),
            ("usr/bin/.wh.x", Meaning::Whiteout(path("usr/bin/x"))),
            (".wh.x", Meaning::Whiteout(path("x"))),
            (".wh....", Meaning::Whiteout(path("..."))),
            ("usr/.wh..wh..opq", Meaning::Opaque(path("usr"))),
            (".wh..wh..opq", Meaning::Opaque(path(""))),
            (".wh..wh.aufs", Meaning::Metadata),
            (".wh..wh.plnk/12.34", Meaning::Metadata),
            (".wh..wh.orph/.wh..wh..opq", Meaning::Metadata),
        ];
        for (name, expected) in cases {
            assert_eq!(decode(path(name)).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn names_that_remove_nothing_or_too_much_are_refused() {
        for name in [".wh.", "usr/.wh.", "usr/.wh..", "usr/.wh...", ".wh.d/x", ".wh.d/.wh..wh..opq"] {
            assert!(decode(path(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn names_come_back() {
        for removed in ["x", "usr/bin/x", "..."] {
            let name = LayerPath::parse(&whiteout_name(&path(removed)).unwrap()).unwrap();
            assert_eq!(decode(name).unwrap(), Meaning::Whiteout(path(removed)));
        }
        for directory in ["", "usr/bin"] {
            let name = LayerPath::parse(&opaque_name(&path(directory))).unwrap();
            assert_eq!(decode(name).unwrap(), Meaning::Opaque(path(directory)));
        }
        assert_eq!(whiteout_name(&path("")), None);
    }
}
