//! `imagewright image fetch`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::Cancel;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::render::{image_json, output};
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Bring what a partial image left in its registry
///
/// A build leaves the layers of its base in their registry where no step needs all of them: the image in the store is
/// partial then. It can be pushed and built upon as it is; `image run` and `image export` fetch what is missing by
/// themselves. This fetches it now, as for a machine that is going to be offline.
#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// Name, digest, or beginning of the id
    image: String,
    /// Print the image as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: &FetchArguments) -> Result<ExitCode, Failure> {
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let progress = TransferProgress::new(global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    let record = service.fetch_image(&arguments.image, &cancel, &show)?;
    drop(progress);
    if arguments.json {
        output::json(&image_json::image(&record))?;
    } else {
        output::text(&format!("{}\n", record.manifest.digest))?;
    }
    Ok(ExitCode::SUCCESS)
}
