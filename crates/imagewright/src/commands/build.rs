//! `imagewright build`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use imagewright_model::SecretUrl;
use imagewright_model::spec::SpecFlags;

use crate::cli::Global;
use crate::client::ServerFlags;
use crate::commands::compatible::CompatibleFlags;
use crate::commands::dockerfile::{self, DockerfileFlags};
use crate::commands::limits::LimitFlags;
use crate::commands::packages;
use crate::commands::publish::PublishFlags;
use crate::commands::remote;
use crate::failure::Failure;
use crate::render::progress::ProgressArguments;
use crate::settings::Settings;

/// Build an image from a base and packages
///
/// SOURCE is a folder or a YAML file. In a folder, image.yaml describes the image; apt.txt, requirements.txt,
/// pyproject.toml, setup.py and pylock.toml are read in repo2docker's way. Flags go over what the files say: single values
/// replace, lists grow.
///
/// A folder with a Dockerfile and no image.yaml is built by its Dockerfile, whatever else is in it; --file names another
/// one (docs/dockerfile.md).
///
/// The same build again does nothing; a change redoes only the steps that follow it. Versions that were decided on
/// are kept in a lock beside SOURCE (image.lock) until the spec changes or --upgrade asks for newer ones. The image is in the content
/// store afterwards: see `imagewright image`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct BuildArguments {
    /// Folder or image.yaml that describes the image; of a Dockerfile the folder, a git repository or - (standard input)
    pub(super) source: Option<PathBuf>,

    #[command(flatten)]
    pub(super) image: ImageFlags,
    #[command(flatten)]
    pub(super) versions: VersionFlags,
    #[command(flatten)]
    pub(super) dockerfile: DockerfileFlags,
    #[command(flatten)]
    pub(super) compatible: CompatibleFlags,
    #[command(flatten)]
    pub(super) process: ProcessFlags,
    #[command(flatten)]
    pub(super) limits: LimitFlags,
    #[command(flatten)]
    pub(super) sources: SourceFlags,
    #[command(flatten)]
    pub(super) publishing: PublishFlags,
    #[command(flatten)]
    pub(super) gate: GateFlags,
    #[command(flatten)]
    pub(super) remote: RemoteFlags,
    #[command(flatten)]
    pub(super) progress: ProgressArguments,
}

const EXAMPLES: &str = "\
Examples:
  imagewright build examples/data-science -t demo/data-science:1
  imagewright build --base bootstrap --apt git --apt python3 --pip pandas --pip 'jupyterlab>=4' -t team/analysis:1
  imagewright build . --upgrade -t team/analysis:2
  imagewright build . --upgrade pandas -t team/analysis:3
  imagewright build . --locked --offline
  imagewright build --remote . -t analysis
  imagewright build -f Dockerfile . --target runtime --build-arg VERSION=2 -t team/service:2

Exit codes: 1 a step failed, 2 usage, 3 not found, 4 invalid input, 5 conflict, 6 network, 7 not allowed,
8 the machine lacks something, 70 a defect, 130 cancelled";

impl BuildArguments {
    /// Whether a server is to build.
    pub(crate) fn is_remote(&self) -> bool {
        self.remote.remote
    }
}

