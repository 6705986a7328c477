//! Which packages are installed: asked of a solver, with what the image is like.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rattler_conda_types::{MatchSpec, PackageRecord, RepoDataRecord};
use rattler_solve::{
    CancellationToken, ChannelPriority, RepoDataIter, SolveError as Unsolved, SolverImpl, SolverTask,
    resolvo::Solver,
};
use serde::{Deserialize, Serialize};

use crate::{Package, VirtualPackages, Wanted};

/// How the order of channels counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// A package is taken from the first channel that has it, in whatever versions.
    #[default]
    Strict,
    /// A package is taken from the first channel that has a version of it which fits.
    Flexible,
    /// Versions count more than channels.
    Disabled,
}

/// What is asked of the solver.
pub struct Question<'a> {
    /// What is asked for.
    pub wanted: &'a [Wanted],
    /// What channels have, channel by channel in their order.
    pub available: &'a [Vec<Package>],
    /// What is installed, or was decided on earlier: it is taken where nothing speaks against it.
    pub preferred: &'a [Package],
    /// What the image is like.
    pub virtual_packages: &'a VirtualPackages,
    /// How the order of channels counts.
    pub priority: Priority,
    /// Stops the solver.
    pub stop: Stop,
}

/// Stops a solver that is at work.
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Stops it.
    pub fn stop(&self) {
        self.0.cancel();
    }
}

/// Why there is no solution.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// Packages contradict each other, or are nowhere.
    #[error("{0}")]
    Conflict(String),
    /// Somebody stopped it.
    #[error("solving was stopped")]
    Stopped,
    /// The solver could not work with what channels say.
    #[error("{0}")]
    Failed(String),
}

/// The packages to install, those that others need first.
pub fn solve(question: &Question<'_>) -> Result<Vec<Package>, SolveError> {
    let Question { wanted, available, preferred, virtual_packages, priority, stop } = question;
    let allowed = |package: &&Package| {
        let mut same = wanted.iter().filter(|wanted| wanted.name() == package.name());
        same.all(|wanted| wanted.allows(package))
    };
    let repodata: Vec<_> = available
        .iter()
        .map(|packages| RepoDataIter(packages.iter().filter(allowed).map(|package| &package.0)))
        .collect();
    let task = SolverTask {
        available_packages: repodata,
        locked_packages: preferred.iter().filter(allowed).map(|package| &package.0).collect(),
        pinned_packages: Vec::new(),
        virtual_packages: virtual_packages.packages(),
        specs: wanted.iter().map(|wanted| wanted.spec.clone()).collect::<Vec<MatchSpec>>(),
        constraints: Vec::new(),
        timeout: None,
        channel_priority: match priority {
            Priority::Strict => ChannelPriority::Strict,
            Priority::Flexible => ChannelPriority::Flexible,
            Priority::Disabled => ChannelPriority::Disabled,
        },
        exclude_newer: None,
        strategy: rattler_solve::SolveStrategy::default(),
        dependency_overrides: Vec::new(),
        excluded_candidates: std::collections::HashMap::new(),
        cancellation_token: Some(stop.0.clone()),
    };
    let solved = Solver.solve(task).map_err(|error| match error {
        Unsolved::Unsolvable(reasons) => SolveError::Conflict(readable(&reasons)),
        Unsolved::Cancelled => SolveError::Stopped,
        other => SolveError::Failed(other.to_string()),
    })?;
    Ok(sorted(solved.records.into_iter().map(Package).collect()))
}

/// Packages in an order in which each comes after those that it needs, and which depends on the packages alone.
pub fn sorted(mut packages: Vec<Package>) -> Vec<Package> {
    packages.sort_by(|one, other| one.name().cmp(other.name()));
    let records: Vec<Sorted> = packages.into_iter().map(|package| Sorted(package.0)).collect();
    PackageRecord::sort_topologically(records).into_iter().map(|sorted| Package(sorted.0)).collect()
}

/// All packages that may be needed: those of `names`, those that they need, and so on. `find` gives all packages of some names, by
/// channels in their order.
pub fn reachable<E>(
    names: impl IntoIterator<Item = String>,
    mut find: impl FnMut(&[String]) -> Result<Vec<Vec<Package>>, E>,
) -> Result<Vec<Vec<Package>>, E> {
    let mut next: Vec<String> = names.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut seen: BTreeSet<String> = next.iter().cloned().collect();
    let mut all: BTreeMap<usize, Vec<Package>> = BTreeMap::new();
    while !next.is_empty() {
        let found = find(&next)?;
        let needed: BTreeSet<String> = found.iter().flatten().flat_map(Package::needs).collect();
        for (channel, packages) in found.into_iter().enumerate() {
            all.entry(channel).or_default().extend(packages);
        }
        next = needed.into_iter().filter(|name| seen.insert(name.clone())).collect();
    }
    Ok(all.into_values().collect())
}

#[derive(Clone)]
struct Sorted(RepoDataRecord);

impl AsRef<PackageRecord> for Sorted {
    fn as_ref(&self) -> &PackageRecord {
        &self.0.package_record
    }
}

/// The solver's reasons as a person can read them: without the heading, and with names of channels in place of their made-up
/// addresses.
fn readable(reasons: &[String]) -> String {
    let text = reasons.join("\n").replace(crate::channel::NAMED, "");
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
