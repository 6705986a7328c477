//! Builds by a server, which need our own engine's reader of specs so far.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::cli::Global;
use crate::commands::build::BuildArguments;
use crate::commands::own::not_here;
use crate::failure::Failure;

pub(super) fn run(_: &Global, _: BuildArguments) -> Result<ExitCode, Failure> {
    Err(not_here("`build --remote`"))
}

pub(super) fn document(_: &Global, _: &Path) -> Result<Value, Failure> {
    Err(not_here("`--spec`"))
}
