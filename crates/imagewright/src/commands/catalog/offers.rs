//! `imagewright catalog offers`

use clap::Args;

use super::shown;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags};
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::{output, table};

/// Show what somebody can choose who starts a notebook or job
#[derive(Debug, Args)]
pub(crate) struct OffersArguments {
    /// Group that the notebook or job is for [default: what everybody is offered]
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// It has a GPU
    #[arg(long)]
    gpu: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &OffersArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let path = Path::new("/offers").with("group", arguments.group.as_deref()).when("gpu", arguments.gpu);
    let offers = client.get(path.as_str())?;
    if arguments.json {
        return Ok(output::json(&offers)?);
    }
    let rows = offers.as_array().into_iter().flatten().map(|offer| {
        let from = if offer["system"] == true { "system" } else { "group" };
        let state = match (text(&offer["disabled"]), shown::deprecation(offer)) {
            (disabled, _) if !disabled.is_empty() => "not-ready",
            (_, deprecated) if !deprecated.is_empty() => "deprecated",
            _ => "ready",
        };
        vec![
            text(&offer["name"]),
            text(&offer["type"]),
            from.to_owned(),
            state.to_owned(),
            text(&offer["reference"]),
        ]
    });
    Ok(output::text(&table::draw(&["NAME", "TYPE", "FROM", "STATE", "REFERENCE"], rows.collect()))?)
}
