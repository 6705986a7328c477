//! What a lock pins: one artefact for each package.

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;

use super::{Hashes, Location};
use crate::tags::WheelName;

/// Packages for one interpreter, each with the one artefact that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Versions of Python that the packages are for.
    pub requires_python: Option<VersionSpecifiers>,
    /// Markers, of which one must hold.
    pub environments: Vec<String>,
    /// The packages, by name.
    pub packages: Vec<LockedPackage>,
}

/// A package that is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Normalised name.
    pub name: PackageName,
    /// Version, absent where only a source tree knows it.
    pub version: Option<Version>,
    /// What is installed.
    pub artifact: Artifact,
}

/// What a package is installed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// A wheel of an index.
    Wheel {
        /// Its name taken apart.
        name: WheelName,
        /// The file.
        file: FileSource,
    },
    /// A source distribution of an index.
    Sdist {
        /// The file.
        file: FileSource,
    },
    /// A file that was named by itself: a wheel or an archive of sources.
    Archive {
        /// The file.
        file: FileSource,
        /// Where in it the project is.
        subdirectory: Option<String>,
    },
    /// A folder of sources. The format has nothing that pins what is in it.
    Directory {
        /// Where it is, from the folder of the lock.
        path: String,
        /// Whether it was installed in place when the lock was made, if the lock says so.
        editable: Option<bool>,
        /// Where in it the project is.
        subdirectory: Option<String>,
        /// Hash of what it holds, where the lock is of ours: `sha256:…`.
        content: Option<String>,
    },
    /// A commit of a repository.
    Vcs(VcsSource),
}

/// A file, and how to know that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// Its name: one part of a path.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// How many bytes it has, where that is stated.
    pub size: Option<u64>,
    /// Its hashes.
    pub hashes: Hashes,
}

/// A commit of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VcsSource {
    /// The program: `git`, `hg`, `bzr` or `svn`.
    pub kind: String,
    /// Where the repository is.
    pub location: Location,
    /// What was asked for, as a branch; for people only.
    pub requested_revision: Option<String>,
    /// The commit.
    pub commit_id: String,
    /// Where in it the project is.
    pub subdirectory: Option<String>,
}

impl FileSource {
    /// Whether it is a wheel, by its name.
    pub fn is_wheel(&self) -> bool {
        self.name.ends_with(".whl")
    }
}

/// A package as far as its bytes go: no address, no path, no file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentifiedPackage {
    /// Normalised name.
    pub name: String,
    /// Version, where it is known.
    pub version: Option<String>,
    /// `sha256:…` of the file, or `git:` and the commit; of a folder `tree:` and the hash of what it holds, absent where
    /// that is not known. Where the project is not at the top, that follows after a `#`.
    pub artifact: Option<String>,
}

impl Lock {
    /// What makes two locks equal, wherever the files come from: in the order of the names.
    pub fn identity(&self) -> Vec<IdentifiedPackage> {
        let identify = |package: &LockedPackage| IdentifiedPackage {
            name: package.name.to_string(),
            version: package.version.as_ref().map(ToString::to_string),
            artifact: package.artifact.identity(),
        };
        let mut packages: Vec<_> = self.packages.iter().map(identify).collect();
        packages.sort();
        packages
    }
}

impl Artifact {
    fn identity(&self) -> Option<String> {
        let (identity, subdirectory) = match self {
            Self::Wheel { file, .. } | Self::Sdist { file } => (file.hashes.to_string(), &None),
            Self::Archive { file, subdirectory } => (file.hashes.to_string(), subdirectory),
            Self::Vcs(vcs) => (format!("{}:{}", vcs.kind, vcs.commit_id), &vcs.subdirectory),
            Self::Directory { content, subdirectory, .. } => {
                (format!("tree:{}", content.as_ref()?), subdirectory)
            }
        };
        match subdirectory {
            Some(subdirectory) => Some(format!("{identity}#{subdirectory}")),
            None => Some(identity),
        }
    }
}
