//! `imagewright image export`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::{Cancel, Destination};

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Write an image to a folder or file for other tools
///
/// DESTINATION is docker-archive:FILE (for `docker load` and `podman load`), oci-archive:FILE, or oci:DIR. Files
/// whose name ends in .gz or .zst are compressed. What a partial image left in its registry is fetched first.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Name, digest, or beginning of the id
    image: String,
    /// Where to write it
    destination: Destination,
}

pub(crate) fn run(global: &Global, arguments: &ExportArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let progress = TransferProgress::new(global.quiet);
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let fetching = |message: &str, done| progress.show(message, done);
    service.export_image(
        &arguments.image,
        &arguments.destination,
        &cancel,
        &fetching,
        &mut |message, done| progress.show(message, done),
    )?;
    Ok(ExitCode::SUCCESS)
}
