//! `imagewright tokens`: one's access tokens of a server.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_model::ErrorKind;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::until;
use crate::cli::Global;
use crate::client::{Client, ServerFlags, in_address};
use crate::failure::Failure;
use crate::render::json_fields::{text, time};
use crate::render::{output, table};

/// Look after your access tokens of a server
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// List your tokens, without the secret in them
    #[command(visible_alias = "ls")]
    List(ListArguments),
    /// Print a new token, which is not shown again
    Add(AddArguments),
    /// End a token
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// What you call it
    name: String,
    /// When it ends to work: a day as 2026-12-31, a time, or a number of days as 90d [default: never]
    #[arg(long, value_name = "WHEN", value_parser = until::parse)]
    expires: Option<Timestamp>,
    /// It pulls images, and does nothing else
    #[arg(long)]
    pull_only: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    /// What you call it, or its identity
    name: String,
    #[command(flatten)]
    server: ServerFlags,
}

pub(crate) fn run(global: &Global, command: &TokensCommand) -> Result<ExitCode, Failure> {
    match command {
        TokensCommand::List(arguments) => list(global, arguments)?,
        TokensCommand::Add(arguments) => {
            let client = Client::open(global, &arguments.server)?;
            let scope = if arguments.pull_only { "pull" } else { "all" };
            let new = json!({"name": arguments.name, "scope": scope, "expires_at": arguments.expires});
            output::text(&format!("{}\n", text(&client.post_for_secret("/tokens", &new)?["secret"])))?;
        }
        TokensCommand::Revoke(arguments) => revoke(global, arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(global: &Global, arguments: &ListArguments) -> Result<(), Failure> {
    let tokens = Client::open(global, &arguments.server)?.get("/tokens")?;
    if arguments.json {
        return Ok(output::json(&tokens)?);
    }
    let rows = tokens.as_array().into_iter().flatten().map(|token| {
        let time = |name: &str| time(&token[name]);
        let expires = if token["expires_at"].is_null() { "never".to_owned() } else { time("expires_at") };
        let (id, scope) = (text(&token["id"]), text(&token["scope"]));
        vec![id, scope, time("created_at"), time("last_used_at"), expires, text(&token["name"])]
    });
    Ok(output::text(&table::draw(&["IDENTITY", "FOR", "MADE", "USED", "ENDS", "NAME"], rows.collect()))?)
}

fn revoke(global: &Global, arguments: &RevokeArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let tokens = client.get("/tokens")?;
    let is_meant = |token: &&Value| token["name"] == *arguments.name || token["id"] == *arguments.name;
    let token = tokens.as_array().into_iter().flatten().find(is_meant).ok_or_else(|| {
        Failure::new(ErrorKind::NotFound, format!("you have no token `{}`", arguments.name))
    })?;
    client.delete(&format!("/tokens/{}", in_address(&text(&token["id"]))), None)?;
    global.say(&format!("revoked the token `{}`", text(&token["name"])));
    Ok(())
}
