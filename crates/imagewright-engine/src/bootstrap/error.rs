//! What can go wrong on the way from nothing to a root.

use std::io;
use std::path::PathBuf;

use imagewright_model::spec::Distribution;
use imagewright_model::{ErrorKind, SecretUrl};

use super::distribution;
use super::signature::SignatureError;
use super::tree::TreeError;
use crate::fetch::FetchError;

/// Why a root could not be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it, the fields are what they name")]
pub enum BootstrapError {
    /// Nothing says where packages come from.
    #[error("nothing names an archive of {distribution}")]
    NoMirror { distribution: Distribution },
    /// Nothing says which suite.
    #[error("nothing says which suite of {distribution} is meant")]
    UnnamedSuite { distribution: Distribution },
    /// The machine's distribution was asked for, and is none of ours.
    #[error("this machine (`{id}`) is neither Debian nor Ubuntu")]
    ForeignMachine { id: String },
    /// There is no keyring to check signatures with.
    #[error("there is no keyring of {distribution} at `{path}`")]
    NoKeyring { distribution: Distribution, path: PathBuf },
    /// The archive has no such suite.
    #[error("the archive `{uri}` has no suite `{suite}`")]
    NoSuite { suite: String, uri: SecretUrl },
    /// A solution is older than the configured archives.
    #[error("no configured archive holds the suite `{suite}` that `{package}` comes from")]
    NoSource { suite: String, package: String },
    /// A file of the archive could not be fetched.
    #[error("could not fetch {what}")]
    Fetch { what: String, source: FetchError },
    /// The signature does not hold.
    #[error("the signature of `{url}` is not to be trusted")]
    Signature { url: SecretUrl, source: SignatureError },
    /// The signed file is not what it should be.
    #[error("`{url}` {problem}")]
    Release { url: SecretUrl, problem: String },
    /// The package list is not what it should be.
    #[error("could not read the package list `{url}`")]
    PackageList { url: SecretUrl, source: io::Error },
    /// A package that was asked for does not exist.
    #[error("there is no package `{name}` in `{suite}`")]
    UnknownPackage { name: String, suite: String, nearest: Vec<String> },
    /// A package needs what no package brings.
    #[error("`{package}` needs `{dependency}`, which no package of the archive brings")]
    Unsatisfiable { package: String, dependency: String },
    /// A file of the cache could not be read or written.
    #[error("could not use `{path}`")]
    Cache { path: PathBuf, source: io::Error },
    /// A package is not what it should be.
    #[error("could not read the package `{package}`")]
    Package { package: String, source: io::Error },
    /// An entry of a package could not be written.
    #[error("could not extract `{package}`")]
    Extract { package: String, source: TreeError },
    /// The tree could not be finished.
    #[error("could not prepare `{path}`")]
    Tree { path: PathBuf, source: TreeError },
}

impl BootstrapError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoMirror { .. }
            | Self::UnnamedSuite { .. }
            | Self::ForeignMachine { .. }
            | Self::NoSource { .. } => ErrorKind::Usage,
            Self::NoKeyring { .. } => ErrorKind::Machine,
            Self::NoSuite { .. } | Self::UnknownPackage { .. } => ErrorKind::NotFound,
            Self::Fetch { source, .. } => source.kind(),
            Self::Signature { source, .. } => source.kind(),
            Self::Release { .. } | Self::PackageList { .. } | Self::Package { .. } => ErrorKind::Invalid,
            Self::Unsatisfiable { .. } => ErrorKind::Failed,
            Self::Cache { source, .. } => ErrorKind::of_io(source),
            Self::Extract { source, .. } | Self::Tree { source, .. } => source.kind(),
        }
    }

    /// What can be done about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoMirror { .. } | Self::NoSource { .. } => {
                Some("name one with `--mirror` or with `apt.mirror` in the configuration".to_owned())
            }
            Self::UnnamedSuite { distribution } => {
                Some(format!("say which one: `bootstrap:{distribution}/SUITE`"))
            }
            Self::ForeignMachine { .. } => Some(
                "say which one with `bootstrap:debian/SUITE` or `bootstrap:ubuntu/SUITE`, and name an archive \
                 with `--mirror` or with `apt.mirror` in the configuration"
                    .to_owned(),
            ),
            Self::NoKeyring { distribution, .. } => Some(format!(
                "install the package `{}`, or name a keyring with `apt.keyring` in the configuration",
                distribution::keyring_package(*distribution)
            )),
            Self::NoSuite { suite, .. } if suite.ends_with("-security") => {
                Some("name the archive that has it with `apt.security-mirror` in the configuration".to_owned())
            }
            Self::NoSuite { .. } => Some("check the spelling of the suite and the archive's address".to_owned()),
            Self::UnknownPackage { nearest, .. } if !nearest.is_empty() => {
                let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
                Some(format!("did you mean {}?", names.join(" or ")))
            }
            Self::Fetch { source, .. } => source.hint(),
            Self::Signature { source, .. } => source.hint(),
            Self::Cache { source, .. } => ErrorKind::io_hint(source),
            Self::Extract { source, .. } | Self::Tree { source, .. } => source.hint(),
            _ => None,
        }
    }
}
