//! `imagewright catalog import`

use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path as FilePath, PathBuf};

use clap::{Args, Subcommand};
use imagewright_model::ErrorKind;
use serde_json::Value;

use super::shown;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags};
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::{output, table};

/// A server takes no more at once.
const LARGEST: u64 = 2 * 1024 * 1024;

/// Take images from another system
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// `Image` resources of PrimeHub, as `kubectl get images -o yaml` prints them
    ///
    /// All of them come in or none. What is there already, and the same, stays.
    Primehub(PrimehubArguments),
    /// Images to begin with, which the server builds: pandas, PyTorch, TensorFlow, R, and what many know from Anaconda
    ///
    /// Enterprise Gateway starts kernels in them, and they run nodes of Elyra's pipelines. What has the name of one already stays
    /// as it is. Without --build nothing is built: `imagewright catalog build NAME` does it.
    Starter(StarterArguments),
}

#[derive(Debug, Args)]
pub(crate) struct StarterArguments {
    /// Names of those to take [default: all: pandas, pytorch, tensorflow, tensorflow-gpu, r, anaconda]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Offer them to everybody
    #[arg(long)]
    for_all: bool,
    /// Queue their first builds
    #[arg(long)]
    build: bool,
    /// Add nothing, and say what would be added
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct PrimehubArguments {
    /// Files of YAML; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Offer them to everybody: the resources do not say who sees them
    #[arg(long)]
    for_all: bool,
    /// Add nothing, and say what would be added
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, command: &ImportCommand) -> Result<(), Failure> {
    match command {
        ImportCommand::Primehub(arguments) => primehub(global, arguments),
        ImportCommand::Starter(arguments) => starter(global, arguments),
    }
}

fn starter(global: &Global, arguments: &StarterArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let StarterArguments { names, for_all, build, dry_run, json, server: _ } = arguments;
    let only = (!names.is_empty()).then(|| names.join(","));
    let path = Path::new("/imports/starter")
        .with("only", only.as_deref())
        .when("global", *for_all)
        .when("build", *build)
        .when("dry_run", *dry_run);
    tell(&client.post(path.as_str(), &Value::Null)?, *dry_run, *json)
}

fn primehub(global: &Global, arguments: &PrimehubArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let texts: Result<Vec<String>, Failure> = arguments.files.iter().map(|path| read(path)).collect();
    let manifests = texts?.join("\n---\n");
    let path =
        Path::new("/imports/primehub").when("global", arguments.for_all).when("dry_run", arguments.dry_run);
    let outcomes = client.post_text(path.as_str(), "application/yaml", manifests)?;
    tell(&outcomes, arguments.dry_run, arguments.json)
}

/// Tells what became of each.
fn tell(outcomes: &Value, dry_run: bool, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(outcomes)?);
    }
    let added = if dry_run { "would be added" } else { "added" };
    let rows = outcomes.as_array().into_iter().flatten().map(|outcome| {
        shown::warn_of(&text(&outcome["name"]), outcome);
        let became = if outcome["added"] == Value::Bool(true) { added } else { "there already" };
        vec![text(&outcome["name"]), became.to_owned()]
    });
    Ok(output::text(&table::draw(&["NAME", "OUTCOME"], rows.collect()))?)
}

fn read(path: &FilePath) -> Result<String, Failure> {
    let mut read = String::new();
    let done = if path.as_os_str() == "-" {
        stdin().lock().take(LARGEST + 1).read_to_string(&mut read)
    } else {
        File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut read))
    };
    done.map_err(|error| {
        let text = format!("cannot read `{}`: {error}", path.display());
        Failure::new(ErrorKind::of_io(&error), text)
    })?;
    if read.len() as u64 > LARGEST {
        let text = format!("`{}` has more than 2 MiB", path.display());
        return Err(Failure::new(ErrorKind::Invalid, text).with_hint("import it in parts"));
    }
    Ok(read)
}
