//! Bases: where an image begins.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use imagewright_model::lock::LockedBase;
use imagewright_model::spec::{BaseSource, Distribution};
use imagewright_model::{AptSettings, BuildSettings, Progress};
use imagewright_oci::{ContainerConfig, Descriptor, Digest, Platform, Reference};
use imagewright_store::transfer::{ImportSource, Naming};
use imagewright_store::{Image, ImageRecord, StoreError};

use crate::bootstrap::{self, BootstrapRequest};
use crate::bootstrap_step::{self, BootstrapStep};
use crate::docker_daemon::DockerDaemon;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::import::file_source;
use crate::lock::{KeptBase, locked_base};
use crate::machine::Machine;
use crate::partial;
use crate::remote::came_from_registry;
use crate::reporter::StepReporter;
use crate::step::{self, Done, Memory};
use crate::versions_error::VersionsError;
use crate::workbench::{DEFAULT_PATH, Site};

/// What else a base needs to be found or made.
#[derive(Clone, Copy)]
pub(crate) struct BaseContext<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a BuildSettings,
    /// Whether layers are brought into the store that no step may need.
    pub(crate) keep: bool,
}

/// A base and whether it was there already.
pub(crate) struct Base {
    pub(crate) draft: Draft,
    pub(crate) cached: bool,
    /// What a lock says of it.
    pub(crate) locked: LockedBase,
}

impl BaseContext<'_> {
    /// Finds or makes the base.
    pub(crate) fn resolve(
        &self,
        source: &BaseSource,
        wanted: &Platform,
        epoch: Option<i64>,
        memory: Memory,
        kept: Option<KeptBase<'_>>,
        step: &StepReporter<'_>,
    ) -> Result<Base, EngineError> {
        if let BaseSource::Bootstrap { distribution, suite } = source {
            let place = kept.and_then(|kept| kept.base.distribution.as_deref()?.split_once('/'));
            let kept = kept.filter(|_| place.is_some()).map(|kept| kept.base);
            let locked = place.and_then(|(distribution, suite)| Some((distribution.parse().ok()?, suite)));
            let (distribution, suite) = match locked {
                Some((distribution, suite)) => (Some(distribution), Some(suite)),
                None => (*distribution, suite.as_deref()),
            };
            let request = self.bootstrap_request(distribution, suite, wanted, &[])?;
            let memory = Memory { solve_again: memory.solve_again || kept.is_some(), ..memory };
            return self.bootstrap(&request, epoch, memory, kept, step);
        }
        let (image, cached) = self.find(source, wanted, memory, kept, step)?;
        if !wanted.accepts(&image.config.platform) {
            return Err(EngineError::BasePlatform {
                base: source.to_string(),
                found: Box::new(image.config.platform.clone()),
                wanted: Box::new(wanted.clone()),
            });
        }
        // A path of this machine is nobody else's business, and the digest must not depend on it.
        let name = matches!(source, BaseSource::Image(_)).then(|| source.to_string());
        let locked = locked_base(Some(image.manifest.digest().clone()));
        Ok(Base { draft: Draft::on(&image, name), cached, locked })
    }

    fn find(
        &self,
        source: &BaseSource,
        wanted: &Platform,
        memory: Memory,
        kept: Option<KeptBase<'_>>,
        step: &StepReporter<'_>,
    ) -> Result<(Image, bool), EngineError> {
        match source {
            BaseSource::Image(reference) => {
                let kept = kept.and_then(|kept| Some((kept.base.digest.as_ref()?, kept.locked)));
                if let Some((digest, locked)) = kept
                    && let Some(found) = self.find_locked(reference, digest, locked, wanted, step)?
                {
                    return Ok(found);
                }
                self.find_image(reference, wanted, memory, step)
            }
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

    /// The very image of a lock: from the store, else from its registry. None where the name was given to another
    /// image here since: who names an image on this machine means it, unless the lock must be kept.
    fn find_locked(
        &self,
        reference: &Reference,
        digest: &Digest,
        locked: bool,
        wanted: &Platform,
        step: &StepReporter<'_>,
    ) -> Result<Option<(Image, bool)>, EngineError> {
        let store = self.site.store;
        if !locked
            && let Ok(record) = store.resolve(&reference.canonical())
            && record.manifest.digest != *digest
            && !self.may_have_moved(reference, &record)?
        {
            return Ok(None);
        }
        match store.resolve(&digest.to_string()) {
            Ok(record) => Ok(Some((store.image(&record.manifest)?, true))),
            Err(StoreError::ImageNotFound { .. }) => {
                let pulled = self.pull(&reference.with_digest(digest.clone()), wanted, step)?;
                Ok(Some((store.image(&pulled.manifest)?, false)))
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
        if self.settings.trust.offline {
            let what = format!("the base image `{reference}` is");
            return Err(VersionsError::Offline { what }.into());
        }
        if !self.keep {
            step.status(format!("looking at {reference}"));
            return partial::adopt(self.site, reference, wanted);
        }
        step.status(format!("pulling {reference}"));
        let output = step.output();
        let progress = |message: &str, progress: Progress| output.progress(message, progress);
        let stop = self.site.cancel.stop();
        self.site.remote.pull(reference, wanted, stop, &progress).map_err(EngineError::Remote)
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
        let chosen = bootstrap_request(self.machine, &self.settings.apt, distribution, suite, platform)?;
        Ok(BootstrapRequest { include: include.to_vec(), ..chosen })
    }

    /// Makes a root of distribution packages, or takes the one made of the same packages before.
    pub(crate) fn bootstrap(
        &self,
        request: &BootstrapRequest,
        epoch: Option<i64>,
        memory: Memory,
        kept: Option<&LockedBase>,
        report: &StepReporter<'_>,
    ) -> Result<Base, EngineError> {
        let mut step = BootstrapStep::new(self.site, request, self.settings, epoch, kept, report)?;
        let Done { result: root, cached, solution } = step::perform(self.site, &mut step, memory, report)?;
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
        Ok(Base { draft, cached, locked: bootstrap_step::locked(&solution) })
    }
}

/// What `bootstrap` and its like stand for on a machine.
pub(crate) fn bootstrap_request(
    machine: &Machine,
    settings: &AptSettings,
    distribution: Option<Distribution>,
    suite: Option<&str>,
    platform: &Platform,
) -> Result<BootstrapRequest, EngineError> {
    let sources = bootstrap::parse_sources(&machine.apt_sources)?;
    let machine = bootstrap::Machine {
        os_release: &machine.os_release,
        sources: &sources,
        has_keyring: &Path::is_file,
    };
    Ok(bootstrap::choose(&machine, settings, distribution, suite, &platform.architecture)?)
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
