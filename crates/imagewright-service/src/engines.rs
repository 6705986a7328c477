//! Who builds a Dockerfile: our own engine or a daemon. It is decided before anything is built.

use imagewright_docker::{Address, Daemon, TlsFiles};
use imagewright_dockerfile::DockerfileError;
use imagewright_engine::EngineError;
use imagewright_model::{BuildEngine, BuildEvent, EventSink};
use imagewright_oci::{ContainerConfig, Platform};
use imagewright_sandbox::Limits;

use crate::dockerfile::dockerfile_request;
use crate::error::in_one_line;
use crate::{DockerfileCommand, Service, ServiceError};

/// A daemon that is going to build.
pub(crate) struct Builder {
    pub(crate) engine: BuildEngine,
    pub(crate) daemon: Daemon,
}

impl Service {
    /// Refuses to build a spec where another engine was asked for.
    pub(crate) fn refuse_other_engines(&self) -> Result<(), ServiceError> {
        match self.engines.engine {
            BuildEngine::Native | BuildEngine::Auto => Ok(()),
            engine => Err(ServiceError::EngineForSpecs { engine }),
        }
    }

    /// The daemon that is to build; none where our own engine is.
    pub(crate) fn engine_for(
        &self,
        command: &DockerfileCommand,
        events: &dyn EventSink,
    ) -> Result<Option<Builder>, ServiceError> {
        match self.engines.engine {
            BuildEngine::Native => Ok(None),
            engine @ (BuildEngine::Docker | BuildEngine::BuildKit) => Ok(Some(self.builder(engine)?)),
            BuildEngine::Auto => {
                let Some(reason) = reason_against_native(command)? else { return Ok(None) };
                let Some(builder) = self.first_that_answers() else { return Err(reason) };
                let address = builder.daemon.address();
                let message = format!("{}: {address} builds instead", in_one_line(&reason));
                events.emit(BuildEvent::Warning { message });
                Ok(Some(builder))
            }
        }
    }

    fn builder(&self, engine: BuildEngine) -> Result<Builder, ServiceError> {
        let (host, certificates) = match engine {
            BuildEngine::BuildKit => (&self.engines.buildkit.host, &self.engines.buildkit.certificates),
            _ => (&self.engines.docker.host, &self.engines.docker.certificates),
        };
        let host = host.as_deref().ok_or(ServiceError::NoDaemon { engine })?;
        let tls = certificates.clone().map(|folder| TlsFiles { folder });
        let address = host.parse::<Address>()?.with_tls(tls);
        let daemon = match engine {
            BuildEngine::BuildKit => Daemon::buildkit(address),
            _ => Daemon::docker(address),
        };
        Ok(Builder { engine, daemon })
    }

    fn first_that_answers(&self) -> Option<Builder> {
        let known = [BuildEngine::Docker, BuildEngine::BuildKit].into_iter();
        known.filter_map(|engine| self.builder(engine).ok()).find(|builder| builder.daemon.version().is_ok())
    }
}

/// Why our own engine cannot build; nothing where it can. What is wrong for everybody is an error.
fn reason_against_native(command: &DockerfileCommand) -> Result<Option<ServiceError>, ServiceError> {
    let (request, _) = match dockerfile_request(command, &Nobody) {
        Err(ServiceError::Dockerfile(error)) if error.is_unsupported() => return Ok(Some(error.into())),
        request => request?,
    };
    let (host, plan) = (Platform::host(), request.plan);
    let mut platforms =
        plan.stages.iter().filter_map(|stage| stage.platform.as_ref()).chain([&request.platform]);
    if let Some(foreign) = platforms.find(|platform| !host.accepts(platform)) {
        let wanted = Box::new(foreign.clone());
        return Ok(Some(EngineError::ForeignPlatform { host: Box::new(host), wanted }.into()));
    }
    // What a base sets is not known yet, and no instruction becomes another by it but those that the base itself has.
    let lowered = plan.stages.iter().map(|stage| stage.lower(&ContainerConfig::default()));
    Ok(lowered.filter_map(Result::err).find(DockerfileError::is_unsupported).map(ServiceError::from))
}

/// Refuses flags that only our own engine has.
pub(crate) fn refuse_what_is_ours(
    engine: BuildEngine,
    command: &DockerfileCommand,
) -> Result<(), ServiceError> {
    let is_docker = engine == BuildEngine::Docker;
    let all = [
        ("--compression", is_docker && command.flags.compression.is_some()),
        ("--offline", command.offline),
        ("--file -", command.text.is_some()),
        ("--no-cache-filter", !command.fresh_stages.is_empty()),
        ("--add-host", !command.hosts.is_empty()),
        ("--annotation", !command.annotations.is_empty()),
        ("--time-limit", command.time_limit.is_some()),
        ("--memory, --pids, --cpus", command.limits != Limits::default()),
    ];
    not_for(engine, &all).map_or(Ok(()), Err)
}

fn not_for(engine: BuildEngine, all: &[(&str, bool)]) -> Option<ServiceError> {
    let given: Vec<_> = all.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    (!given.is_empty()).then(|| ServiceError::NotForEngine { engine, flags: given.join(", ") })
}

/// Hears events that are told once more later.
pub(crate) struct Nobody;

impl EventSink for Nobody {
    fn emit(&self, _: BuildEvent) {}
}
