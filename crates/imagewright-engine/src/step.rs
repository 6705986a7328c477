//! What all steps have in common: they are solved, then run, and both are remembered by content.
//!
//! A solution is keyed by what was asked on which image so far; a result by that image and the *solved* packages.
//! So a changed comment or another order of the list asks again and finds the same result, and an unchanged list
//! asks nobody. Two builds that ask the same at the same time are served one after the other: the second finds
//! what the first remembered.

use imagewright_oci::Digest;
use imagewright_store::{Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::draft::{Draft, DraftLayer};
use crate::error::EngineError;
use crate::inventory;
use crate::pip::PYTHON;
use crate::reach;
use crate::reporter::StepReporter;
use crate::versions_error::VersionsError;
use crate::workbench::{Site, Workbench};

/// Raised whenever a step of the same key would give another layer than before.
pub(crate) const STEP_VERSION: u32 = 2;

/// A step of a build.
pub(crate) trait Step {
    /// The kind of step, as it stands in keys, facts and locks.
    const KIND: &'static str;
    /// What solving gives.
    type Solution: Serialize + DeserializeOwned;

    /// What makes two questions equal.
    fn question(&self) -> Digest;
    /// Finds out what is to be installed.
    fn solve(&mut self) -> Result<Self::Solution, EngineError>;
    /// What makes two results equal.
    fn identity(&self, solution: &Self::Solution) -> Digest;
    /// Does it.
    fn run(&mut self, solution: &Self::Solution) -> Result<StepResult, EngineError>;
}

/// Where and how a step is done.
#[derive(Clone, Copy)]
pub(crate) struct StepContext<'a> {
    pub(crate) site: Site<'a>,
    /// The image so far.
    pub(crate) draft: &'a Draft,
    /// `SOURCE_DATE_EPOCH` of the step.
    pub(crate) epoch: i64,
    pub(crate) report: &'a StepReporter<'a>,
}

impl<'a> StepContext<'a> {
    /// A fresh workbench on the image so far.
    pub(crate) fn bench(&self) -> Result<Workbench<'a>, EngineError> {
        Workbench::on(self.site, self.draft, self.epoch, self.report)
    }

    /// Works on a fresh workbench that has what a Python needs to run, and where that was not enough on one that has all
    /// of the image so far. `work` gives nothing where it did not find what it looks for.
    pub(crate) fn on_python<T>(
        &self,
        work: impl Fn(Workbench<'a>) -> Result<Option<T>, EngineError>,
    ) -> Result<Option<T>, EngineError> {
        let part = match Workbench::on_part(self.site, self.draft, PYTHON, self.epoch, self.report) {
            // A layer that is not to be unpacked at all tells so again.
            Err(EngineError::Store(StoreError::Unpack(_))) => return work(self.bench()?),
            part => part?,
        };
        let is_whole = part.is_whole();
        match work(part) {
            Ok(None)
            | Err(
                EngineError::NoSuchInterpreter { .. }
                | EngineError::BrokenPython { .. }
                | EngineError::Uv { .. }
                | EngineError::Bytecode { .. },
            ) if !is_whole => work(self.bench()?),
            done => done,
        }
    }

    /// The identity of the image so far.
    pub(crate) fn parent(&self) -> Option<Digest> {
        self.draft.chain().map(|chain| chain.digest().clone())
    }
}

/// How a step treats what is known already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Ask the package manager again what to install.
    pub(crate) solve_again: bool,
    /// Run the step again though its result is known.
    pub(crate) run_again: bool,
}

/// What a step came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StepResult {
    /// The layers, bottom first; none where nothing changed.
    pub(crate) layers: Vec<StepLayer>,
    /// A folder that goes first on the image's search path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path_prefix: Option<String>,
    /// Variables that the image's environment gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) environment: Vec<(String, String)>,
    /// The date of what the step made, where it dates the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
}

/// A layer that a step made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StepLayer {
    #[serde(flatten)]
    pub(crate) layer: DraftLayer,
    /// What it is, where the step has more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
}

impl StepResult {
    /// The result of a step that makes one layer, or none.
    pub(crate) fn of(layer: Option<DraftLayer>) -> Self {
        let layers = layer.into_iter().map(|layer| StepLayer { layer, title: None }).collect();
        Self { layers, ..Self::default() }
    }

    /// Bytes of its layers as stored; none where there is no layer.
    pub(crate) fn size(&self) -> Option<u64> {
        let sizes = self.layers.iter().map(|made| made.layer.descriptor.size);
        (!self.layers.is_empty()).then(|| sizes.sum())
    }
}

