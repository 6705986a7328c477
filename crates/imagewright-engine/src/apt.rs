//! The apt step: solved and downloaded by the image's own apt into shared caches, installed in the sandbox.
//!
//! Nothing of the caches, the mirror or the logs is in the layer. Solving ends with a list of packages and their
//! hashes, which is the identity of installing them.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use imagewright_model::spec::{AptPackage, AptSpec};
use imagewright_oci::{Digest, Hasher};
use imagewright_store::overlay::{PathPattern, TidyRules};

use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::root_view::RootView;
use crate::step::{self, SolvedPackage, Step, StepContext, StepResult};
use crate::workbench::{Command, Finished, Site, Workbench, bind, contents};

/// What apt and dpkg leave behind that no image needs or that differs from run to run.
/// `docs/reproducibility.md` says why each is here.
const JUNK: [&str; 13] = [
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
    "var/lib/systemd/**/random-seed",
];

/// How many similar names an error offers.
const NEAREST_NAMES: usize = 3;

/// Installs Debian packages on the image so far.
pub(crate) struct AptStep<'a> {
    context: StepContext<'a>,
    spec: &'a AptSpec,
    /// The packages as apt takes them.
    packages: Vec<String>,
    /// Where the archives are, once they have been downloaded.
    downloaded: Option<Caches>,
}

impl<'a> AptStep<'a> {
    pub(crate) fn new(context: StepContext<'a>, spec: &'a AptSpec) -> Self {
        let packages = spec.packages.iter().map(AptPackage::to_string).collect();
        Self { context, spec, packages, downloaded: None }
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
        if bench.view().which(&["apt-get"], bench.search_path()).is_none() {
            let first = self.spec.packages.first().expect("an apt step has packages");
            return Err(EngineError::NoApt { package: first.to_string(), origin: first.origin.clone() });
        }
        let apt = Apt { site, recommends: self.spec.recommends, caches: Caches::open(site, &bench.view())? };
        let _lock = site.store.lock(&format!("apt-cache-{}", apt.caches.archives.display()), || {
            report.status("waiting for another build that uses the package cache");
        })?;
        report.status("fetching package indexes");
        let update = bench.run(apt.get(Archives::Writable, ["update"]), report)?;
        if !update.succeeded() || update.tail.iter().any(|line| is_failed_fetch(line)) {
            return Err(sources_error(&update));
        }
        report.status("solving");
        // With an empty archive folder, else apt leaves out what it has downloaded before.
        let nothing = format!("Dir::Cache::archives={INSIDE}/nothing");
        let question = ["install", "--print-uris", "-o", &nothing].into_iter().chain(self.names());
        let solved = bench.run(apt.get(Archives::Writable, question).keep_output(), report)?;
        if !solved.succeeded() {
            return Err(self.solve_error(&mut bench, &apt, &solved)?);
        }
        let archives = archives_to_install(&solved.output);
        report.status(format!("downloading {} packages", archives.len()));
        let download = ["install", "--download-only"].into_iter().chain(self.names());
        let downloaded = bench.run(apt.get(Archives::Writable, download), report)?;
        if !downloaded.succeeded() {
            return Err(EngineError::Apt { action: "download the packages", tail: downloaded.tail_text() });
        }
        let solution = archives.iter().map(|name| solved_package(&apt.caches, name)).collect();
        self.downloaded = Some(apt.caches);
        solution
    }

    fn run(&mut self, _: &Vec<SolvedPackage>) -> Result<StepResult, EngineError> {
        let StepContext { site, report, draft, .. } = self.context;
        let caches = self.downloaded.take().expect("a step is run after it was solved");
        let apt = Apt { site, recommends: self.spec.recommends, caches };
        let mut bench = self.context.bench()?;
        report.status("installing");
        let install = ["install", "--no-download"].into_iter().chain(self.names());
        let installed = bench.run(apt.get(Archives::ReadOnly, install), report)?;
        if !installed.succeeded() {
            return Err(EngineError::Apt { action: "install the packages", tail: installed.tail_text() });
        }
        Ok(StepResult { layer: bench.seal(draft, tidy_rules(), report)?, ..StepResult::default() })
    }
}

