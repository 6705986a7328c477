//! Everything apt is given from outside: configuration, caches, mirrors. None of it is in the layer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use imagewright_oci::Hasher;

use super::answers::archive_parts;
use super::mirrors::{Redirected, source_files};
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
}

impl Apt<'_> {
    pub(super) fn get<'a>(
        &self,
        archives: Archives,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        self.surround(Command::new(["apt-get", "-q"]).arguments(arguments), archives)
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
            .mount(bind(&self.caches.lists, &format!("{INSIDE}/apt"), false))
            .mount(bind(&self.caches.archives, &format!("{INSIDE}/archives"), archives == Archives::ReadOnly))
            .mounts(self.redirected.iter().flat_map(Redirected::mounts))
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
         {}{}",
            self.recommends,
            self.site.outside.apt_configuration(),
            self.redirected.iter().map(|_| Redirected::configuration()).collect::<String>(),
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
    let mut file = fs::File::open(&path).map_err(EngineError::io("open", &path))?;
    let mut hasher = Hasher::default();
    std::io::copy(&mut file, &mut hasher).map_err(EngineError::io("read", &path))?;
    let (name, version, architecture) = archive_parts(archive);
    Ok(SolvedPackage { name, version, architecture, sha256: vec![hasher.finish().hex().to_owned()] })
}
