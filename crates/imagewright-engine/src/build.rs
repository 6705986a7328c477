//! One build, from a spec to an image in the store.

use std::time::Duration;

use imagewright_layer::Compression;
use imagewright_model::lock::{ImageLock, LockedDebian, LockedKernel};
use imagewright_model::spec::{Bytecode, Distribution, ImageSpec, KernelChoice, LinkScripts, PipRequirement};
use imagewright_model::{BuildOutcome, BuildSettings, EventSink};
use imagewright_oci::{Platform, Reference, validate_image};
use imagewright_sandbox::Limits;
use imagewright_store::ImageRecord;

use crate::apt::AptStep;
use crate::base::{Base, BaseContext};
use crate::cancel::Cancel;
use crate::conda::{Asked, CondaStep};
use crate::draft::Draft;
use crate::error::EngineError;
use crate::kernel::{KernelStep, check_launcher, python_of};
use crate::lock::{Decided, Keeping, Upgrade, Versions};
use crate::outside::Outside;
use crate::pip::PipStep;
use crate::reporter::{BuildReporter, StepReporter};
use crate::step::{Memory, StepContext, StepResult, perform};
use crate::time::{rfc3339, source_date_epoch};
use crate::uv::Uv;
use crate::workbench::{LayerWatch, Site};
use crate::{Engine, config};

/// Told while a collection keeps a build waiting.
pub(crate) const COLLECTING: &str = "waiting for `gc` to end";

/// What to build and how.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// What the image is to be.
    pub spec: ImageSpec,
    /// The names it gets.
    pub names: Vec<Reference>,
    /// How its layers are compressed.
    pub compression: Compression,
    /// How versions are decided on.
    pub versions: Versions,
    /// Run every step again.
    pub no_cache: bool,
    /// Whether the layers of a base are brought into the store though no step needs them: they are wanted elsewhere.
    pub keep_base: bool,
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

/// An image that was built from a spec, and what was decided on the way.
#[derive(Clone, Debug)]
pub struct BuiltFromSpec {
    /// The image.
    pub built: Built,
    /// The versions that were decided on.
    pub lock: ImageLock,
    /// The Python packages as a `pylock.toml`, where there are some.
    pub pylock: Option<String>,
}

impl Engine {
    /// Builds an image. Whatever happens is told to `events`, the outcome last; `layers` is told of those that the image
    /// is going to have.
    pub fn build(
        &self,
        request: &BuildRequest,
        events: &dyn EventSink,
        cancel: &Cancel,
        layers: LayerWatch<'_>,
    ) -> Result<BuiltFromSpec, EngineError> {
        let reporter = BuildReporter::start(events, number_of_steps(&request.spec));
        let built = unless_cancelled(self.build_steps(request, &reporter, cancel, layers), cancel);
        reporter.finish(outcome(built.as_ref().map(|built| &built.built)));
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
        reporter.finish(outcome(built.as_ref()));
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
        let context = BaseContext { site, machine: &self.machine, settings: &self.settings, keep: false };
        let bootstrap = context.bootstrap_request(
            request.distribution,
            request.suite.as_deref(),
            &platform,
            &request.include,
        )?;
        let step = reporter.step(format!("base bootstrap:{}/{}", bootstrap.distribution, bootstrap.suite));
        let memory = Memory { solve_again: request.upgrade, run_again: request.no_cache };
        let base = context.bootstrap(&bootstrap, request.source_date_epoch, memory, None, &step)?;
        step.finish(base.cached, base.draft.layers.first().map(|layer| layer.size));
        let created = rfc3339(source_date_epoch(request.source_date_epoch, &base.draft.config));
        self.put(base.draft, &created, &request.names, base.cached)
    }

