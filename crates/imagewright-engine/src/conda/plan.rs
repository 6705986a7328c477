//! What the conda step would do: solved as in a build, and no package fetched.

use imagewright_conda::Package;
use imagewright_conda::package::InstalledPython;
use imagewright_model::plan::{PackageChange, PlannedPackage};
use imagewright_model::spec::LinkScripts;

use super::chosen::Chosen;
use super::layers::{CONDA_LAYER, CONDA_PYTHON, CondaLayer, Installer, is_for_all, python_key};
use super::{CondaStep, Solution};
use crate::error::EngineError;
use crate::reach;
use crate::step::{Memory, Step, remembered_solution};

/// What the step would do.
pub(crate) struct CondaPlan {
    pub(crate) packages: Vec<PlannedPackage>,
    pub(crate) solution: Solution,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
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
        let notes = if solution.packages.is_empty() { Vec::new() } else { self.notes() };
        Ok(CondaPlan { packages, solution, notes })
    }

    /// Whether there are scripts is known when packages are fetched, so that what is done with them is told in any case.
    fn notes(&self) -> Vec<String> {
        let told = match self.spec.link_scripts {
            LinkScripts::Refuse => return Vec::new(),
            LinkScripts::Skip => "link scripts of conda packages are not run, if there are some",
            LinkScripts::Run => {
                "link scripts of conda packages are run in the sandbox, if there are some; what they change is one more layer"
            }
        };
        vec![told.to_owned()]
    }
}

impl Installer<'_> {
    /// Whether the file of a package is likely not to be fetched, because its layer is known.
    fn is_known(&self, chosen: &Chosen, solution: &Solution) -> Result<bool, EngineError> {
        let store = self.context.site.store;
        let python = match is_for_all(chosen) {
            true => self.known_python(solution)?,
            false => None,
        };
        let known: Option<CondaLayer> = store.peek_fact(CONDA_LAYER, &self.key(chosen, python.as_ref()))?;
        Ok(known.map(|known| reach::is_promised(store, &known.layer)).transpose()?.unwrap_or(false))
    }

    /// The Python of the environment as it will be, as far as that can be told without fetching it.
    fn known_python(&self, solution: &Solution) -> Result<Option<InstalledPython>, EngineError> {
        if let Some(chosen) = solution.packages.iter().find(|chosen| chosen.name == "python") {
            return Ok(self.context.site.store.peek_fact(CONDA_PYTHON, &python_key(&chosen.sha256))?);
        }
        let there = solution.facts.installed.iter().find(|package| package.name() == "python");
        Ok(there.and_then(|package| package.python().ok().flatten()))
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
