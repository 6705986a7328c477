//! Everything apt is given from outside: configuration, caches, mirrors. None of it is in the layer.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use imagewright_oci::Hasher;
use imagewright_sandbox::Mount;

use super::answers::archive_parts;
use super::mirrors::{Redirected, source_files};
use super::pinned::Repository;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::root_view::RootView;
use crate::step::SolvedPackage;
use crate::workbench::{Command, Site, bind, contents};

/// Whether a step may write to the archive cache: only while downloading, so that no maintainer script can plant an
/// archive for another build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Archives {
    Writable,
    ReadOnly,
}

/// apt with everything it needs given from outside.
pub(super) struct Apt<'a> {
    pub(super) site: Site<'a>,
    pub(super) recommends: bool,
    pub(super) caches: Caches,
    pub(super) redirected: Option<Redirected>,
    /// Lines of apt's preferences that keep versions.
    pub(super) pins: String,
    /// The only archive to install from, instead of all others.
    pub(super) repository: Option<Repository>,
}

impl Apt<'_> {
    pub(super) fn get<'a>(
        &self,
        archives: Archives,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        self.surround(Command::new(["apt-get", "-q"]).arguments(arguments), archives)
    }

    /// Fetches packages, named with their versions, into the archive cache.
    pub(super) fn download(&self, names: impl IntoIterator<Item = String>) -> Command {
        let script = format!("cd {INSIDE}/archives && exec apt-get -q download \"$@\"");
        let command = Command::new(["sh", "-c", &script, "sh"]).arguments(names);
        self.surround(command, Archives::Writable)
    }

    pub(super) fn package_names(&self) -> Command {
        self.surround(Command::new(["apt-cache", "pkgnames"]), Archives::ReadOnly)
    }

    fn surround(&self, command: Command, archives: Archives) -> Command {
        let configuration = format!("{INSIDE}/apt.conf");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("APT_CONFIG", configuration.clone())
            .mount(contents(self.configuration(), &configuration, 0o644))
            .mount(contents("#!/bin/sh\nexit 101\n", "/usr/sbin/policy-rc.d", 0o755))
            .mount(contents(self.pins.as_str(), &format!("{INSIDE}/preferences"), 0o644))
            .mount(bind(&self.caches.archives, &format!("{INSIDE}/archives"), archives == Archives::ReadOnly))
            .mounts(self.sources())
    }

    /// Where packages come from, and where their lists are kept.
    fn sources(&self) -> Vec<Mount> {
        if let Some(repository) = &self.repository {
            return repository.mounts().into();
        }
        let lists = bind(&self.caches.lists, &format!("{INSIDE}/apt"), false);
        std::iter::once(lists).chain(self.redirected.iter().flat_map(Redirected::mounts)).collect()
    }

    fn configuration(&self) -> String {
        format!(
            "Dir::State::lists \"{INSIDE}/apt/lists\";\n\
         Dir::Cache \"{INSIDE}/apt\";\n\
         Dir::Cache::archives \"{INSIDE}/archives\";\n\
         Dir::Etc::preferences \"{INSIDE}/preferences\";\n\
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
         {}{}",
            self.recommends,
            self.site.outside.apt_configuration(),
            if self.redirected.is_some() || self.repository.is_some() {
                Redirected::configuration()
            } else {
                String::new()
            },
        )
    }
}

/// apt's folders on the host, shared by all builds on the same distribution.
pub(super) struct Caches {
    lists: PathBuf,
    pub(super) archives: PathBuf,
}

impl Caches {
    pub(super) fn open(site: Site<'_>, view: &RootView) -> Result<Self, EngineError> {
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

    /// Whether package indexes were fetched before.
    pub(super) fn have_lists(&self) -> Result<bool, EngineError> {
        let folder = self.lists.join("lists");
        let entries = fs::read_dir(&folder).map_err(EngineError::io("list", &folder))?;
        Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages")))
    }

    pub(super) fn archive(&self, name: &str) -> PathBuf {
        self.archives.join(name)
    }
}

/// What tells apart whose archives may be mixed, for they are found by file name alone: `debian-13-` and the sources.
fn distribution(view: &RootView) -> String {
    let mut hasher = Hasher::default();
    for (_, text) in source_files(view) {
        hasher.update(text.as_bytes());
    }
    let os_release = view.read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = line.unwrap_or("unknown").trim_matches('"');
        value.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect::<String>()
    };
    format!("{}-{}-{}", field("ID"), field("VERSION_ID"), hasher.finish().short())
}

/// `git_1%3a2.39.5-0+deb12u3_amd64.deb` with its hash.
pub(super) fn solved_package(caches: &Caches, archive: &str) -> Result<SolvedPackage, EngineError> {
    let path = caches.archive(archive);
    let (hash, size) = hash_of(&path).map_err(EngineError::io("read", &path))?;
    let (name, version, architecture) = archive_parts(archive);
    Ok(SolvedPackage { name, version, architecture, sha256: vec![hash], size: Some(size) })
}

/// The name of a package's file in the cache.
pub(super) fn archive_name(package: &SolvedPackage) -> String {
    let version = package.version.replace(':', "%3a");
    format!("{}_{version}_{}.deb", package.name, package.architecture)
}

/// Whether the cache has the very file of a package.
pub(super) fn has_archive(caches: &Caches, package: &SolvedPackage) -> Result<bool, EngineError> {
    let path = caches.archive(&archive_name(package));
    match hash_of(&path) {
        Ok((hash, _)) => Ok(package.sha256.contains(&hash)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(EngineError::io("read", &path)(error)),
    }
}

/// SHA-256 and size of a file.
fn hash_of(path: &Path) -> io::Result<(String, u64)> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Hasher::default();
    let size = io::copy(&mut file, &mut hasher)?;
    Ok((hasher.finish().hex().to_owned(), size))
}
