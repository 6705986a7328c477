//! `imagewright facts`

mod export;
mod import;
mod keygen;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Global;
use crate::failure::Failure;

/// Share what is known of packages with other machines
///
/// A store knows which layer each package becomes. A bundle of these facts lets another machine name the same layers before
/// it has fetched a package; where a registry has the layers, nothing is fetched at all. Bundles are signed, because who
/// makes one decides what images hold.
#[derive(Debug, Subcommand)]
pub(crate) enum FactsCommand {
    Export(export::ExportArguments),
    Import(import::ImportArguments),
    Show(show::ShowArguments),
    Keygen(keygen::KeygenArguments),
}

pub(super) fn run(global: &Global, command: FactsCommand) -> Result<ExitCode, Failure> {
    match command {
        FactsCommand::Export(arguments) => export::run(global, arguments),
        FactsCommand::Import(arguments) => import::run(global, &arguments),
        FactsCommand::Show(arguments) => show::run(global, &arguments),
        FactsCommand::Keygen(arguments) => keygen::run(global, &arguments),
    }
}
