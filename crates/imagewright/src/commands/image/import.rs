//! `imagewright image import`

use std::process::ExitCode;

use clap::Args;
use imagewright_oci::Reference;
use imagewright_service::Source;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::render::{image_json, output};
use crate::settings::Settings;

/// Take images in from a folder, a file or a Docker daemon
///
/// SOURCE is docker-archive:FILE, oci-archive:FILE, oci:DIR (each with :NAME, where it holds several images), or
/// docker-daemon:NAME. Every digest is verified.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Where to take it from
    source: Source,
    /// Name it gets, instead of the names it has there
    #[arg(long, short, value_name = "NAME")]
    tag: Option<Reference>,
    /// Print what was imported as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let progress = TransferProgress::new(global.quiet);
    let mut show = |message: &str, done| progress.show(message, done);
    let records = service.import_images(&arguments.source, arguments.tag.as_ref(), &mut show)?;
    drop(progress);
    if arguments.json {
        output::json(&records.iter().map(image_json::image).collect::<Vec<_>>())?;
    } else {
        output::lines(records.iter().map(|record| {
            let names: Vec<String> = record.names.iter().map(ToString::to_string).collect();
            format!("{} {}", record.id, names.join(" ")).trim_end().to_owned()
        }))?;
    }
    Ok(ExitCode::SUCCESS)
}
