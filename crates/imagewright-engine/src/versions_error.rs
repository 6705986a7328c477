//! What goes wrong with versions that were decided on earlier.

use imagewright_model::ErrorKind;

/// Why a lock, or what is kept in caches, does not do.
#[derive(Debug, thiserror::Error)]
pub enum VersionsError {
    /// There is nothing to keep to.
    #[error("there is no lock for this spec")]
    NoLock,
    /// The lock is for another spec.
    #[error("the lock is not for this spec: {}", differences.join("; "))]
    LockDiffers {
        /// What differs, a sentence each.
        differences: Vec<String>,
    },
    /// A package is to be upgraded that is not locked.
    #[error("the lock holds no package `{package}`")]
    NotInLock {
        /// The package.
        package: String,
        /// The locked package most like it.
        nearest: Option<String>,
    },
    /// A version that was decided on can be had no more.
    #[error("`{package}` {version} is neither in the caches nor in any archive")]
    Gone {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// A package of the base can be had no more.
    #[error("`{package}` {version} of the base is neither in the caches nor in its archive")]
    GoneFromBase {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// The archives have other bytes under the same version.
    #[error("the archives have another file for `{package}` {version} than the lock")]
    OtherFile {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// apt did something else with the same packages.
    #[error("apt did not install what was decided on: {}", differences.join("; "))]
    AptDiffers {
        /// What differs, a sentence each.
        differences: Vec<String>,
    },
    /// Something is not here, and must not be fetched.
    #[error("{what} not in the caches, and nothing may be fetched")]
    Offline {
        /// What is missing, with its verb: `` `git` 1:2.39 is ``.
        what: String,
    },
}

impl VersionsError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoLock | Self::LockDiffers { .. } => ErrorKind::Conflict,
            Self::NotInLock { .. } | Self::Gone { .. } | Self::GoneFromBase { .. } => ErrorKind::NotFound,
            Self::OtherFile { .. } => ErrorKind::Invalid,
            Self::AptDiffers { .. } => ErrorKind::Failed,
            Self::Offline { .. } => ErrorKind::Unavailable,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoLock => Some("build once without `--locked`, which writes it".to_owned()),
            Self::LockDiffers { .. } => {
                Some("build without `--locked` to solve what has changed, or restore the spec".to_owned())
            }
            Self::NotInLock { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean `{name}`?")),
            Self::Gone { package, .. } | Self::OtherFile { package, .. } => {
                Some(format!("take a newer version with `--upgrade {package}`"))
            }
            Self::GoneFromBase { .. } => Some(
                "make the base of newer packages with `--upgrade`, or name a mirror that keeps old ones"
                    .to_owned(),
            ),
            Self::AptDiffers { .. } => Some("solve anew with `--upgrade`".to_owned()),
            Self::Offline { .. } => Some("build once without `--offline`, which fetches it".to_owned()),
        }
    }
}
