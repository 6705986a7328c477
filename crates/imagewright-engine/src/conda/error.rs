//! How conda packages go wrong.

use std::io;

use imagewright_conda::WantedError;
use imagewright_conda::package::PackageError;
use imagewright_conda::repodata::RepodataError;
use imagewright_layer::LayerError;
use imagewright_model::ErrorKind;
use imagewright_model::spec::Origin;

use crate::fetch::FetchError;

/// Why conda packages cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum CondaError {
    /// What was asked for is no match specification.
    #[error("{origin}: `{text}` cannot be understood")]
    Specification {
        /// What was asked for.
        text: String,
        /// Where.
        origin: Origin,
        /// What is wrong with it.
        source: WantedError,
    },
    /// A channel of the configuration is none.
    #[error("`{0}` in `conda.channels` is neither the name nor the address of a channel")]
    Channel(String),
    /// What images say of channels is no address, or would give away a secret.
    #[error("`{0}` in `conda.image-channel-alias` is not an address that images may hold")]
    ImageAlias(String),
    /// Nobody says where packages come from.
    #[error("{origin}: `{text}` is asked for, and neither the spec nor the configuration names a channel")]
    NoChannels {
        /// The first package.
        text: String,
        /// Where it was asked for.
        origin: Origin,
    },
    /// A channel goes by a name, and nobody says where such channels are.
    #[error("nothing says where the channel `{0}` is")]
    NoAlias(String),
    /// No channel has packages for the platform.
    #[error("no channel has packages for the architecture `{0}`")]
    Architecture(String),
    /// A package is asked for that is for another architecture.
    #[error("{origin}: `{text}` is for another architecture, and the image needs `{subdir}`")]
    OtherArchitecture {
        /// What was asked for.
        text: String,
        /// Where.
        origin: Origin,
        /// The folder of channels that the image's packages are in.
        subdir: String,
    },
    /// Packages are needed that a list does not hold which is to hold all.
    #[error("{list}: the list is not whole: {missing} must be installed with it")]
    NotListed {
        /// The list.
        list: Origin,
        /// The packages.
        missing: String,
    },
    /// There is no such channel.
    #[error("there is no channel `{0}`")]
    NoSuchChannel(String),
    /// What a channel has could not be fetched.
    #[error("the packages of the channel `{channel}` could not be looked up")]
    Lookup {
        /// The channel.
        channel: String,
        /// Why not.
        source: FetchError,
    },
    /// What a channel says cannot be used.
    #[error("the packages of the channel `{channel}` ({subdir}) cannot be used")]
    Index {
        /// The channel.
        channel: String,
        /// The folder of the channel.
        subdir: String,
        /// Why not.
        source: RepodataError,
    },
    /// A record of the base's environment cannot be understood.
    #[error("`{0}` of the base is no record of a conda package")]
    BaseRecord(String),
    /// No channel has a package of this name.
    #[error("{origin}: `{text}` is in none of the channels {channels}")]
    Unknown {
        /// What was asked for.
        text: String,
        /// Where.
        origin: Origin,
        /// The channels that were looked through.
        channels: String,
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// There are no such packages, or they contradict each other.
    #[error("the conda packages cannot be installed together\n{explanation}")]
    Conflict {
        /// The solver's explanation.
        explanation: String,
    },
    /// The solver gave up.
    #[error("the conda packages could not be solved\n{explanation}")]
    Solver {
        /// What it said.
        explanation: String,
    },
    /// A channel tells no SHA-256 of a package.
    #[error("the channel `{channel}` tells no SHA-256 of `{package}`, so its file cannot be checked")]
    NoHash {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
    },
    /// A package could not be fetched.
    #[error("could not fetch `{file}`")]
    Artifact {
        /// Its file.
        file: String,
        /// Why not.
        source: FetchError,
    },
    /// A package cannot be installed.
    #[error("`{file}` cannot be installed")]
    Package {
        /// Its file.
        file: String,
        /// Why not.
        source: PackageError,
    },
    /// A package wants to run a script.
    #[error("`{package}` has the script `{script}`, which conda would run when it installs the package")]
    LinkScript {
        /// The package.
        package: String,
        /// The script.
        script: String,
    },
    /// A package of the base wants to run a script before another takes its place.
    #[error(
        "`{package}` of the base has the script `{script}`, which conda would run before it replaces the package"
    )]
    UnlinkScript {
        /// The package.
        package: String,
        /// The script.
        script: String,
    },
    /// A script of a package failed.
    #[error("the script `{script}` of `{package}` failed with exit code {code}\n{tail}")]
    Script {
        /// The package.
        package: String,
        /// The script.
        script: String,
        /// Its exit code.
        code: i32,
        /// The last lines it printed.
        tail: String,
    },
    /// A script is to be run, and nothing can run it.
    #[error("the image has no shell for the script `{script}` of `{package}`")]
    NoShell {
        /// The package.
        package: String,
        /// The script.
        script: String,
    },
}

