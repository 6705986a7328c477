//! What a build would do. It goes the build's way, with the same questions to the same programs, and stops before each
//! step is run.

use imagewright_model::lock::{LockedConda, LockedPython};
use imagewright_model::plan::{
    LockUse, PLAN_VERSION, PackageChange, Plan, PlannedBase, PlannedImage, PlannedPackage, PlannedStep,
    StepKind,
};
use imagewright_model::spec::{KernelChoice, LinkScripts};
use imagewright_model::{BuildOutcome, BuildSettings, EventSink};

use crate::apt::AptStep;
use crate::build::{
    BuildRequest, COLLECTING, Growing, apt_title, bytecode, conda_title, kernel_title, number_of_steps,
    pip_title, unless_cancelled,
};
use crate::cancel::Cancel;
use crate::conda::{Asked, CondaStep};
use crate::draft::Draft;
use crate::error::EngineError;
use crate::kernel::{KernelStep, check_launcher, python_of};
use crate::lock::Keeping;
use crate::outside::Outside;
use crate::pip::PipStep;
use crate::reporter::{BuildReporter, StepReporter};
use crate::step::{Memory, Step, StepResult, perform, perform_solved, remembered};
use crate::workbench::Site;
use crate::{Engine, config};

/// A plan, and what else comes of making it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The Python packages as a `pylock.toml`, where there are some.
    pub pylock: Option<String>,
    /// Why it cannot be built: the error that a build would end with.
    pub conflict: Option<EngineError>,
}

impl Engine {
    /// Finds out what [`Engine::build`] would do, without making an image. The base is brought in or made where it is
    /// missing, and the apt step is done where Python comes with it.
    pub fn plan(
        &self,
        request: &BuildRequest,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Planned, EngineError> {
        let reporter = BuildReporter::start(events, number_of_steps(&request.spec));
        let planned = unless_cancelled(self.plan_steps(request, &reporter, cancel), cancel);
        reporter.finish(match &planned {
            Ok(_) => BuildOutcome::Planned,
            Err(error) => error.outcome(),
        });
        planned
    }

    fn plan_steps(
        &self,
        request: &BuildRequest,
        reporter: &BuildReporter<'_>,
        cancel: &Cancel,
    ) -> Result<Planned, EngineError> {
        let spec = &request.spec;
        let _lease = self.store.lease(|| reporter.warn(COLLECTING))?;
        let settings = self.settings_for(&request.versions);
        let outside = Outside::new(&settings);
        let site = self.site(&outside, cancel, request.compression, (request.time_limit, &request.limits));
        let wanted = self.platform(spec.platform.as_ref())?;
        let mut keeping = Keeping::new(&request.versions, spec, &wanted)?;
        let asked = Asked::new(&spec.conda, &settings.conda)?;
        check_launcher(&self.store, spec.kernel.as_ref())?;

        let report = reporter.step(format!("base {}", spec.base));
        let base = self.base(request, (site, &settings), &mut keeping, &wanted, &report)?;
        report.finish(base.cached, None);
        let planned_base = PlannedBase {
            name: spec.base.to_string(),
            digest: base.locked.digest.clone(),
            layers: base.draft.layers.len() as u64,
            size: base.draft.layers.iter().map(|layer| layer.size).sum(),
            cached: base.cached,
        };
        let mut planner = Planner {
            engine: self,
            request,
            site,
            settings: &settings,
            asked: &asked,
            keeping: &keeping,
            below: base.draft.clone(),
            progress: Growing::from(base, request.source_date_epoch),
            all_known: true,
            conda_locked: None,
            pip_locked: None,
            has_changed: false,
            steps: Vec::new(),
            notes: Vec::new(),
            pylock: None,
        };
        let conflict = match planner.steps(reporter) {
            Err(error) if error.is_conflict() => Some(error),
            done => done.map(|()| None)?,
        };
        Ok(planner.finish(planned_base, conflict))
    }
}

/// The plan in the making.
struct Planner<'a> {
    engine: &'a Engine,
    request: &'a BuildRequest,
    site: Site<'a>,
    settings: &'a BuildSettings,
    asked: &'a Asked,
    keeping: &'a Keeping<'a>,
    /// The image below its Python packages, as far as it is known.
    below: Draft,
    /// What conda and pip install, where that is known.
    conda_locked: Option<LockedConda>,
    pip_locked: Option<LockedPython>,
    /// The image as far as it is known.
    progress: Growing,
    /// Whether that is all of it.
    all_known: bool,
    /// Whether the lock is for other contents of what the spec names by path.
    has_changed: bool,
    steps: Vec<PlannedStep>,
    notes: Vec<String>,
    pylock: Option<String>,
}

