//! The apt step: solved and downloaded by the image's own apt into shared caches, installed in the sandbox.
//!
//! Nothing of the caches, the mirror or the logs is in the layer. Solving and installing are two runs: the first
//! ends with a list of packages and their hashes, which is the key of the second.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use imagewright_model::spec::{AptPackage, AptSpec};
use imagewright_oci::{Digest, Hasher};
use imagewright_store::overlay::{PathPattern, TidyRules};
use serde::Serialize;

use crate::draft::Draft;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::reporter::StepReporter;
use crate::root_view::RootView;
use crate::step_cache::{self, SolvedPackage, StepResult};
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

/// What makes two requests to apt equal.
#[derive(Serialize)]
struct Request {
    parent: Option<Digest>,
    packages: Vec<String>,
    recommends: bool,
}

/// What makes two installations equal.
#[derive(Serialize)]
struct Installation<'a> {
    request: &'a Request,
    solution: &'a [SolvedPackage],
    epoch: i64,
    compression: String,
}

/// Installs `spec` on the image so far.
pub(crate) fn install(
    site: Site<'_>,
    draft: &Draft,
    spec: &AptSpec,
    options: StepOptions,
    step: &StepReporter<'_>,
) -> Result<(StepResult, bool), EngineError> {
    let packages = spec.packages.iter().map(AptPackage::to_string).collect();
    let request = Request {
        parent: draft.chain().map(|chain| chain.digest().clone()),
        packages,
        recommends: spec.recommends,
    };
    let request_key = step_cache::key("apt-request", &request);
    let _lock = site.store.lock(&format!("apt-{}", request_key.hex()), || {
        step.status("waiting for another build that does the same");
    })?;
    let known =
        if options.solve_again { None } else { step_cache::solution(site.store, "apt", &request_key)? };
    let mut prepared = None;
    let solution: Vec<SolvedPackage> = match known {
        Some(solution) => solution,
        None => {
            let (solution, caches) = solve(site, draft, spec, &request, options.epoch, step)?;
            step_cache::remember_solution(site.store, "apt", &request_key, &solution)?;
            prepared = Some(caches);
            solution
        }
    };
    let compression = site.compression.to_string();
    let installation =
        Installation { request: &request, solution: &solution, epoch: options.epoch, compression };
    let key = step_cache::key("apt", &installation);
    if !options.run_again
        && let Some(result) = step_cache::result(site.store, &key)?
    {
        return Ok((result, true));
    }
    let caches = match prepared {
        Some(caches) => caches,
        None => solve(site, draft, spec, &request, options.epoch, step)?.1,
    };
    let result = run_install(site, draft, spec, &request, &caches, options.epoch, step)?;
    step_cache::remember_result(site.store, &key, &result)?;
    Ok((result, false))
}

