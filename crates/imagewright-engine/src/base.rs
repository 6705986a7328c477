//! Bases: where an image begins.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use imagewright_model::spec::{BaseSource, Distribution};
use imagewright_model::{BuildSettings, Progress};
use imagewright_oci::{ContainerConfig, Descriptor, Digest, Platform, Reference};
use imagewright_store::transfer::{ImportSource, Naming};
use imagewright_store::{Image, ImageRecord, StoreError};

use crate::bootstrap::{self, BootstrapRequest};
use crate::bootstrap_step::BootstrapStep;
use crate::docker_daemon::DockerDaemon;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::import::file_source;
use crate::machine::Machine;
use crate::remote::{RemoteImages, came_from_registry};
use crate::reporter::StepReporter;
use crate::step::{self, Memory};
use crate::workbench::{DEFAULT_PATH, Site};

/// What else a base needs to be found or made.
#[derive(Clone, Copy)]
pub(crate) struct BaseContext<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a BuildSettings,
    pub(crate) remote: &'a dyn RemoteImages,
}

/// A base and whether it was there already.
pub(crate) struct Base {
    pub(crate) draft: Draft,
    pub(crate) cached: bool,
}

impl BaseContext<'_> {
    /// Finds or makes the base.
    pub(crate) fn resolve(
        &self,
        source: &BaseSource,
        wanted: &Platform,
        epoch: Option<i64>,
        memory: Memory,
        step: &StepReporter<'_>,
    ) -> Result<Base, EngineError> {
        if let BaseSource::Bootstrap { distribution, suite } = source {
            let request = self.bootstrap_request(*distribution, suite.as_deref(), wanted, &[])?;
            return self.bootstrap(&request, epoch, memory, step);
        }
        let (image, cached) = self.find(source, wanted, memory, step)?;
        if !wanted.accepts(&image.config.platform) {
            return Err(EngineError::BasePlatform {
                base: source.to_string(),
                found: Box::new(image.config.platform.clone()),
                wanted: Box::new(wanted.clone()),
            });
        }
        // A path of this machine is nobody else's business, and the digest must not depend on it.
        let name = matches!(source, BaseSource::Image(_)).then(|| source.to_string());
        Ok(Base { draft: Draft::on(&image, name), cached })
    }

    fn find(
        &self,
        source: &BaseSource,
        wanted: &Platform,
        memory: Memory,
        step: &StepReporter<'_>,
    ) -> Result<(Image, bool), EngineError> {
        match source {
            BaseSource::Image(reference) => self.find_image(reference, wanted, memory, step),
            BaseSource::OciDirectory { path, .. } => self.import_file(source, &path.join("index.json"), step),
            BaseSource::OciArchive { path, .. } | BaseSource::DockerArchive { path, .. } => {
                self.import_file(source, path, step)
            }
            BaseSource::DockerDaemon(reference) => {
                let daemon = DockerDaemon::new(self.machine.docker_socket.clone());
                let id = daemon.image_id(reference)?;
                let identity = step::key("docker-daemon", &id);
                if let Some(image) = self.imported(&identity)? {
                    return Ok((image, true));
                }
                self.import(&identity, daemon.stream(reference)?, step)
            }
            BaseSource::Bootstrap { .. } => unreachable!("bootstrap is not found but made"),
        }
    }

    /// An image by its name: from the store, else from its registry. `--upgrade` asks the registry again where the
    /// image came from there.
    fn find_image(
        &self,
        reference: &Reference,
        wanted: &Platform,
        memory: Memory,
        step: &StepReporter<'_>,
    ) -> Result<(Image, bool), EngineError> {
        let store = self.site.store;
        match store.resolve(&reference.canonical()) {
            Ok(record) if !memory.solve_again || !self.may_have_moved(reference, &record)? => {
                Ok((store.image(&record.manifest)?, true))
            }
            Ok(_) | Err(StoreError::ImageNotFound { .. }) => {
                let pulled = self.pull(reference, wanted, step)?;
                Ok((store.image(&pulled.manifest)?, false))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the registry may have another image under this name by now: not when the name has a digest, nor when
    /// the image was made or named here.
    fn may_have_moved(&self, reference: &Reference, record: &ImageRecord) -> Result<bool, EngineError> {
        let store = self.site.store;
        Ok(reference.digest().is_none() && came_from_registry(store, reference, &record.manifest.digest)?)
    }

    fn pull(
        &self,
        reference: &Reference,
        wanted: &Platform,
        step: &StepReporter<'_>,
    ) -> Result<ImageRecord, EngineError> {
        step.status(format!("pulling {reference}"));
        let output = step.output();
        let progress = |message: &str, progress: Progress| output.progress(message, progress);
        let stop = self.site.cancel.stop();
        self.remote.pull(reference, wanted, stop, &progress).map_err(EngineError::Remote)
    }

    /// Imports a folder or archive whose content is told by `file`.
    fn import_file(
        &self,
        source: &BaseSource,
        file: &Path,
        step: &StepReporter<'_>,
    ) -> Result<(Image, bool), EngineError> {
        let import = file_source(source).expect("only folders and archives come here");
        self.import(&identity(source, file)?, import, step)
    }

    /// Imports an archive, unless what `identity` stands for was imported before.
    fn import(
        &self,
        identity: &Digest,
        source: ImportSource,
        step: &StepReporter<'_>,
    ) -> Result<(Image, bool), EngineError> {
        if let Some(image) = self.imported(identity)? {
            return Ok((image, true));
        }
        step.status("importing the base");
        let store = self.site.store;
        let records = store.import(source, Naming::Unlisted, &mut |message, progress| {
            step.progress(message, progress.done, progress.total);
        })?;
        let record = records.first().expect("an import gives at least one image or an error");
        store.put_fact("imported-base", identity, &record.manifest)?;
        Ok((store.image(&record.manifest)?, false))
    }

    fn imported(&self, identity: &Digest) -> Result<Option<Image>, EngineError> {
        let store = self.site.store;
        let known: Option<Descriptor> = store.get_fact("imported-base", identity)?;
        match known.filter(|manifest| store.has_blob(&manifest.digest)) {
            Some(manifest) => Ok(Some(store.image(&manifest)?)),
            None => Ok(None),
        }
    }

    /// The request that `bootstrap`, `bootstrap:debian/SUITE` and their like stand for on this machine.
    pub(crate) fn bootstrap_request(
        &self,
        distribution: Option<Distribution>,
        suite: Option<&str>,
        platform: &Platform,
        include: &[String],
    ) -> Result<BootstrapRequest, EngineError> {
        let sources = bootstrap::parse_sources(&self.machine.apt_sources)?;
        let machine = bootstrap::Machine {
            os_release: &self.machine.os_release,
            sources: &sources,
            has_keyring: &Path::is_file,
        };
        let chosen =
            bootstrap::choose(&machine, &self.settings.apt, distribution, suite, &platform.architecture)?;
        Ok(BootstrapRequest { include: include.to_vec(), ..chosen })
    }

    /// Makes a root of distribution packages, or takes the one made of the same packages before.
    pub(crate) fn bootstrap(
        &self,
        request: &BootstrapRequest,
        epoch: Option<i64>,
        memory: Memory,
        report: &StepReporter<'_>,
    ) -> Result<Base, EngineError> {
        let mut step = BootstrapStep::new(self.site, request, self.settings, epoch, report)?;
        let (root, cached) = step::perform(self.site.store, &mut step, memory, report)?;
        let created = root.created.unwrap_or_default();
        let mut draft = Draft::empty(Platform::linux(&request.architecture));
        for made in &root.layers {
            draft.push(
                &made.layer,
                &created,
                &format!("bootstrap:{}/{}", request.distribution, request.suite),
            );
        }
        draft.config.created = Some(created);
        draft.config.config = Some(bootstrap_config());
        Ok(Base { draft, cached })
    }
}

/// What a bootstrapped image starts with.
fn bootstrap_config() -> ContainerConfig {
    ContainerConfig {
        env: vec![format!("PATH={DEFAULT_PATH}")],
        cmd: Some(vec!["/bin/bash".to_owned()]),
        ..ContainerConfig::default()
    }
}

/// Stands for the content of a file on disk as long as nobody touches it.
fn identity(source: &BaseSource, file: &Path) -> Result<Digest, EngineError> {
    let path: PathBuf = fs::canonicalize(file).map_err(EngineError::io("find", file))?;
    let metadata = fs::metadata(&path).map_err(EngineError::io("examine", &path))?;
    let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    Ok(step::key("file", &(source.to_string(), path, metadata.len(), metadata.ino(), times)))
}
