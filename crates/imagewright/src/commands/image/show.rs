//! `imagewright image show`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::ImageDetails;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{json, output, size, table};
use crate::settings::Settings;

/// Show one image: names, layers, how it starts, how it came to be
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Name, digest, or beginning of the id
    image: String,
    /// Print as JSON, with manifest and configuration
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let details = service.show_image(&arguments.image)?;
    if arguments.json {
        output::json(&json::details(&details))?;
    } else {
        output::text(&draw(&details))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn draw(details: &ImageDetails) -> String {
    let ImageDetails { record, manifest, config, missing_layers } = details;
    let names: Vec<String> = record.names.iter().map(ToString::to_string).collect();
    let mut fields = vec![
        ("Names", if names.is_empty() { "<none>".to_owned() } else { names.join(", ") }),
        ("Id", record.id.to_string()),
        ("Digest", record.manifest.digest.to_string()),
        ("Platform", record.platform.to_string()),
        ("Created", record.created.clone().unwrap_or_else(|| "unknown".to_owned())),
        (
            "Size",
            format!("{} in {}", size::bytes(record.size), size::count(manifest.layers.len() as u64, "layer")),
        ),
    ];
    if *missing_layers > 0 {
        let missing = size::count(*missing_layers as u64, "layer");
        fields.push((
            "Partial",
            format!("{missing} left in the registry; `image fetch` brings what is missing"),
        ));
    }
    if let Some(container) = &config.config {
        let words = |words: &Option<Vec<String>>| words.as_ref().map(|words| format!("{words:?}"));
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let optional = [
            ("User", text(&container.user)),
            ("Workdir", text(&container.working_dir)),
            ("Entrypoint", words(&container.entrypoint)),
            ("Command", words(&container.cmd)),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        fields.extend(container.env.iter().map(|variable| ("Env", variable.clone())));
        fields.extend(container.labels.iter().map(|(name, value)| ("Label", format!("{name}={value}"))));
    }
    let mut text: String = fields.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect();
    let steps =
        config.history.iter().filter(|entry| !entry.empty_layer).map(|entry| entry.created_by.as_deref());
    let rows = manifest.layers.iter().zip(steps.chain(std::iter::repeat(None))).map(|(layer, step)| {
        vec![layer.digest.short().to_owned(), size::bytes(layer.size), step.unwrap_or("").to_owned()]
    });
    text.push('\n');
    text.push_str(&table::draw(&["LAYER", "SIZE", "MADE BY"], rows.collect()));
    text
}
