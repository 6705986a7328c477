//! `imagewright catalog show`

use clap::Args;

use super::{read, shown};
use crate::cli::Global;
use crate::client::{Client, ServerFlags};
use crate::failure::Failure;
use crate::render::json_fields::{list, page, text, time};
use crate::render::output;

/// Show an image
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Name of the image
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &ShowArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let (image, _) = read(&client, &arguments.name)?;
    if arguments.json {
        return Ok(output::json(&image)?);
    }
    let field = |name: &str| text(&image[name]);
    let rows = [
        ("Name", field("name")),
        ("Display name", field("display_name")),
        ("Description", field("description")),
        ("State", shown::state(&image)),
        ("Deprecated", shown::deprecation(&image)),
        ("Type", field("type")),
        ("Tags", list(&image["tags"])),
        ("Source", field("source")),
        ("Reference", field("reference")),
        ("Digest", shown::pin(&image["pin"])),
        ("GPU reference", field("gpu_reference")),
        ("GPU digest", shown::pin(&image["gpu_pin"])),
        ("Pull policy", field("pull_policy")),
        ("Pull secret", field("pull_secret")),
        ("Base pull secret", field("base_pull_secret")),
        ("Owner", shown::owner(&image)),
        ("For", shown::seen_by(&image)),
        ("Added", time(&image["created_at"])),
        ("Changed", time(&image["changed_at"])),
    ];
    output::lines(page(&rows))?;
    if !image["spec"].is_null() {
        output::text(&format!("\nSpec\n{:#}\n", image["spec"]))?;
    }
    Ok(())
}
