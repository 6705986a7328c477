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

pub(super) fn run(global: &Global, arguments: &PrimehubArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let texts: Result<Vec<String>, Failure> = arguments.files.iter().map(|path| read(path)).collect();
    let manifests = texts?.join("\n---\n");
    let path =
        Path::new("/imports/primehub").when("global", arguments.for_all).when("dry_run", arguments.dry_run);
    let outcomes = client.post_text(path.as_str(), "application/yaml", manifests)?;
    if arguments.json {
        return Ok(output::json(&outcomes)?);
    }
    let added = if arguments.dry_run { "would be added" } else { "added" };
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
