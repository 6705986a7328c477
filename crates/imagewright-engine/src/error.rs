//! How a build goes wrong.

mod words;

use std::path::PathBuf;
use std::time::Duration;

use imagewright_model::ErrorKind;
use imagewright_model::spec::{BaseSource, Origin, SpecError};
use imagewright_oci::{Platform, ValidationError};
use imagewright_sandbox::{LimitHit, SandboxError};
use imagewright_store::StoreError;
use imagewright_store::transfer::TransferError;

use crate::bootstrap::{BootstrapError, SourcesError};
use crate::conda::CondaError;
use crate::docker_daemon::DaemonError;
use crate::dockerfile::StageError;
use crate::fetch::FetchError;
use crate::kernel::KernelError;
use crate::pip::PipError;
use crate::remote::RemoteError;
use crate::versions_error::VersionsError;
pub(crate) use words::UNSOLVABLE;
use words::{disk_full_hint, is_disk_full, is_network_down, layer_hint, layer_kind, sandbox_kind};

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Somebody stopped the build.
    #[error("the build was cancelled")]
    Cancelled,
    /// A program ran longer than it may.
    #[error("`{program}` was stopped after its time limit of {} s", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// How long it had.
        limit: Duration,
    },
    /// A program needed more memory than it may use.
    #[error("`{program}` was killed: it needed more than its {limit} bytes of memory")]
    OutOfMemory {
        /// The program.
        program: String,
        /// How much it had.
        limit: u64,
    },
    /// A program started more processes than it may have.
    #[error("`{program}` was killed: it started more than its {limit} processes")]
    TooManyProcesses {
        /// The program.
        program: String,
        /// How many it could have.
        limit: u64,
    },
    /// A limit this program has no name for.
    #[error("`{program}` was killed by a limit")]
    Limited {
        /// The program.
        program: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image could not be imported.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// An image could not be pulled.
    #[error(transparent)]
    Remote(RemoteError),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The base could not be made from packages.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The machine's apt sources are malformed.
    #[error(transparent)]
    MachineSources(#[from] SourcesError),
    /// Something could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A file or folder of ours could not be used.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The solution is not what the spec allows.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// What was decided on earlier does not do.
    #[error(transparent)]
    Versions(#[from] VersionsError),
    /// The base does not exist anywhere.
    #[error("base image `{0}` is not in the store")]
    BaseNotFound(BaseSource),
    /// The base runs elsewhere.
    #[error("base image `{base}` is for {found}, not {wanted}")]
    BasePlatform {
        /// What was named as the base.
        base: String,
        /// Its platform.
        found: Box<Platform>,
        /// The platform asked for.
        wanted: Box<Platform>,
    },
    /// This machine cannot run programs of the platform asked for.
    #[error("this machine runs {host}, so it cannot build for {wanted}")]
    ForeignPlatform {
        /// What this machine runs.
        host: Box<Platform>,
        /// What was asked for.
        wanted: Box<Platform>,
    },
    /// apt packages were asked for on a base without apt.
    #[error("the base has no apt-get, so `{package}` ({origin}) cannot be installed")]
    NoApt {
        /// The first package asked for.
        package: String,
        /// Where it was asked for.
        origin: Origin,
    },
    /// An apt package that no source offers.
    #[error("{origin}: no apt source of the base offers `{package}`")]
    UnknownAptPackage {
        /// The package.
        package: String,
        /// Where it was asked for.
        origin: Origin,
        /// Packages with similar names.
        nearest: Vec<String>,
    },
    /// The package indexes could not be fetched.
    #[error("the package indexes could not be fetched\n{tail}")]
    AptSources {
        /// What apt said.
        tail: String,
        /// Whether the archive was reached and its signature was wrong.
        untrusted: bool,
    },
    /// apt stopped.
    #[error("apt could not {action}\n{tail}")]
    Apt {
        /// What it was to do.
        action: &'static str,
        /// What it said.
        tail: String,
    },
    /// pip packages were asked for on a base without Python.
    #[error("{origin}: `{requirement}` needs Python, and the image has none on its search path")]
    NoPython {
        /// The first requirement.
        requirement: String,
        /// Where it was asked for.
        origin: Origin,
    },
    /// The interpreter that was named is not in the image.
    #[error("the image has no interpreter `{interpreter}`")]
    NoSuchInterpreter {
        /// The path that was named.
        interpreter: String,
    },
    /// The interpreter is too old or too new.
    #[error("{origin}: Python {wanted} is asked for, and the image has {found}")]
    PythonVersion {
        /// The version of the image's interpreter.
        found: String,
        /// What is asked for.
        wanted: String,
        /// Where it was asked for.
        origin: Origin,
    },
    /// The interpreter does not answer.
    #[error("the interpreter `{interpreter}` of the image does not work\n{tail}")]
    BrokenPython {
        /// Its path in the image.
        interpreter: String,
        /// What it said.
        tail: String,
    },
    /// There is no `uv` to install pip packages with.
    #[error("`uv` was not found in the store's tools folder (`{}`) or on PATH", tools.display())]
    NoUv {
        /// Where it is expected.
        tools: PathBuf,
    },
    /// The `uv` found cannot run inside images.
    #[error("`{}` needs shared libraries of this machine and cannot run inside images", path.display())]
    DynamicUv {
        /// The program.
        path: PathBuf,
    },
    /// The requirements contradict each other, or no index offers them.
    #[error("the pip requirements cannot be met together\n{explanation}")]
    Unsolvable {
        /// uv's explanation.
        explanation: String,
    },
    /// The requirements do not go with what conda installed.
    #[error("the pip requirements cannot be met beside what conda installed: {}\n{explanation}", installed.join(", "))]
    UnsolvableOnConda {
        /// Packages of conda with their versions.
        installed: Vec<String>,
        /// uv's explanation.
        explanation: String,
    },
    /// uv stopped.
    #[error("uv could not {action}\n{tail}")]
    Uv {
        /// What it was to do.
        action: &'static str,
        /// What it said.
        tail: String,
    },
    /// conda packages cannot be installed.
    #[error(transparent)]
    Conda(Box<CondaError>),
    /// A package is not what its lock or its name says, or cannot be had.
    #[error(transparent)]
    Pip(#[from] PipError),
    /// An image cannot be made one for a kernel.
    #[error(transparent)]
    Kernel(Box<KernelError>),
    /// An instruction of a Dockerfile could not be carried out.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// What was solved cannot be written as a lock.
    #[error("the Python packages cannot be written as a lock")]
    LockText {
        /// Why not.
        source: Box<toml::de::Error>,
    },
    /// A package came as source, and no wheel could be made of it.
    #[error("`{package}` could not be built\n{tail}")]
    BuildWheel {
        /// The package.
        package: String,
        /// What its build system said.
        tail: String,
    },
    /// The interpreter could not compile modules.
    #[error("the modules of the packages could not be compiled\n{tail}")]
    Bytecode {
        /// What it said.
        tail: String,
    },
    /// A layer of a package could not be written.
    #[error("the layer of a package could not be written")]
    PackageLayer {
        /// Why not.
        source: imagewright_layer::LayerError,
    },
    /// Layers could not be made one.
    #[error("layers of packages could not be joined")]
    JoinedLayer {
        /// Why not.
        source: std::io::Error,
    },
    /// An image of ours breaks a rule of the specification.
    #[error("the image that was built is not valid")]
    InvalidImage {
        /// Which rule.
        source: ValidationError,
    },
    /// The Docker daemon could not give an image.
    #[error("the Docker daemon at `{}` did not give `{reference}`", socket.display())]
    Daemon {
        /// Where it listens.
        socket: PathBuf,
        /// The image asked for.
        reference: String,
        /// Why not.
        source: DaemonError,
    },
    /// A user the image does not have.
    #[error("the image has no user `{0}`")]
    UnknownUser(String),
    /// An image that says nothing of what to run.
    #[error("the image has no entry point and no command")]
    NothingToRun,
}

impl From<CondaError> for EngineError {
    fn from(error: CondaError) -> Self {
        Self::Conda(Box::new(error))
    }
}

impl From<KernelError> for EngineError {
    fn from(error: KernelError) -> Self {
        Self::Kernel(Box::new(error))
    }
}

impl EngineError {
    /// An error of the operating system on a path of ours.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// A program that was killed by a limit.
    pub(crate) fn limited(program: String, hit: LimitHit) -> Self {
        match hit {
            LimitHit::OutOfMemory { limit } => Self::OutOfMemory { program, limit },
            LimitHit::TooManyProcesses { limit } => Self::TooManyProcesses { program, limit },
            _ => Self::Limited { program },
        }
    }

    /// What a front end tells apart.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Cancelled => ErrorKind::Cancelled,
            Self::TimedOut { .. }
            | Self::Apt { .. }
            | Self::Uv { .. }
            | Self::BuildWheel { .. }
            | Self::Bytecode { .. }
            | Self::Stage(StageError::Command { .. })
            | Self::Unsolvable { .. }
            | Self::UnsolvableOnConda { .. } => self.kind_by_words(),
            Self::PackageLayer { source } => layer_kind(source),
            Self::JoinedLayer { source } => ErrorKind::of_io(source),
            Self::OutOfMemory { .. } | Self::TooManyProcesses { .. } | Self::Limited { .. } => {
                ErrorKind::Failed
            }
            Self::Store(error) => error.kind(),
            Self::Transfer(error) => error.kind(),
            Self::Remote(error) => error.kind,
            Self::Sandbox(error) => sandbox_kind(error),
            Self::Bootstrap(error) => error.kind(),
            Self::Fetch(error) => error.kind(),
            Self::Spec(error) => error.kind(),
            Self::Conda(error) if error.is_of_script() => self.kind_by_words(),
            Self::Conda(error) => error.kind(),
            Self::Pip(error) => error.kind(),
            Self::Kernel(error) => error.kind(),
            Self::Stage(error) => error.kind(),
            Self::Versions(error) => error.kind(),
            Self::Io { source, .. } => ErrorKind::of_io(source),
            Self::BaseNotFound(_) | Self::UnknownAptPackage { .. } | Self::UnknownUser(_) => {
                ErrorKind::NotFound
            }
            Self::BasePlatform { .. }
            | Self::ForeignPlatform { .. }
            | Self::NoApt { .. }
            | Self::NoPython { .. }
            | Self::NoSuchInterpreter { .. }
            | Self::PythonVersion { .. }
            | Self::MachineSources(_)
            | Self::NothingToRun => ErrorKind::Invalid,
            Self::BrokenPython { tail, .. } if is_disk_full(tail) => ErrorKind::Machine,
            Self::BrokenPython { .. } => ErrorKind::Invalid,
            Self::AptSources { tail, .. } if is_disk_full(tail) => ErrorKind::Machine,
            Self::AptSources { untrusted: true, .. } => ErrorKind::Invalid,
            Self::AptSources { .. } => ErrorKind::Unavailable,
            Self::NoUv { .. } | Self::DynamicUv { .. } => ErrorKind::Machine,
            Self::InvalidImage { .. } | Self::LockText { .. } => ErrorKind::Internal,
            Self::Daemon { source: DaemonError::NotFound(_), .. } => ErrorKind::NotFound,
            Self::Daemon { .. } => ErrorKind::Unavailable,
        }
    }

    /// Programs tell of a full disk or a dead network only in words.
    fn kind_by_words(&self) -> ErrorKind {
        let words = self.to_string();
        if is_disk_full(&words) {
            ErrorKind::Machine
        } else if is_network_down(&words) {
            ErrorKind::Unavailable
        } else {
            ErrorKind::Failed
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Transfer(error) => error.hint(),
            Self::Remote(error) => error.hint.clone(),
            Self::Sandbox(error) => error.hint(),
            Self::Bootstrap(error) => error.hint(),
            Self::Fetch(error) => error.hint(),
            Self::Spec(error) => error.hint(),
            Self::Conda(error) if error.is_of_script() && self.kind() != ErrorKind::Failed => self.hint_by_words(),
            Self::Conda(error) => error.hint(),
            Self::Pip(error) => error.hint(),
            Self::Kernel(error) => error.hint(),
            Self::Versions(error) => error.hint(),
            Self::Io { source, .. } | Self::JoinedLayer { source } => ErrorKind::io_hint(source),
            Self::PackageLayer { source } => layer_hint(source),
            Self::BaseNotFound(_) => Some(
                "bring it in with `imagewright image import`, or use `bootstrap`, `oci:DIR`, `oci-archive:FILE`, \
                 `docker-archive:FILE` or `docker-daemon:REF`"
                    .to_owned(),
            ),
            Self::BasePlatform { found, .. } => {
                Some(format!("choose a base for this platform, or build on a machine that runs {found}"))
            }
            Self::ForeignPlatform { host, .. } => Some(format!("ask for no platform or for {host}, or build on a machine of that platform")),
            Self::NoApt { .. } => Some("choose a base made of Debian or Ubuntu packages".to_owned()),
            Self::UnknownAptPackage { nearest, .. } => Some(if nearest.is_empty() {
                "check the spelling, and that the component that holds it is among the base's apt sources".to_owned()
            } else {
                format!("did you mean {}?", nearest.join(", "))
            }),
            Self::AptSources { tail, .. } if is_disk_full(tail) => disk_full_hint(),
            Self::AptSources { untrusted: true, .. } => {
                Some("the archive must be signed by a key the base trusts; check `apt.mirror`".to_owned())
            }
            Self::AptSources { .. } => {
                Some("check the network, the proxy and the mirror (`--mirror`, `apt.mirror` in the configuration)".to_owned())
            }
            Self::NoPython { .. } => {
                Some("add python3 to the apt packages, or choose a base that has Python".to_owned())
            }
            Self::NoSuchInterpreter { .. } => {
                Some("name one the image has, or leave it out for the python3 on its search path".to_owned())
            }
            Self::PythonVersion { .. } => Some("choose a base with another Python".to_owned()),
            Self::BrokenPython { tail, .. } if is_disk_full(tail) => disk_full_hint(),
            Self::BrokenPython { .. } => Some("name another one with `python: {interpreter: …}`".to_owned()),
            Self::NoUv { .. } | Self::DynamicUv { .. } => Some(
                "run scripts/setup, which puts the static build of uv there, or name one with `python.uv` in the \
                 configuration or --uv"
                    .to_owned(),
            ),
            Self::OutOfMemory { .. } => Some("give it more with --memory".to_owned()),
            Self::TooManyProcesses { .. } => Some("give it more with --pids".to_owned()),
            Self::Limited { .. } => Some("give it more with --memory, --pids or --cpus".to_owned()),
            Self::TimedOut { .. } => Some("give it longer with --time-limit".to_owned()),
            Self::Daemon { source: DaemonError::NotFound(_), .. } => Some("`docker images` lists what it has".to_owned()),
            Self::Daemon { .. } => Some("is the daemon running, and may you use its socket (DOCKER_HOST)?".to_owned()),
            Self::MachineSources(_) => Some("mend the file, or name a mirror with --mirror".to_owned()),
            Self::NothingToRun => Some("name a program after `--`".to_owned()),
            Self::Apt { .. } | Self::Uv { .. } | Self::BuildWheel { .. } | Self::Bytecode { .. } => {
                self.hint_by_words()
            }
            Self::Stage(StageError::Command { .. }) if self.kind() != ErrorKind::Failed => self.hint_by_words(),
            Self::Stage(error) => error.hint(),
            Self::InvalidImage { .. } | Self::LockText { .. } => Some("this is a defect of imagewright: please report it".to_owned()),
            Self::UnsolvableOnConda { .. } => Some(
                "ask for another version of it under `conda`, or change what asks for it under `pip`".to_owned(),
            ),
            Self::Cancelled | Self::Unsolvable { .. } | Self::UnknownUser(_) => None,
        }
    }

    fn hint_by_words(&self) -> Option<String> {
        let words = self.to_string();
        if is_disk_full(&words) {
            disk_full_hint()
        } else if words.contains("Git executable not found") {
            Some("add git to the apt packages".to_owned())
        } else if words.contains("Failed to build")
            || words.contains("build backend")
            || matches!(self, Self::BuildWheel { .. })
        {
            Some(
                "building from source needs a compiler and headers: add them to the apt packages (gcc, python3-dev …), \
                 or choose a version that has a wheel for this Python"
                    .to_owned(),
            )
        } else if is_network_down(&words) {
            Some(
                "check the network, the proxy, the CA bundle and the package index of the configuration"
                    .to_owned(),
            )
        } else {
            None
        }
    }
}
