//! One build, from a spec to an image in the store.

use std::time::Duration;

use imagewright_layer::Compression;
use imagewright_model::spec::{Distribution, ImageSpec};
use imagewright_model::{BuildOutcome, EventSink};
use imagewright_oci::{Platform, Reference, validate_image};
use imagewright_sandbox::Limits;
use imagewright_store::ImageRecord;

use crate::apt::AptStep;
use crate::base::{Base, BaseContext};
use crate::cancel::Cancel;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::outside::Outside;
use crate::pip::PipStep;
use crate::reporter::{BuildReporter, StepReporter};
use crate::step::{Memory, StepContext, StepResult, perform};
use crate::time::{rfc3339, source_date_epoch};
use crate::uv::Uv;
use crate::workbench::Site;
use crate::{Engine, config};

/// Told while a collection keeps a build waiting.
const COLLECTING: &str = "waiting for `gc` to end";

/// What to build and how.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// What the image is to be.
    pub spec: ImageSpec,
    /// The names it gets.
    pub names: Vec<Reference>,
    /// How its layers are compressed.
    pub compression: Compression,
    /// Ask archives and indexes again instead of keeping to what they answered last time.
    pub upgrade: bool,
    /// Run every step again.
    pub no_cache: bool,
    /// How long one program of a step may run.
    pub time_limit: Option<Duration>,
    /// How much of the machine a program of a step may use.
    pub limits: Limits,
    /// The latest date anything in the image carries, seconds since 1970.
    pub source_date_epoch: Option<i64>,
}

/// A base image to make from distribution packages.
#[derive(Clone, Debug, Default)]
pub struct BaseImageRequest {
    /// The distribution; default: the machine's own.
    pub distribution: Option<Distribution>,
    /// Its release; default: the newest the machine offers.
    pub suite: Option<String>,
    /// Packages beyond the essential ones and apt.
    pub include: Vec<String>,
    /// The names it gets.
    pub names: Vec<Reference>,
    /// The platform; default: this machine's.
    pub platform: Option<Platform>,
    /// How its layer is compressed.
    pub compression: Compression,
    /// Ask the archive again instead of keeping to what it answered last time.
    pub upgrade: bool,
    /// Make it again though it is known.
    pub no_cache: bool,
    /// The latest date anything in the image carries, seconds since 1970.
    pub source_date_epoch: Option<i64>,
}

/// What a build came to.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image in the store.
    pub image: ImageRecord,
    /// Number of its layers.
    pub layers: usize,
    /// Whether nothing had to be done.
    pub unchanged: bool,
}