/// How a step treats what is known already.
#[derive(Clone, Copy)]
pub(crate) struct StepOptions {
    /// Ask the package manager again what to install.
    pub(crate) solve_again: bool,
    /// Run the step again though its result is known.
    pub(crate) run_again: bool,
    /// `SOURCE_DATE_EPOCH` of the step.
    pub(crate) epoch: i64,
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

/// Asks apt what it would install, and has it download that.
fn solve(
    site: Site<'_>,
    draft: &Draft,
    spec: &AptSpec,
    request: &Request,
    epoch: i64,
    step: &StepReporter<'_>,
) -> Result<(Vec<SolvedPackage>, Caches), EngineError> {
    let mut bench = Workbench::on(site, draft, epoch, step)?;
    if bench.view().which(&["apt-get"], bench.search_path()).is_none() {
        let first = spec.packages.first().expect("an apt step has packages");
        return Err(EngineError::NoApt { package: first.to_string(), origin: first.origin.clone() });
    }
    let caches = Caches::open(site, &bench.view())?;
    let _lock = site.store.lock(&format!("apt-cache-{}", caches.archives.display()), || {
        step.status("waiting for another build that uses the package cache");
    })?;
    step.status("fetching package indexes");
    let update = bench.run(apt_get(site, spec, &caches, true, ["update"]), step)?;
    if !update.succeeded()
        || update.tail.iter().any(|line| line.starts_with("E:") || line.contains("Failed to fetch"))
    {
        return Err(sources_error(&update));
    }
    step.status("solving");
    // An empty archive folder, else apt leaves out what it has downloaded before.
    let nothing = format!("Dir::Cache::archives={INSIDE}/nothing");
    let arguments = ["install", "--print-uris", "-o", &nothing]
        .into_iter()
        .chain(request.packages.iter().map(String::as_str));
    let solved = bench.run(apt_get(site, spec, &caches, true, arguments).keep_output(), step)?;
    if !solved.succeeded() {
        return Err(solve_error(&mut bench, site, spec, &caches, &solved, step)?);
    }
    let archives = archives_to_install(&solved.output);
    step.status(format!("downloading {} packages", archives.len()));
    let arguments =
        ["install", "--download-only"].into_iter().chain(request.packages.iter().map(String::as_str));
    let downloaded = bench.run(apt_get(site, spec, &caches, true, arguments), step)?;
    if !downloaded.succeeded() {
        return Err(EngineError::Apt { action: "download the packages", tail: downloaded.tail_text() });
    }
    let solution =
        archives.iter().map(|name| solved_package(&caches, name)).collect::<Result<Vec<_>, _>>()?;
    Ok((solution, caches))
}

fn run_install(
    site: Site<'_>,
    draft: &Draft,
    spec: &AptSpec,
    request: &Request,
    caches: &Caches,
    epoch: i64,
    step: &StepReporter<'_>,
) -> Result<StepResult, EngineError> {
    let mut bench = Workbench::on(site, draft, epoch, step)?;
    step.status("installing");
    let arguments =
        ["install", "--no-download"].into_iter().chain(request.packages.iter().map(String::as_str));
    let installed = bench.run(apt_get(site, spec, caches, false, arguments), step)?;
    if !installed.succeeded() {
        return Err(EngineError::Apt { action: "install the packages", tail: installed.tail_text() });
    }
    let layer = bench.seal(draft, tidy_rules(), step)?;
    Ok(StepResult { layer, path_prefix: None })
}

/// What is removed before an apt layer is written.
pub(crate) fn tidy_rules() -> TidyRules {
    TidyRules {
        remove: JUNK.iter().map(|glob| PathPattern::new(glob)).collect(),
        drop_timestamped_bytecode: true,
        ..TidyRules::default()
    }
}

/// apt-get with everything it needs given from outside. Archives are written only while downloading, so that no
/// maintainer script can plant one for another build.
fn apt_get<'a>(
    site: Site<'_>,
    spec: &AptSpec,
    caches: &Caches,
    downloading: bool,
    arguments: impl IntoIterator<Item = &'a str>,
) -> Command {
    let configuration = format!("{INSIDE}/apt.conf");
    Command::new(["apt-get", "-q"])
        .arguments(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("APT_CONFIG", configuration.clone())
        .mount(contents(apt_configuration(site, spec), &configuration, 0o644))
        .mount(contents("#!/bin/sh\nexit 101\n", "/usr/sbin/policy-rc.d", 0o755))
        .mount(bind(&caches.lists, &format!("{INSIDE}/apt"), false))
        .mount(bind(&caches.archives, &format!("{INSIDE}/archives"), !downloading))
}

fn apt_configuration(site: Site<'_>, spec: &AptSpec) -> String {
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
        spec.recommends,
        site.outside.apt_configuration(),
    )
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

fn sources_error(update: &Finished) -> EngineError {
    const SIGNS: [&str; 6] =
        ["NO_PUBKEY", "is not signed", "EXPKEYSIG", "BADSIG", "invalid signature", "Hash Sum mismatch"];
    let tail = update.tail_text();
    let untrusted = SIGNS.iter().any(|sign| tail.contains(sign));
    EngineError::AptSources { tail, untrusted }
}

/// Finds the package apt complains of, and names like it.
fn solve_error(
    bench: &mut Workbench<'_>,
    site: Site<'_>,
    spec: &AptSpec,
    caches: &Caches,
    finished: &Finished,
    step: &StepReporter<'_>,
) -> Result<EngineError, EngineError> {
    let tail = finished.tail_text();
    let asked: HashMap<&str, &AptPackage> =
        spec.packages.iter().map(|package| (package.name.as_str(), package)).collect();
    let unknown =
        finished.tail.iter().find_map(|line| unknown_package(line)).and_then(|name| asked.get(name));
    let Some(package) = unknown else {
        return Ok(EngineError::Apt { action: "find a way to install the packages together", tail });
    };
    let names = apt_get(site, spec, caches, true, []);
    let names = bench.run(names_of_packages(names).keep_output(), step)?;
    Ok(EngineError::UnknownAptPackage {
        package: package.to_string(),
        origin: package.origin.clone(),
        nearest: nearest(&package.name, &names.output),
    })
}

/// The same surroundings as apt-get's, for `apt-cache pkgnames`.
fn names_of_packages(apt_get: Command) -> Command {
    apt_get.with_program(["apt-cache", "pkgnames"])
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
