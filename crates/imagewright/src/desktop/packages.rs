//! `imagewright build` of a spec, which is for Linux; and the images that a daemon has built.

use std::process::ExitCode;

use imagewright_service::{BuildReport, Cancel, Service};

use super::own::not_here;
use crate::cli::Global;
use crate::commands::build::BuildArguments;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;

pub(super) fn run(_: &Global, _: BuildArguments) -> Result<ExitCode, Failure> {
    Err(not_here("a build of packages"))
}

/// Has the daemon push what it has built.
pub(super) fn push(
    global: &Global,
    service: &Service,
    built: &BuildReport,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let progress = TransferProgress::new(global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    for name in &built.names {
        service.push_image(name, cancel, &show)?;
    }
    Ok(())
}
