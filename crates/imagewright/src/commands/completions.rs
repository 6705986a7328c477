//! `imagewright completions`

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::commands::metadata;
use crate::failure::Failure;

/// Print a completion script for a shell
///
/// For bash: imagewright completions bash > /etc/bash_completion.d/imagewright
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArguments) -> Result<ExitCode, Failure> {
    // Into memory first: the generator panics where its writer fails.
    let mut script = Vec::new();
    let mut command = Cli::command().mut_subcommand("metadata", metadata::described);
    clap_complete::generate(arguments.shell, &mut command, "imagewright", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
