//! `imagewright catalog build`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, json};

use super::path_of;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags};
use crate::commands::{builds, remote};
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::output;

/// Have the server build an image again, and print the build
///
/// What it is made of stays, or is what --spec says from now on. What is on offer stays so until the build has succeeded.
#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// Name of the image
    name: String,
    /// What it is made of from now on: a folder or a YAML file, as for `imagewright build`
    #[arg(long, value_name = "PATH")]
    spec: Option<PathBuf>,
    /// Secret of the server with which the base is pulled from now on
    #[arg(long, value_name = "NAME")]
    base_pull_secret: Option<String>,
    /// Take newer versions than those of the last build
    #[arg(long)]
    upgrade: bool,
    /// Queue it without finding out first whether it can be built
    #[arg(long)]
    no_plan: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &BuildArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let mut new = Map::from_iter([("upgrade".to_owned(), json!(arguments.upgrade))]);
    if let Some(spec) = &arguments.spec {
        new.insert("spec".to_owned(), remote::document(global, spec)?);
    }
    if let Some(secret) = &arguments.base_pull_secret {
        new.insert("pull_secret".to_owned(), json!(secret));
    }
    let path = Path::new(format!("{}/builds", path_of(&arguments.name)));
    let path = path.with("plan", arguments.no_plan.then_some("false"));
    let build = client.post(path.as_str(), &new.into())?;
    if global.quiet {
        return Ok(output::text(&format!("{}\n", text(&build["id"])))?);
    }
    Ok(output::text(&format!("{}\n", builds::label(&build)))?)
}
