//! The stages of a build, side by side: one waits for another where it needs it, at its beginning or for files, and not
//! before.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use imagewright_dockerfile::{
    Action, CopyAction, CopySource, IgnoreRules, MountKind, PlannedStage, StageSource, Step as Instruction,
};
use imagewright_model::BuildSettings;
use imagewright_model::spec::{BaseSource, Origin};
use imagewright_oci::{Platform, Reference};

use super::copy::CopyStep;
use super::folder::FolderStep;
use super::run::RunStep;
use super::source::FilesOf;
use super::{DockerfileRequest, StageError};
use crate::Engine;
use crate::base::BaseContext;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::reporter::{BuildReporter, StepReporter};
use crate::step::{Memory, Step, StepContext, StepResult, perform};
use crate::time::{rfc3339, source_date_epoch};
use crate::workbench::{LayerWatch, Site};

/// A stage as far as it is built.
#[derive(Clone)]
pub(super) struct BuiltStage {
    pub(super) draft: Draft,
    pub(super) created: String,
    pub(super) unchanged: bool,
    epoch: i64,
}

/// All stages, and what building them needs.
pub(super) struct Stages<'a> {
    engine: &'a Engine,
    settings: &'a BuildSettings,
    site: Site<'a>,
    request: &'a DockerfileRequest,
    memory: Memory,
    reporter: &'a BuildReporter<'a>,
    /// What became of each: nothing where it failed.
    built: Vec<OnceLock<Option<BuiltStage>>>,
    images: Mutex<Vec<KnownImage>>,
}

/// An image that is asked for once, whoever begins with it.
type KnownImage = ((Reference, Platform), Arc<Mutex<Option<(Draft, bool)>>>);

/// Tells those who wait for a stage that it failed, unless it is there.
struct Awaited<'a>(&'a OnceLock<Option<BuiltStage>>);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let _ = self.0.set(None);
    }
}

/// What an instruction is carried out with.
pub(super) struct Surroundings<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) request: &'a DockerfileRequest,
    pub(super) settings: &'a BuildSettings,
    pub(super) origin: &'a Origin,
}

