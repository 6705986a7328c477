//! `imagewright image list`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::ImageRecord;
use jiff::Timestamp;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{age, image_json, output, size, table};
use crate::settings::Settings;

/// List images
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only images whose name holds this text
    filter: Option<String>,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Print only ids
    #[arg(long, short = 'i')]
    ids: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: &ListArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let mut records = service.list_images()?;
    if let Some(filter) = &arguments.filter {
        records.retain(|record| record.names.iter().any(|name| name.to_string().contains(filter.as_str())));
    }
    if arguments.json {
        output::json(&records.iter().map(image_json::image).collect::<Vec<_>>())?;
    } else if arguments.ids || global.quiet {
        output::lines(records.iter().map(|record| record.id.short().to_owned()))?;
    } else {
        output::text(&draw(&records, arguments.digests, Timestamp::now()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One row for each name, as people know it from `docker images`.
fn draw(records: &[ImageRecord], digests: bool, now: Timestamp) -> String {
    let mut headings = vec!["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
    if digests {
        headings.insert(2, "DIGEST");
    }
    let none = || "<none>".to_owned();
    let mut rows = Vec::new();
    for record in records {
        let names = record
            .names
            .iter()
            .map(|name| (name.familiar_repository(), name.tag().map_or_else(none, ToString::to_string)));
        let mut names: Vec<_> = names.collect();
        if names.is_empty() {
            names.push((none(), none()));
        }
        for (repository, tag) in names {
            let mut row = vec![repository, tag];
            if digests {
                row.push(record.manifest.digest.to_string());
            }
            row.push(record.id.short().to_owned());
            row.push(age::since(record.created.as_deref(), now));
            row.push(size::bytes(record.size));
            rows.push(row);
        }
    }
    table::draw(&headings, rows)
}