/// The kind of an error of data that stand in files: decoders have no kinds of their own for what they cannot read.
fn of_data(error: &io::Error) -> ErrorKind {
    match ErrorKind::of_io(error) {
        ErrorKind::Failed => ErrorKind::Invalid,
        other => other,
    }
}

impl CondaError {
    /// Whether the words of a program say what is wrong.
    pub(crate) fn is_of_script(&self) -> bool {
        matches!(self, Self::Script { .. })
    }

    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoChannels { .. } | Self::NoAlias(_) | Self::Channel(_) | Self::ImageAlias(_) => {
                ErrorKind::Usage
            }
            Self::NoSuchChannel(_) | Self::Unknown { .. } => ErrorKind::NotFound,
            Self::Lookup { source, .. } | Self::Artifact { source, .. } => source.kind(),
            Self::Index { source, .. } => match source {
                RepodataError::Read(source) | RepodataError::Write(source) => of_data(source),
                _ => ErrorKind::Invalid,
            },
            Self::Package { source, .. } => match source {
                PackageError::Temporary(source) | PackageError::Read(source) => of_data(source),
                PackageError::Archive(LayerError::Write { source } | LayerError::Read { source }) => {
                    of_data(source)
                }
                _ => ErrorKind::Invalid,
            },
            Self::Conflict { .. } | Self::Solver { .. } | Self::Script { .. } => ErrorKind::Failed,
            Self::Specification { .. }
            | Self::Architecture(_)
            | Self::OtherArchitecture { .. }
            | Self::NotListed { .. }
            | Self::BaseRecord(_)
            | Self::NoHash { .. }
            | Self::LinkScript { .. }
            | Self::UnlinkScript { .. }
            | Self::NoShell { .. } => ErrorKind::Invalid,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Specification { .. } => Some("docs/conda.md has the forms that are understood".to_owned()),
            Self::NoChannels { .. } => Some(
                "name channels with `channels` under `conda` in image.yaml, --conda-channel, or `conda.channels` in the \
                 configuration"
                    .to_owned(),
            ),
            Self::NoAlias(channel) => Some(format!(
                "set `conda.channel-alias` in the configuration to the address below which channels are, or \
                 `conda.mirrors.{channel}` to that of this channel"
            )),
            Self::NoSuchChannel(_) => {
                Some("check its name, and `conda.channel-alias` and `conda.mirrors` in the configuration".to_owned())
            }
            Self::Lookup { source, .. } | Self::Artifact { source, .. } => source.hint(),
            Self::Channel(_) => Some(
                "names and open addresses belong there; user, password and place into `conda.channel-alias` and `conda.mirrors`"
                    .to_owned(),
            ),
            Self::ImageAlias(_) => {
                Some("write an address on the web, without user, password and token".to_owned())
            }
            Self::LinkScript { .. } | Self::UnlinkScript { .. } => Some(
                "say `link-scripts: run` under `conda` to have such scripts run in the sandbox, or `link-scripts: skip` to do \
                 without"
                    .to_owned(),
            ),
            Self::NoShell { .. } => {
                Some("choose a base with a shell, or say `link-scripts: skip` under `conda`".to_owned())
            }
            Self::Unknown { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean `{name}`?")),
            Self::Package {
                source: PackageError::Temporary(source) | PackageError::Archive(LayerError::Write { source }),
                ..
            }
            | Self::Index { source: RepodataError::Write(source), .. } => ErrorKind::io_hint(source),
            Self::Package { source: PackageError::NoPython, .. } => {
                Some("add `python` to the conda packages".to_owned())
            }
            _ => None,
        }
    }
}