impl<'a> Stages<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        settings: &'a BuildSettings,
        site: Site<'a>,
        request: &'a DockerfileRequest,
        reporter: &'a BuildReporter<'a>,
    ) -> Self {
        let memory = Memory { solve_again: request.pull, run_again: request.no_cache };
        let built = request.plan.stages.iter().map(|_| OnceLock::new()).collect();
        Self { engine, settings, site, request, memory, reporter, built, images: Mutex::default() }
    }

    /// Builds all, and gives the last. Where one fails, the others are stopped.
    pub(super) fn build_all(mut self) -> Result<BuiltStage, EngineError> {
        let part = self.site.cancel.part();
        let failed = Mutex::new(None);
        let last = self.built.len() - 1;
        let build = |place: usize| {
            let slot = Awaited(&self.built[place]);
            let layers = if place == last { self.site.layers } else { LayerWatch::none() };
            let site = Site { cancel: &part, layers, ..self.site };
            match self.build(site, &self.request.plan.stages[place]) {
                Ok(built) => drop(slot.0.set(Some(built))),
                Err(error) => {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    part.cancel();
                }
            }
        };
        match last {
            0 => build(0),
            _ => thread::scope(|scope| {
                for place in 0..=last {
                    scope.spawn(move || build(place));
                }
            }),
        }
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(self.built.pop().and_then(OnceLock::into_inner).flatten().expect("no stage failed")),
        }
    }

    /// A stage once it is built.
    fn await_stage(&self, place: usize, report: &StepReporter<'_>) -> Result<&BuiltStage, EngineError> {
        let slot = &self.built[place];
        if slot.get().is_none() {
            report.status(format!("waiting for the stage {}", self.request.plan.stages[place].name));
        }
        // Where it failed, its own error is told.
        slot.wait().as_ref().ok_or(EngineError::Cancelled)
    }

    fn build(&self, site: Site<'a>, stage: &PlannedStage) -> Result<BuiltStage, EngineError> {
        let base = match &stage.base {
            StageSource::Scratch => "FROM scratch".to_owned(),
            StageSource::Image(reference) => format!("FROM {reference}"),
            StageSource::Stage(place) => format!("FROM {}", self.request.plan.stages[*place].name),
            StageSource::Folder(name) => format!("FROM {name}"),
        };
        let report = self.reporter.step(self.title(stage, &base));
        let mut built = self.begin(site, stage, &report)?;
        report.finish(built.unchanged, None);
        let stays_in_its_registry = matches!(stage.base, StageSource::Image(_)) && built.unchanged;
        if !stays_in_its_registry {
            built.draft.layers.iter().for_each(site.layers.done);
        }
        let container = built.draft.config.config.clone().unwrap_or_default();
        let lowered = stage.lower(&container).map_err(StageError::from)?;
        for instruction in &lowered.steps {
            let history = instruction.history.as_deref();
            if let Action::Settings = instruction.action {
                history.into_iter().for_each(|history| built.draft.note(&built.created, history));
            } else {
                let report = self.reporter.step(self.title(stage, &instruction.title));
                let (result, cached) = self.carry_out(site, stage, &built, instruction, &report)?;
                result.layers.iter().for_each(|made| (site.layers.done)(&made.layer.descriptor));
                built.add(&result, cached, history.unwrap_or(&instruction.title));
                report.finish(cached, result.size());
            }
        }
        built.draft.config.config = Some(lowered.container);
        built.draft.config.author = lowered.author.or(built.draft.config.author);
        Ok(built)
    }

    /// How a step is shown: with its stage where there are several.
    fn title(&self, stage: &PlannedStage, text: &str) -> String {
        match self.request.plan.stages.len() {
            1 => text.to_owned(),
            _ => format!("[{}] {text}", stage.name),
        }
    }

    /// What a stage begins with.
    fn begin(
        &self,
        site: Site<'a>,
        stage: &PlannedStage,
        report: &StepReporter<'_>,
    ) -> Result<BuiltStage, EngineError> {
        let platform = stage.platform.as_ref().unwrap_or(&self.request.platform);
        match &stage.base {
            StageSource::Scratch => Ok(self.started(Draft::empty(self.request.platform.clone()), true)),
            StageSource::Stage(place) => self.await_stage(*place, report).cloned(),
            StageSource::Image(reference) => {
                let (draft, cached) = self.image(site, reference, platform, report)?;
                Ok(self.started(draft, cached))
            }
            StageSource::Folder(name) => self.begin_with_folder(site, stage, name, report),
        }
    }

    /// A stage that begins with the files of a folder and no settings.
    fn begin_with_folder(
        &self,
        site: Site<'a>,
        stage: &PlannedStage,
        name: &str,
        report: &StepReporter<'_>,
    ) -> Result<BuiltStage, EngineError> {
        let mut built = self.started(Draft::empty(self.request.platform.clone()), true);
        let copy = CopyAction {
            unpack: false,
            unpack_fetched: false,
            sources: vec![CopySource::Path("/".to_owned())],
            from: Some(StageSource::Folder(name.to_owned())),
            destination: "/".to_owned(),
            owner: None,
            mode: None,
            exclude: IgnoreRules::default(),
            digest: None,
            commit: None,
            keep_git: false,
            link: false,
        };
        let surroundings = self.surroundings(site, &built, &stage.origin, report);
        let from = self.files_of(site, copy.from.as_ref(), report)?;
        let (result, cached) = self.perform(CopyStep::new(surroundings, &copy, from), self.memory, report)?;
        built.add(&result, cached, &format!("FROM {name}"));
        Ok(built)
    }

    fn started(&self, draft: Draft, unchanged: bool) -> BuiltStage {
        let epoch = source_date_epoch(self.request.source_date_epoch, &draft.config);
        BuiltStage { draft, created: rfc3339(epoch), unchanged, epoch }
    }

    fn image(
        &self,
        site: Site<'a>,
        reference: &Reference,
        platform: &Platform,
        report: &StepReporter<'_>,
    ) -> Result<(Draft, bool), EngineError> {
        self.engine.platform(Some(platform))?;
        let known = self.known_image(reference, platform);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*known {
            return Ok(found.clone());
        }
        let Self { settings, request, .. } = self;
        let context = BaseContext { site, machine: &self.engine.machine, settings, keep: request.keep_base };
        let source = BaseSource::Image(reference.clone());
        let base =
            context.resolve(&source, platform, request.source_date_epoch, self.memory, None, report)?;
        Ok(known.insert((base.draft, base.cached)).clone())
    }

    fn known_image(&self, reference: &Reference, platform: &Platform) -> Arc<Mutex<Option<(Draft, bool)>>> {
        let key = (reference.clone(), platform.clone());
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = images.iter().find(|(known, _)| *known == key) {
            return Arc::clone(known);
        }
        let new = Arc::default();
        images.push((key, Arc::clone(&new)));
        new
    }

    fn surroundings<'s>(
        &'s self,
        site: Site<'s>,
        built: &'s BuiltStage,
        origin: &'s Origin,
        report: &'s StepReporter<'_>,
    ) -> Surroundings<'s> {
        Surroundings {
            context: StepContext { site, draft: &built.draft, epoch: built.epoch, report },
            request: self.request,
            settings: self.settings,
            origin,
        }
    }

    fn carry_out(
        &self,
        site: Site<'a>,
        stage: &PlannedStage,
        built: &BuiltStage,
        instruction: &Instruction,
        report: &StepReporter<'_>,
    ) -> Result<(StepResult, bool), EngineError> {
        let surroundings = self.surroundings(site, built, &instruction.origin, report);
        let is_fresh = self.request.fresh_stages.contains(&stage.name);
        let memory = Memory { run_again: self.memory.run_again || is_fresh, ..self.memory };
        match &instruction.action {
            Action::Settings => unreachable!("settings are not carried out"),
            Action::Folder { path, user } => {
                self.perform(FolderStep::new(surroundings, path, user), memory, report)
            }
            Action::Run(run) => {
                let sources = run.mounts.iter().zip(&run.sources).map(|(mount, source)| match mount.kind {
                    MountKind::Bind { .. } | MountKind::Cache { source: Some(_), .. } => {
                        self.files_of(site, source.as_ref(), report).map(Some)
                    }
                    _ => Ok(None),
                });
                let sources = sources.collect::<Result<Vec<_>, _>>()?;
                self.perform(RunStep::new(surroundings, run, sources), memory, report)
            }
            Action::Copy(copy) => {
                let from = self.files_of(site, copy.from.as_ref(), report)?;
                self.perform(CopyStep::new(surroundings, copy, from), memory, report)
            }
        }
    }

    fn perform<S: Step + Rechecked>(
        &self,
        mut step: S,
        memory: Memory,
        report: &StepReporter<'_>,
    ) -> Result<(StepResult, bool), EngineError> {
        let solve_again = memory.solve_again || step.is_looked_at_again();
        let memory = Memory { solve_again, ..memory };
        let done = perform(self.site, &mut step, memory, report)?;
        Ok((done.result, done.cached))
    }

    /// Where files come from; the context where nothing is said.
    fn files_of(
        &self,
        site: Site<'a>,
        source: Option<&StageSource>,
        report: &StepReporter<'_>,
    ) -> Result<FilesOf<'a>, EngineError> {
        let draft = match source {
            None => return Ok(FilesOf::Folder(&self.request.context, &self.request.ignore)),
            Some(StageSource::Folder(name)) => {
                let mut folders = self.request.folders.iter();
                let (_, folder, ignore) = folders
                    .find(|(known, ..)| known == name)
                    .expect("the plan names only folders that were given");
                return Ok(FilesOf::Folder(folder, ignore));
            }
            Some(StageSource::Scratch) => Draft::empty(self.request.platform.clone()),
            Some(StageSource::Stage(place)) => self.await_stage(*place, report)?.draft.clone(),
            Some(StageSource::Image(reference)) => {
                self.image(site, reference, &self.request.platform, report)?.0
            }
        };
        Ok(FilesOf::Image(Box::new(draft)))
    }
}

impl BuiltStage {
    /// Takes in what an instruction came to.
    fn add(&mut self, result: &StepResult, cached: bool, history: &str) {
        if result.layers.is_empty() {
            self.draft.note(&self.created, history);
        }
        for made in &result.layers {
            self.draft.push(&made.layer, &self.created, history);
        }
        self.unchanged &= cached;
    }
}

/// Steps that may have to look at the world before what is remembered of them counts.
pub(super) trait Rechecked {
    /// Whether what was found out when the step was asked for before may be out of date.
    fn is_looked_at_again(&self) -> bool {
        false
    }
}
