//! What the pip step would do: solved as in a build, and no package fetched.

use imagewright_model::plan::{PackageChange, PlannedPackage};

use super::artifacts::Artifacts;
use super::interpreter::PythonFacts;
use super::layout::Layout;
use super::select::Chosen;
use super::{PipStep, Solution, replaced, wheels};
use crate::error::EngineError;
use crate::step::{Memory, Step, remembered_solution};

/// What the step would do.
pub(crate) struct PipPlan {
    pub(crate) packages: Vec<PlannedPackage>,
    pub(crate) solution: Solution,
    /// The packages as a `pylock.toml`.
    pub(crate) pylock: String,
    /// What is not as it was locked, so that the lock is only preferred.
    pub(crate) changed: Vec<String>,
}

impl PipStep<'_> {
    /// Finds out what would be done.
    pub(crate) fn plan(&mut self, memory: Memory) -> Result<PipPlan, EngineError> {
        let remembered = remembered_solution(self.context.site.store, self, memory)?;
        let solution = match remembered {
            Some(solution) => solution,
            None => self.solve()?,
        };
        let selector = self.selector(&solution.python)?;
        let chosen = selector.choose(&solution.locks, self.context.report)?;
        let site = self.context.site;
        let artifacts = Artifacts::open(site, self.settings, &self.locals)?;
        let layout = Layout::of(&solution.python, selector.report());
        let plan = |chosen: &Chosen| {
            let is_known = wheels::is_known(site, &layout, chosen)?;
            Ok(planned(chosen, &solution.python, &artifacts, is_known))
        };
        let packages = chosen.iter().map(plan).collect::<Result<_, EngineError>>()?;
        let pylock = self.pylock(&solution)?;
        let changed = self.changed()?;
        Ok(PipPlan { packages, solution, pylock, changed })
    }

    /// Whether the image so far has the Python that packages are for.
    pub(crate) fn finds_python(&self) -> bool {
        PythonFacts::find(self.context, &self.uv, self.choice).is_ok_and(|found| found.is_some())
    }
}

fn planned(
    chosen: &Chosen,
    python: &PythonFacts,
    artifacts: &Artifacts<'_>,
    is_known: bool,
) -> PlannedPackage {
    let there = replaced::in_target(python).find(|there| there.name == chosen.name());
    let stays = there.is_some_and(|there| Some(&there.version) == chosen.version());
    let before = there.filter(|_| !stays).map(|there| there.version.clone());
    let local = chosen.path().and_then(|path| artifacts.local(path));
    PlannedPackage {
        name: chosen.name().to_owned(),
        version: chosen.version().cloned(),
        change: match (stays, &before) {
            (true, _) => PackageChange::Keep,
            (false, Some(_)) => PackageChange::Replace,
            (false, None) => PackageChange::Install,
        },
        before,
        size: chosen.size(),
        path: local.map(|local| local.path.clone()),
        cached: stays || is_known || local.is_some() || chosen.file().is_some_and(|file| artifacts.has(file)),
    }
}
