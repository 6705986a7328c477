//! The image lock: every version that a build decided on, so that the next build decides the same.
//!
//! It is kept beside the spec as TOML. Each part (base, apt, conda, pip) carries the digest of what the spec asked of it: a
//! part holds as long as that is the same, so labels and environment can change without anything being solved
//! anew. No path, time or password of a machine stands in it.

mod fit;
mod read;
#[cfg(test)]
mod tests;
mod values;
mod write;

use std::collections::BTreeMap;

use imagewright_oci::{Digest, Platform};

pub use fit::LockKeys;

/// Version of the format; a lock of a later one is refused.
pub const LOCK_VERSION: u32 = 1;

/// What a build decided on.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageLock {
    /// What the spec asked for, see [`ImageSpec::lock_keys`](crate::spec::ImageSpec::lock_keys).
    pub spec: Digest,
    /// The platform everything is for.
    pub platform: Platform,
    /// Versions of the code that makes layers of packages, by name.
    pub transforms: BTreeMap<String, u32>,
    /// Where the image begins.
    pub base: LockedBase,
    /// Debian packages, where the spec asks for some.
    pub apt: Option<LockedApt>,
    /// conda packages, where the spec asks for some.
    pub conda: Option<LockedConda>,
    /// Python packages, where the spec asks for some.
    pub pip: Option<LockedPython>,
    /// What starts a kernel, where the image is for one.
    pub kernel: Option<LockedKernel>,
}

/// What starts the kernel of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedKernel {
    /// What the spec asked for: the language, and a name of what starts it.
    pub asked: String,
    /// SHA-256 of our launcher, or of the archive, hexadecimal.
    pub sha256: String,
}

/// The base of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedBase {
    /// What the spec asked of the base.
    pub key: Digest,
    /// Its name as it was written; of a file only the last part.
    pub name: String,
    /// Digest of its manifest; none where it was made from packages.
    pub digest: Option<Digest>,
    /// The distribution and suite it was made of, as `debian/trixie`.
    pub distribution: Option<String>,
    /// The packages it was made of.
    pub packages: Vec<LockedDebian>,
}

/// The Debian packages of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedApt {
    /// What the spec asked of apt.
    pub key: Digest,
    /// The packages that were asked for, for people and for telling what has changed.
    pub asked: Vec<String>,
    /// All that is installed.
    pub packages: Vec<LockedDebian>,
}

/// A Debian package of a lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedDebian {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `amd64`, `all`.
    pub architecture: String,
    /// SHA-256 of its file, hexadecimal.
    pub sha256: String,
    /// Bytes of its file.
    pub size: u64,
    /// Where archives keep it, for a base that is made of packages.
    pub archive: Option<ArchivePlace>,
}

/// Where archives keep a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchivePlace {
    /// The suite that names it.
    pub suite: String,
    /// Its path below an archive.
    pub filename: String,
}

/// The conda packages of a lock, and where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedConda {
    /// What the spec asked of conda.
    pub key: Digest,
    /// The packages that were asked for, for people and for telling what has changed.
    pub asked: Vec<String>,
    /// Path of the environment in the image.
    pub prefix: String,
    /// All that is installed, in the order of installation.
    pub packages: Vec<LockedCondaPackage>,
}

/// A conda package of a lock.
///
/// What it needs stands here as well, because channels correct what packages say of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedCondaPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which build of the version.
    pub build: String,
    /// The channel, as the spec or the configuration names it: where that is had from is for each machine to know.
    pub channel: String,
    /// The folder of the channel, as `linux-64`.
    pub subdir: String,
    /// The name of its file.
    pub filename: String,
    /// The address of its file, where that is not in the channel.
    pub url: Option<String>,
    /// SHA-256 of its file, hexadecimal.
    pub sha256: String,
    /// MD5 of its file, hexadecimal, where the channel tells it.
    pub md5: Option<String>,
    /// Bytes of its file.
    pub size: u64,
    /// What must be installed with it.
    pub depends: Vec<String>,
    /// What must hold for others that are installed with it.
    pub constrains: Vec<String>,
}

/// The Python packages of a lock, and for which Python.
#[derive(Clone, Debug, PartialEq)]
pub struct LockedPython {
    /// What the spec asked of Python packages.
    pub key: Digest,
    /// The packages that were asked for, for people and for telling what has changed.
    pub asked: Vec<String>,
    /// Path of the interpreter in the image.
    pub interpreter: String,
    /// Its version.
    pub version: String,
    /// Where the packages go: `system`, or the path of a virtual environment.
    pub environment: String,
    /// The packages: the entries of a `pylock.toml` (PEP 751).
    pub document: toml::Table,
}

impl LockedPython {
    /// Reads the packages from the text of a `pylock.toml`.
    ///
    /// # Errors
    /// When the text is no TOML.
    pub fn document_of(text: &str) -> Result<toml::Table, toml::de::Error> {
        toml::from_str(text)
    }

    /// The text of a `pylock.toml`, as locks have it.
    pub fn text_of(document: &toml::Table) -> String {
        write::pylock(document)
    }

    /// The text of a `pylock.toml` with these packages.
    pub fn pylock(&self) -> String {
        write::pylock(&self.document)
    }

    /// Name and version of each package; the version is empty where the lock has none.
    pub fn packages(&self) -> impl Iterator<Item = (&str, &str)> {
        let packages = self.document.get("packages").and_then(toml::Value::as_array);
        packages.into_iter().flatten().filter_map(|package| {
            let text = |key| package.get(key).and_then(toml::Value::as_str);
            Some((text("name")?, text("version").unwrap_or_default()))
        })
    }
}