/// A package as a package manager solved it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SolvedPackage {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `amd64`, `all`; empty where the ecosystem has no such thing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) architecture: String,
    /// SHA-256 of each artefact that may be taken, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sha256: Vec<String>,
    /// Bytes of its file, where known. No part of what makes two packages equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
}

/// Packages as keys have them: by what makes them equal.
pub(crate) fn identified(packages: &[SolvedPackage]) -> Vec<SolvedPackage> {
    packages.iter().map(|package| SolvedPackage { size: None, ..package.clone() }).collect()
}

/// A step that was done.
pub(crate) struct Done<S> {
    pub(crate) result: StepResult,
    /// Whether it had been done before.
    pub(crate) cached: bool,
    pub(crate) solution: S,
}

/// Does a step, or finds that it was done.
pub(crate) fn perform<S: Step>(
    site: Site<'_>,
    step: &mut S,
    memory: Memory,
    report: &StepReporter<'_>,
) -> Result<Done<S::Solution>, EngineError> {
    perform_solved(site, step, None, memory, report)
}

/// Does a step whose solution may have been found out just now: it then counts as one that is remembered, and nobody is asked
/// again.
pub(crate) fn perform_solved<S: Step>(
    site: Site<'_>,
    step: &mut S,
    solved: Option<S::Solution>,
    memory: Memory,
    report: &StepReporter<'_>,
) -> Result<Done<S::Solution>, EngineError> {
    let (question, store) = (step.question(), site.store);
    let _lock = store.lock(&format!("{}-{}", S::KIND, question.hex()), || {
        report.status("waiting for another build that does the same");
    })?;
    let known = match solved {
        Some(solution) => {
            store.put_fact(&solutions::<S>(), &question, &solution)?;
            Some(solution)
        }
        None => remembered_solution(store, step, memory)?,
    };
    if let Some(solution) = known {
        let again = match run_or_find(site, step, memory, solution) {
            // It can be had no more, and nobody insists on it.
            Err(EngineError::Versions(
                VersionsError::Gone { .. }
                | VersionsError::GoneFromBase { .. }
                | VersionsError::OtherFile { .. },
            )) => None,
            done => Some(done),
        };
        if let Some(done) = again {
            return done;
        }
    }
    let solution = step.solve()?;
    store.put_fact(&solutions::<S>(), &question, &solution)?;
    run_or_find(site, step, memory, solution)
}

/// What an earlier build with the same question solved, where that counts.
pub(crate) fn remembered_solution<S: Step>(
    store: &Store,
    step: &S,
    memory: Memory,
) -> Result<Option<S::Solution>, StoreError> {
    match memory.solve_again {
        true => Ok(None),
        false => store.get_fact(&solutions::<S>(), &step.question()),
    }
}

fn solutions<S: Step>() -> String {
    format!("{}-solution", S::KIND)
}

fn run_or_find<S: Step>(
    site: Site<'_>,
    step: &mut S,
    memory: Memory,
    solution: S::Solution,
) -> Result<Done<S::Solution>, EngineError> {
    let identity = step.identity(&solution);
    if let Some(result) = remembered(site, &identity, memory)? {
        return Ok(Done { result, cached: true, solution });
    }
    let result = step.run(&solution)?;
    for made in &result.layers {
        inventory::put_nothing(site.store, &made.layer)?;
    }
    site.store.put_fact("step", &identity, &result)?;
    Ok(Done { result, cached: false, solution })
}

/// A result found earlier, if it may be taken and its layers can still be had.
pub(crate) fn remembered(
    site: Site<'_>,
    identity: &Digest,
    memory: Memory,
) -> Result<Option<StepResult>, StoreError> {
    if memory.run_again {
        return Ok(None);
    }
    let Some(known) = site.store.get_fact::<StepResult>("step", identity)? else { return Ok(None) };
    for made in &known.layers {
        if !reach::is_in_reach(site, &made.layer.descriptor)? {
            return Ok(None);
        }
        inventory::keep(site.store, &made.layer)?;
    }
    Ok(Some(known))
}

/// The digest of what makes two questions or results of a kind equal.
pub(crate) fn key(kind: &str, parts: &impl Serialize) -> Digest {
    let versions = (STEP_VERSION, imagewright_layer::TRANSFORM_VERSION);
    let text = serde_json::to_vec(&(kind, versions, parts)).expect("keys are plain data");
    Digest::of(&text)
}
