//! The apt step: solved and downloaded by the image's own apt into shared caches, installed in the sandbox.
//!
//! Nothing of the caches, the mirror or the logs is in the layer. Solving ends with a list of packages and their
//! hashes, which is the identity of installing them.

mod answers;
mod dpkg;
mod mirrors;
mod pinned;
mod plain;
mod plan;
mod records;
mod surroundings;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use imagewright_model::AptSettings;
use imagewright_model::lock::LockedDebian;
use imagewright_model::spec::{AptPackage, AptSpec};
use imagewright_oci::Digest;
use imagewright_store::Lock;
use imagewright_store::overlay::{PathPattern, TidyRules};

use answers::{Archive, archives_to_install, is_failed_fetch, nearest, unknown_package};
use pinned::{Repository, exact_names, pins, qualified};
use plain::PlainArchives;
use surroundings::{Apt, Archives, Caches, archive_name, has_archive, solved_package};

pub(crate) use mirrors::Redirected;
pub(crate) use records::brought;

use crate::error::{EngineError, UNSOLVABLE};
use crate::inventory;
use crate::lock::Kept;
use crate::outside::INSIDE;
use crate::step::{self, SolvedPackage, Step, StepContext, StepResult};
use crate::versions_error::VersionsError;
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
/// Makes `--print-uris` tell the hash that a solution names; by itself apt tells MD5 or nothing.
const TELL_SHA256: [&str; 2] = ["-o", "Acquire::ForceHash=SHA256"];

/// Installs Debian packages on the image so far.
pub(crate) struct AptStep<'a> {
    context: StepContext<'a>,
    spec: &'a AptSpec,
    /// The packages as apt takes them.
    packages: Vec<String>,
    settings: &'a AptSettings,
    /// What an earlier build decided.
    kept: Kept<Vec<LockedDebian>>,
    /// Whether all archives have just been fetched and hashed.
    downloaded: bool,
    /// Whether the package indexes have just been fetched.
    updated: Cell<bool>,
}

impl<'a> AptStep<'a> {
    pub(crate) fn new(
        context: StepContext<'a>,
        spec: &'a AptSpec,
        settings: &'a AptSettings,
        kept: Kept<Vec<LockedDebian>>,
    ) -> Self {
        let packages = spec.packages.iter().map(AptPackage::to_string).collect();
        Self { context, spec, packages, settings, kept, downloaded: false, updated: Cell::new(false) }
    }
}

