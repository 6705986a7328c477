//! `imagewright catalog add`

use std::path::PathBuf;

use clap::Args;
use imagewright_model::ErrorKind;
use serde_json::json;

use super::entry::EntryFlags;
use super::shown;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags};
use crate::commands::remote;
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::output;

/// Add an image, and print the name that it got
///
/// Either one that exists, by its REFERENCE, or one that the server builds from a spec. The first build of that is queued at
/// once, if it is found that it can be built.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct AddArguments {
    /// What is pulled, as HOST/NAME:TAG
    #[arg(required_unless_present = "spec", conflicts_with = "spec")]
    reference: Option<String>,
    /// What the server builds: a folder or a YAML file, as for `imagewright build`
    #[arg(long, value_name = "PATH")]
    spec: Option<PathBuf>,
    /// Secret of the server with which the base is pulled
    #[arg(long, value_name = "NAME", requires = "spec")]
    base_pull_secret: Option<String>,
    /// Queue the first build without finding out first whether it can be built
    #[arg(long, requires = "spec")]
    no_plan: bool,
    /// Name in addresses [default: made of the display name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print the entry as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    entry: EntryFlags,
    #[command(flatten)]
    server: ServerFlags,
}

const EXAMPLES: &str = "\
Examples:
  imagewright catalog add registry.example/team/tools:2 --for-all
  imagewright catalog add --spec . --display-name 'Data science' --owner-group ml --for ml";

pub(super) fn run(global: &Global, arguments: &AddArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let mut new = arguments.entry.fields();
    new.insert("display_name".to_owned(), display_name(arguments)?.into());
    if let Some(spec) = &arguments.spec {
        new.insert("spec".to_owned(), remote::document(global, spec)?);
    }
    let texts = [
        ("reference", &arguments.reference),
        ("name", &arguments.name),
        ("base_pull_secret", &arguments.base_pull_secret),
    ];
    new.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))));
    let path = Path::new("/images").with("plan", arguments.no_plan.then_some("false"));
    let added = client.post(path.as_str(), &new.into())?;
    shown::warn(&added);
    let name = text(&added["name"]);
    if arguments.json {
        output::json(&added)?;
    } else {
        output::text(&format!("{name}\n"))?;
    }
    if arguments.spec.is_some() {
        global.say(&format!("its first build is queued: imagewright builds logs --follow {name}"));
    }
    Ok(())
}

/// What was given, else the last part of the reference.
fn display_name(arguments: &AddArguments) -> Result<String, Failure> {
    let of_reference = || {
        let last = arguments.reference.as_ref()?.rsplit('/').next()?;
        last.split(['@', ':']).next().map(str::to_owned)
    };
    arguments.entry.display_name.clone().or_else(of_reference).ok_or_else(|| {
        Failure::new(ErrorKind::Usage, "it is not said what people choose this image by")
            .with_hint("give --display-name")
    })
}
