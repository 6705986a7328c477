//! Who builds a Dockerfile: our own engine or a daemon. It is decided before anything is built.

use imagewright_docker::{Address, Daemon, TlsFiles};
use imagewright_model::BuildEngine;

use crate::{DockerfileCommand, Limits, Service, ServiceError};

#[cfg(target_os = "linux")]
mod own;

/// A daemon that is going to build.
pub(crate) struct Builder {
    pub(crate) engine: BuildEngine,
    pub(crate) daemon: Daemon,
}

impl Service {
    pub(crate) fn builder(&self, engine: BuildEngine) -> Result<Builder, ServiceError> {
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
