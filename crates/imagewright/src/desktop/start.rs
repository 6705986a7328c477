//! As whom a command runs: always as we were started.

use std::process::ExitCode;

use crate::cli::Cli;
use crate::commands;
use crate::failure::Failure;

/// There is no sandbox that would need a helper.
pub(crate) fn as_helper() -> Option<ExitCode> {
    None
}

pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    commands::run(cli)
}
