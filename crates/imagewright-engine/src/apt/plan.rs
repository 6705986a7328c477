//! What the apt step would do: solved as in a build, and nothing fetched but indexes.

use imagewright_model::plan::{PackageChange, PlannedPackage};

use super::answers::{archive_parts, packages_to_remove};
use super::dpkg::{self, Installed};
use super::surroundings::{Apt, Archives, archive_name};
use super::{AptStep, Archive, Kept};
use crate::error::EngineError;
use crate::step::{Memory, SolvedPackage, remembered_solution};

/// What the step would do.
pub(crate) struct AptPlan {
    pub(crate) packages: Vec<PlannedPackage>,
    /// The solution, where enough is known of it to look for its result.
    pub(crate) solution: Option<Vec<SolvedPackage>>,
}

impl AptStep<'_> {
    /// Finds out what would be done.
    pub(crate) fn plan(&self, memory: Memory) -> Result<AptPlan, EngineError> {
        let mut bench = self.context.bench()?;
        let mut apt = self.open(&bench)?;
        let before = dpkg::installed(&bench.view());
        if let Some(solution) = self.known_solution(memory)? {
            let mut packages: Vec<_> =
                solution.iter().map(|package| planned(package, &apt, &before)).collect();
            packages.sort_by(|one, other| one.name.cmp(&other.name));
            return Ok(AptPlan { packages, solution: Some(solution) });
        }
        let _lock = self.lock_caches(&apt)?;
        let archives = self.ask(&mut bench, &mut apt)?;
        let simulate = ["install", "--simulate"].into_iter().chain(self.names());
        let command = apt.get(Archives::Writable, simulate).keep_output();
        let simulated = bench.run(command, self.context.report)?;
        let removed =
            packages_to_remove(&simulated.output).into_iter().map(|(name, version)| PlannedPackage {
                name,
                version: Some(version),
                change: PackageChange::Remove,
                before: None,
                path: None,
                size: None,
                cached: true,
            });
        let solution: Vec<SolvedPackage> = archives.iter().map(solved).collect();
        let mut packages: Vec<_> = solution.iter().map(|package| planned(package, &apt, &before)).collect();
        packages.extend(removed);
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        let is_known = solution.iter().all(|package| !package.sha256.is_empty());
        Ok(AptPlan { packages, solution: is_known.then_some(solution) })
    }

    fn known_solution(&self, memory: Memory) -> Result<Option<Vec<SolvedPackage>>, EngineError> {
        match &self.kept {
            Kept::Exactly(packages) => Ok(Some(packages.iter().map(SolvedPackage::from).collect())),
            Kept::Nothing | Kept::Preferred(_) => {
                Ok(remembered_solution(self.context.site.store, self, memory)?)
            }
        }
    }
}

fn planned(package: &SolvedPackage, apt: &Apt<'_>, before: &Installed) -> PlannedPackage {
    let archive = apt.caches.archive(&archive_name(package));
    let before = before.get(&(package.name.clone(), package.architecture.clone())).cloned();
    PlannedPackage {
        name: package.name.clone(),
        version: Some(package.version.clone()),
        change: if before.is_some() { PackageChange::Replace } else { PackageChange::Install },
        before,
        path: None,
        size: package.size,
        cached: archive.is_file(),
    }
}

fn solved(archive: &Archive) -> SolvedPackage {
    let (name, version, architecture) = archive_parts(&archive.name);
    let sha256 = archive.sha256.iter().cloned().collect();
    SolvedPackage { name, version, architecture, sha256, size: archive.size }
}
