//! Whether our own engine builds.

use imagewright_dockerfile::DockerfileError;
use imagewright_engine::EngineError;
use imagewright_model::{BuildEngine, BuildEvent, EventSink, NoEvents};
use imagewright_oci::{ContainerConfig, Platform};

use super::Builder;
use crate::dockerfile::dockerfile_request;
use crate::{DockerfileCommand, Service, ServiceError};
use imagewright_model::in_one_line;

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

    fn first_that_answers(&self) -> Option<Builder> {
        let known = [BuildEngine::Docker, BuildEngine::BuildKit].into_iter();
        known.filter_map(|engine| self.builder(engine).ok()).find(|builder| builder.daemon.version().is_ok())
    }
}

/// Why our own engine cannot build; nothing where it can. What is wrong for everybody is an error.
fn reason_against_native(command: &DockerfileCommand) -> Result<Option<ServiceError>, ServiceError> {
    let (request, _) = match dockerfile_request(command, &NoEvents) {
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
