//! `imagewright check --fix`, which needs the store.

use std::process::ExitCode;

use imagewright_model::{ErrorKind, EventSink};
use imagewright_oci::Reference;
use imagewright_service::check::CheckCommand;
use imagewright_service::{Cancel, Service};

use super::FailOn;
use crate::cli::Global;
use crate::failure::Failure;

/// How it would be told.
pub(super) struct Told<'a> {
    pub(super) as_json: bool,
    pub(super) fail_on: FailOn,
    pub(super) events: &'a dyn EventSink,
}

pub(super) fn run(
    _: &Global,
    _: &Service,
    _: &CheckCommand,
    _: &[Reference],
    _: &Cancel,
    _: &Told<'_>,
) -> Result<ExitCode, Failure> {
    Err(Failure::new(ErrorKind::Usage, "images are mended on Linux alone")
        .with_hint("run it in a container of Linux"))
}
