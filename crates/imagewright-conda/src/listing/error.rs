//! Why a lock of another program cannot be used.

/// Why the part of a lock that an image is made of cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// It is not what its tool writes.
    #[error("it is no lock of {tool} that can be read: {reason}")]
    Malformed {
        /// The tool that writes such locks.
        tool: &'static str,
        /// What is wrong.
        reason: String,
        /// Where.
        line: Option<u32>,
    },
    /// It is of a version that is not known here.
    #[error("it is a lock of version {found}, and those of version {known} can be read")]
    Version {
        /// Its version.
        found: u64,
        /// The versions that are known.
        known: &'static str,
    },
    /// It has no packages for the platform.
    #[error("it holds nothing for `{subdir}`, but for {}", listed(.known))]
    NoPlatform {
        /// The folder of channels for the platform.
        subdir: String,
        /// What it holds something for.
        known: Vec<String>,
    },
    /// It has several platforms where one is meant.
    #[error("it has several platforms for `{subdir}`: {}", listed(.known))]
    SeveralPlatforms {
        /// The folder of channels for the platform.
        subdir: String,
        /// Their names.
        known: Vec<String>,
    },
    /// It has no such environment.
    #[error("it has no environment `{name}`, but {}", listed(.known))]
    NoEnvironment {
        /// The environment.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// It has no such category.
    #[error("it has no category `{name}`, but {}", listed(.known))]
    NoCategory {
        /// The category.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// Locks of conda-lock have categories.
    #[error("it is a lock of conda-lock, which has no environments")]
    NoEnvironments,
    /// Locks of pixi have environments.
    #[error("it is a lock of pixi, which has no categories")]
    NoCategories,
    /// An environment names what the lock does not describe.
    #[error("`{place}` is not described in the lock")]
    NotDescribed {
        /// What it names.
        place: String,
        /// Where it stands.
        line: Option<u32>,
    },
    /// A package is no file.
    #[error("`{name}` {reason}")]
    NoFile {
        /// The package.
        name: String,
        /// Why it cannot be taken.
        reason: &'static str,
        /// Where it stands.
        line: Option<u32>,
    },
}

impl ListingError {
    /// Where in the lock it is, where that is known.
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::Malformed { line, .. } | Self::NotDescribed { line, .. } | Self::NoFile { line, .. } => {
                *line
            }
            _ => None,
        }
    }

    /// What would put it right.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Malformed { tool: "pixi", .. } => "write it anew with `pixi lock`",
            Self::Malformed { .. } => "write it anew with `conda-lock`",
            Self::Version { .. } => "write it anew with a version of its tool that writes such locks",
            Self::NoPlatform { .. } => "lock for this platform as well, or set `platform`",
            Self::SeveralPlatforms { .. } => "give one of them the name of the platform",
            Self::NoEnvironment { .. } | Self::NoCategories => {
                "choose one with `lock-environment` under `conda` in image.yaml"
            }
            Self::NoCategory { .. } | Self::NoEnvironments => {
                "choose them with `lock-categories` under `conda` in image.yaml"
            }
            Self::NotDescribed { .. } => "write it anew with `pixi lock`",
            Self::NoFile { .. } => {
                "take it out of the lock, and ask for it under `pip` in a form that image.yaml knows"
            }
        })
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing else".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
