//! `imagewright catalog`: the images that a server offers.

mod add;
mod build;
mod copy;
mod edit;
mod entry;
mod export;
mod history;
mod import;
mod list;
mod offers;
mod remove;
mod show;
mod shown;

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Global;
use crate::client::{Client, in_address};
use crate::failure::Failure;

/// Look after the images that a server offers
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    #[command(visible_alias = "ls")]
    List(list::ListArguments),
    Show(show::ShowArguments),
    Add(Box<add::AddArguments>),
    Edit(Box<edit::EditArguments>),
    Duplicate(copy::DuplicateArguments),
    Deprecate(edit::DeprecateArguments),
    #[command(visible_alias = "rm")]
    Remove(remove::RemoveArguments),
    Build(build::BuildArguments),
    History(history::HistoryArguments),
    Offers(offers::OffersArguments),
    #[command(subcommand)]
    Export(export::ExportCommand),
    #[command(subcommand)]
    Import(import::ImportCommand),
}

pub(crate) fn run(global: &Global, command: CatalogCommand) -> Result<ExitCode, Failure> {
    match command {
        CatalogCommand::List(arguments) => list::run(global, &arguments)?,
        CatalogCommand::Show(arguments) => show::run(global, &arguments)?,
        CatalogCommand::Add(arguments) => add::run(global, &arguments)?,
        CatalogCommand::Edit(arguments) => edit::run(global, &arguments)?,
        CatalogCommand::Duplicate(arguments) => copy::run(global, &arguments)?,
        CatalogCommand::Deprecate(arguments) => edit::deprecate(global, &arguments)?,
        CatalogCommand::Remove(arguments) => remove::run(global, &arguments)?,
        CatalogCommand::Build(arguments) => build::run(global, &arguments)?,
        CatalogCommand::History(arguments) => history::run(global, &arguments)?,
        CatalogCommand::Offers(arguments) => offers::run(global, &arguments)?,
        CatalogCommand::Export(command) => export::run(global, &command)?,
        CatalogCommand::Import(command) => import::run(global, &command)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where an entry is in the API.
fn path_of(name: &str) -> String {
    format!("/images/{}", in_address(name))
}

/// An entry, and the revision that a change of it is made on.
fn read(client: &Client, name: &str) -> Result<(Value, Option<i64>), Failure> {
    let image = client.get(&path_of(name))?;
    let revision = image["revision"].as_i64();
    Ok((image, revision))
}