/// What the image holds.
#[derive(Debug, Args)]
#[command(next_help_heading = "Image")]
pub(crate) struct ImageFlags {
    /// Name of the result, as NAME[:TAG]; may be given several times
    #[arg(long, short, value_name = "NAME")]
    tag: Vec<String>,
    /// Base: an image by its name (from the store, else from its registry), bootstrap[:debian/SUITE|:ubuntu/SUITE], oci:DIR, oci-archive:FILE,
    /// docker-archive:FILE or docker-daemon:NAME
    #[arg(long, value_name = "BASE")]
    base: Option<String>,
    /// Debian packages, as NAME, NAME=VERSION or NAME/SUITE
    #[arg(long, value_name = "PACKAGES")]
    apt: Vec<String>,
    /// Install packages that Debian packages recommend, too
    #[arg(long)]
    apt_recommends: bool,
    /// conda package, as NAME, NAME=VERSION, NAME>=VERSION, CHANNEL::NAME or '-c CHANNEL NAME'
    #[arg(long, value_name = "PACKAGE", allow_hyphen_values = true)]
    conda: Vec<String>,
    /// Channel of conda packages, in front of those of the spec; may be given several times
    #[arg(long, value_name = "CHANNEL")]
    conda_channel: Vec<String>,
    /// List of exact conda packages: an @EXPLICIT list, conda-lock.yml or pixi.lock
    #[arg(long, value_name = "FILE")]
    conda_lock: Option<String>,
    /// Python requirement, as in requirements.txt
    #[arg(long, value_name = "REQUIREMENT")]
    pip: Vec<String>,
    /// Take pre-releases of Python packages, too
    #[arg(long)]
    pip_pre: bool,
    /// Pass over Python packages that indexes got later: a day as 2026-01-31, in UTC, or a time
    #[arg(long, value_name = "DATE")]
    exclude_newer: Option<String>,
    /// Interpreter that gets the Python packages [default: python3 on the image's PATH]
    #[arg(long, value_name = "PATH")]
    python: Option<String>,
    /// Where Python packages go: `system`, or a virtual environment [default: /opt/venv where the distribution
    /// manages the interpreter, else system]
    #[arg(long, value_name = "PATH")]
    python_environment: Option<String>,
    /// Whether Python packages come with bytecode: full or none [default: full]
    #[arg(long, value_name = "MODE")]
    bytecode: Option<String>,
    /// Make it an image whose containers start a kernel of this language for Enterprise Gateway (docs/kernel-images.md)
    #[arg(long, value_name = "LANGUAGE")]
    kernel: Option<String>,
    /// What starts the kernel: imagewright, or Enterprise Gateway's own files as eg=ARCHIVE or eg=URL#sha256=HEX [default:
    /// imagewright]
    #[arg(long, value_name = "LAUNCHER")]
    launcher: Option<String>,
    /// Environment variable of the container
    #[arg(long, short, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Who runs the container, as NAME[:GROUP] or UID[:GID]
    #[arg(long, short, value_name = "USER")]
    user: Option<String>,
    /// Where the container starts
    #[arg(long, short, value_name = "PATH")]
    workdir: Option<String>,
    /// Label of the image
    #[arg(long, short, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// What the container runs: a JSON list, or a line for the shell
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Arguments to the entry point, or the command where there is none
    #[arg(long, value_name = "COMMAND")]
    cmd: Option<String>,
    /// Port the program listens on, as 8888 or 8888/tcp
    #[arg(long, value_name = "PORT")]
    port: Vec<String>,
    /// Folder that holds data of the container
    #[arg(long, value_name = "PATH")]
    volume: Vec<String>,
    /// Signal that asks the program to stop
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Platform of the image [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
    /// Compression of new layers: gzip[:1-12], zstd[:1-22] or none [default: gzip]
    #[arg(long, value_name = "METHOD")]
    compression: Option<String>,
}

/// How versions are decided on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Versions")]
pub(crate) struct VersionFlags {
    /// Take newer versions than the lock has: of PACKAGE alone (may be given several times), or of everything
    #[arg(long, value_name = "PACKAGE", num_args = 0..=1, default_missing_value = "")]
    pub(super) upgrade: Vec<String>,
    /// Take exactly what the lock has; fail if it is not for this spec
    #[arg(long, conflicts_with = "upgrade")]
    pub(super) locked: bool,
    /// Fetch nothing; fail if the caches do not have all that is needed
    #[arg(long)]
    pub(super) offline: bool,
    /// Write the Python packages to this file as a pylock.toml (PEP 751)
    #[arg(long, value_name = "FILE")]
    pub(super) pylock: Option<PathBuf>,
}

impl VersionFlags {
    /// The names of those that are about packages and were typed.
    pub(super) fn given_for_packages(&self) -> Vec<&'static str> {
        let all = [
            ("--upgrade", !self.upgrade.is_empty()),
            ("--locked", self.locked),
            ("--pylock", self.pylock.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

/// How it is built.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub(crate) struct ProcessFlags {
    /// Run every step again
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// How long one program of a step may run, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time_limit: Option<u64>,
    /// The latest date anything in the image carries, in seconds since 1970 [default: the date of the base]
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) source_date_epoch: Option<i64>,
    /// Write the digest of the image's manifest to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) digest_file: Option<PathBuf>,
    /// Push the image to where each of its names says
    #[arg(long)]
    pub(crate) push: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the image is to run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Check")]
pub(crate) struct GateFlags {
    /// Give the image its names, and push it, only if it runs there: elyra[@RELEASE], … (docs/profiles.md), or the file of a profile
    #[arg(long = "for", value_name = "PROFILE", value_delimiter = ',', conflicts_with = "remote")]
    profiles: Vec<String>,
    /// Let the image through though it does not keep to this rule; noted in its annotations. May be given several times
    #[arg(long, value_name = "RULE", value_delimiter = ',', requires = "profiles")]
    allow: Vec<String>,
}

#[cfg(target_os = "linux")]
impl GateFlags {
    pub(super) fn into_gate(self) -> Result<imagewright_service::Gate, Failure> {
        use imagewright_service::check::{profiles, rule};
        let allowed = self.allow.iter().map(|name| Ok(rule(name)?.name)).collect::<Result<_, _>>();
        let allowed = allowed.map_err(|error: imagewright_service::check::UnknownRule| {
            imagewright_service::ServiceError::from(error)
        })?;
        Ok(imagewright_service::Gate { profiles: profiles(&self.profiles)?, allowed })
    }
}

#[cfg(not(target_os = "linux"))]
impl GateFlags {
    /// Refuses what needs the image in the store.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        if self.profiles.is_empty() && self.allow.is_empty() {
            return Ok(());
        }
        let text = "an image that a daemon builds is not asked whether it runs somewhere";
        Err(Failure::new(imagewright_model::ErrorKind::Usage, text)
            .with_hint("build it on Linux, or ask `imagewright check --for` there"))
    }
}

/// Building by a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct RemoteFlags {
    /// Have it built by a server: --tag names the image of its catalogue, which is added where it is not there
    #[arg(long)]
    pub(super) remote: bool,
    /// The server's secret with which the base is pulled
    #[arg(long, value_name = "NAME", requires = "remote")]
    pub(super) pull_secret: Option<String>,
    /// Do not wait for the end of the build
    #[arg(long, requires = "remote")]
    pub(super) detach: bool,
    #[command(flatten)]
    pub(super) server: ServerFlags,
}