impl Planner<'_> {
    fn steps(&mut self, reporter: &BuildReporter<'_>) -> Result<(), EngineError> {
        if !self.request.spec.apt.packages.is_empty() {
            let title = apt_title(&self.request.spec);
            let report = reporter.step(&title);
            let cached = self.apt(&title, &report)?;
            report.finish(cached, None);
        }
        self.below = self.progress.draft.clone();
        if !self.request.spec.conda.is_empty() {
            let title = conda_title(&self.request.spec);
            let report = reporter.step(&title);
            let cached = self.conda(&title, &report)?;
            report.finish(cached, None);
            if self.request.spec.conda.link_scripts == LinkScripts::Run {
                self.below = self.progress.draft.clone();
            }
        }
        if !self.request.spec.pip.is_empty() {
            let title = pip_title(&self.request.spec);
            let report = reporter.step(&title);
            let cached = self.pip(&title, &report)?;
            report.finish(cached, None);
        }
        if let Some(kernel) = &self.request.spec.kernel {
            let title = kernel_title(kernel);
            let report = reporter.step(&title);
            let cached = self.kernel(kernel, &title, &report)?;
            report.finish(cached, None);
        }
        Ok(())
    }

    fn apt(&mut self, title: &str, report: &StepReporter<'_>) -> Result<bool, EngineError> {
        let spec = &self.request.spec;
        let kept = self.keeping.apt();
        let memory = kept.memory(self.request.memory());
        let context = self.progress.context(self.site, report);
        let mut step = AptStep::new(context, &spec.apt, &self.settings.apt, kept);
        let planned = step.plan(memory)?;
        let mut result = self.known(&step, planned.solution.as_ref(), memory)?;
        let cached = result.is_some();
        if result.is_none() && !spec.pip.is_empty() && self.python_comes_along(&planned.packages, report)? {
            report.status("doing the apt step: Python packages depend on the Python that comes with it");
            self.notes.push("the apt step was done to look at the Python that comes with it".to_owned());
            result = Some(perform(self.site, &mut step, memory, report)?.result);
        }
        self.add(StepKind::Apt, title, planned.packages, result, cached);
        Ok(cached)
    }

    fn conda(&mut self, title: &str, report: &StepReporter<'_>) -> Result<bool, EngineError> {
        let (spec, settings) = (&self.request.spec, self.settings);
        let kept = self.keeping.conda();
        let memory = kept.memory(self.request.memory());
        let context = self.progress.context(self.site, report);
        let machine = (&settings.conda, &settings.trust);
        let mut step = CondaStep::new(
            context,
            &spec.conda,
            self.asked,
            machine,
            kept,
            (bytecode(spec), memory.run_again),
        );
        let planned = step.plan(memory)?;
        let locked = CondaStep::locked(&planned.solution);
        let mut result = self.known(&step, Some(&planned.solution), memory)?;
        let cached = result.is_some();
        if result.is_none() && !spec.pip.is_empty() {
            report.status("doing the conda step: Python packages depend on what it installs");
            self.notes.push("the conda step was done to look at what Python packages depend on".to_owned());
            let solved = Some(planned.solution);
            result = Some(perform_solved(self.site, &mut step, solved, memory, report)?.result);
        }
        self.notes.extend(planned.notes);
        self.conda_locked = Some(locked);
        self.add(StepKind::Conda, title, planned.packages, result, cached);
        Ok(cached)
    }

    fn pip(&mut self, title: &str, report: &StepReporter<'_>) -> Result<bool, EngineError> {
        let kept = self.keeping.pip();
        let memory = kept.memory(self.request.memory());
        let mut step = self.pip_step(report, memory)?;
        let planned = step.plan(memory)?;
        let result = self.known(&step, Some(&planned.solution), memory)?;
        let cached = result.is_some();
        let locked = step.locked(&planned.solution)?;
        self.pip_locked = Some(locked);
        self.pylock = Some(planned.pylock);
        self.has_changed |= !planned.changed.is_empty();
        self.notes.extend(planned.changed);
        self.add(StepKind::Pip, title, planned.packages, result, cached);
        Ok(cached)
    }

    fn kernel(
        &mut self,
        kernel: &KernelChoice,
        title: &str,
        report: &StepReporter<'_>,
    ) -> Result<bool, EngineError> {
        let memory = self.request.memory();
        let python = python_of(self.pip_locked.as_ref(), self.conda_locked.as_ref());
        let (context, trust) = (self.progress.context(self.site, report), &self.settings.trust);
        let mut step = KernelStep::new(context, &self.below, (&self.request.spec, kernel), trust, python)?;
        step.keep(self.keeping.kernel())?;
        let packages = step.planned();
        // What is not there yet cannot be looked at. The step itself is done in a moment.
        let done = match self.all_known {
            true => Some(perform(self.site, &mut step, memory, report)?),
            false => None,
        };
        let cached = done.as_ref().is_some_and(|done| done.cached);
        self.add(StepKind::Kernel, title, packages, done.map(|done| done.result), cached);
        Ok(cached)
    }

    fn pip_step<'s>(
        &'s self,
        report: &'s StepReporter<'s>,
        memory: Memory,
    ) -> Result<PipStep<'s>, EngineError> {
        let spec = &self.request.spec;
        let (context, choice) = (self.progress.context(self.site, report), spec.python.as_ref());
        let uv = self.engine.uv()?;
        let kept = self.keeping.pip();
        PipStep::new(
            context,
            uv,
            &spec.pip,
            choice,
            (self.settings, !spec.conda.is_empty()),
            kept,
            memory.run_again,
        )
    }

    /// Whether these packages bring the Python that packages are for, or change it.
    fn python_comes_along(
        &self,
        packages: &[PlannedPackage],
        report: &StepReporter<'_>,
    ) -> Result<bool, EngineError> {
        let is_python = |package: &PlannedPackage| {
            package.change != PackageChange::Keep
                && (package.name.starts_with("python3") || package.name.starts_with("libpython3"))
        };
        Ok(packages.iter().any(is_python) || !self.pip_step(report, Memory::default())?.finds_python())
    }

    fn known<S: Step>(
        &self,
        step: &S,
        solution: Option<&S::Solution>,
        memory: Memory,
    ) -> Result<Option<StepResult>, EngineError> {
        match solution {
            Some(solution) => Ok(remembered(self.site, &step.identity(solution), memory)?),
            None => Ok(None),
        }
    }

    fn add(
        &mut self,
        kind: StepKind,
        title: &str,
        mut packages: Vec<PlannedPackage>,
        result: Option<StepResult>,
        cached: bool,
    ) {
        let is_here = result.is_some();
        packages.iter_mut().for_each(|package| package.cached |= is_here);
        let sum = |wanted: &dyn Fn(&&PlannedPackage) -> bool| {
            packages.iter().filter(wanted).filter_map(|package| package.size).sum::<u64>()
        };
        let download_size = sum(&|package| !package.cached);
        let estimate = sum(&|package| package.change != PackageChange::Keep);
        self.steps.push(PlannedStep {
            kind,
            title: title.to_owned(),
            cached,
            download_size,
            layers: result.as_ref().map(|result| result.layers.len() as u64),
            size: result.as_ref().map_or(estimate, |result| result.size().unwrap_or(0)),
            size_is_exact: is_here,
            packages,
        });
        match result {
            Some(result) => self.progress.add(&result, cached, title),
            None => self.all_known = false,
        }
    }

    fn finish(self, base: PlannedBase, conflict: Option<EngineError>) -> Planned {
        let Self {
            engine, request, keeping, progress, all_known, has_changed, steps, mut notes, pylock, ..
        } = self;
        if !all_known && conflict.is_none() {
            notes.extend(
                steps
                    .iter()
                    .filter(|step| !step.size_is_exact)
                    .map(|step| format!("the size of the step `{}` is that of its packages", step.title)),
            );
        }
        let image = conflict.is_none().then(|| {
            let layers = steps.iter().map(|step| step.layers).sum::<Option<u64>>();
            let there: u64 = steps.iter().filter_map(|step| step.layers).sum();
            let digest = all_known.then(|| {
                let Growing { mut draft, created, .. } = progress;
                for change in config::apply(&request.spec, &mut draft.config) {
                    draft.note(&created, &change);
                }
                draft.finish(&created).0.digest().clone()
            });
            PlannedImage {
                exists: digest.as_ref().is_some_and(|digest| engine.store.has_blob(digest)),
                digest,
                size: base.size + steps.iter().map(|step| step.size).sum::<u64>(),
                size_is_exact: all_known,
                layers: layers.map(|layers| base.layers + layers),
                layers_there: base.layers + there,
            }
        });
        let plan = Plan {
            version: PLAN_VERSION,
            lock: match keeping.usage(&request.versions) {
                LockUse::Kept if has_changed => LockUse::Preferred,
                usage => usage,
            },
            base,
            download_size: steps.iter().map(|step| step.download_size).sum(),
            steps,
            image,
            conflict: conflict.as_ref().map(ToString::to_string),
            notes,
        };
        Planned { plan, pylock, conflict }
    }
}