impl Step for AptStep<'_> {
    const KIND: &'static str = "apt";
    type Solution = Vec<SolvedPackage>;

    fn question(&self) -> Digest {
        step::key("apt-question", &(self.context.parent(), &self.packages, self.spec.recommends))
    }

    fn identity(&self, solution: &Vec<SolvedPackage>) -> Digest {
        let compression = self.context.site.compression.to_string();
        step::key("apt", &(self.question(), step::identified(solution), self.context.epoch, compression))
    }

    fn solve(&mut self) -> Result<Vec<SolvedPackage>, EngineError> {
        if let Kept::Exactly(packages) = &self.kept {
            return Ok(packages.iter().map(SolvedPackage::from).collect());
        }
        let report = self.context.report;
        let mut bench = self.context.bench()?;
        let mut apt = self.open(&bench)?;
        let _lock = self.lock_caches(&apt)?;
        let archives = self.ask(&mut bench, &mut apt)?;
        if let Some(solution) = archives.iter().map(told).collect() {
            return Ok(solution);
        }
        // The archives themselves have to tell.
        if apt.site.outside.offline {
            let missing = archives.iter().find(|archive| !apt.caches.archive(&archive.name).is_file());
            if let Some(Archive { name, .. }) = missing {
                return Err(VersionsError::Offline { what: format!("`{name}` is") }.into());
            }
        } else {
            report.status(format!("downloading {} packages", archives.len()));
            let download = ["install", "--download-only"].into_iter().chain(self.names());
            let downloaded = bench.run(apt.get(Archives::Writable, download), report)?;
            if !downloaded.succeeded() {
                return Err(EngineError::Apt {
                    action: "download the packages",
                    tail: downloaded.tail_text(),
                });
            }
        }
        let solution = archives.iter().map(|archive| solved_package(&apt.caches, &archive.name)).collect();
        self.downloaded = true;
        solution
    }

    fn run(&mut self, solution: &Vec<SolvedPackage>) -> Result<StepResult, EngineError> {
        let StepContext { site, report, draft, .. } = self.context;
        let mut bench = self.context.bench()?;
        let mut apt = self.open(&bench)?;
        self.complete(&mut bench, &apt, solution)?;
        let native = &draft.config.platform.architecture;
        let archives: Vec<String> = solution.iter().map(archive_name).collect();
        let plain = PlainArchives::of(site, &bench, &apt.caches, &archives, solution)?;
        let folder = plain.as_ref().map_or("archives", |_| plain::FOLDER);
        apt.repository = Some(Repository::of(site, &apt.caches, solution, folder)?);
        apt.pins = pins(solution.iter(), native);
        let before = dpkg::installed(&bench.view());
        report.status("installing");
        let update = bench.run(apt.get(Archives::ReadOnly, ["update"]), report)?;
        if !update.succeeded() {
            return Err(EngineError::Apt { action: "read the list of packages", tail: update.tail_text() });
        }
        let names = exact_names(&self.spec.packages, solution, native);
        let options = plain.iter().flat_map(|_| PlainArchives::options()).collect::<Vec<_>>();
        let install = ["install", "--no-download"].into_iter().chain(options.iter().map(String::as_str));
        let install = apt.get(Archives::ReadOnly, install.chain(names.iter().map(String::as_str)));
        let installed = match &plain {
            Some(plain) => {
                plain.decode_during(site.threads, || bench.run(plain.surround(install), report))?
            }
            None => bench.run(install, report)?,
        };
        if !installed.succeeded() {
            return Err(EngineError::Apt { action: "install the packages", tail: installed.tail_text() });
        }
        let wanted = solution
            .iter()
            .map(|package| ((package.name.clone(), package.architecture.clone()), package.version.clone()));
        let differences = dpkg::differences(&before, &dpkg::installed(&bench.view()), &wanted.collect());
        if !differences.is_empty() {
            return Err(VersionsError::AptDiffers { differences }.into());
        }
        let records = records::brought(&before, &bench.view(), &hashes(solution));
        report.status("writing the layer");
        let layer = bench.seal(draft, tidy_rules())?;
        if let Some(layer) = &layer {
            inventory::put(site.store, layer, &records.iter().collect::<Vec<_>>())?;
        }
        Ok(StepResult::of(layer))
    }
}

