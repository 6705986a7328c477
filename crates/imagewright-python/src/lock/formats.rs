//! Which packages may come as wheels, and which may be built.

use std::collections::BTreeSet;

use pep508_rs::PackageName;

use crate::names;

/// Names of packages, or all of them. Written as pip does: names, `:all:`, `:none:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageSet {
    all: bool,
    names: BTreeSet<PackageName>,
}

/// What stands in the place of a name is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a package")]
pub struct NameError(pub String);

impl PackageSet {
    /// Reads names, in order: `:none:` takes back what stands before it.
    ///
    /// # Errors
    /// Refuses what is no name.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, NameError> {
        let mut set = Self::default();
        for item in items {
            match item {
                ":all:" => set = Self { all: true, names: BTreeSet::new() },
                ":none:" => set = Self::default(),
                name => {
                    let name = names::package(name).ok_or_else(|| NameError(name.to_owned()))?;
                    set.names.insert(name);
                }
            }
        }
        Ok(set)
    }
}

/// What may be installed of which package. As with pip, a name counts for more than `:all:`, and `only_binary` for more
/// than `no_binary`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    /// Packages that must be built from source.
    pub no_binary: PackageSet,
    /// Packages that must not.
    pub only_binary: PackageSet,
}

impl Formats {
    /// Whether `name` may come as a wheel.
    pub fn allow_wheel(&self, name: &PackageName) -> bool {
        let forbidden = self.no_binary.names.contains(name) || self.no_binary.all && !self.only_binary.all;
        self.only_binary.names.contains(name) || !forbidden
    }

    /// Whether `name` may be built, which runs its code.
    pub fn allow_source(&self, name: &PackageName) -> bool {
        let forbidden = self.only_binary.all && !self.no_binary.names.contains(name);
        !self.only_binary.names.contains(name) && !forbidden
    }
}
