//! Images that a daemon has built come into the store, where everything else looks for them: at once, as an archive,
//! from BuildKit; as `docker save` gives it, from a Docker Engine, which has it too.

use std::io::{self, Read};
use std::thread;
use std::time::Instant;

use imagewright_docker::{BuildRequest, Built, Daemon, DockerError, Export};
use imagewright_engine::Cancel;
use imagewright_model::spec::LayerCompression;
use imagewright_model::{BuildEngine, BuildEvent, EventSink, Progress, StepId};
use imagewright_oci::{Digest, Reference};
use imagewright_store::ImageRecord;

use crate::elsewhere::left_there;
use crate::engines::Builder;
use crate::{BuildReport, DockerfileCommand, Service, ServiceError};

/// Told while a collection keeps a build waiting.
const COLLECTING: &str = "waiting for `gc` to end";

impl Service {
    /// Has a daemon build.
    pub(crate) fn build_elsewhere(
        &self,
        builder: &Builder,
        command: &DockerfileCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        let waiting = || events.emit(BuildEvent::Warning { message: COLLECTING.to_owned() });
        let _lease = self.store().lease(waiting)?;
        self.build_by_daemon(builder, command, events, cancel, |request, compression| match builder.engine {
            BuildEngine::BuildKit => self.build_and_take(builder, request, compression, events, cancel),
            _ => self.build_in_docker(builder, request, command, events, cancel),
        })
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
            return left_there(daemon, digest, &request.names);
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
            reports: Vec::new(),
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