/// Where packages come from. None of it is in the image.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sources")]
pub(crate) struct SourceFlags {
    /// Debian archive to fetch from, instead of the machine's own apt sources
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Keyring that must have signed the Debian archive
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Python package index
    #[arg(long, value_name = "URL")]
    index: Option<String>,
    /// PEM file of certificate authorities to trust during the build
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// The uv program to use
    #[arg(long, value_name = "FILE")]
    uv: Option<PathBuf>,
}

impl SourceFlags {
    pub(crate) fn into_settings(self) -> Settings {
        let mut settings = Settings::default();
        settings.apt.mirror = self.mirror.map(SecretUrl::new);
        settings.apt.keyring = self.keyring;
        settings.python.index = self.index.map(SecretUrl::new);
        settings.python.uv = self.uv;
        settings.trust.ca_bundle = self.ca_bundle;
        settings
    }
}

impl From<ImageFlags> for SpecFlags {
    fn from(flags: ImageFlags) -> Self {
        Self {
            base: flags.base,
            platform: flags.platform,
            apt: flags.apt,
            apt_recommends: flags.apt_recommends,
            conda: flags.conda,
            conda_channel: flags.conda_channel,
            conda_lock: flags.conda_lock,
            pip: flags.pip,
            pip_index: None,
            pip_pre: flags.pip_pre,
            exclude_newer: flags.exclude_newer,
            python: flags.python,
            python_environment: flags.python_environment,
            bytecode: flags.bytecode,
            kernel: flags.kernel,
            launcher: flags.launcher,
            env: flags.env,
            user: flags.user,
            workdir: flags.workdir,
            label: flags.label,
            entrypoint: flags.entrypoint,
            cmd: flags.cmd,
            port: flags.port,
            volume: flags.volume,
            stop_signal: flags.stop_signal,
            compression: flags.compression,
            tag: flags.tag,
        }
    }
}

pub(crate) fn run(global: &Global, arguments: BuildArguments) -> Result<ExitCode, Failure> {
    if arguments.remote.remote {
        return remote::run(global, arguments);
    }
    if arguments.dockerfile.is_meant(arguments.source.as_deref()) {
        return dockerfile::run(global, arguments);
    }
    arguments.dockerfile.refuse(&arguments.compatible)?;
    packages::run(global, arguments)
}
