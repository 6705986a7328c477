//! Building an image of a Dockerfile by a daemon instead of our own engine: what is asked of it.
//!
//! Who builds is decided elsewhere (`engines`), and where the image goes, too (`taking`, `desktop`).

use std::time::Instant;

use imagewright_docker::{AgentSocket, BuildRequest, Credentials, Daemon, NamedSource, RegistryLogin};
use imagewright_dockerfile::NamedContext;
use imagewright_model::spec::LayerCompression;
use imagewright_model::{BuildEvent, BuildOutcome, EVENT_VERSION, EventSink, SecretUrl};
use imagewright_oci::{Digest, Reference};
use imagewright_registry::{Credential, CredentialFiles, CredentialSource};

use crate::engines::{Builder, refuse_what_is_ours};
use crate::given::{Given, given, named_contexts};
use crate::{BuildReport, Cancel, DockerfileCommand, EngineError, Service, ServiceError};
use imagewright_model::in_one_line;

/// Names by which programs look for proxies, and the argument of a build for each.
const PROXIES: [&str; 2] = ["HTTP_PROXY", "HTTPS_PROXY"];
/// Proxies there lead nowhere from inside a container.
const LOOPBACK: [&str; 3] = ["localhost", "127.", "[::1]"];

impl Service {
    /// Has a daemon build, from the look at the command to the last event. `build` says where the image goes.
    pub(crate) fn build_by_daemon(
        &self,
        builder: &Builder,
        command: &DockerfileCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
        build: impl FnOnce(&BuildRequest, Option<LayerCompression>) -> Result<BuildReport, ServiceError>,
    ) -> Result<BuildReport, ServiceError> {
        refuse_what_is_ours(builder.engine, command)?;
        let (request, compression) = self.daemon_request(command)?;
        if command.push && request.names.is_empty() {
            return Err(ServiceError::NoNameToPush);
        }
        let started = Instant::now();
        // How many steps there are, the daemon tells as it goes.
        events.emit(BuildEvent::Started { version: EVENT_VERSION, steps: 0 });
        let built = match build(&request, compression) {
            Err(_) if cancel.is_cancelled() => Err(EngineError::Cancelled.into()),
            built => built,
        };
        events.emit(BuildEvent::Finished { outcome: outcome(&built), took: started.elapsed() });
        let report = built?;
        report.write_files(command)?;
        Ok(report)
    }

    fn daemon_request(
        &self,
        command: &DockerfileCommand,
    ) -> Result<(BuildRequest, Option<LayerCompression>), ServiceError> {
        let Given { image, context, ignore, file, .. } = given(command)?;
        let (contexts, folders) = named_contexts(&command.contexts)?;
        let folder_of = |name: &str| {
            let folder = folders.iter().find(|(known, ..)| known == name);
            let (_, path, ignore) = folder.expect("each context that is a folder has one");
            NamedSource::Folder(path.clone(), ignore.clone())
        };
        let contexts = contexts.into_iter().map(|(name, context)| {
            let source = match context {
                NamedContext::Image(reference) => NamedSource::Image(reference),
                NamedContext::Folder => folder_of(&name),
            };
            (name, source)
        });
        let request = BuildRequest {
            file,
            context,
            ignore,
            contexts: contexts.collect(),
            target: command.target.clone(),
            arguments: self.arguments(command),
            labels: image.labels.into_iter().collect(),
            names: image.tags,
            platform: image.platform,
            secrets: command.secrets.clone(),
            agents: command
                .agents
                .iter()
                .map(|(name, socket)| (name.clone(), AgentSocket(socket.clone())))
                .collect(),
            network: command.network,
            no_cache: command.no_cache,
            pull: command.pull,
        };
        Ok((request, image.compression))
    }

    /// The arguments of a build, with those that every build knows: they are in no history and no key.
    fn arguments(&self, command: &DockerfileCommand) -> Vec<(String, String)> {
        let trust = self.trust();
        let proxies = PROXIES.into_iter().zip([&trust.http_proxy, &trust.https_proxy]);
        let proxies = proxies.filter_map(|(name, proxy)| Some((name, proxy.as_ref()?)));
        let mut arguments: Vec<_> = proxies
            .filter(|(_, proxy)| leads_out(proxy))
            .map(|(name, proxy)| (name.to_owned(), proxy.expose().to_owned()))
            .collect();
        if let (false, Some(hosts)) = (arguments.is_empty(), &trust.no_proxy) {
            arguments.push(("NO_PROXY".to_owned(), hosts.clone()));
        }
        let epoch =
            command.source_date_epoch.map(|epoch| ("SOURCE_DATE_EPOCH".to_owned(), epoch.to_string()));
        arguments.extend(epoch);
        arguments.extend(command.arguments.iter().cloned());
        arguments
    }

    pub(crate) fn logins(&self) -> Box<dyn Credentials> {
        Box::new(Logins(self.credentials.clone()))
    }
}

/// What came of an image that stays in the Docker Engine that has built it.
pub(crate) fn left_there(
    daemon: &Daemon,
    digest: Digest,
    names: &[Reference],
) -> Result<BuildReport, ServiceError> {
    let stored = daemon.image(&digest.to_string())?;
    Ok(BuildReport {
        names: names.to_vec(),
        id: stored.id.parse().unwrap_or_else(|_| digest.clone()),
        digest,
        size: stored.size,
        layers: stored.root.layers.len(),
        unchanged: false,
        lock: None,
        notes: Vec::new(),
        findings: None,
        reports: Vec::new(),
    })
}

fn leads_out(proxy: &SecretUrl) -> bool {
    let address = proxy.expose();
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    !LOOPBACK.iter().any(|loopback| host.starts_with(loopback))
}

fn outcome(built: &Result<BuildReport, ServiceError>) -> BuildOutcome {
    match built {
        Ok(BuildReport { digest, size, layers, .. }) => {
            BuildOutcome::Succeeded { digest: digest.clone(), size: *size, layers: *layers }
        }
        Err(ServiceError::Engine(EngineError::Cancelled)) => BuildOutcome::Cancelled,
        Err(error) => BuildOutcome::Failed { error: in_one_line(error) },
    }
}

/// Logins as daemons ask for them.
struct Logins(CredentialFiles);

impl Credentials for Logins {
    fn login(&self, host: &str) -> Result<Option<RegistryLogin>, String> {
        let credential = self.0.credential(host, "").map_err(|error| error.to_string())?;
        Ok(match credential {
            Some(Credential::Password { username, password }) => {
                Some(RegistryLogin { username, secret: password })
            }
            Some(Credential::IdentityToken(secret)) => {
                Some(RegistryLogin { username: String::new(), secret })
            }
            // BuildKit has no place for it.
            Some(Credential::RegistryToken(_)) | None => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_of_this_machine_alone_are_not_passed_on() {
        for (proxy, expected) in [
            ("http://proxy.example:3128", true),
            ("http://me:word@proxy.example", true),
            ("proxy.example:3128", true),
            ("http://localhost:3128", false),
            ("http://me:word@127.0.0.1:3128", false),
            ("http://[::1]:3128", false),
        ] {
            assert_eq!(leads_out(&SecretUrl::new(proxy)), expected, "{proxy}");
        }
    }
}
