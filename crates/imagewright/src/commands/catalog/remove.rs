//! `imagewright catalog remove`

use clap::Args;

use super::{path_of, read};
use crate::cli::Global;
use crate::client::{Client, ServerFlags};
use crate::commands::confirm::confirm;
use crate::failure::Failure;

/// Remove images, with their builds and all that was pushed to them
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Names of the images
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &RemoveArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    // All are looked at first: a name that is wrong removes none.
    let found: Result<Vec<_>, Failure> = arguments.names.iter().map(|name| read(&client, name)).collect();
    let names = arguments.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let found = found?;
    confirm(&format!("remove {names}, with all builds"), arguments.yes)?;
    for (name, (_, revision)) in arguments.names.iter().zip(found) {
        client.delete(&path_of(name), revision)?;
        global.say(&format!("removed `{name}`"));
    }
    Ok(())
}
