//! `imagewright catalog duplicate`

use clap::Args;
use serde_json::json;

use super::entry::AudienceFlags;
use super::{path_of, shown};
use crate::cli::Global;
use crate::client::{Client, ServerFlags};
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::output;

/// Add an image like another one, and print the name that it got
///
/// All but builds is copied. Who sees it is copied unless somebody else is to look after it.
#[derive(Debug, Args)]
pub(crate) struct DuplicateArguments {
    /// Name of the image
    name: String,
    /// What people read [default: that of the image, with ` (copy)` behind it]
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Name in addresses [default: made of the display name]
    #[arg(long = "name", value_name = "NAME")]
    new_name: Option<String>,
    /// Print the entry as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    audience: AudienceFlags,
    /// Offer it to nobody but those who look after it
    #[arg(long, conflicts_with_all = ["for_all", "for_groups"])]
    for_nobody: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &DuplicateArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let mut copy = arguments.audience.fields();
    let texts = [("display_name", &arguments.display_name), ("name", &arguments.new_name)];
    copy.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))));
    if arguments.for_nobody {
        copy.insert("visibility".to_owned(), json!({}));
    }
    let added = client.post(&format!("{}/duplicate", path_of(&arguments.name)), &copy.into())?;
    shown::warn(&added);
    if arguments.json {
        output::json(&added)?;
    } else {
        output::text(&format!("{}\n", text(&added["name"])))?;
    }
    shown::built_next(global, &added);
    Ok(())
}
