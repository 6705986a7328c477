//! The stages of a build, one after the other.

use imagewright_dockerfile::{Action, MountKind, PlannedStage, StageSource, Step as Instruction};
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
use crate::workbench::Site;

/// A stage as far as it is built.
#[derive(Clone)]
pub(super) struct BuiltStage {
    pub(super) draft: Draft,
    pub(super) created: String,
    pub(super) unchanged: bool,
    epoch: i64,
}

/// All stages that are built, and what building them needs.
pub(super) struct Stages<'a> {
    pub(super) engine: &'a Engine,
    pub(super) settings: &'a BuildSettings,
    pub(super) site: Site<'a>,
    pub(super) request: &'a DockerfileRequest,
    pub(super) memory: Memory,
    pub(super) reporter: &'a BuildReporter<'a>,
    pub(super) built: Vec<BuiltStage>,
}

/// What an instruction is carried out with.
pub(super) struct Surroundings<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) request: &'a DockerfileRequest,
    pub(super) settings: &'a BuildSettings,
    pub(super) origin: &'a Origin,
}

impl<'a> Stages<'a> {
    /// Builds a stage after those it needs.
    pub(super) fn build(&mut self, site: Site<'a>, stage: &PlannedStage) -> Result<(), EngineError> {
        let base = match &stage.base {
            StageSource::Scratch => "FROM scratch".to_owned(),
            StageSource::Image(reference) => format!("FROM {reference}"),
            StageSource::Stage(place) => format!("FROM {}", self.request.plan.stages[*place].name),
            StageSource::Folder(_) => unreachable!("no stage begins with a folder"),
        };
        let report = self.reporter.step(self.title(stage, &base));
        let mut built = self.begin(stage, &report)?;
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
                let (result, cached) = self.carry_out(site, &built, instruction, &report)?;
                result.layers.iter().for_each(|made| (site.layers.done)(&made.layer.descriptor));
                built.add(&result, cached, history.unwrap_or(&instruction.title));
                report.finish(cached, result.size());
            }
        }
        built.draft.config.config = Some(lowered.container);
        built.draft.config.author = lowered.author.or(built.draft.config.author);
        self.built.push(built);
        Ok(())
    }

    /// How a step is shown: with its stage where there are several.
    fn title(&self, stage: &PlannedStage, text: &str) -> String {
        match self.request.plan.stages.len() {
            1 => text.to_owned(),
            _ => format!("[{}] {text}", stage.name),
        }
    }

    /// What a stage begins with.
    fn begin(&self, stage: &PlannedStage, report: &StepReporter<'_>) -> Result<BuiltStage, EngineError> {
        let platform = stage.platform.as_ref().unwrap_or(&self.request.platform);
        match &stage.base {
            StageSource::Scratch => Ok(self.started(Draft::empty(self.request.platform.clone()), true)),
            StageSource::Stage(place) => Ok(self.built[*place].clone()),
            StageSource::Image(reference) => {
                let (draft, cached) = self.image(reference, platform, report)?;
                Ok(self.started(draft, cached))
            }
            StageSource::Folder(_) => unreachable!("no stage begins with a folder"),
        }
    }

    fn started(&self, draft: Draft, unchanged: bool) -> BuiltStage {
        let epoch = source_date_epoch(self.request.source_date_epoch, &draft.config);
        BuiltStage { draft, created: rfc3339(epoch), unchanged, epoch }
    }

    fn image(
        &self,
        reference: &Reference,
        platform: &Platform,
        report: &StepReporter<'_>,
    ) -> Result<(Draft, bool), EngineError> {
        self.engine.platform(Some(platform))?;
        let Self { site, settings, request, .. } = self;
        let context =
            BaseContext { site: *site, machine: &self.engine.machine, settings, keep: request.keep_base };
        let source = BaseSource::Image(reference.clone());
        let base =
            context.resolve(&source, platform, request.source_date_epoch, self.memory, None, report)?;
        Ok((base.draft, base.cached))
    }

    fn carry_out(
        &self,
        site: Site<'a>,
        built: &BuiltStage,
        instruction: &Instruction,
        report: &StepReporter<'_>,
    ) -> Result<(StepResult, bool), EngineError> {
        let surroundings = Surroundings {
            context: StepContext { site, draft: &built.draft, epoch: built.epoch, report },
            request: self.request,
            settings: self.settings,
            origin: &instruction.origin,
        };
        match &instruction.action {
            Action::Settings => unreachable!("settings are not carried out"),
            Action::Folder { path, user } => self.perform(FolderStep::new(surroundings, path, user), report),
            Action::Run(run) => {
                let sources = run.mounts.iter().zip(&run.sources).map(|(mount, source)| match mount.kind {
                    MountKind::Bind { .. } => self.files_of(source.as_ref(), report).map(Some),
                    _ => Ok(None),
                });
                let sources = sources.collect::<Result<Vec<_>, _>>()?;
                self.perform(RunStep::new(surroundings, run, sources), report)
            }
            Action::Copy(copy) => {
                let from = self.files_of(copy.from.as_ref(), report)?;
                self.perform(CopyStep::new(surroundings, copy, from), report)
            }
        }
    }

    fn perform<S: Step + Rechecked>(
        &self,
        mut step: S,
        report: &StepReporter<'_>,
    ) -> Result<(StepResult, bool), EngineError> {
        let solve_again = self.memory.solve_again || step.is_looked_at_again();
        let memory = Memory { solve_again, ..self.memory };
        let done = perform(&self.engine.store, &mut step, memory, report)?;
        Ok((done.result, done.cached))
    }

    /// Where files come from; the context where nothing is said.
    fn files_of(
        &self,
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
            Some(StageSource::Stage(place)) => self.built[*place].draft.clone(),
            Some(StageSource::Image(reference)) => self.image(reference, &self.request.platform, report)?.0,
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
