//! The apt step: solved and downloaded by the image's own apt into shared caches, installed in the sandbox.
//!
//! Nothing of the caches, the mirror or the logs is in the layer. Solving ends with a list of packages and their
//! hashes, which is the identity of installing them.

mod answers;
mod archives;
mod mirrors;
mod plain;
mod surroundings;

use std::collections::HashMap;

use imagewright_model::AptSettings;
use imagewright_model::spec::{AptPackage, AptSpec};
use imagewright_oci::Digest;
use imagewright_store::Lock;
use imagewright_store::overlay::{PathPattern, TidyRules};

use answers::{archives_to_install, is_failed_fetch, nearest, unknown_package};
use archives::{TELL_SHA256, solution_of};
use mirrors::Redirected;
use plain::PlainArchives;
use surroundings::{Apt, Archives, Caches, solved_package};

use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::step::{self, SolvedPackage, Step, StepContext, StepResult};
use crate::workbench::{Finished, Workbench};

/// What apt and dpkg leave behind that no image needs or that differs from run to run.
/// `docs/reproducibility.md` says why each is here.
const JUNK: [&str; 15] = [
    "var/log/*.log",
    "var/log/**/*.log",
    "var/log/apt/eipp.log.xz",
    "var/cache/apt/*.bin",
    "var/cache/ldconfig/aux-cache",
    "var/cache/debconf/*-old",
    "var/cache/man/**/index.db",
    "var/lib/dpkg/*-old",
    "var/lib/dpkg/lock*",
    "var/lib/dpkg/triggers/Lock",
    "etc/*-",
    "etc/machine-id",
    "etc/ssh/ssh_host_*",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/**/random-seed",
];

/// Leaves apt's books of all packages to the next call, which makes them anyhow where the indexes changed.
const WITHOUT_BOOKS: [&str; 2] = ["-o", "pkgCacheFile::Generate=false"];

/// Installs Debian packages on the image so far.
pub(crate) struct AptStep<'a> {
    context: StepContext<'a>,
    spec: &'a AptSpec,
    /// The packages as apt takes them.
    packages: Vec<String>,
    settings: &'a AptSettings,
    solved: Option<Solved<'a>>,
}

/// What solving leaves to installing.
struct Solved<'a> {
    /// apt as it was surrounded.
    apt: Apt<'a>,
    /// The files' names of what is installed, in the order of the solution.
    archives: Vec<String>,
    /// Held until the archives are there.
    lock: Lock,
}

impl<'a> AptStep<'a> {
    pub(crate) fn new(context: StepContext<'a>, spec: &'a AptSpec, settings: &'a AptSettings) -> Self {
        let packages = spec.packages.iter().map(AptPackage::to_string).collect();
        Self { context, spec, packages, settings, solved: None }
    }
}

impl Step for AptStep<'_> {
    const KIND: &'static str = "apt";
    // What apt installs follows from its indexes of today: it cannot be told to install yesterday's solution.
    const RUNS_REMEMBERED_SOLUTIONS: bool = false;
    type Solution = Vec<SolvedPackage>;

    fn question(&self) -> Digest {
        step::key("apt-question", &(self.context.parent(), &self.packages, self.spec.recommends))
    }

    fn identity(&self, solution: &Vec<SolvedPackage>) -> Digest {
        let compression = self.context.site.compression.to_string();
        step::key("apt", &(self.question(), solution, self.context.epoch, compression))
    }

    fn solve(&mut self) -> Result<Vec<SolvedPackage>, EngineError> {
        let StepContext { site, report, .. } = self.context;
        let mut bench = self.context.bench()?;
        let view = bench.view();
        if view.which(&["apt-get"], bench.search_path()).is_none() {
            let first = self.spec.packages.first().expect("an apt step has packages");
            return Err(EngineError::NoApt { package: first.to_string(), origin: first.origin.clone() });
        }
        let architecture = &self.context.draft.config.platform.architecture;
        let apt = Apt {
            site,
            recommends: self.spec.recommends,
            caches: Caches::open(site, &view)?,
            redirected: Redirected::of(&view, self.settings, architecture)?,
        };
        let lock = site.store.lock(&format!("apt-cache-{}", apt.caches.archives.display()), || {
            report.status("waiting for another build that uses the package cache");
        })?;
        report.status("fetching package indexes");
        let update =
            bench.run(apt.get(Archives::Writable, ["update"].into_iter().chain(WITHOUT_BOOKS)), report)?;
        if !update.succeeded() || update.tail.iter().any(|line| is_failed_fetch(line)) {
            return Err(sources_error(&update));
        }
        report.status("solving");
        // With an empty archive folder, else apt leaves out what it has downloaded before.
        let nothing = format!("Dir::Cache::archives={INSIDE}/nothing");
        let question =
            ["install", "--print-uris", "-o", &nothing].into_iter().chain(TELL_SHA256).chain(self.names());
        let solved = bench.run(apt.get(Archives::Writable, question).keep_output(), report)?;
        if !solved.succeeded() {
            return Err(self.solve_error(&mut bench, &apt, &solved)?);
        }
        let archives = archives_to_install(&solved.output);
        let solution = match solution_of(&solved.output) {
            Some(solution) => solution,
            // The archives themselves have to tell.
            None => {
                self.download(&mut bench, &apt, archives.len())?;
                archives.iter().map(|name| solved_package(&apt.caches, name)).collect::<Result<_, _>>()?
            }
        };
        self.solved = Some(Solved { apt, archives, lock });
        Ok(solution)
    }

    fn run(&mut self, solution: &Vec<SolvedPackage>) -> Result<StepResult, EngineError> {
        let StepContext { site, report, draft, .. } = self.context;
        let Solved { apt, archives, lock } = self.solved.take().expect("a step is run after it was solved");
        self.fetch(&apt, &archives, solution)?;
        drop(lock);
        let mut bench = self.context.bench()?;
        report.status("installing");
        let plain = PlainArchives::of(site, &bench, &apt.caches, &archives, solution)?;
        let options = plain.iter().flat_map(|_| PlainArchives::options()).collect::<Vec<_>>();
        let install = ["install", "--no-download"].into_iter().chain(options.iter().map(String::as_str));
        let install = apt.get(Archives::ReadOnly, install.chain(self.names()));
        let installed = match &plain {
            Some(plain) => {
                plain.decode_during(site.threads, || bench.run(plain.surround(install), report))?
            }
            None => bench.run(install, report)?,
        };
        if !installed.succeeded() {
            return Err(EngineError::Apt { action: "install the packages", tail: installed.tail_text() });
        }
        Ok(StepResult::of(bench.seal(draft, tidy_rules(), report)?))
    }
}