    pub(crate) fn site<'a>(
        &'a self,
        outside: &'a Outside,
        cancel: &'a Cancel,
        compression: Compression,
        (time_limit, limits): (Option<Duration>, &'a Limits),
    ) -> Site<'a> {
        Site {
            store: &self.store,
            helper: &self.helper,
            cancel,
            threads: self.threads,
            compression,
            time_limit,
            limits,
            remote: &*self.remote,
            outside,
            layers: LayerWatch::none(),
        }
    }

    fn build_steps(
        &self,
        request: &BuildRequest,
        reporter: &BuildReporter<'_>,
        cancel: &Cancel,
        layers: LayerWatch<'_>,
    ) -> Result<BuiltFromSpec, EngineError> {
        let spec = &request.spec;
        let _lease = self.store.lease(|| reporter.warn(COLLECTING))?;
        let settings = self.settings_for(&request.versions);
        let outside = Outside::new(&settings);
        let limits = (request.time_limit, &request.limits);
        let site = Site { layers, ..self.site(&outside, cancel, request.compression, limits) };
        let memory = request.memory();
        let wanted = self.platform(spec.platform.as_ref())?;
        let mut keeping = Keeping::new(&request.versions, spec, &wanted)?;
        // What cannot be understood is told before anything is fetched.
        let asked = Asked::new(&spec.conda, &settings.conda)?;
        check_launcher(&self.store, spec.kernel.as_ref())?;

        let report = reporter.step(format!("base {}", spec.base));
        let base = self.base(request, (site, &settings), &mut keeping, &wanted, &report)?;
        report.finish(base.cached, None);
        if !base.cached {
            base.draft.layers.iter().for_each(layers.done);
        }
        let mut decided =
            Decided { base: base.locked.clone(), apt: None, conda: None, pip: None, kernel: None };
        let mut progress = Growing::from(base, request.source_date_epoch);
        if !spec.apt.packages.is_empty() {
            let title = apt_title(spec);
            let report = reporter.step(&title);
            let kept = keeping.apt();
            let memory = kept.memory(memory);
            let mut step = AptStep::new(progress.context(site, &report), &spec.apt, &settings.apt, kept);
            let done = perform(site, &mut step, memory, &report)?;
            decided.apt = Some(done.solution.iter().map(LockedDebian::from).collect());
            progress.add(&done.result, done.cached, &title);
            report.finish(done.cached, done.result.size());
        }
        let mut below = progress.draft.clone();
        if !spec.conda.is_empty() {
            let title = conda_title(spec);
            let report = reporter.step(&title);
            let kept = keeping.conda();
            let memory = kept.memory(memory);
            let (context, machine) = (progress.context(site, &report), (&settings.conda, &settings.trust));
            let mut step = CondaStep::new(
                context,
                &spec.conda,
                &asked,
                machine,
                kept,
                (bytecode(spec), memory.run_again),
            );
            let done = perform(site, &mut step, memory, &report)?;
            decided.conda = Some(CondaStep::locked(&done.solution));
            progress.add(&done.result, done.cached, &title);
            report.finish(done.cached, done.result.size());
            if spec.conda.link_scripts == LinkScripts::Run {
                // Scripts may change accounts.
                below = progress.draft.clone();
            }
        }
        let mut pylock = None;
        if !spec.pip.is_empty() {
            let title = pip_title(spec);
            let report = reporter.step(&title);
            let uv = self.uv()?;
            let kept = keeping.pip();
            let memory = kept.memory(memory);
            let (context, choice) = (progress.context(site, &report), spec.python.as_ref());
            let mut step = PipStep::new(
                context,
                uv,
                &spec.pip,
                choice,
                (&settings, !spec.conda.is_empty()),
                kept,
                memory.run_again,
            )?;
            let done = perform(site, &mut step, memory, &report)?;
            decided.pip = Some(step.locked(&done.solution)?);
            pylock = Some(step.pylock(&done.solution)?);
            progress.add(&done.result, done.cached, &title);
            report.finish(done.cached, done.result.size());
        }
        if let Some(kernel) = &spec.kernel {
            let kept = (keeping.kernel(), memory);
            let below = (&below, &mut progress);
            decided.kernel =
                Some(add_kernel((spec, kernel), (site, &settings), below, &decided, kept, reporter)?);
        }
        let lock = keeping.lock_of(&wanted, decided);
        let Growing { mut draft, created, unchanged, .. } = progress;
        for change in config::apply(spec, &mut draft.config) {
            draft.note(&created, &change);
        }
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let built = self.put(draft, &created, &request.names, unchanged)?;
        Ok(BuiltFromSpec { built, lock, pylock })
    }

    /// Finds or makes the base, and holds it against the lock.
    pub(crate) fn base(
        &self,
        request: &BuildRequest,
        (site, settings): (Site<'_>, &BuildSettings),
        keeping: &mut Keeping<'_>,
        wanted: &Platform,
        report: &StepReporter<'_>,
    ) -> Result<Base, EngineError> {
        let context = BaseContext { site, machine: &self.machine, settings, keep: request.keep_base };
        let (epoch, memory) = (request.source_date_epoch, request.memory());
        let base = context.resolve(&request.spec.base, wanted, epoch, memory, keeping.base(), report)?;
        keeping.base_is(base.locked.digest.as_ref())?;
        Ok(base)
    }

    /// The settings of one build.
    pub(crate) fn settings_for(&self, versions: &Versions) -> BuildSettings {
        let mut settings = self.settings.clone();
        settings.trust.offline |= versions.offline;
        settings
    }

    pub(crate) fn uv(&self) -> Result<Uv, EngineError> {
        Uv::find(&self.store, self.settings.python.uv.as_deref(), &self.machine.uv_candidates)
    }

    /// Stores the finished image, proven valid first.
    pub(crate) fn put(
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

/// Makes the image one for a kernel; says what a lock has of that.
fn add_kernel(
    (spec, kernel): (&ImageSpec, &KernelChoice),
    (site, settings): (Site<'_>, &BuildSettings),
    (below, progress): (&Draft, &mut Growing),
    decided: &Decided,
    (kept, memory): (Option<&LockedKernel>, Memory),
    reporter: &BuildReporter<'_>,
) -> Result<LockedKernel, EngineError> {
    let title = kernel_title(kernel);
    let report = reporter.step(&title);
    let python = python_of(decided.pip.as_ref(), decided.conda.as_ref());
    let context = progress.context(site, &report);
    let mut step = KernelStep::new(context, below, (spec, kernel), &settings.trust, python)?;
    step.keep(kept)?;
    let done = perform(site, &mut step, memory, &report)?;
    let locked = step.locked();
    progress.add(&done.result, done.cached, &title);
    report.finish(done.cached, done.result.size());
    Ok(locked)
}

impl BuildRequest {
    pub(crate) fn memory(&self) -> Memory {
        Memory { solve_again: self.versions.upgrade == Upgrade::Everything, run_again: self.no_cache }
    }
}

/// How many steps a build has, the base among them.
pub(crate) fn number_of_steps(spec: &ImageSpec) -> u32 {
    let steps =
        [!spec.apt.packages.is_empty(), !spec.conda.is_empty(), !spec.pip.is_empty(), spec.kernel.is_some()];
    steps.into_iter().map(u32::from).sum::<u32>() + 1
}

/// What the apt step does, in a line: also its entry in the image's history.
pub(crate) fn apt_title(spec: &ImageSpec) -> String {
    title("apt", &spec.apt.packages)
}

/// What the conda step does, in a line: also its entry in the image's history.
pub(crate) fn conda_title(spec: &ImageSpec) -> String {
    match &spec.conda.explicit {
        // A list has hundreds of packages. The way to it is the machine's.
        Some(list) => format!("conda {}", list.source.rsplit('/').next().unwrap_or_default()),
        None => title("conda", &spec.conda.packages),
    }
}

/// What the pip step does, in a line: also its entry in the image's history.
pub(crate) fn pip_title(spec: &ImageSpec) -> String {
    match &spec.pip.locked {
        Some(lock) => format!("pip {}", lock.source),
        None => title("pip", spec.pip.requirements.iter().map(PipRequirement::short)),
    }
}

/// What the step of a kernel does, in a line: also its entry in the image's history.
pub(crate) fn kernel_title(kernel: &KernelChoice) -> String {
    format!("kernel {}", kernel.language)
}

fn title(kind: &str, packages: impl IntoIterator<Item = impl ToString>) -> String {
    let packages: Vec<String> = packages.into_iter().map(|package| package.to_string()).collect();
    format!("{kind} {}", packages.join(" "))
}

/// Whether Python modules come with their bytecode.
pub(crate) fn bytecode(spec: &ImageSpec) -> Bytecode {
    spec.python.as_ref().and_then(|choice| choice.bytecode).unwrap_or_default()
}

/// The image as it grows, step by step.
pub(crate) struct Growing {
    pub(crate) draft: Draft,
    epoch: i64,
    pub(crate) created: String,
    /// Whether every step so far was done before.
    unchanged: bool,
}

impl Growing {
    pub(crate) fn from(base: Base, given_epoch: Option<i64>) -> Self {
        let epoch = source_date_epoch(given_epoch, &base.draft.config);
        Self { draft: base.draft, epoch, created: rfc3339(epoch), unchanged: base.cached }
    }

    pub(crate) fn context<'a>(&'a self, site: Site<'a>, report: &'a StepReporter<'a>) -> StepContext<'a> {
        StepContext { site, draft: &self.draft, epoch: self.epoch, report }
    }

    /// Takes in what a step came to.
    pub(crate) fn add(&mut self, result: &StepResult, cached: bool, title: &str) {
        if result.layers.is_empty() {
            self.draft.note(&self.created, title);
        }
        for made in &result.layers {
            self.draft.push(&made.layer, &self.created, made.title.as_deref().unwrap_or(title));
        }
        if let Some(folder) = &result.path_prefix {
            config::prepend_path(&mut self.draft.config, folder);
        }
        for (name, value) in &result.environment {
            config::set_environment(&mut self.draft.config, name, value);
        }
        self.unchanged &= cached;
    }
}

/// What fails after somebody asked to stop failed because of that.
pub(crate) fn unless_cancelled<T>(built: Result<T, EngineError>, cancel: &Cancel) -> Result<T, EngineError> {
    built.map_err(|error| if cancel.is_cancelled() { EngineError::Cancelled } else { error })
}

pub(crate) fn outcome(built: Result<&Built, &EngineError>) -> BuildOutcome {
    match built {
        Ok(built) => BuildOutcome::Succeeded {
            digest: built.image.manifest.digest.clone(),
            size: built.image.size,
            layers: built.layers,
        },
        Err(error) => error.outcome(),
    }
}
