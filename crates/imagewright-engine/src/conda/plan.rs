//! What the conda step would do: solved as in a build, and no package fetched.

use imagewright_conda::Package;
use imagewright_model::plan::{PackageChange, PlannedPackage};

use super::chosen::Chosen;
use super::{CondaStep, Solution};
use crate::error::EngineError;
use crate::step::{Memory, Step, remembered_solution};

/// What the step would do.
pub(crate) struct CondaPlan {
    pub(crate) packages: Vec<PlannedPackage>,
    pub(crate) solution: Solution,
}

impl CondaStep<'_> {
    /// Finds out what would be done.
    pub(crate) fn plan(&mut self, memory: Memory) -> Result<CondaPlan, EngineError> {
        let remembered = remembered_solution(self.context.site.store, self, memory)?;
        let solution = match remembered {
            Some(solution) => solution,
            None => self.solve()?,
        };
        let (fetcher, places) = (self.fetcher()?, self.places(&solution)?);
        let installer = self.installer(&fetcher, &places, &solution)?;
        let plan = |chosen: &Chosen| {
            let is_here = installer.has(chosen) || installer.is_known(chosen, &solution)?;
            Ok(planned(chosen, &solution, is_here))
        };
        let mut packages = solution.packages.iter().map(plan).collect::<Result<Vec<_>, EngineError>>()?;
        let is_asked_for =
            |package: &&Package| self.asked.wanted.iter().any(|wanted| wanted.name() == package.name());
        packages.extend(solution.staying().filter(is_asked_for).map(|package| PlannedPackage {
            name: package.name().to_owned(),
            version: Some(package.version()),
            change: PackageChange::Keep,
            before: None,
            size: package.size(),
            path: None,
            cached: true,
        }));
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(CondaPlan { packages, solution })
    }
}

fn planned(chosen: &Chosen, solution: &Solution, cached: bool) -> PlannedPackage {
    let before = solution.facts.installed.iter().find(|package| package.name() == chosen.name);
    PlannedPackage {
        name: chosen.name.clone(),
        version: Some(chosen.version.clone()),
        change: if before.is_some() { PackageChange::Replace } else { PackageChange::Install },
        before: before.map(Package::version),
        size: chosen.known_size(),
        path: None,
        cached,
    }
}
