//! `imagewright admin`: what is done at the machine of a server.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_catalog::Principal;
use imagewright_server::NewToken;

use crate::cli::Global;
use crate::failure::Failure;
use crate::render::output;
use crate::server::{DatabaseArguments, runtime};

/// Look after a server, at the machine it runs on
///
/// Works on the records themselves, whether the server runs or not. Whoever can read and write them is the administrator.
#[derive(Debug, Args)]
pub(crate) struct AdminArguments {
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Look after people
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add somebody, and print an access token
    Add {
        /// The name to log in with
        name: String,
        /// Make this an administrator of the whole server
        #[arg(long)]
        admin: bool,
    },
}

pub(crate) fn run(global: &Global, arguments: &AdminArguments) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        let server = arguments.database.server(global).await?;
        match &arguments.command {
            AdminCommand::User(UserCommand::Add { name, admin }) => {
                let by = Principal::server();
                let person = server.add_local_person(&by, name, *admin).await?;
                let new = NewToken { name: "first".to_owned(), expires_at: None };
                let issued = server.issue_token_to(&by, &person.id, new).await?;
                output::text(&format!("{}\n", issued.secret.expose()))?;
            }
        }
        server.records().close().await;
        Ok(ExitCode::SUCCESS)
    })
}
