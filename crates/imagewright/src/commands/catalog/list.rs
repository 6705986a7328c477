//! `imagewright catalog list`

use clap::Args;

use super::shown;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags};
use crate::failure::Failure;
use crate::render::json_fields::{text, time};
use crate::render::{output, table};

/// List images
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Words that all occur in name, display name, description, tags or type
    search: Vec<String>,
    /// Only images of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = ["cpu", "gpu", "universal"])]
    image_type: Option<String>,
    /// Only images that members of this group see
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Only images that this group owns
    #[arg(long, value_name = "GROUP")]
    owner_group: Option<String>,
    /// Only images that the administrators own
    #[arg(long, conflicts_with = "owner_group")]
    owner_system: bool,
    /// Only images in this state
    #[arg(long, value_name = "STATE", value_parser = ["ready", "not-ready", "building", "failed"])]
    state: Option<String>,
    /// Only images with this tag; given several times, with all of them
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only images that exist elsewhere, or that the server builds
    #[arg(long, value_name = "SOURCE", value_parser = ["existing", "built"])]
    source: Option<String>,
    /// Only images that should no longer be used
    #[arg(long)]
    deprecated: bool,
    /// What the list is sorted by
    #[arg(long, value_name = "FIELD", default_value = "name", value_parser = ["name", "display-name", "type", "created", "changed"])]
    sort: String,
    /// The greatest first
    #[arg(long)]
    descending: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &ListArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let images = client.pages(&path(arguments))?;
    if arguments.json {
        return Ok(output::json(&images)?);
    }
    if global.quiet {
        return Ok(output::lines(images.iter().map(|image| text(&image["name"])))?);
    }
    let rows = images.iter().map(|image| {
        vec![
            text(&image["name"]),
            text(&image["type"]),
            shown::state(image),
            shown::owner(image),
            shown::seen_by(image),
            time(&image["changed_at"]),
            text(&image["display_name"]),
        ]
    });
    let headings = ["NAME", "TYPE", "STATE", "OWNER", "FOR", "CHANGED", "DISPLAY NAME"];
    Ok(output::text(&table::draw(&headings, rows.collect()))?)
}

fn path(arguments: &ListArguments) -> Path {
    let search = (!arguments.search.is_empty()).then(|| arguments.search.join(" "));
    let path = Path::new("/images")
        .with("search", search.as_deref())
        .with("type", arguments.image_type.as_deref())
        .with("group", arguments.group.as_deref())
        .with("owner", arguments.owner_group.as_deref())
        .when("system", arguments.owner_system)
        .with("state", arguments.state.as_deref().map(|state| state.replace('-', "_")).as_deref())
        .with("source", arguments.source.as_deref())
        .when("deprecated", arguments.deprecated)
        .with("sort", Some(&arguments.sort.replace('-', "_")))
        .when("descending", arguments.descending);
    arguments.tags.iter().fold(path, |path, tag| path.with("tag", Some(tag)))
}
