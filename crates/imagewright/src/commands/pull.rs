//! `imagewright pull`

use std::process::ExitCode;

use clap::Args;
use imagewright_oci::{Platform, Reference};
use imagewright_service::Cancel;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::render::{image_json, output};
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Pull an image from its registry into the content store
///
/// Builds pull their bases by themselves; this brings any image, or a newer one under a known name. Blobs that are
/// in the store already are not fetched.
#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    /// The image, as [REGISTRY/]NAME[:TAG][@DIGEST]
    reference: Reference,
    /// Which image of several under one name [default: this machine's platform]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Print what was pulled as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: &PullArguments) -> Result<ExitCode, Failure> {
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let progress = TransferProgress::new(global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    let record = service.pull_image(&arguments.reference, arguments.platform.as_ref(), &cancel, &show)?;
    drop(progress);
    if arguments.json {
        output::json(&image_json::image(&record))?;
    } else {
        output::text(&format!("{}\n", record.manifest.digest))?;
    }
    Ok(ExitCode::SUCCESS)
}
