//! What a user can do where our own engine does not run, on macOS and Windows: Dockerfiles are built by a daemon, which keeps
//! the images. There is no store.

use std::convert::Infallible;
use std::io::Read;

use imagewright_docker::{DockerError, Export};
use imagewright_model::{
    BuildEngine, EngineSettings, ErrorKind, EventSink, NoEvents, Progress, Stop, TrustSettings,
};
use imagewright_oci::{ContainerConfig, Platform, Reference};

use crate::advice::Advice;
use crate::check::{CheckCommand, Checked};
use crate::elsewhere::left_there;
use crate::engines::Builder;
use crate::given::{Given, given, is_remote_context, named_contexts, plan};
use crate::{BuildReport, CredentialFiles, DockerfileCommand, RegistrySettings, ServiceError};

/// Told what is happening and how far it has come, from several threads.
pub type OnTransfer<'a> = &'a (dyn Fn(&str, Progress) + Sync);

/// What can be done about it.
const REMEDY: &str =
    "packages are built on Linux; a Dockerfile is built here by Docker Desktop, with `--engine docker`";

/// How much of the machine a program may use: for others than our own engine to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {}

/// There is nothing that could be collected.
pub(crate) struct Lease;

/// Why our own engine does not do something: it is for Linux.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The login for a registry cannot be had.
    #[error("{message}")]
    Credentials {
        /// Why not.
        message: String,
    },
    /// This system lacks what our own engine works with.
    #[error("{what}: our own engine and its store are for Linux")]
    NotHere {
        /// What was asked for.
        what: &'static str,
    },
}

impl EngineError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Credentials { .. } | Self::NotHere { .. } => ErrorKind::Machine,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cancelled | Self::Credentials { .. } => None,
            Self::NotHere { .. } => Some(REMEDY.to_owned()),
        }
    }
}

/// Shared by whoever may stop a build and the build itself. Cancelling twice is harmless.
#[derive(Clone, Default)]
pub struct Cancel(Stop);

impl Cancel {
    /// A fresh one that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops what runs now and everything that would begin later.
    pub fn cancel(&self) {
        self.0.ask();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_asked()
    }

    /// What long work looks at.
    pub fn stop(&self) -> &Stop {
        &self.0
    }
}

/// Everything a user can do without a store.
pub struct Service {
    trust: TrustSettings,
    pub(crate) registry_settings: RegistrySettings,
    pub(crate) credentials: CredentialFiles,
    pub(crate) engines: EngineSettings,
}

impl Service {
    /// What can be done with these settings.
    pub fn new(
        trust: TrustSettings,
        registry_settings: RegistrySettings,
        credentials: CredentialFiles,
        engines: EngineSettings,
    ) -> Self {
        Self { trust, registry_settings, credentials, engines }
    }

    /// Refuses a context that has to be fetched or read first: that takes a store.
    pub fn bring_context(
        &self,
        command: &DockerfileCommand,
        _: &mut dyn Read,
        _: &Cancel,
    ) -> Result<Option<(DockerfileCommand, Infallible)>, ServiceError> {
        match is_remote_context(&command.context) {
            true => Err(EngineError::NotHere { what: "a context that is no folder" }.into()),
            false => Ok(None),
        }
    }

    /// Has a daemon build an image of a Dockerfile.
    pub fn build_dockerfile(
        &self,
        command: &DockerfileCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        let builder = self.engine_for()?;
        let Given { image, context, written, .. } = given(command)?;
        let (contexts, _) = named_contexts(&command.contexts)?;
        let platform = image.platform.unwrap_or_else(Platform::host);
        match plan(command, &written, contexts, &platform, &NoEvents) {
            Ok(plan) => {
                let advice = Advice::new(self, &written, &plan, &context);
                advice.beside(events, |events| self.build_by(&builder, command, events, cancel))
            }
            // What we cannot plan a daemon may build all the same.
            Err(_) => self.build_by(&builder, command, events, cancel),
        }
    }

    /// The Docker Engine, unless another engine was asked for: one that keeps what it builds.
    fn engine_for(&self) -> Result<Builder, ServiceError> {
        match self.engines.engine {
            BuildEngine::Native => Err(EngineError::NotHere { what: "`--engine native`" }.into()),
            BuildEngine::BuildKit => {
                Err(EngineError::NotHere { what: "keeping the image that a BuildKit daemon builds" }.into())
            }
            BuildEngine::Docker => self.builder(BuildEngine::Docker),
            BuildEngine::Auto => {
                let builder = self.builder(BuildEngine::Docker)?;
                builder.daemon.version()?;
                Ok(builder)
            }
        }
    }

    fn build_by(
        &self,
        builder: &Builder,
        command: &DockerfileCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        self.build_by_daemon(builder, command, events, cancel, |request, _| {
            let daemon = &builder.daemon;
            let built = daemon.build(request, Export::Docker, self.logins(), events, cancel.stop())?;
            left_there(daemon, built.digest.ok_or_else(DockerError::no_digest)?, &request.names)
        })
    }

    /// Has the Docker Engine push an image that it has by this name.
    pub fn push_image(
        &self,
        name: &Reference,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<(), ServiceError> {
        let login = self.logins().login(name.registry());
        let login = login.map_err(|message| EngineError::Credentials { message })?;
        let told = |done| progress("pushing", done);
        Ok(self.engine_for()?.daemon.push_image(name, login.as_ref(), &told, cancel.stop())?)
    }

    /// Says that there is no such file, and no store in which an image of that name could be.
    pub(crate) fn check_image(
        &self,
        command: &CheckCommand,
        _: &Cancel,
        _: &mut dyn FnMut(&str, Progress),
    ) -> Result<Checked, ServiceError> {
        Err(ServiceError::NothingToCheck { name: command.subject.clone() })
    }

    /// Keeps nobody away.
    #[expect(clippy::unnecessary_wraps, reason = "where there is a store it may fail")]
    pub(crate) fn lease(&self) -> Result<Lease, ServiceError> {
        Ok(Lease)
    }

    pub(crate) fn trust(&self) -> &TrustSettings {
        &self.trust
    }

    /// Nothing is known of bases without a store.
    pub(crate) fn known_base(&self, _: &Reference) -> Option<ContainerConfig> {
        None
    }
}