impl<'a> AptStep<'a> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(String::as_str)
    }

    /// apt of the image so far.
    fn open(&self, bench: &Workbench<'_>) -> Result<Apt<'a>, EngineError> {
        let StepContext { site, draft, .. } = self.context;
        let view = bench.view();
        if view.which(&["apt-get"], bench.search_path()).is_none() {
            let first = self.spec.packages.first().expect("an apt step has packages");
            return Err(EngineError::NoApt { package: first.to_string(), origin: first.origin.clone() });
        }
        let architecture = &draft.config.platform.architecture;
        Ok(Apt {
            site,
            recommends: self.spec.recommends,
            caches: Caches::open(site, &view)?,
            redirected: Redirected::of(&view, self.settings, architecture)?,
            pins: view.read_to_string("/etc/apt/preferences").unwrap_or_default(),
            repository: None,
        })
    }

    fn lock_caches(&self, apt: &Apt<'_>) -> Result<Lock, EngineError> {
        let key = format!("apt-cache-{}", apt.caches.archives.display());
        let waiting = || self.context.report.status("waiting for another build that uses the package cache");
        Ok(apt.site.store.lock(&key, waiting)?)
    }

    /// Fetches the package indexes.
    fn update(&self, bench: &mut Workbench<'_>, apt: &Apt<'_>) -> Result<(), EngineError> {
        let report = self.context.report;
        if apt.site.outside.offline {
            return match apt.caches.have_lists()? {
                true => Ok(()),
                false => Err(VersionsError::Offline { what: "the package indexes are".to_owned() }.into()),
            };
        }
        if self.updated.get() {
            return Ok(());
        }
        report.status("fetching package indexes");
        let update = ["update"].into_iter().chain(WITHOUT_BOOKS);
        let update = bench.run(apt.get(Archives::Writable, update), report)?;
        if !update.succeeded() || update.tail.iter().any(|line| is_failed_fetch(line)) {
            return Err(sources_error(&update));
        }
        self.updated.set(true);
        Ok(())
    }

    /// Asks apt what it would install: the archives' names. Versions of the lock are kept where that is possible.
    fn ask(&self, bench: &mut Workbench<'_>, apt: &mut Apt<'_>) -> Result<Vec<Archive>, EngineError> {
        self.update(bench, apt)?;
        let report = self.context.report;
        report.status("solving");
        let plain = apt.pins.clone();
        if let Kept::Preferred(packages) = &self.kept {
            let packages: Vec<SolvedPackage> = packages.iter().map(SolvedPackage::from).collect();
            apt.pins +=
                &format!("\n{}", pins(packages.iter(), &self.context.draft.config.platform.architecture));
        }
        // With an empty archive folder, else apt leaves out what it has downloaded before.
        let nothing = format!("Dir::Cache::archives={INSIDE}/nothing");
        let question =
            || ["install", "--print-uris", "-o", &nothing].into_iter().chain(TELL_SHA256).chain(self.names());
        let mut solved = bench.run(apt.get(Archives::Writable, question()).keep_output(), report)?;
        if !solved.succeeded() && apt.pins != plain {
            let first = solved.tail_text();
            apt.pins = plain;
            solved = bench.run(apt.get(Archives::Writable, question()).keep_output(), report)?;
            if solved.succeeded() {
                report.warn(format!("the locked versions of Debian packages could not be kept:\n{first}"));
            }
        }
        if !solved.succeeded() {
            return Err(self.solve_error(bench, apt, &solved)?);
        }
        Ok(archives_to_install(&solved.output))
    }

    /// Sees to it that the cache has all archives of a solution.
    fn complete(
        &self,
        bench: &mut Workbench<'_>,
        apt: &Apt<'_>,
        solution: &[SolvedPackage],
    ) -> Result<(), EngineError> {
        if self.downloaded {
            return Ok(());
        }
        let _lock = self.lock_caches(apt)?;
        let mut missing = Vec::new();
        for package in solution {
            if !has_archive(&apt.caches, package)? {
                missing.push(package);
            }
        }
        let Some(first) = missing.first() else { return Ok(()) };
        if apt.site.outside.offline {
            let what = format!("`{}` {} is", first.name, first.version);
            return Err(VersionsError::Offline { what }.into());
        }
        self.update(bench, apt)?;
        self.context.report.status(format!("downloading {} packages", missing.len()));
        self.fetch(bench, apt, &missing)
    }

    fn fetch(
        &self,
        bench: &mut Workbench<'_>,
        apt: &Apt<'_>,
        packages: &[&SolvedPackage],
    ) -> Result<(), EngineError> {
        let StepContext { report, draft, .. } = self.context;
        let native = &draft.config.platform.architecture;
        let names =
            packages.iter().map(|package| format!("{}={}", qualified(package, native), package.version));
        let fetched = bench.run(apt.download(names), report)?;
        let is_meant = |line: &str, package: &SolvedPackage| {
            line.starts_with("E:")
                && line.contains(&format!("'{}'", package.version))
                && line.contains(&package.name)
                || unknown_package(line).is_some_and(|name| name == package.name)
        };
        let gone = packages.iter().find(|package| fetched.tail.iter().any(|line| is_meant(line, package)));
        let named = |package: &SolvedPackage| (package.name.clone(), package.version.clone());
        if let Some((package, version)) = gone.map(|package| named(package)) {
            return Err(VersionsError::Gone { package, version }.into());
        }
        if !fetched.succeeded() {
            return Err(EngineError::Apt { action: "download the packages", tail: fetched.tail_text() });
        }
        for package in packages {
            if !has_archive(&apt.caches, package)? {
                let (package, version) = named(package);
                return Err(VersionsError::OtherFile { package, version }.into());
            }
        }
        Ok(())
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
            return Ok(EngineError::Apt { action: UNSOLVABLE, tail });
        };
        let names = bench.run(apt.package_names().keep_output(), self.context.report)?;
        Ok(EngineError::UnknownAptPackage {
            package: package.to_string(),
            origin: package.origin.clone(),
            nearest: nearest(&package.name, &names.output),
        })
    }
}

/// The package of an archive, where apt told its hash.
fn told(archive: &Archive) -> Option<SolvedPackage> {
    let (name, version, architecture) = answers::archive_parts(&archive.name);
    Some(SolvedPackage {
        name,
        version,
        architecture,
        sha256: vec![archive.sha256.clone()?],
        size: archive.size,
    })
}

/// Hashes of the packages' files, by name and architecture.
fn hashes(solution: &[SolvedPackage]) -> BTreeMap<(String, String), String> {
    let hash = |package: &SolvedPackage| {
        let key = (package.name.clone(), package.architecture.clone());
        Some((key, package.sha256.first()?.clone()))
    };
    solution.iter().filter_map(hash).collect()
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
