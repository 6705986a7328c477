//! Errors as front ends see them: a kind, a text with its causes, and often a hint.

use std::path::PathBuf;

use imagewright_check::{NotebookError, ProfileError, UnknownRule};
use imagewright_docker::{AddressError, DockerError};
use imagewright_dockerfile::DockerfileError;
#[cfg(target_os = "linux")]
use imagewright_engine::FactsError;
#[cfg(target_os = "linux")]
use imagewright_layer::LayerError;
use imagewright_model::spec::SpecError;
use imagewright_model::{BuildEngine, ErrorKind};
#[cfg(target_os = "linux")]
use imagewright_oci::Digest;
use imagewright_oci::ReferenceError;
use imagewright_registry::RegistryError;
#[cfg(target_os = "linux")]
use imagewright_store::{StoreError, transfer::TransferError};

use crate::EngineError;
#[cfg(target_os = "linux")]
use crate::facts::FactsFileError;
use crate::kernelspec::{KernelsFolderError, KernelspecError};
use crate::transport::TransportError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The build or the run failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The store failed.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image could not be exported.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Facts could not be exported or taken in.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Facts(Box<FactsError>),
    /// A bundle of facts or a key could not be used.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    FactsFile(#[from] FactsFileError),
    /// Others may read a private key.
    #[cfg(target_os = "linux")]
    #[error("others may read the private key `{}`: its mode is {mode:o}", path.display())]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A registry could not be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The spec is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A Dockerfile is wrong.
    #[error(transparent)]
    Dockerfile(#[from] DockerfileError),
    /// A daemon did not build.
    #[error(transparent)]
    Daemon(#[from] DockerError),
    /// The address of a daemon is wrong.
    #[error(transparent)]
    DaemonAddress(#[from] AddressError),
    /// No daemon is known.
    #[error("there is no address of a {}", daemon(*engine))]
    NoDaemon {
        /// Who should build.
        engine: BuildEngine,
    },
    /// A spec is to be built by another engine than ours.
    #[error("packages are installed by our own engine, and `{engine}` was asked to build")]
    EngineForSpecs {
        /// Who should build.
        engine: BuildEngine,
    },
    /// Flags that the engine that should build knows nothing of.
    #[error("`--engine {engine}` cannot do what these flags ask for: {flags}")]
    NotForEngine {
        /// Who should build.
        engine: BuildEngine,
        /// The flags.
        flags: String,
    },
    /// A place to import from or export to is wrong.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A name is wrong.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A `pylock.toml` was asked for, and no Python packages.
    #[error("there are no Python packages to write a `pylock.toml` of")]
    NoPythonPackages,
    /// An image is to be pushed, and has no name.
    #[error("the image has no name to be pushed to")]
    NoNameToPush,
    /// Flags that say what an image holds, where a Dockerfile says it.
    #[error("a Dockerfile says what the image holds, so these flags do not apply: {flags}")]
    NotForDockerfiles {
        /// The flags.
        flags: String,
    },
    /// A rule of this name does not exist.
    #[error(transparent)]
    UnknownRule(#[from] UnknownRule),
    /// There is no such profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A Dockerfile is asked whether it runs somewhere.
    #[error("profile `{profile}` looks at images, and `{}` is a Dockerfile", file.display())]
    ProfileOfDockerfile {
        /// The Dockerfile.
        file: PathBuf,
        /// The profile.
        profile: String,
    },
    /// A platform would not run what was built.
    #[error("the image does not run on {platforms}: {reasons}")]
    DoesNotRun {
        /// Where it is to run.
        platforms: String,
        /// What speaks against it.
        reasons: String,
    },
    /// A daemon builds, and its image has its names before it could be asked anything.
    #[error("an image that a daemon builds is not asked whether it runs somewhere")]
    GateElsewhere,
    /// A Dockerfile is asked what notebooks need of it.
    #[error("notebooks are held against images, and `{}` is a Dockerfile", file.display())]
    NotebooksOfDockerfile {
        /// The Dockerfile.
        file: PathBuf,
    },
    /// A file is no notebook.
    #[error(transparent)]
    Notebook(#[from] NotebookError),
    /// A kernelspec cannot be made.
    #[error(transparent)]
    Kernelspec(#[from] KernelspecError),
    /// A folder of kernelspecs does not do what is asked of it.
    #[error(transparent)]
    KernelsFolder(#[from] KernelsFolderError),
    /// Nobody says which language a kernel image is for.
    #[error("image `{image}` does not say which language its kernel is for: it has no `KERNEL_LANGUAGE`")]
    NoKernelLanguage {
        /// The image.
        image: String,
    },
    /// An image is neither in the store nor in its registry.
    #[error("there is no image `{image}`{}", .why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    NoKernelImage {
        /// What was named.
        image: String,
        /// What the registry said.
        why: Option<String>,
    },
    /// An image has no name by which others could pull it.
    #[error("image `{image}` has no name, and a kernelspec names its image")]
    NamelessKernelImage {
        /// What was named.
        image: String,
    },
    /// Neither a process proxy nor a kernelspec to start from is named.
    #[error("nobody says what starts the kernel")]
    NoProxy,
    /// An image without a name was mended.
    #[error("the mended image of `{image}` has no name")]
    NoNameForFixed {
        /// What was named.
        image: String,
    },
    /// What is to be checked is neither there as a file nor in the store as an image.
    #[error("there is no file, folder or image `{name}`")]
    NothingToCheck {
        /// What was named.
        name: String,
    },
    /// A layer of an image cannot be looked through.
    #[cfg(target_os = "linux")]
    #[error("layer `{digest}` is not usable")]
    Layer {
        /// Its digest.
        digest: Digest,
        /// Why not.
        source: LayerError,
    },
    /// The spec's file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A result that was to be left in a file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ServiceError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Engine(error) => error.kind(),
            #[cfg(target_os = "linux")]
            Self::Store(error) => error.kind(),
            #[cfg(target_os = "linux")]
            Self::Transfer(error) => error.kind(),
            #[cfg(target_os = "linux")]
            Self::Facts(error) => error.kind(),
            #[cfg(target_os = "linux")]
            Self::FactsFile(error) => error.source.kind(),
            #[cfg(target_os = "linux")]
            Self::OpenKey { .. } => ErrorKind::Denied,
            Self::Registry(error) => error.kind(),
            Self::Spec(error) => error.kind(),
            Self::Dockerfile(error) => error.kind(),
            Self::Daemon(error) => error.kind(),
            Self::DaemonAddress(_)
            | Self::NoDaemon { .. }
            | Self::EngineForSpecs { .. }
            | Self::NotForEngine { .. }
            | Self::Transport(_)
            | Self::Reference(_)
            | Self::NoPythonPackages
            | Self::NoNameToPush
            | Self::NotForDockerfiles { .. } => ErrorKind::Usage,
            Self::UnknownRule(error) => error.kind(),
            Self::Profile(error) => error.kind(),
            Self::ProfileOfDockerfile { .. } | Self::NotebooksOfDockerfile { .. } => ErrorKind::Usage,
            Self::Notebook(error) => error.kind(),
            Self::DoesNotRun { .. } => ErrorKind::Failed,
            Self::GateElsewhere | Self::NoNameForFixed { .. } => ErrorKind::Usage,
            Self::Kernelspec(error) => error.kind(),
            Self::KernelsFolder(error) => error.kind(),
            Self::NoKernelLanguage { .. } | Self::NamelessKernelImage { .. } | Self::NoProxy => {
                ErrorKind::Usage
            }
            Self::NoKernelImage { .. } => ErrorKind::NotFound,
            Self::NothingToCheck { .. } => ErrorKind::NotFound,
            #[cfg(target_os = "linux")]
            Self::Layer { .. } => ErrorKind::Invalid,
            Self::Read { source, .. } | Self::Write { source, .. } => ErrorKind::of_io(source),
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            #[cfg(target_os = "linux")]
            Self::Store(error) => error.hint(),
            #[cfg(target_os = "linux")]
            Self::Transfer(error) => error.hint(),
            #[cfg(target_os = "linux")]
            Self::Facts(error) => error.hint(),
            #[cfg(target_os = "linux")]
            Self::FactsFile(error) => error.source.hint(),
            #[cfg(target_os = "linux")]
            Self::OpenKey { path, .. } => Some(format!("`chmod 600 {}`; if others had it, make a new one", path.display())),
            Self::Registry(error) => error.hint(),
            Self::Spec(error) => error.hint(),
            Self::Dockerfile(error) => error.hint(),
            Self::Daemon(error) => error.hint(),
            Self::DaemonAddress(error) => Some(error.hint()),
            Self::NoDaemon { engine: BuildEngine::BuildKit } => {
                Some("set BUILDKIT_HOST, or `buildkit.host` in the configuration".to_owned())
            }
            Self::NoDaemon { .. } => Some("set DOCKER_HOST, or `docker.host` in the configuration".to_owned()),
            Self::EngineForSpecs { .. } => Some(
                "build with `--engine native`; `engine = \"auto\"` in the configuration leaves Dockerfiles alone to others"
                    .to_owned(),
            ),
            Self::NotForEngine { engine: BuildEngine::Native, .. } => {
                Some("build with `--engine docker`, `buildkit` or `auto`".to_owned())
            }
            Self::NotForEngine { .. } if cfg!(target_os = "linux") => {
                Some("leave them out, or build with `--engine native`".to_owned())
            }
            Self::NotForEngine { .. } => Some("leave them out".to_owned()),
            Self::Transport(error) => error.hint(),
            Self::NoPythonPackages => Some("ask for some with `--pip`, or leave out `--pylock`".to_owned()),
            Self::NoNameToPush => Some("name it with --tag".to_owned()),
            Self::NotForDockerfiles { .. } => {
                Some("write them into the Dockerfile, or build a second image on the first".to_owned())
            }
            Self::UnknownRule(error) => error.hint(),
            Self::Profile(error) => error.hint(),
            Self::Notebook(_) => None,
            Self::ProfileOfDockerfile { .. } | Self::NotebooksOfDockerfile { .. } => Some("build it, and check the image".to_owned()),
            Self::DoesNotRun { .. } => Some(
                "mend what is built (`imagewright check --explain RULE`), build without `--for` and have it mended with `imagewright check \
                 --fix`, or let it through with `--allow RULE`"
                    .to_owned(),
            ),
            Self::GateElsewhere => {
                Some("build with `--engine native`, or ask `imagewright check --for` afterwards".to_owned())
            }
            Self::Kernelspec(error) => error.hint(),
            Self::KernelsFolder(error) => error.hint(),
            Self::NoKernelLanguage { .. } => Some("say it with --language".to_owned()),
            Self::NamelessKernelImage { .. } => Some("give it one: `imagewright image tag`".to_owned()),
            Self::NoProxy => {
                Some("name a process proxy with --proxy, or a kernelspec to start from with --from".to_owned())
            }
            Self::NoKernelImage { .. } => Some(
                "build or pull it first; where only the gateway's machine reaches its registry, leave it unseen with --no-look".to_owned(),
            ),
            Self::NoNameForFixed { .. } => Some("give it one with `--tag`".to_owned()),
            Self::NothingToCheck { .. } => Some(
                "`imagewright pull` brings an image into the store; `imagewright image list` shows what is there".to_owned(),
            ),
            #[cfg(target_os = "linux")]
            Self::Layer { .. } => Some("`imagewright fsck --repair` removes what is damaged".to_owned()),
            Self::Reference(_) => None,
            Self::Read { source, .. } | Self::Write { source, .. } => ErrorKind::io_hint(source),
        }
    }
}

#[cfg(target_os = "linux")]
impl From<FactsError> for ServiceError {
    fn from(error: FactsError) -> Self {
        Self::Facts(Box::new(error))
    }
}

/// What is looked for where this engine builds.
fn daemon(engine: BuildEngine) -> &'static str {
    match engine {
        BuildEngine::BuildKit => "BuildKit daemon",
        BuildEngine::Native | BuildEngine::Docker | BuildEngine::Auto => "Docker Engine",
    }
}
