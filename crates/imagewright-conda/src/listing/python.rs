//! Python packages in locks of conda's tools, as a lock of Python packages has them.

use std::collections::BTreeMap;

use imagewright_python::lock::{Address, Artifact, FileSource, Hashes, Location, LockedPackage};
use imagewright_python::tags::WheelName;
use pep440_rs::Version;
use pep508_rs::PackageName;
use url::Url;

use super::ListingError;
use crate::channel::has_secret;

/// A Python package as such locks pin it.
pub(super) struct Pinned<'a> {
    pub(super) name: &'a str,
    pub(super) version: Option<&'a str>,
    pub(super) address: &'a str,
    pub(super) hashes: &'a BTreeMap<String, String>,
    pub(super) line: Option<u32>,
}

/// The package, where it is one file of an index.
pub(super) fn locked(pinned: &Pinned<'_>) -> Result<LockedPackage, ListingError> {
    let refused = |reason| refused(pinned.name, reason, pinned.line);
    // conda-lock writes the hash behind the address, too.
    let address = pinned.address.split('#').next().unwrap_or_default();
    let url = Url::parse(address).map_err(|_| refused("has no address"))?;
    if has_secret(&url) {
        return Err(refused("has an address with a user name, a password or a token in it"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("comes from a repository, and not from a file"));
    }
    let hashes = Hashes::new(pinned.hashes)
        .map_err(|_| refused("comes without its SHA-256, so it cannot be checked"))?;
    let location = Location::Url(Address::new(address));
    let name = location.file_name().ok_or_else(|| refused("has an address without the name of a file"))?;
    let file = FileSource { name, location, size: None, hashes };
    let artifact = match file.is_wheel() {
        true => {
            let name = file.name.parse::<WheelName>().map_err(|_| refused("has a file that is no wheel"))?;
            Artifact::Wheel { name, file }
        }
        false => Artifact::Sdist { file },
    };
    let version = pinned.version.map(str::parse::<Version>).transpose();
    let version = version.map_err(|_| refused("has a version that no Python package has"))?;
    Ok(LockedPackage { name: name_of(pinned.name, pinned.line)?, version, artifact })
}

/// The package, where it is a folder beside the lock.
pub(super) fn folder(name: &str, path: &str, line: Option<u32>) -> Result<LockedPackage, ListingError> {
    let artifact =
        Artifact::Directory { path: path.to_owned(), editable: None, subdirectory: None, content: None };
    Ok(LockedPackage { name: name_of(name, line)?, version: None, artifact })
}

fn name_of(name: &str, line: Option<u32>) -> Result<PackageName, ListingError> {
    let wrong = || refused(name, "is not the name of a Python package", line);
    PackageName::new(name.to_owned()).map_err(|_| wrong())
}

fn refused(name: &str, reason: &'static str, line: Option<u32>) -> ListingError {
    ListingError::NoFile { name: name.to_owned(), reason, line }
}
