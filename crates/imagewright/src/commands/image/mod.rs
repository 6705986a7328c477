//! `imagewright image`

mod copy;
mod export;
mod fetch;
mod import;
mod list;
mod remove;
mod run;
mod show;
mod tag;

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Global;
use crate::failure::Failure;

/// List, show, tag, remove, export, import, fetch, copy and run images
///
/// An image is called by its name, its digest, or the beginning of its id (four digits at least).
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    #[command(visible_alias = "ls")]
    List(list::ListArguments),
    #[command(visible_alias = "inspect")]
    Show(show::ShowArguments),
    Tag(tag::TagArguments),
    #[command(visible_alias = "rm")]
    Remove(remove::RemoveArguments),
    #[command(visible_alias = "save")]
    Export(export::ExportArguments),
    #[command(visible_alias = "load")]
    Import(import::ImportArguments),
    Fetch(fetch::FetchArguments),
    Copy(copy::CopyArguments),
    Run(Box<run::RunArguments>),
}

/// Whether the command runs images.
pub(crate) fn runs_images(command: &ImageCommand) -> bool {
    matches!(command, ImageCommand::Run(_))
}

pub(crate) fn run(global: &Global, command: ImageCommand) -> Result<ExitCode, Failure> {
    match command {
        ImageCommand::List(arguments) => list::run(global, &arguments),
        ImageCommand::Show(arguments) => show::run(global, &arguments),
        ImageCommand::Tag(arguments) => tag::run(global, &arguments),
        ImageCommand::Remove(arguments) => remove::run(global, &arguments),
        ImageCommand::Export(arguments) => export::run(global, &arguments),
        ImageCommand::Import(arguments) => import::run(global, &arguments),
        ImageCommand::Fetch(arguments) => fetch::run(global, &arguments),
        ImageCommand::Copy(arguments) => copy::run(global, &arguments),
        ImageCommand::Run(arguments) => run::run(global, *arguments),
    }
}
