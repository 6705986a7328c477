//! `imagewright catalog export`

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path as FilePath, PathBuf};

use clap::{Args, Subcommand};
use imagewright_model::ErrorKind;
use serde_json::json;

use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags};
use crate::commands::until;
use crate::failure::Failure;

/// Hand the catalogue over to another system
#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// Profiles of JupyterHub on Kubernetes: `singleuser.profileList`, YAML
    Jupyterhub(OffersArguments),
    /// Runtime image records of Elyra by the names of their files, JSON
    Elyra(OffersArguments),
    /// `Image` resources of PrimeHub, YAML
    Primehub(ImagesArguments),
    /// A secret by which nodes of Kubernetes pull from the server, YAML
    ///
    /// A new access token of yours is in it: whoever reads the secret can pull what you may. `imagewright tokens list` shows the
    /// token, and `imagewright tokens revoke` ends it.
    ///
    /// Example: imagewright catalog export kubernetes-pull-secret --name images --expires 90d | kubectl apply -f -
    KubernetesPullSecret(PullSecretArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ImagesArguments {
    /// What members of this group are offered [default: what everybody is]
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[command(flatten)]
    to: OutputArguments,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct OffersArguments {
    /// What is pulled where there is a GPU
    #[arg(long)]
    gpu: bool,
    /// Resource that stands for a GPU [default: nvidia.com/gpu]
    #[arg(long, value_name = "NAME", requires = "gpu")]
    gpu_resource: Option<String>,
    #[command(flatten)]
    images: ImagesArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PullSecretArguments {
    /// What the secret is called in the cluster
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Namespace it is for [default: the one it is applied to]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// When the token ends to work: a day as 2026-12-31, a time, or a number of days as 90d [default: never]
    #[arg(long, value_name = "WHEN", value_parser = until::parse)]
    expires: Option<jiff::Timestamp>,
    #[command(flatten)]
    to: OutputArguments,
    #[command(flatten)]
    server: ServerFlags,
}

/// Where it goes.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(global: &Global, command: &ExportCommand) -> Result<(), Failure> {
    match command {
        ExportCommand::Jupyterhub(arguments) => offers(global, "jupyterhub", arguments),
        ExportCommand::Elyra(arguments) => offers(global, "elyra", arguments),
        ExportCommand::Primehub(arguments) => images(global, Path::new("/exports/primehub"), arguments),
        ExportCommand::KubernetesPullSecret(arguments) => pull_secret(global, arguments),
    }
}

fn offers(global: &Global, format: &str, arguments: &OffersArguments) -> Result<(), Failure> {
    let path = Path::new(format!("/exports/{format}"))
        .when("gpu", arguments.gpu)
        .with("gpu_resource", arguments.gpu_resource.as_deref());
    images(global, path, &arguments.images)
}

fn images(global: &Global, path: Path, arguments: &ImagesArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let path = path.with("group", arguments.group.as_deref());
    deliver(client.stream(path.as_str())?, arguments.to.output.as_deref(), Readers::All)
}

fn pull_secret(global: &Global, arguments: &PullSecretArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let PullSecretArguments { name, namespace, expires, .. } = arguments;
    let new = json!({"name": name, "namespace": namespace, "expires_at": expires});
    let manifest = client.post_for_text("/exports/kubernetes-pull-secret", &new)?;
    deliver(manifest, arguments.to.output.as_deref(), Readers::Owner)
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    All,
    Owner,
}

/// Writes to a file, which is there as a whole or not at all, or to standard output.
fn deliver(mut from: impl Read, path: Option<&FilePath>, readers: Readers) -> Result<(), Failure> {
    let Some(path) = path else {
        let mut out = io::stdout().lock();
        io::copy(&mut from, &mut out)?;
        return Ok(out.flush()?);
    };
    write(from, path, readers).map_err(|error| {
        let text = format!("cannot write `{}`: {error}", path.display());
        Failure::new(ErrorKind::of_io(&error), text)
    })
}

fn write(mut from: impl Read, path: &FilePath, readers: Readers) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Temporary files are readable by their owner only.
    let mut file = tempfile::Builder::new().tempfile_in(folder.unwrap_or(FilePath::new(".")))?;
    io::copy(&mut from, &mut file)?;
    file.as_file().sync_all()?;
    if readers == Readers::All {
        readable(file.as_file())?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> io::Result<()> {
    Ok(())
}
