//! Names of packages, extras and groups. The parsers of `pep508_rs` take an empty text for one.

use pep508_rs::{ExtraName, PackageName};

/// The name of a package, normalised.
pub(crate) fn package(text: &str) -> Option<PackageName> {
    PackageName::new(text.to_owned()).ok().filter(|_| !text.is_empty())
}

/// The name of an extra or a dependency group, normalised.
pub(crate) fn extra(text: &str) -> Option<ExtraName> {
    ExtraName::new(text.to_owned()).ok().filter(|_| !text.is_empty())
}
