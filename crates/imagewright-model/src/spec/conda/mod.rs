//! conda packages as people ask for them.
//!
//! This takes apart what people write around a match specification: channels, architectures, options of conda's command line. What is
//! left is kept as text. Whether versions and builds in it are what they must be is found out by who solves it.

mod channel;
mod environment;
mod error;
mod explicit;
mod list;
mod package;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use super::Origin;
use serde::{Deserialize, Serialize};

pub use channel::CondaChannel;
pub(super) use environment::read_environment;
pub use error::CondaSpecError;
pub use list::{CondaList, ListedPackages, LockPart, LockPartChoice, NamedFile, ReadLock};
pub(super) use list::{EXPLICIT, LOCKS};
pub use package::CondaPackage;
use package::split_subdir;

/// The conda packages of a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CondaSpec {
    /// What is asked for, sorted, each once.
    pub packages: Vec<CondaPackage>,
    /// The channels that are looked through, in order; none: those that are configured.
    pub channels: Vec<CondaChannel>,
    /// How their order counts.
    pub priority: ChannelPriority,
    /// What happens to packages with scripts that conda would run.
    pub link_scripts: LinkScripts,
    /// The version of CUDA that the machine will have where the image runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuda: Option<String>,
    /// The list that holds all that may be installed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explicit: Option<Origin>,
}

impl CondaSpec {
    /// Whether conda packages are asked for at all.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }
}

/// How the order of channels counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelPriority {
    /// A package comes from the first channel that has it.
    #[default]
    Strict,
    /// A package comes from the first channel that has a version of it which fits.
    Flexible,
    /// Versions count more than channels.
    Disabled,
}

/// What happens to packages with scripts that conda would run when it installs them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkScripts {
    /// They are refused.
    #[default]
    Refuse,
    /// They are installed, and their scripts are not run.
    Skip,
    /// They are installed, and their scripts are run in the sandbox.
    Run,
}

impl FromStr for ChannelPriority {
    type Err = CondaSpecError;

    fn from_str(text: &str) -> Result<Self, CondaSpecError> {
        match text {
            "strict" => Ok(Self::Strict),
            "flexible" => Ok(Self::Flexible),
            "disabled" => Ok(Self::Disabled),
            _ => Err(CondaSpecError::Priority(text.to_owned())),
        }
    }
}

impl fmt::Display for ChannelPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Flexible => "flexible",
            Self::Disabled => "disabled",
        })
    }
}

impl FromStr for LinkScripts {
    type Err = CondaSpecError;

    fn from_str(text: &str) -> Result<Self, CondaSpecError> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "skip" => Ok(Self::Skip),
            "run" => Ok(Self::Run),
            _ => Err(CondaSpecError::LinkScripts(text.to_owned())),
        }
    }
}

/// Checks a version of CUDA, as `12.4`.
pub(super) fn check_cuda(text: &str) -> Result<String, CondaSpecError> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split('.').all(is_number) && text.split('.').count() <= 3 {
        true => Ok(text.to_owned()),
        false => Err(CondaSpecError::Cuda(text.to_owned())),
    }
}

/// Each package once, in one order. What is asked of a package in several places must all hold.
pub(super) fn distinct(mut packages: Vec<CondaPackage>) -> Vec<CondaPackage> {
    packages.sort();
    packages.dedup_by(|later, kept| later.to_string() == kept.to_string());
    packages
}

/// Each channel once, where it stands first.
pub(super) fn distinct_channels(channels: Vec<CondaChannel>) -> Vec<CondaChannel> {
    let mut distinct: Vec<CondaChannel> = Vec::new();
    for channel in channels {
        if !distinct.iter().any(|known| known.name() == channel.name()) {
            distinct.push(channel);
        }
    }
    distinct
}
