//! `imagewright image copy`

use std::process::ExitCode;

use clap::Args;
use imagewright_oci::{Platform, Reference};
use imagewright_service::Cancel;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::output;
use crate::render::progress::TransferProgress;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Copy an image from one registry to another, without keeping it here
///
/// All platforms of it, unless one is named. Within one registry, layers are not moved at all.
#[derive(Debug, Args)]
pub(crate) struct CopyArguments {
    /// The image, as [REGISTRY/]NAME[:TAG][@DIGEST]
    from: Reference,
    /// Where to, as [REGISTRY/]NAME[:TAG]
    to: Reference,
    /// Only the image for this platform
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
}

pub(crate) fn run(global: &Global, arguments: &CopyArguments) -> Result<ExitCode, Failure> {
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let progress = TransferProgress::new(global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    let CopyArguments { from, to, platform } = arguments;
    let digest = service.copy_image(from, to, platform.as_ref(), &cancel, &show)?;
    drop(progress);
    output::text(&format!("{}\n", to.with_digest(digest)))?;
    Ok(ExitCode::SUCCESS)
}