impl Engine {
    /// Builds an image. Whatever happens is told to `events`, the outcome last.
    pub fn build(
        &self,
        request: &BuildRequest,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Built, EngineError> {
        let steps =
            1 + u32::from(!request.spec.apt.packages.is_empty()) + u32::from(!request.spec.pip.is_empty());
        let reporter = BuildReporter::start(events, steps);
        let built = unless_cancelled(self.build_steps(request, &reporter, cancel), cancel);
        reporter.finish(outcome(&built));
        built
    }

    /// Makes a base image from distribution packages.
    pub fn bootstrap_image(
        &self,
        request: &BaseImageRequest,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Built, EngineError> {
        let reporter = BuildReporter::start(events, 1);
        let built = unless_cancelled(self.bootstrap_step(request, &reporter, cancel), cancel);
        reporter.finish(outcome(&built));
        built
    }

    fn bootstrap_step(
        &self,
        request: &BaseImageRequest,
        reporter: &BuildReporter<'_>,
        cancel: &Cancel,
    ) -> Result<Built, EngineError> {
        let _lease = self.store.lease(|| reporter.warn(COLLECTING))?;
        let platform = self.platform(request.platform.as_ref())?;
        let (outside, no_limits) = (Outside::new(&self.settings), Limits::default());
        let site = self.site(&outside, cancel, request.compression, (None, &no_limits));
        let context =
            BaseContext { site, machine: &self.machine, settings: &self.settings, remote: &*self.remote };
        let bootstrap = context.bootstrap_request(
            request.distribution,
            request.suite.as_deref(),
            &platform,
            &request.include,
        )?;
        let step = reporter.step(format!("base bootstrap:{}/{}", bootstrap.distribution, bootstrap.suite));
        let memory = Memory { solve_again: request.upgrade, run_again: request.no_cache };
        let base = context.bootstrap(&bootstrap, request.source_date_epoch, memory, &step)?;
        step.finish(base.cached, base.draft.layers.first().map(|layer| layer.size));
        let created = rfc3339(source_date_epoch(request.source_date_epoch, &base.draft.config));
        self.put(base.draft, &created, &request.names, base.cached)
    }

    fn site<'a>(
        &'a self,
        outside: &'a Outside,
        cancel: &'a Cancel,
        compression: Compression,
        (time_limit, limits): (Option<Duration>, &'a Limits),
    ) -> Site<'a> {
        let Self { store, helper, threads, .. } = self;
        Site { store, helper, cancel, threads: *threads, compression, time_limit, limits, outside }
    }

    fn build_steps(
        &self,
        request: &BuildRequest,
        reporter: &BuildReporter<'_>,
        cancel: &Cancel,
    ) -> Result<Built, EngineError> {
        let spec = &request.spec;
        let _lease = self.store.lease(|| reporter.warn(COLLECTING))?;
        let wanted = self.platform(spec.platform.as_ref())?;
        let outside = Outside::new(&self.settings);
        let site = self.site(&outside, cancel, request.compression, (request.time_limit, &request.limits));
        let context =
            BaseContext { site, machine: &self.machine, settings: &self.settings, remote: &*self.remote };
        let memory = Memory { solve_again: request.upgrade, run_again: request.no_cache };

        let report = reporter.step(format!("base {}", spec.base));
        let base = context.resolve(&spec.base, &wanted, request.source_date_epoch, memory, &report)?;
        report.finish(base.cached, None);
        let mut progress = Growing::from(base, request.source_date_epoch);
        if !spec.apt.packages.is_empty() {
            let title = title("apt", &spec.apt.packages);
            let report = reporter.step(&title);
            let mut step = AptStep::new(progress.context(site, &report), &spec.apt, &self.settings.apt);
            let done = perform(&self.store, &mut step, memory, &report)?;
            progress.add(done, report, &title);
        }
        if !spec.pip.is_empty() {
            let title = match &spec.pip.locked {
                Some(lock) => format!("pip {}", lock.source),
                None => title("pip", spec.pip.requirements.iter().map(|requirement| &requirement.text)),
            };
            let report = reporter.step(&title);
            let uv = Uv::find(&self.store, self.settings.python.uv.as_deref(), &self.machine.uv_candidates)?;
            let mut step = PipStep::new(
                progress.context(site, &report),
                uv,
                &spec.pip,
                spec.python.as_ref(),
                &self.settings,
                memory.run_again,
            );
            let done = perform(&self.store, &mut step, memory, &report)?;
            progress.add(done, report, &title);
        }
        let Growing { mut draft, created, unchanged, .. } = progress;
        for change in config::apply(spec, &mut draft.config) {
            draft.note(&created, &change);
        }
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        self.put(draft, &created, &request.names, unchanged)
    }

    /// Stores the finished image, proven valid first.
    fn put(
        &self,
        draft: Draft,
        created: &str,
        names: &[Reference],
        unchanged: bool,
    ) -> Result<Built, EngineError> {
        let layers = draft.layers.len();
        let (manifest, config) = draft.finish(created);
        let was_there = self.store.has_blob(manifest.digest());
        validate_image(&manifest, &config).map_err(|source| EngineError::InvalidImage { source })?;
        let image = self.store.put_image(&manifest, &config, names)?;
        Ok(Built { image, layers, unchanged: unchanged && was_there })
    }

    /// The platform to build for: what was asked for, if this machine can run it.
    pub(crate) fn platform(&self, wanted: Option<&Platform>) -> Result<Platform, EngineError> {
        let host = Platform::host();
        match wanted {
            Some(wanted) if !host.accepts(wanted) => {
                Err(EngineError::ForeignPlatform { host: Box::new(host), wanted: Box::new(wanted.clone()) })
            }
            Some(wanted) => Ok(wanted.clone()),
            None => Ok(host),
        }
    }
}

/// What a step does, in a line: also its entry in the image's history.
fn title(kind: &str, packages: impl IntoIterator<Item = impl ToString>) -> String {
    let packages: Vec<String> = packages.into_iter().map(|package| package.to_string()).collect();
    format!("{kind} {}", packages.join(" "))
}

/// The image as it grows, step by step.
struct Growing {
    draft: Draft,
    epoch: i64,
    created: String,
    /// Whether every step so far was done before.
    unchanged: bool,
}

impl Growing {
    fn from(base: Base, given_epoch: Option<i64>) -> Self {
        let epoch = source_date_epoch(given_epoch, &base.draft.config);
        Self { draft: base.draft, epoch, created: rfc3339(epoch), unchanged: base.cached }
    }

    fn context<'a>(&'a self, site: Site<'a>, report: &'a StepReporter<'a>) -> StepContext<'a> {
        StepContext { site, draft: &self.draft, epoch: self.epoch, report }
    }

    /// Takes in what a step came to.
    fn add(&mut self, (result, cached): (StepResult, bool), report: StepReporter<'_>, title: &str) {
        if result.layers.is_empty() {
            self.draft.note(&self.created, title);
        }
        for made in &result.layers {
            self.draft.push(&made.layer, &self.created, made.title.as_deref().unwrap_or(title));
        }
        if let Some(folder) = &result.path_prefix {
            config::prepend_path(&mut self.draft.config, folder);
        }
        self.unchanged &= cached;
        report.finish(cached, result.size());
    }
}

/// What fails after somebody asked to stop failed because of that.
fn unless_cancelled(built: Result<Built, EngineError>, cancel: &Cancel) -> Result<Built, EngineError> {
    built.map_err(|error| if cancel.is_cancelled() { EngineError::Cancelled } else { error })
}

fn outcome(built: &Result<Built, EngineError>) -> BuildOutcome {
    match built {
        Ok(built) => BuildOutcome::Succeeded {
            digest: built.image.manifest.digest.clone(),
            size: built.image.size,
            layers: built.layers,
        },
        Err(EngineError::Cancelled) => BuildOutcome::Cancelled,
        Err(error) => BuildOutcome::Failed { error: chain(error) },
    }
}

/// An error and its causes on one line.
fn chain(error: &EngineError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
