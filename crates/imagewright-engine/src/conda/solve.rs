//! Which packages are installed: those of the lock, or those that the solver chooses.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use imagewright_conda::{
    Package, Question, SolveError, Stop, VirtualPackages, Wanted, reachable, solve, subdir_of,
};
use imagewright_model::lock::LockedConda;

use super::CondaStep;
use super::chosen::Chosen;
use super::error::CondaError;
use super::facts::CondaFacts;
use super::index::{Index, Indexes};
use super::places::Places;
use crate::error::EngineError;
use crate::lock::{Kept, KeptConda};
use crate::versions_error::VersionsError;

/// From where on one name is worth mentioning in place of another.
const ALIKE: f64 = 0.8;
/// The folder of a channel with packages for all architectures.
const NOARCH: &str = "noarch";
/// How often is looked whether a solver at work is to stop.
const LOOK: Duration = Duration::from_millis(50);

impl CondaStep<'_> {
    /// What is to be installed on an image.
    pub(super) fn decide(&self, facts: &CondaFacts) -> Result<Vec<Chosen>, EngineError> {
        if let Kept::Exactly(kept) = &self.kept
            && let Some(packages) = kept_packages(kept, facts)?
        {
            return Ok(packages);
        }
        let architecture = &self.context.draft.config.platform.architecture;
        let subdir = subdir_of(architecture).ok_or_else(|| CondaError::Architecture(architecture.clone()))?;
        self.check_architecture(subdir)?;
        let (fetcher, places) = (self.fetcher()?, Places::of(self.settings, &self.asked.channels)?);
        let indexes = Indexes {
            fetcher: &fetcher,
            places: &places,
            folder: self.context.site.store.cache_dir("conda-index")?,
            offline: self.trust.offline,
        };
        let lists = indexes.open(&self.asked.channels, subdir, self.context.report)?;
        let wanted = self.all_wanted(facts)?;
        let names: Vec<String> = wanted.iter().map(|wanted| wanted.name().to_owned()).collect();
        let available = reachable(names, |names| indexes.packages(&lists, names))?;
        self.check_known(facts, &available, &lists)?;
        let preferred = self.preferred(facts, &available);
        self.context.report.status("solving");
        let virtual_packages = VirtualPackages::of(architecture, facts.glibc.clone(), self.spec.cuda.clone());
        let question = Question {
            wanted: &wanted,
            available: &available,
            preferred: &preferred,
            virtual_packages: &virtual_packages,
            priority: self.asked.priority,
            stop: Stop::default(),
        };
        let solved = self.watched(&question)?;
        self.check_listed(facts, &solved)?;
        let is_there = |package: &&Package| facts.installed.iter().any(|there| there.is_same(package));
        let new = solved.iter().filter(|package| !is_there(package));
        Ok(new.map(Chosen::of).collect::<Result<_, _>>()?)
    }

    /// Sees to it that nothing is for another architecture.
    fn check_architecture(&self, subdir: &str) -> Result<(), CondaError> {
        let is_other = |named: &str| named != subdir && named != NOARCH;
        match self.spec.packages.iter().find(|package| package.subdir.as_deref().is_some_and(is_other)) {
            Some(package) => Err(CondaError::OtherArchitecture {
                text: package.to_string(),
                origin: package.origin.clone(),
                subdir: subdir.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Sees to it that an explicit list holds all that is installed.
    fn check_listed(&self, facts: &CondaFacts, solved: &[Package]) -> Result<(), CondaError> {
        let Some(list) = &self.spec.explicit else { return Ok(()) };
        let is_listed = |package: &&Package| {
            self.asked.wanted.iter().any(|wanted| wanted.name() == package.name())
                || facts.installed.iter().any(|there| there.name() == package.name())
        };
        let missing: Vec<String> = solved
            .iter()
            .filter(|package| !is_listed(package))
            .map(|package| format!("`{}`", package.name()))
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(CondaError::NotListed { list: list.clone(), missing: missing.join(", ") }),
        }
    }

    /// Sees to it that what is asked for is somewhere: the solver would tell so without its place.
    fn check_known(
        &self,
        facts: &CondaFacts,
        available: &[Vec<Package>],
        lists: &[Index],
    ) -> Result<(), CondaError> {
        let mut known: BTreeSet<&str> = available.iter().flatten().map(Package::name).collect();
        known.extend(facts.installed.iter().map(Package::name));
        let Some(package) = self.spec.packages.iter().find(|package| !known.contains(package.name.as_str()))
        else {
            return Ok(());
        };
        let best = lists.iter().filter_map(|list| list.like(&package.name));
        let best = best.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|(score, _)| *score > ALIKE);
        Err(CondaError::Unknown {
            text: package.to_string(),
            origin: package.origin.clone(),
            channels: self.asked.channel_names().join(", "),
            nearest: best.map(|(_, name)| name),
        })
    }

    /// What is asked for, and that what is there stays: in its version where that is possible, and a Python in its minor version.
    fn all_wanted(&self, facts: &CondaFacts) -> Result<Vec<Wanted>, EngineError> {
        let mut wanted = self.asked.wanted.clone();
        for there in &facts.installed {
            if self.asked.wanted.iter().any(|wanted| wanted.name() == there.name()) {
                continue;
            }
            let text = match there.python().ok().flatten() {
                Some(python) => format!("python {}.{}.*", python.version.0, python.version.1),
                None => there.name().to_owned(),
            };
            let unreadable = |_| CondaError::BaseRecord(there.book_file());
            wanted.push(Wanted::parse(&text, None, None).map_err(unreadable)?);
        }
        Ok(wanted)
    }

    /// What is taken where nothing speaks against it: what is locked and still to be had, else what is there.
    fn preferred(&self, facts: &CondaFacts, available: &[Vec<Package>]) -> Vec<Package> {
        let kept = match &self.kept {
            Kept::Nothing => None,
            Kept::Preferred(kept) | Kept::Exactly(kept) => Some(kept),
        };
        let may_change = |name: &str| kept.is_some_and(|kept| kept.upgraded.contains(name));
        let locked =
            kept.into_iter().flat_map(|kept| &kept.conda.packages).filter(|locked| !may_change(&locked.name));
        let find = |sha256: &String, name: &String| {
            let mut all = available.iter().flatten();
            all.find(|package| {
                package.name() == name && package.sha256().is_some_and(|hash| hash.hex() == sha256.as_str())
            })
        };
        let mut preferred: Vec<Package> =
            locked.filter_map(|locked| find(&locked.sha256, &locked.name)).cloned().collect();
        for there in &facts.installed {
            let is_listed = preferred.iter().any(|package| package.name() == there.name());
            if !may_change(there.name()) && !is_listed {
                preferred.push(there.clone());
            }
        }
        preferred
    }

    /// Solves, and stops when the build is cancelled.
    fn watched(&self, question: &Question<'_>) -> Result<Vec<Package>, EngineError> {
        let cancel = self.context.site.cancel;
        let solved = thread::scope(|scope| {
            let solver = scope.spawn(|| solve(question));
            while !solver.is_finished() {
                if cancel.is_cancelled() {
                    question.stop.stop();
                }
                thread::park_timeout(LOOK);
            }
            solver.join().expect("solving does not panic")
        });
        solved.map_err(|error| match error {
            SolveError::Conflict(explanation) => CondaError::Conflict { explanation }.into(),
            SolveError::Stopped => EngineError::Cancelled,
            SolveError::Failed(explanation) => CondaError::Solver { explanation }.into(),
        })
    }
}

/// The packages of a lock, where it is for this environment.
fn kept_packages(kept: &KeptConda<'_>, facts: &CondaFacts) -> Result<Option<Vec<Chosen>>, EngineError> {
    let LockedConda { prefix, packages, .. } = kept.conda;
    if *prefix == facts.prefix {
        return Ok(Some(packages.iter().map(Chosen::locked).collect()));
    }
    match kept.locked {
        true => {
            let differences =
                vec![format!("its conda packages go to `{prefix}`, and the image has `{}`", facts.prefix)];
            Err(VersionsError::LockDiffers { differences }.into())
        }
        false => Ok(None),
    }
}
