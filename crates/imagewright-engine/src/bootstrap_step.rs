//! The step that makes a base of distribution packages: [`crate::bootstrap`] up to the extracted tree, the sandbox
//! for what is left.

use std::collections::BTreeMap;
use std::path::PathBuf;

use imagewright_model::BuildSettings;
use imagewright_model::lock::{ArchivePlace, LockedBase, LockedDebian};
use imagewright_oci::{Digest, Platform};
use imagewright_store::overlay::PathPattern;

use crate::apt;
use crate::bootstrap::{self, BootstrapError, BootstrapPackage, BootstrapRequest, Report, Solution};
use crate::draft::Draft;
use crate::error::EngineError;
use crate::fetch::{FetchError, Fetcher};
use crate::inventory;
use crate::lock::locked_base;
use crate::outside::INSIDE;
use crate::reporter::StepReporter;
use crate::step::{self, Step, StepResult};
use crate::time::rfc3339;
use crate::versions_error::VersionsError;
use crate::workbench::{Command, Site, Workbench, bind};

/// Makes a root of distribution packages.
pub(crate) struct BootstrapStep<'a> {
    site: Site<'a>,
    request: &'a BootstrapRequest,
    /// `SOURCE_DATE_EPOCH` where the user gave one; else the newest file of the packages dates the root.
    epoch: Option<i64>,
    report: &'a StepReporter<'a>,
    /// What an earlier build decided.
    kept: Option<&'a LockedBase>,
    fetcher: Fetcher,
    /// Where package lists and packages are kept.
    cache: PathBuf,
}

impl<'a> BootstrapStep<'a> {
    pub(crate) fn new(
        site: Site<'a>,
        request: &'a BootstrapRequest,
        settings: &BuildSettings,
        epoch: Option<i64>,
        kept: Option<&'a LockedBase>,
        report: &'a StepReporter<'a>,
    ) -> Result<Self, EngineError> {
        let fetcher = Fetcher::new(&settings.trust)?.stopped_by(site.cancel.stop());
        let cache = site.store.cache_dir("bootstrap")?;
        Ok(Self { site, request, epoch, report, kept, fetcher, cache })
    }
}

impl Step for BootstrapStep<'_> {
    const KIND: &'static str = "bootstrap";
    type Solution = Solution;

    fn question(&self) -> Digest {
        step::key("bootstrap-question", &self.request.key())
    }

    fn identity(&self, solution: &Solution) -> Digest {
        step::key("bootstrap", &(solution.key(), self.site.compression.to_string(), self.epoch))
    }

    fn solve(&mut self) -> Result<Solution, EngineError> {
        if let Some(kept) = self.kept {
            return Ok(kept_solution(self.request, kept));
        }
        Ok(bootstrap::solve(self.request, &self.fetcher, &self.cache, &mut |told| tell(self.report, told))?)
    }

    fn run(&mut self, solution: &Solution) -> Result<StepResult, EngineError> {
        let report = self.report;
        report.status(format!("downloading {} packages", solution.packages.len()));
        let tell = &mut |told| tell(report, told);
        let archives = bootstrap::download(self.request, solution, &self.fetcher, &self.cache, tell)
            .map_err(|error| gone(solution, error))?;
        let mut bench = Workbench::bare(self.site)?;
        report.status("unpacking packages");
        let extracted = bootstrap::extract(solution, &archives, &bench.upper())?;
        let epoch = self.epoch.unwrap_or(extracted.newest_mtime);
        bench.set_epoch(epoch);
        report.status("configuring packages");
        let folder = format!("{INSIDE}/debs");
        let configure = bootstrap::configure_command(solution, &folder);
        let command =
            Command::new(configure.command).mount(bind(&self.cache, &folder, true)).without_network();
        let environment = configure.environment.into_iter();
        let command = environment.fold(command, |command, (name, value)| command.env(&name, value));
        let finished = bench.run(command, report)?;
        if !finished.succeeded() {
            return Err(EngineError::Apt { action: "configure the base", tail: finished.tail_text() });
        }
        let mut rules = apt::tidy_rules();
        rules.remove.extend(bootstrap::junk().iter().map(|glob| PathPattern::new(glob)));
        let nothing = Draft::empty(Platform::linux(&self.request.architecture));
        let hash = |package: &BootstrapPackage| {
            let key = (package.name.clone(), package.architecture.clone());
            (key, package.digest.hex().to_owned())
        };
        let hashes = solution.packages.iter().map(hash).collect();
        report.status("writing the layer");
        let records = apt::brought(&BTreeMap::new(), &bench.view(), &hashes);
        let layer = bench.seal(&nothing, rules)?;
        if let Some(layer) = &layer {
            inventory::put(self.site.store, layer, &records.iter().collect::<Vec<_>>())?;
        }
        Ok(StepResult { created: Some(rfc3339(epoch)), ..StepResult::of(layer) })
    }
}

/// What a lock decided, as if it had just been solved.
fn kept_solution(request: &BootstrapRequest, kept: &LockedBase) -> Solution {
    let package = |package: &LockedDebian| {
        let digest = format!("sha256:{}", package.sha256).parse().expect("a lock holds digits of SHA-256");
        let archive = package.archive.clone().unwrap_or_default();
        BootstrapPackage {
            name: package.name.clone(),
            version: package.version.clone(),
            architecture: package.architecture.clone(),
            suite: archive.suite,
            filename: archive.filename,
            size: package.size,
            digest,
        }
    };
    Solution {
        distribution: request.distribution,
        suite: request.suite.clone(),
        architecture: request.architecture.clone(),
        packages: kept.packages.iter().map(package).collect(),
        image_sources: bootstrap::to_deb822(&request.sources.image),
        release_date: None,
    }
}

/// A solution as a lock has it.
pub(crate) fn locked(solution: &Solution) -> LockedBase {
    let package = |package: &BootstrapPackage| LockedDebian {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        sha256: package.digest.hex().to_owned(),
        size: package.size,
        archive: Some(ArchivePlace { suite: package.suite.clone(), filename: package.filename.clone() }),
    };
    LockedBase {
        distribution: Some(format!("{}/{}", solution.distribution, solution.suite)),
        packages: solution.packages.iter().map(package).collect(),
        ..locked_base(None)
    }
}

/// A package that archives have no more is told as that.
fn gone(solution: &Solution, error: BootstrapError) -> EngineError {
    let BootstrapError::Fetch { source: FetchError::NotFound { url }, .. } = &error else {
        return error.into();
    };
    let address = url.redacted();
    match solution.packages.iter().find(|package| address.ends_with(&package.filename)) {
        Some(BootstrapPackage { name, version, .. }) => {
            VersionsError::GoneFromBase { package: name.clone(), version: version.clone() }.into()
        }
        None => error.into(),
    }
}

/// Passes on what bootstrapping tells.
fn tell(step: &StepReporter<'_>, report: Report) {
    match report {
        Report::Status(message) => step.status(message),
        Report::Progress { message, progress } => step.progress(&message, progress.done, progress.total),
        Report::Warning(message) => step.warn(message),
    }
}
