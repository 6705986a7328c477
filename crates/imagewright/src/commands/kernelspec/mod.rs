//! `imagewright kernelspec`: what a gateway starts kernel images with.

mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Global;
use crate::failure::Failure;

/// Kernelspecs of Enterprise Gateway
#[derive(Debug, Subcommand)]
pub(crate) enum KernelspecCommand {
    Verify(verify::VerifyArguments),
}

pub(crate) fn run(global: &Global, command: KernelspecCommand) -> Result<ExitCode, Failure> {
    match command {
        KernelspecCommand::Verify(arguments) => verify::run(global, arguments),
    }
}