impl AptStep<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(String::as_str)
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

/// Whether a step may write to the archive cache: only while downloading, so that no maintainer script can plant an
/// archive for another build.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Archives {
    Writable,
    ReadOnly,
}

/// apt with everything it needs given from outside.
struct Apt<'a> {
    site: Site<'a>,
    recommends: bool,
    caches: Caches,
}

impl Apt<'_> {
    fn get<'a>(&self, archives: Archives, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        self.surround(Command::new(["apt-get", "-q"]).arguments(arguments), archives)
    }

    fn package_names(&self) -> Command {
        self.surround(Command::new(["apt-cache", "pkgnames"]), Archives::ReadOnly)
    }

    fn surround(&self, command: Command, archives: Archives) -> Command {
        let configuration = format!("{INSIDE}/apt.conf");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("APT_CONFIG", configuration.clone())
            .mount(contents(self.configuration(), &configuration, 0o644))
            .mount(contents("#!/bin/sh\nexit 101\n", "/usr/sbin/policy-rc.d", 0o755))
            .mount(bind(&self.caches.lists, &format!("{INSIDE}/apt"), false))
            .mount(bind(&self.caches.archives, &format!("{INSIDE}/archives"), archives == Archives::ReadOnly))
    }

    fn configuration(&self) -> String {
        format!(
            "Dir::State::lists \"{INSIDE}/apt/lists\";\n\
         Dir::Cache \"{INSIDE}/apt\";\n\
         Dir::Cache::archives \"{INSIDE}/archives\";\n\
         Dir::Log \"{INSIDE}/apt/log\";\n\
         Dir::Log::Planner \"\";\n\
         Debug::NoLocking \"true\";\n\
         APT::Sandbox::User \"root\";\n\
         APT::Get::Assume-Yes \"true\";\n\
         APT::Install-Recommends \"{}\";\n\
         APT::Cmd::Pattern-Only \"true\";\n\
         APT::Keep-Downloaded-Packages \"true\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n\
         Acquire::AllowReleaseInfoChange::Label \"true\";\n\
         Dpkg::Use-Pty \"false\";\n\
         DPkg::Options:: \"--force-unsafe-io\";\n\
         DPkg::Options:: \"--force-confdef\";\n\
         DPkg::Options:: \"--force-confold\";\n\
         {}",
            self.recommends,
            self.site.outside.apt_configuration(),
        )
    }
}

/// apt's folders on the host, shared by all builds on the same distribution.
struct Caches {
    lists: PathBuf,
    archives: PathBuf,
}

impl Caches {
    fn open(site: Site<'_>, view: &RootView) -> Result<Self, EngineError> {
        let root = site.store.cache_dir("apt")?.join(distribution(view));
        let caches = Self { lists: root.join("lists"), archives: root.join("archives") };
        for folder in
            [caches.lists.join("lists/partial"), caches.lists.join("log"), caches.archives.join("partial")]
        {
            fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        }
        // The mode apt insists on; it could not set it where the archives are read-only.
        let partial = caches.archives.join("partial");
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o700))
            .map_err(EngineError::io("change the mode of", partial))?;
        Ok(caches)
    }

    fn archive(&self, name: &str) -> PathBuf {
        self.archives.join(name)
    }
}

/// `debian-13-` and what else tells apart whose archives may be mixed: archives are found by file name alone.
fn distribution(view: &RootView) -> String {
    let text = view.read_to_string("/etc/os-release").unwrap_or_default();
    let sources = [
        "/etc/apt/sources.list",
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/sources.list.d/ubuntu.sources",
    ];
    let mut hasher = Hasher::default();
    for file in sources {
        hasher.update(view.read_to_string(file).unwrap_or_default().as_bytes());
    }
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = line.unwrap_or("unknown").trim_matches('"');
        value.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect::<String>()
    };
    format!("{}-{}-{}", field("ID"), field("VERSION_ID"), hasher.finish().short())
}

