//! `imagewright image run`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use imagewright_model::ErrorKind;
use imagewright_sandbox::{Mount, MountSource};
use imagewright_service::{Cancel, RunRequest};

use crate::cli::Global;
use crate::commands::limits::LimitFlags;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Run a program in an image
///
/// In our own sandbox, without a daemon, on a writable directory that is thrown away afterwards. The exit code is
/// the program's. What a partial image left in its registry is fetched first.
///
/// Example: imagewright image run demo/data-science:1 -- python3 -c "import pandas; print(pandas.__version__)"
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Name, digest, or beginning of the id
    image: String,
    /// Program and arguments [default: the image's command]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Replace the entry point; an empty one takes it away
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Environment variable; without a value, that of this process
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Who runs the program, as NAME[:GROUP] or UID[:GID] [default: the image's user]
    #[arg(long, short, value_name = "USER")]
    user: Option<String>,
    /// Where the program starts [default: the image's]
    #[arg(long, short, value_name = "PATH")]
    workdir: Option<PathBuf>,
    /// Show a folder or file of this machine inside, as HOST:INSIDE[:ro]
    #[arg(long, short, value_name = "HOST:INSIDE[:ro]")]
    volume: Vec<String>,
    /// Which network it reaches: that of this machine, or none
    #[arg(long, value_name = "NETWORK", default_value = "host", value_parser = ["host", "none"])]
    network: String,
    /// Stop it after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: Option<u64>,
    #[command(flatten)]
    limits: LimitFlags,
}

pub(crate) fn run(global: &Global, arguments: RunArguments) -> Result<ExitCode, Failure> {
    let request = RunRequest {
        arguments: arguments.command,
        entrypoint: arguments
            .entrypoint
            .map(|program| Some(program).filter(|text| !text.is_empty()).into_iter().collect()),
        environment: arguments.env.iter().filter_map(|entry| variable(entry)).collect(),
        user: arguments.user,
        working_directory: arguments.workdir,
        mounts: arguments.volume.iter().map(|text| mount(text)).collect::<Result<_, _>>()?,
        network: arguments.network == "host",
        time_limit: arguments.time_limit.map(Duration::from_secs),
        limits: arguments.limits.into(),
    };
    let service = context::open(global, Settings::default())?;
    let cancel = Cancel::new();
    let interrupt = if std::io::stdin().is_terminal() { Interrupt::Theirs } else { Interrupt::Ours };
    cancel_on_signals(&cancel, interrupt)?;
    let progress = TransferProgress::new(global.quiet);
    let fetching = |message: &str, done| progress.show_until_done(message, done);
    let code = service.run_image(&arguments.image, &request, &cancel, &fetching)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// `NAME=VALUE`, or `NAME` for this process's own value; none where it has none.
fn variable(entry: &str) -> Option<(String, String)> {
    match entry.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(entry).ok().map(|value| (entry.to_owned(), value)),
    }
}

/// `HOST:INSIDE[:ro]`
fn mount(text: &str) -> Result<Mount, Failure> {
    let wrong = |problem: &str| {
        Failure::new(ErrorKind::Usage, format!("volume `{text}` {problem}"))
            .with_hint("write HOST:INSIDE or HOST:INSIDE:ro")
    };
    let (host, inside, read_only) = match text.split(':').collect::<Vec<_>>().as_slice() {
        [host, inside] | [host, inside, "rw"] => (*host, *inside, false),
        [host, inside, "ro"] => (*host, *inside, true),
        _ => return Err(wrong("is not understood")),
    };
    if !inside.starts_with('/') {
        return Err(wrong("has no absolute path inside"));
    }
    let path = Path::new(host).canonicalize().map_err(|error| wrong(&format!("cannot be shown: {error}")))?;
    let source = if path.is_dir() {
        MountSource::Directory { path, read_only }
    } else {
        MountSource::File { path, read_only }
    };
    Ok(Mount { target: PathBuf::from(inside), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_read_as_docker_writes_them() {
        let read_only = |text: &str| match mount(text).unwrap().source {
            MountSource::Directory { read_only, .. } | MountSource::File { read_only, .. } => read_only,
            other => panic!("{other:?}"),
        };
        assert!(!read_only("/:/host"));
        assert!(read_only("/:/host:ro"));
        for text in ["/", "/:relative", "/does-not-exist:/x", "/:/x:rx", "a:b:c:d"] {
            assert!(mount(text).is_err(), "{text}");
        }
    }
}
