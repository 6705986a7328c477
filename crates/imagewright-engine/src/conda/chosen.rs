//! A package that was decided on, as solutions and locks have it.

use imagewright_conda::{Channel, LockedPlace, NAMED, Package};
use imagewright_model::lock::LockedCondaPackage;
use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::CondaError;
use crate::error::EngineError;
use crate::versions_error::VersionsError;

/// A package to install. Where it is had from is not in it, and what it needs is: channels correct that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) build: String,
    pub(super) channel: String,
    pub(super) subdir: String,
    pub(super) file: String,
    /// Its address, where it is not in the channel.
    pub(super) url: Option<String>,
    /// Hexadecimal.
    pub(super) sha256: String,
    pub(super) md5: Option<String>,
    /// Zero where the channel does not tell.
    pub(super) size: u64,
    pub(super) depends: Vec<String>,
    pub(super) constrains: Vec<String>,
}

impl Chosen {
    /// A package that a solver chose.
    pub(super) fn of(package: &Package) -> Result<Self, CondaError> {
        let channel = package.channel();
        let shown = || channel.as_ref().map_or_else(String::new, |channel| channel.name().to_owned());
        let sha256 = package
            .sha256()
            .ok_or_else(|| CondaError::NoHash { package: package.shown(), channel: shown() })?;
        let usual =
            channel.as_ref().map(|channel| format!("{}{}", channel.subdir(package.subdir()), package.file()));
        let url = Some(package.url().to_string()).filter(|url| Some(url) != usual.as_ref());
        Ok(Self {
            name: package.name().to_owned(),
            version: package.version(),
            build: package.build().to_owned(),
            channel: shown(),
            subdir: package.subdir().to_owned(),
            file: package.file(),
            url,
            sha256: sha256.hex().to_owned(),
            md5: package.md5(),
            size: package.size().unwrap_or_default(),
            depends: package.depends().to_vec(),
            constrains: package.constrains().to_vec(),
        })
    }

    /// A package of a lock.
    pub(super) fn locked(package: &LockedCondaPackage) -> Self {
        let package = package.clone();
        Self {
            name: package.name,
            version: package.version,
            build: package.build,
            channel: package.channel,
            subdir: package.subdir,
            file: package.filename,
            url: package.url,
            sha256: package.sha256,
            md5: package.md5,
            size: package.size,
            depends: package.depends,
            constrains: package.constrains,
        }
    }

    /// The package as a lock has it.
    pub(super) fn to_locked(&self) -> LockedCondaPackage {
        let Self { name, version, build, channel, subdir, file, url, sha256, md5, size, depends, constrains } =
            self.clone();
        LockedCondaPackage {
            name,
            version,
            build,
            channel,
            subdir,
            filename: file,
            url,
            sha256,
            md5,
            size,
            depends,
            constrains,
        }
    }

    /// What is known of it without its file.
    pub(super) fn place(&self) -> Result<LockedPlace, EngineError> {
        let broken = || {
            let differences = vec![format!("`{}` is not in the channel `{}`", self.file, self.channel)];
            EngineError::from(VersionsError::LockDiffers { differences })
        };
        let channel = Channel::new(&self.channel).ok_or_else(broken)?;
        let usual = || format!("{}{}", channel.subdir(&self.subdir), self.file);
        let url = Url::parse(&self.url.clone().unwrap_or_else(usual)).map_err(|_| broken())?;
        // Neither files of this machine, nor what another channel calls its own.
        if !matches!(url.scheme(), "http" | "https") {
            return Err(broken());
        }
        if self.url.is_some()
            && url.as_str().starts_with(NAMED)
            && !url.as_str().starts_with(channel.address().as_str())
        {
            return Err(broken());
        }
        Ok(LockedPlace {
            name: self.name.clone(),
            version: self.version.clone(),
            build: self.build.clone(),
            channel,
            subdir: self.subdir.clone(),
            file: self.file.clone(),
            url,
            sha256: self.sha256.clone(),
            md5: self.md5.clone(),
            size: self.size,
            depends: self.depends.clone(),
            constrains: self.constrains.clone(),
        })
    }

    pub(super) fn digest(&self) -> Digest {
        format!("sha256:{}", self.sha256).parse().expect("a SHA-256 in a solution or a lock was looked at")
    }

    /// Its size, where that is known.
    pub(super) fn known_size(&self) -> Option<u64> {
        (self.size > 0).then_some(self.size)
    }

    /// Whether a package that is installed is this one.
    pub(super) fn is(&self, package: &Package) -> bool {
        package.name() == self.name && package.version() == self.version && package.build() == self.build
    }
}