/// What is removed before an apt layer is written.
pub(crate) fn tidy_rules() -> TidyRules {
    TidyRules {
        remove: JUNK.iter().map(|glob| PathPattern::new(glob)).collect(),
        drop_timestamped_bytecode: true,
        ..TidyRules::default()
    }
}

/// File names of the archives in the output of `--print-uris`: `'URI' FILE SIZE HASH`.
fn archives_to_install(output: &str) -> Vec<String> {
    let name = |line: &str| line.strip_prefix('\'')?.split_once("' ")?.1.split(' ').next().map(str::to_owned);
    let mut names: Vec<String> = output.lines().filter_map(name).collect();
    names.sort();
    names
}

/// `git_1%3a2.39.5-0+deb12u3_amd64.deb` with its hash.
fn solved_package(caches: &Caches, archive: &str) -> Result<SolvedPackage, EngineError> {
    let path = caches.archive(archive);
    let mut file = fs::File::open(&path).map_err(EngineError::io("open", &path))?;
    let mut hasher = Hasher::default();
    std::io::copy(&mut file, &mut hasher).map_err(EngineError::io("read", &path))?;
    let (name, version, architecture) = archive_parts(archive);
    Ok(SolvedPackage { name, version, architecture, sha256: vec![hasher.finish().hex().to_owned()] })
}

fn archive_parts(archive: &str) -> (String, String, String) {
    let mut parts = archive.trim_end_matches(".deb").splitn(3, '_').map(|part| part.replace("%3a", ":"));
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

/// apt calls an index that could not be fetched a warning and goes on with an old one.
fn is_failed_fetch(line: &str) -> bool {
    line.starts_with("E:") || line.contains("Failed to fetch") || line.starts_with("W: GPG error")
}

fn sources_error(update: &Finished) -> EngineError {
    const SIGNS: [&str; 6] =
        ["NO_PUBKEY", "is not signed", "EXPKEYSIG", "BADSIG", "invalid signature", "Hash Sum mismatch"];
    let tail = update.tail_text();
    let untrusted = SIGNS.iter().any(|sign| tail.contains(sign));
    EngineError::AptSources { tail, untrusted }
}

/// The package named by one of apt's ways to say that there is none.
fn unknown_package(line: &str) -> Option<&str> {
    let quoted = |text: &'static str| line.split_once(text).and_then(|(_, rest)| rest.split('\'').next());
    if let Some((_, name)) = line.split_once("Unable to locate package ") {
        return Some(name.trim());
    }
    if line.contains("has no installation candidate") {
        return quoted("Package '");
    }
    line.contains("was not found").then(|| quoted("' for '")).flatten()
}

fn nearest(name: &str, all: &str) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = all
        .lines()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.88)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(NEAREST_NAMES).map(|(_, candidate)| format!("`{candidate}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_read_from_what_apt_prints() {
        let output = "Reading package lists...\n\
            'http://mirror.example/pool/main/g/git/git_2.39.5-0%2bdeb12u3_amd64.deb' git_1%3a2.39.5-0+deb12u3_amd64.deb 7257748 MD5Sum:a\n\
            'http://mirror.example/pool/b.deb' brotli_1.0.9-2_all.deb 274704 \n\
            Need to get 10 MB of archives.\n";
        let archives = archives_to_install(output);
        assert_eq!(archives, ["brotli_1.0.9-2_all.deb", "git_1%3a2.39.5-0+deb12u3_amd64.deb"]);
        let parts = archive_parts(&archives[1]);
        assert_eq!(parts, ("git".into(), "1:2.39.5-0+deb12u3".into(), "amd64".into()));
    }

    #[test]
    fn apt_names_the_unknown_package_in_three_ways() {
        let cases = [
            ("E: Unable to locate package nonesuch", Some("nonesuch")),
            ("E: Version '99' for 'tree' was not found", Some("tree")),
            ("E: Package 'libfoo' has no installation candidate", Some("libfoo")),
            ("E: Unable to correct problems, you have held broken packages.", None),
        ];
        for (line, name) in cases {
            assert_eq!(unknown_package(line), name, "{line}");
        }
        assert_eq!(nearest("pyton3", "python3\npython3-dev\nzsh\n")[0], "`python3`");
    }
}
