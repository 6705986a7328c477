//! Building an image of a Dockerfile by a daemon instead of our own engine.
//!
//! Who builds is decided elsewhere (`engines`). What a daemon has built comes into the store, where everything else looks
//! for it: at once, as an archive, from BuildKit; as `docker save` gives it, from a Docker Engine, which has it
//! too.

use std::io::{self, Read};
use std::thread;
use std::time::Instant;

use imagewright_docker::{
    AgentSocket, BuildRequest, Built, Credentials, Daemon, DockerError, Export, NamedSource, RegistryLogin,
};
use imagewright_dockerfile::NamedContext;
use imagewright_engine::{Cancel, EngineError};
use imagewright_model::spec::LayerCompression;
use imagewright_model::{
    BuildEngine, BuildEvent, BuildOutcome, EVENT_VERSION, EventSink, Progress, SecretUrl, StepId,
};
use imagewright_oci::{Digest, Reference};
use imagewright_registry::{Credential, CredentialFiles, CredentialSource};
use imagewright_store::ImageRecord;

use crate::dockerfile::{Given, given, named_contexts};
use crate::engines::{Builder, refuse_what_is_ours};
use crate::error::in_one_line;
use crate::{BuildReport, DockerfileCommand, Service, ServiceError};

/// Told while a collection keeps a build waiting.
const COLLECTING: &str = "waiting for `gc` to end";
/// Names by which programs look for proxies, and the argument of a build for each.
const PROXIES: [&str; 2] = ["HTTP_PROXY", "HTTPS_PROXY"];
/// Proxies there lead nowhere from inside a container.
const LOOPBACK: [&str; 3] = ["localhost", "127.", "[::1]"];

impl Service {
    /// Has a daemon build.
    pub(crate) fn build_elsewhere(
        &self,
        builder: &Builder,
        command: &DockerfileCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        refuse_what_is_ours(builder.engine, command)?;
        let (request, compression) = self.daemon_request(command)?;
        if command.push && request.names.is_empty() {
            return Err(ServiceError::NoNameToPush);
        }
        let waiting = || events.emit(BuildEvent::Warning { message: COLLECTING.to_owned() });
        let _lease = self.store().lease(waiting)?;
        let started = Instant::now();
        // How many steps there are, the daemon tells as it goes.
        events.emit(BuildEvent::Started { version: EVENT_VERSION, steps: 0 });
        let built = match builder.engine {
            BuildEngine::BuildKit => self.build_and_take(builder, &request, compression, events, cancel),
            _ => self.build_in_docker(builder, &request, command, events, cancel),
        };
        let built = match built {
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
        let trust = &self.engine.settings.trust;
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

    /// Has BuildKit build, and takes the image in while it comes.
    fn build_and_take(
        &self,
        builder: &Builder,
        request: &BuildRequest,
        compression: Option<LayerCompression>,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        let (reader, writer) = io::pipe().map_err(DockerError::TakeImage)?;
        let export = Export::Archive { to: Box::new(writer), compression };
        // The archive's own names are BuildKit's; it gets those that were asked for.
        let names = &request.names;
        let origin = builder.daemon.address().to_string();
        let known = names.first().and_then(|name| self.store().resolve(&name.to_string()).ok());
        let (built, imported) = thread::scope(|scope| {
            let import =
                scope.spawn(|| self.engine.import_stream(&origin, Box::new(reader), names, &mut |_, _| {}));
            let built = builder.daemon.build(request, export, self.logins(), events, cancel.stop());
            (built, import.join().expect("an import does not panic"))
        });
        match (built, imported) {
            // Where the image could not be written, it could not be taken, and the latter says why.
            (Err(DockerError::TakeImage(_)) | Ok(_), Err(error)) => Err(error.into()),
            (Err(error), _) => Err(error.into()),
            (Ok(_), Ok(image)) => {
                let unchanged = known.is_some_and(|known| known.manifest.digest == image.manifest.digest);
                self.report(names, &image, unchanged)
            }
        }
    }

    /// Has a Docker Engine build, and brings the image here where it is wanted.
    fn build_in_docker(
        &self,
        builder: &Builder,
        request: &BuildRequest,
        command: &DockerfileCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        let daemon = &builder.daemon;
        let built = daemon.build(request, Export::Docker, self.logins(), events, cancel.stop())?;
        let digest = built.digest.clone().ok_or_else(DockerError::no_digest)?;
        let is_wanted = command.push || command.digest_file.is_some();
        if !is_wanted && self.engines.docker.import == Some(false) {
            let stored = daemon.image(&digest.to_string())?;
            return Ok(BuildReport {
                names: request.names.clone(),
                id: stored.id.parse().unwrap_or_else(|_| digest.clone()),
                digest,
                size: stored.size,
                layers: stored.root.layers.len(),
                unchanged: false,
                lock: None,
                notes: Vec::new(),
                findings: None,
            });
        }
        let known =
            built.id.iter().chain([&digest]).find_map(|id| self.store().resolve(&id.to_string()).ok());
        if let Some(image) = known {
            let image = request.names.iter().try_fold(image, |image, name| self.store().tag(&image, name))?;
            return self.report(&request.names, &image, true);
        }
        let image = self.bring(daemon, &digest, &built, &request.names, events, cancel)?;
        self.report(&request.names, &image, false)
    }

    /// Brings an image from a Docker Engine into the store.
    fn bring(
        &self,
        daemon: &Daemon,
        digest: &Digest,
        built: &Built,
        names: &[Reference],
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<ImageRecord, ServiceError> {
        let (step, started) = (StepId(built.steps + 1), Instant::now());
        events.emit(BuildEvent::StepStarted { step, title: "import into the store".to_owned() });
        let origin = format!("docker-daemon:{digest}");
        let saved = Stopped { reader: daemon.save_image(&digest.to_string())?, cancel: cancel.clone() };
        let mut progress = |message: &str, progress: Progress| {
            events.emit(BuildEvent::Progress { step, message: message.to_owned(), progress });
        };
        let image = self.engine.import_stream(&origin, Box::new(saved), names, &mut progress)?;
        let (layer_size, took) = (None, started.elapsed());
        events.emit(BuildEvent::StepFinished { step, cached: false, layer_size, took });
        Ok(image)
    }

    fn report(
        &self,
        names: &[Reference],
        image: &ImageRecord,
        unchanged: bool,
    ) -> Result<BuildReport, ServiceError> {
        let documents = self.store().image(&image.manifest)?;
        Ok(BuildReport {
            names: names.to_vec(),
            digest: image.manifest.digest.clone(),
            id: image.id.clone(),
            size: image.size,
            layers: documents.manifest.layers.len(),
            unchanged,
            lock: None,
            notes: Vec::new(),
            findings: None,
        })
    }

    fn logins(&self) -> Box<dyn Credentials> {
        Box::new(Logins(self.credentials.clone()))
    }
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

/// A stream that ends when somebody asks.
struct Stopped<R> {
    reader: R,
    cancel: Cancel,
}

impl<R: Read> Read for Stopped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.stop().check()?;
        self.reader.read(buffer)
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
