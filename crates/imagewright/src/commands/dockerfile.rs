//! `imagewright build` of a Dockerfile.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io};

use anstream::eprintln;
use clap::{Args, ValueEnum};
use imagewright_model::{BuildEngine, ErrorKind, Secret};
use imagewright_service::{Cancel, DockerfileCommand, Network, dockerfile_of, is_remote_context};

use crate::cli::Global;
use crate::commands::build::BuildArguments;
use crate::commands::compatible::{CompatibleFlags, annotation, host};
use crate::commands::packages;
use crate::commands::publish::Publishing;
use crate::context;
use crate::failure::Failure;
use crate::render::report;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// What is built of a Dockerfile.
#[derive(Debug, Args)]
#[command(next_help_heading = "Dockerfile")]
pub(crate) struct DockerfileFlags {
    /// Build this Dockerfile, or that of standard input (-); SOURCE is the folder that files are copied from
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Stage to build [default: the last]
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Value of an ARG; without =VALUE the one of the environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    build_arg: Vec<String>,
    /// What a name in FROM or --from stands for: a folder, or an image as docker-image://IMAGE
    #[arg(long, value_name = "NAME=FOLDER")]
    build_context: Vec<String>,
    /// Secret for `RUN --mount=type=secret`, from a file or a variable: id=NAME[,src=FILE|,env=VARIABLE]
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// SSH agent for `RUN --mount=type=ssh` and git: a name, with a socket where it is not that of SSH_AUTH_SOCK
    #[arg(long, value_name = "NAME[=SOCKET]")]
    ssh: Vec<String>,
    /// Network of RUNs that name none: the machine's, or none
    #[arg(long, value_enum, value_name = "NETWORK", default_value_t = NetworkFlag::Default)]
    network: NetworkFlag,
    /// Ask registries again what the bases are by now
    #[arg(long)]
    pull: bool,
    /// Who builds: native, docker, buildkit, or auto for a daemon where ours cannot [default: native; auto on macOS and Windows]
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<EngineFlag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NetworkFlag {
    Default,
    Host,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineFlag {
    Native,
    Docker,
    Buildkit,
    Auto,
}

impl From<NetworkFlag> for Network {
    fn from(flag: NetworkFlag) -> Self {
        match flag {
            NetworkFlag::Default => Self::Default,
            NetworkFlag::Host => Self::Host,
            NetworkFlag::None => Self::None,
        }
    }
}

impl From<EngineFlag> for BuildEngine {
    fn from(flag: EngineFlag) -> Self {
        match flag {
            EngineFlag::Native => Self::Native,
            EngineFlag::Docker => Self::Docker,
            EngineFlag::Buildkit => Self::BuildKit,
            EngineFlag::Auto => Self::Auto,
        }
    }
}

impl DockerfileFlags {
    /// Whether a Dockerfile is to be built: one is named, or it is what the folder has.
    pub(super) fn is_meant(&self, source: Option<&Path>) -> bool {
        self.file.is_some()
            || source.is_some_and(|folder| is_remote_context(folder) || dockerfile_of(folder).is_some())
    }

    /// The engine that was asked for.
    pub(super) fn engine(&self) -> Option<BuildEngine> {
        self.engine.map(BuildEngine::from)
    }

    /// Refuses flags of Dockerfiles where none is built.
    pub(super) fn refuse(&self, compatible: &CompatibleFlags) -> Result<(), Failure> {
        let all = [
            ("--target", self.target.is_some()),
            ("--build-arg", !self.build_arg.is_empty()),
            ("--build-context", !self.build_context.is_empty()),
            ("--secret", !self.secret.is_empty()),
            ("--ssh", !self.ssh.is_empty()),
            ("--network", self.network != NetworkFlag::Default),
            ("--pull", self.pull),
        ];
        let given = all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        let given: Vec<_> = given.chain(compatible.given()).collect();
        if given.is_empty() {
            return Ok(());
        }
        let text =
            format!("there is no Dockerfile to build, and these flags are for one: {}", given.join(", "));
        Err(Failure::new(ErrorKind::Usage, text).with_hint("name it with --file"))
    }
}

pub(super) fn run(global: &Global, arguments: BuildArguments) -> Result<ExitCode, Failure> {
    let BuildArguments {
        source,
        image,
        versions,
        dockerfile,
        process,
        limits,
        sources,
        publishing,
        progress,
        compatible,
        gate,
        remote: _,
    } = arguments;
    let given = versions.given_for_packages();
    if !given.is_empty() {
        let text = format!("a Dockerfile has no lock, so these flags do not apply: {}", given.join(", "));
        return Err(Failure::new(ErrorKind::Usage, text)
            .with_hint("--pull asks registries for newer bases, --no-cache runs every step again"));
    }
    let Some(context_folder) = source else {
        return Err(Failure::new(ErrorKind::Usage, "no folder is named that files are copied from")
            .with_hint("name it: `imagewright build -f Dockerfile .`"));
    };
    if !global.quiet {
        compatible.notes().iter().for_each(|note| eprintln!("warning: {note}"));
    }
    let (file, text) = match dockerfile.file {
        Some(file) if file == Path::new("-") && context_folder == Path::new("-") => {
            return Err(Failure::new(ErrorKind::Usage, "standard input cannot be both Dockerfile and files")
                .with_hint("give the files as a folder: `imagewright build -f - .`"));
        }
        Some(file) if file == Path::new("-") => (None, Some(standard_input()?)),
        file => (file, None),
    };
    #[cfg(not(target_os = "linux"))]
    gate.refuse()?;
    let publishing = Publishing::prepare(publishing)?;
    let push = process.push || publishing.is_some();
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let command = DockerfileCommand {
        context: context_folder,
        file,
        text,
        target: dockerfile.target,
        arguments: dockerfile.build_arg.iter().filter_map(|text| argument(text)).collect(),
        contexts: dockerfile.build_context.iter().map(|text| named(text)).collect::<Result<_, _>>()?,
        secrets: dockerfile.secret.iter().map(|text| secret(text)).collect::<Result<_, _>>()?,
        agents: dockerfile.ssh.iter().map(|text| agent(text)).collect::<Result<_, _>>()?,
        network: dockerfile.network.into(),
        flags: image.into(),
        pull: dockerfile.pull,
        offline: versions.offline,
        no_cache: process.no_cache,
        push,
        time_limit: process.time_limit.map(Duration::from_secs),
        limits: limits.into(),
        source_date_epoch: process.source_date_epoch,
        digest_file: process.digest_file,
        id_file: compatible.iidfile,
        metadata_file: compatible.metadata_file,
        fresh_stages: compatible.no_cache_filter,
        hosts: compatible.add_host.iter().map(|text| host(text)).collect::<Result<_, _>>()?,
        annotations: compatible.annotation.iter().map(|text| annotation(text)).collect::<Result<_, _>>()?,
        #[cfg(target_os = "linux")]
        gate: gate.into_gate()?,
    };
    let engine = dockerfile.engine.map(BuildEngine::from);
    let service = context::open(global, Settings { engine, ..sources.into_settings() })?;
    let events = progress.renderer(global.quiet);
    let brought = service.bring_context(&command, &mut io::stdin().lock(), &cancel)?;
    let command = brought.as_ref().map_or(&command, |(command, _)| command);
    let built = service.build_dockerfile(command, &*events, &cancel)?;
    if push {
        packages::push(global, &service, &built, &cancel)?;
    }
    let published = publishing.map(|publishing| publishing.publish(global, &service, &built)).transpose()?;
    report::build(&built, published.as_ref(), process.json)?;
    Ok(ExitCode::SUCCESS)
}

/// The Dockerfile that is given instead of a file.
fn standard_input() -> Result<String, Failure> {
    io::read_to_string(io::stdin()).map_err(|error| {
        Failure::new(
            ErrorKind::of_io(&error),
            format!("cannot read the Dockerfile from standard input: {error}"),
        )
    })
}

/// `NAME=VALUE`, or `NAME` with the value that the environment has; none where it has none.
pub(super) fn argument(text: &str) -> Option<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => Some((text.to_owned(), env::var(text).ok()?)),
    }
}

