//! `imagewright push`

use std::process::ExitCode;

use clap::Args;
use imagewright_oci::Reference;
use imagewright_service::Cancel;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::output;
use crate::render::progress::TransferProgress;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Push an image of the content store to a registry
///
/// Layers that the registry has are not sent: it is asked first, then told where it may have them. Never logs in by
/// itself: see `imagewright login`.
#[derive(Debug, Args)]
pub(crate) struct PushArguments {
    /// Name, digest, or beginning of the id
    image: String,
    /// Where to, as [REGISTRY/]NAME[:TAG] [default: where its name says]
    target: Option<Reference>,
}

pub(crate) fn run(global: &Global, arguments: &PushArguments) -> Result<ExitCode, Failure> {
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let progress = TransferProgress::new(global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    let (target, digest) = service.push_image(&arguments.image, arguments.target.as_ref(), &cancel, &show)?;
    drop(progress);
    output::text(&format!("{}\n", target.with_digest(digest)))?;
    Ok(ExitCode::SUCCESS)
}