impl AptStep<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(String::as_str)
    }

    /// Makes sure that the cache holds the archives of a solution.
    fn fetch(
        &self,
        apt: &Apt<'_>,
        archives: &[String],
        solution: &[SolvedPackage],
    ) -> Result<(), EngineError> {
        let lacking = || archives::lacking(&apt.caches, archives, solution, apt.site.threads);
        let missing = lacking()?;
        if missing.is_empty() {
            return Ok(());
        }
        self.download(&mut self.context.bench()?, apt, missing.len())?;
        match lacking()?.first() {
            None => Ok(()),
            Some(name) => {
                let tail = format!("`{name}` is not what the package index says");
                Err(EngineError::Apt { action: "download the packages", tail })
            }
        }
    }

    fn download(&self, bench: &mut Workbench<'_>, apt: &Apt<'_>, count: usize) -> Result<(), EngineError> {
        let report = self.context.report;
        report.status(format!("downloading {count} packages"));
        let download = ["install", "--download-only"].into_iter().chain(self.names());
        let downloaded = bench.run(apt.get(Archives::Writable, download), report)?;
        match downloaded.succeeded() {
            true => Ok(()),
            false => {
                let tail = downloaded.tail_text();
                Err(EngineError::Apt { action: "download the packages", tail })
            }
        }
    }

    /// Finds the package apt complains of, and names like it.
    fn solve_error(
        &self,
        bench: &mut Workbench<'_>,
        apt: &Apt<'_>,
        finished: &Finished,
    ) -> Result<EngineError, EngineError> {
        let tail = finished.tail_text();
        let asked: HashMap<&str, &AptPackage> =
            self.spec.packages.iter().map(|package| (package.name.as_str(), package)).collect();
        let unknown =
            finished.tail.iter().find_map(|line| unknown_package(line)).and_then(|name| asked.get(name));
        let Some(package) = unknown else {
            return Ok(EngineError::Apt { action: "find a way to install the packages together", tail });
        };
        let names = bench.run(apt.package_names().keep_output(), self.context.report)?;
        Ok(EngineError::UnknownAptPackage {
            package: package.to_string(),
            origin: package.origin.clone(),
            nearest: nearest(&package.name, &names.output),
        })
    }
}

/// What is removed before an apt layer is written.
pub(crate) fn tidy_rules() -> TidyRules {
    TidyRules {
        remove: JUNK.iter().map(|glob| PathPattern::new(glob)).collect(),
        drop_timestamped_bytecode: true,
        ..TidyRules::default()
    }
}

fn sources_error(update: &Finished) -> EngineError {
    const SIGNS: [&str; 6] =
        ["NO_PUBKEY", "is not signed", "EXPKEYSIG", "BADSIG", "invalid signature", "Hash Sum mismatch"];
    let tail = update.tail_text();
    let untrusted = SIGNS.iter().any(|sign| tail.contains(sign));
    EngineError::AptSources { tail, untrusted }
}