/// `NAME=FOLDER` or `NAME=docker-image://IMAGE`.
pub(super) fn named(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(Failure::new(
            ErrorKind::Usage,
            format!("--build-context {text}: a name or a folder is missing"),
        )
        .with_hint("write NAME=FOLDER or NAME=docker-image://IMAGE")),
    }
}

/// `NAME`, or `NAME=SOCKET`.
fn agent(text: &str) -> Result<(String, PathBuf), Failure> {
    let usage = |reason: String, hint: &str| {
        Failure::new(ErrorKind::Usage, format!("--ssh {text}: {reason}")).with_hint(hint)
    };
    let (name, socket) = match text.split_once('=') {
        Some((name, socket)) => (name, PathBuf::from(socket)),
        None => match env::var_os("SSH_AUTH_SOCK") {
            Some(socket) => (text, PathBuf::from(socket)),
            None => {
                return Err(usage(
                    "SSH_AUTH_SOCK is not set, so no agent is known".to_owned(),
                    "start one with `eval $(ssh-agent)` and `ssh-add`, or name a socket: NAME=SOCKET",
                ));
            }
        },
    };
    match fs::metadata(&socket) {
        Ok(metadata) if is_socket(&metadata) => Ok((name.to_owned(), socket)),
        Ok(_) => Err(usage(
            format!("`{}` is no socket", socket.display()),
            "give a key to an agent with `ssh-add KEY`, and the build the agent: keys are read by no build",
        )),
        Err(error) => Err(usage(format!("`{}`: {error}", socket.display()), "name the socket of an agent")),
    }
}

#[cfg(unix)]
fn is_socket(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_socket()
}

/// Agents of Windows listen on pipes, and those look like files.
#[cfg(not(unix))]
fn is_socket(_: &fs::Metadata) -> bool {
    true
}

/// `id=NAME,src=FILE`, `id=NAME,env=VARIABLE`, or `id=NAME` for the variable or else the file of that name.
fn secret(text: &str) -> Result<(String, Secret), Failure> {
    let usage = |reason: String| {
        Failure::new(ErrorKind::Usage, format!("--secret {text}: {reason}"))
            .with_hint("write id=NAME,src=FILE or id=NAME,env=VARIABLE")
    };
    let (mut id, mut file, mut variable) = (None, None, None);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("id", value)) => id = Some(value),
            Some(("src" | "source", value)) => file = Some(value),
            Some(("env", value)) => variable = Some(value),
            Some(("type", "file" | "env")) => {}
            _ => return Err(usage(format!("`{field}` is not understood"))),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| usage("the id is missing".to_owned()))?;
    let of_variable = |name: &str| env::var(name).ok();
    let value = match (file, variable) {
        (None, Some(name)) => {
            of_variable(name).ok_or_else(|| usage(format!("the variable `{name}` is not set")))?
        }
        (file, _) => match of_variable(id).filter(|_| file.is_none()) {
            Some(value) => value,
            None => {
                let path = file.unwrap_or(id);
                fs::read_to_string(path).map_err(|error| {
                    let kind = ErrorKind::of_io(&error);
                    Failure::new(kind, format!("cannot read the secret `{id}` from `{path}`: {error}"))
                })?
            }
        },
    };
    Ok((id.to_owned(), Secret::new(value)))
}
