//! Building an image of a Dockerfile.

use imagewright_docker::Network;
use imagewright_dockerfile::RunNetwork;
use imagewright_engine::{Built, Cancel, DockerfileRequest, EngineError, LayerWatch};
use imagewright_model::{EventSink, NoEvents};
use imagewright_oci::{Platform, Reference};

use crate::advice::Advice;
use crate::ahead::sending;
use crate::build::compression;
use crate::gate::Held;
use crate::given::{Given, Written, bases, given, named_contexts, plan};
use crate::{BuildReport, DockerfileCommand, Service, ServiceError};

impl Service {
    /// Builds an image of a Dockerfile, by the engine that the settings name.
    pub fn build_dockerfile(
        &self,
        command: &DockerfileCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        match self.engine_for(command, events)? {
            // What we cannot plan a daemon may build all the same.
            Some(_) if !command.gate.profiles.is_empty() => Err(ServiceError::GateElsewhere),
            Some(builder) => match dockerfile_request(command, &NoEvents) {
                Ok((request, written)) => {
                    let advice = Advice::new(self, &written, &request.plan, &request.context);
                    advice.beside(events, |events| self.build_elsewhere(&builder, command, events, cancel))
                }
                Err(_) => self.build_elsewhere(&builder, command, events, cancel),
            },
            None => {
                let (mut request, written) = dockerfile_request(command, events)?;
                if command.push && request.names.is_empty() {
                    return Err(ServiceError::NoNameToPush);
                }
                let names = request.names.clone();
                let held = Held::new(self, &command.gate, &mut request.names);
                let request = &request;
                Advice::new(self, &written, &request.plan, &request.context).beside(events, |events| {
                    let built = self.carry_out(command, (request, names.first()), events, cancel)?;
                    let (built, reports) = match held {
                        Some(held) => held.release(&built, cancel)?,
                        None => (built, Vec::new()),
                    };
                    let report = BuildReport::new(&names, built).with_reports(reports);
                    report.write_files(command)?;
                    Ok(report)
                })
            }
        }
    }

    fn carry_out(
        &self,
        command: &DockerfileCommand,
        (request, target): (&DockerfileRequest, Option<&Reference>),
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Built, EngineError> {
        match target {
            Some(target) if command.push && !command.offline => {
                sending(&self.registries, target, &bases(&request.plan), |layers| {
                    self.engine.build_dockerfile(request, events, cancel, layers)
                })
            }
            _ => self.engine.build_dockerfile(request, events, cancel, LayerWatch::none()),
        }
    }
}

pub(crate) fn dockerfile_request(
    command: &DockerfileCommand,
    events: &dyn EventSink,
) -> Result<(DockerfileRequest, Written), ServiceError> {
    let Given { image, context, ignore, written, .. } = given(command)?;
    let (contexts, folders) = named_contexts(&command.contexts)?;
    let platform = image.platform.unwrap_or_else(Platform::host);
    let plan = plan(command, &written, contexts, &platform, events)?;
    let leaves = |base: &Reference| image.tags.iter().any(|name| name.registry() != base.registry());
    let request = DockerfileRequest {
        keep_base: command.push && bases(&plan).iter().any(leaves),
        plan,
        context,
        ignore,
        folders,
        secrets: command.secrets.clone(),
        agents: command.agents.clone(),
        network: match command.network {
            Network::None => RunNetwork::None,
            Network::Default | Network::Host => RunNetwork::Default,
        },
        labels: image.labels.into_iter().collect(),
        fresh_stages: command.fresh_stages.clone(),
        hosts: command.hosts.clone(),
        annotations: command.annotations.clone(),
        names: image.tags,
        platform,
        compression: compression(image.compression),
        pull: command.pull,
        offline: command.offline,
        no_cache: command.no_cache,
        time_limit: command.time_limit,
        limits: command.limits.clone(),
        source_date_epoch: command.source_date_epoch,
    };
    Ok((request, written))
}
