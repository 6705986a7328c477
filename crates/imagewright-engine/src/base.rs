//! Bases: where an image begins.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use imagewright_model::spec::{BaseSource, Distribution};
use imagewright_oci::{Descriptor, Digest, Platform};
use imagewright_store::overlay::PathPattern;
use imagewright_store::transfer::ImportSource;
use imagewright_store::{Image, StoreError};

use crate::apt;
use crate::bootstrap::{self, BootstrapRequest, Report, Solution};
use crate::docker_daemon::DockerDaemon;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::fetch::Fetcher;
use crate::import::file_source;
use crate::machine::Machine;
use crate::outside::INSIDE;
use crate::reporter::StepReporter;
use crate::step_cache::{self, StepResult};
use crate::time::rfc3339;
use crate::workbench::{Command, Site, Workbench, bind};

/// What else a base needs to be found or made.
#[derive(Clone, Copy)]
pub(crate) struct BaseContext<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a imagewright_model::BuildSettings,
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
        options: BaseOptions,
        step: &StepReporter<'_>,
    ) -> Result<Base, EngineError> {
        if let BaseSource::Bootstrap { distribution, suite } = source {
            let request = self.bootstrap_request(*distribution, suite.as_deref(), wanted, &[])?;
            return self.bootstrap(&request, options, step);
        }
        let (image, cached) = self.find(source, step)?;
        if !wanted.accepts(&image.config.platform) {
            return Err(EngineError::BasePlatform {
                base: source.to_string(),
                found: Box::new(image.config.platform.clone()),
                wanted: Box::new(wanted.clone()),
            });
        }
        Ok(Base { draft: Draft::on(&image, Some(source.to_string())), cached })
    }

    fn find(&self, source: &BaseSource, step: &StepReporter<'_>) -> Result<(Image, bool), EngineError> {
        match source {
            BaseSource::Image(reference) => match self.site.store.resolve(&reference.canonical()) {
                Ok(record) => Ok((self.site.store.image(&record.manifest)?, true)),
                Err(StoreError::ImageNotFound { .. }) => Err(EngineError::BaseNotFound(source.clone())),
                Err(error) => Err(error.into()),
            },
            BaseSource::OciDirectory { path, .. } => self.import_file(source, &path.join("index.json"), step),
            BaseSource::OciArchive { path, .. } | BaseSource::DockerArchive { path, .. } => {
                self.import_file(source, path, step)
            }
            BaseSource::DockerDaemon(reference) => {
                let daemon = DockerDaemon::new(self.machine.docker_socket.clone());
                let id = daemon.image_id(reference)?;
                let identity = step_cache::key("docker-daemon", &id);
                if let Some(image) = self.imported(&identity)? {
                    return Ok((image, true));
                }
                self.import(&identity, daemon.stream(reference)?, step)
            }
            BaseSource::Bootstrap { .. } => unreachable!("bootstrap is not found but made"),
        }
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
        let records = store.import(source, None, &mut |message, progress| {
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
        options: BaseOptions,
        step: &StepReporter<'_>,
    ) -> Result<Base, EngineError> {
        let store = self.site.store;
        let request_key = step_cache::key("bootstrap-request", &request.key());
        let _lock = store.lock(&format!("bootstrap-{}", request_key.hex()), || {
            step.status("waiting for another build that makes the same base");
        })?;
        let fetcher = Fetcher::new(&self.settings.trust)?;
        let cache = store.cache_dir("bootstrap")?;
        let known =
            if options.solve_again { None } else { step_cache::solution(store, "bootstrap", &request_key)? };
        let solution: Solution = match known {
            Some(solution) => solution,
            None => {
                let solution = bootstrap::solve(request, &fetcher, &cache, &mut |report| tell(step, report))?;
                step_cache::remember_solution(store, "bootstrap", &request_key, &solution)?;
                solution
            }
        };
        let compression = self.site.compression.to_string();
        let key = step_cache::key("bootstrap", &(solution.key(), &compression, options.epoch));
        let known = if options.run_again { None } else { known_root(self.site, &key)? };
        let cached = known.is_some();
        let root = match known {
            Some(root) => root,
            None => {
                let root = self.make_root(request, &solution, &fetcher, &cache, options.epoch, step)?;
                store.put_fact("bootstrap", &key, &root)?;
                root
            }
        };
        let mut draft = Draft::empty(Platform::linux(&request.architecture));
        if let Some(layer) = &root.result.layer {
            draft.push(
                layer,
                &root.created,
                &format!("bootstrap:{}/{}", request.distribution, request.suite),
            );
        }
        draft.config.created = Some(root.created);
        draft.config.config = Some(bootstrap_config());
        Ok(Base { draft, cached })
    }

    fn make_root(
        &self,
        request: &BootstrapRequest,
        solution: &Solution,
        fetcher: &Fetcher,
        cache: &Path,
        epoch: Option<i64>,
        step: &StepReporter<'_>,
    ) -> Result<Root, EngineError> {
        let archives =
            bootstrap::download(request, solution, fetcher, cache, &mut |report| tell(step, report))?;
        let mut bench = Workbench::bare(self.site)?;
        step.status("unpacking packages");
        let extracted = bootstrap::extract(solution, &archives, &bench.upper())?;
        let epoch = epoch.unwrap_or(extracted.newest_mtime);
        bench.set_epoch(epoch);
        step.status("configuring packages");
        let folder = format!("{INSIDE}/debs");
        let configure = bootstrap::configure_command(solution, &folder);
        let command = Command::new(configure.command).mount(bind(cache, &folder, true)).without_network();
        let environment = configure.environment.into_iter();
        let command = environment.fold(command, |command, (name, value)| command.env(&name, value));
        let finished = bench.run(command, step)?;
        if !finished.succeeded() {
            return Err(EngineError::Apt { action: "configure the base", tail: finished.tail_text() });
        }
        let mut rules = apt::tidy_rules();
        rules.remove.extend(bootstrap::junk().iter().map(|glob| PathPattern::new(glob)));
        let layer = bench.seal(&Draft::empty(Platform::linux(&request.architecture)), rules, step)?;
        Ok(Root { result: StepResult { layer, path_prefix: None }, created: rfc3339(epoch) })
    }
}

/// Passes on what bootstrapping tells.
fn tell(step: &StepReporter<'_>, report: Report) {
    match report {
        Report::Status(message) => step.status(message),
        Report::Progress { message, progress } => step.progress(&message, progress.done, progress.total),
        Report::Warning(message) => step.warn(message),
    }
}

/// How a base treats what is known already.
#[derive(Clone, Copy, Default)]
pub(crate) struct BaseOptions {
    /// Ask the archive again which packages there are.
    pub(crate) solve_again: bool,
    /// Make the base again though it is known.
    pub(crate) run_again: bool,
    /// `SOURCE_DATE_EPOCH` where the user gave one.
    pub(crate) epoch: Option<i64>,
}

/// A bootstrapped root as remembered.
#[derive(serde::Serialize, serde::Deserialize)]
struct Root {
    result: StepResult,
    created: String,
}

fn known_root(site: Site<'_>, key: &Digest) -> Result<Option<Root>, EngineError> {
    let known: Option<Root> = site.store.get_fact("bootstrap", key)?;
    let is_stored = |root: &Root| {
        root.result.layer.as_ref().is_some_and(|layer| site.store.has_blob(&layer.descriptor.digest))
    };
    Ok(known.filter(is_stored))
}

/// What a bootstrapped image starts with.
fn bootstrap_config() -> imagewright_oci::ContainerConfig {
    imagewright_oci::ContainerConfig {
        env: vec![format!("PATH={}", crate::workbench::DEFAULT_PATH)],
        cmd: Some(vec!["/bin/bash".to_owned()]),
        ..imagewright_oci::ContainerConfig::default()
    }
}

/// Stands for the content of a file on disk as long as nobody touches it.
fn identity(source: &BaseSource, file: &Path) -> Result<Digest, EngineError> {
    let path: PathBuf = fs::canonicalize(file).map_err(EngineError::io("find", file))?;
    let metadata = fs::metadata(&path).map_err(EngineError::io("examine", &path))?;
    let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    Ok(step_cache::key("file", &(source.to_string(), path, metadata.len(), metadata.ino(), times)))
}
