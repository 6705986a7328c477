//! `imagewright secrets`: the secrets of a server, by name.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::confirm::confirm;
use super::login::read_password;
use crate::cli::Global;
use crate::client::{Client, ServerFlags, in_address};
use crate::failure::Failure;
use crate::render::json_fields::{text, time};
use crate::render::{output, table};

/// Look after the secrets of a server, which images and builds use by name
///
/// No command shows one.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// List secrets: names, hosts and users
    #[command(visible_alias = "ls")]
    List(ListArguments),
    /// Add a secret: from standard input, or one that is kept elsewhere
    ///
    /// Example: echo "$TOKEN" | imagewright secrets add team-registry --kind pull --host registry.example -u robot
    Add(AddArguments),
    /// Put another secret in the place of one
    Replace(ReplaceArguments),
    /// Remove a secret that no image needs
    #[command(visible_alias = "rm")]
    Remove(RemoveArguments),
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
    /// Name of the secret
    name: String,
    /// What it is for: pulling images and bases, pushing results, or reading package indexes
    #[arg(long, value_parser = ["pull", "push", "index"])]
    kind: String,
    /// Registry or index that it is sent to, and no other, as HOST[:PORT]
    #[arg(long)]
    host: String,
    /// Who logs in with it; without a name it is a token
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    #[command(flatten)]
    place: PlaceFlags,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct ReplaceArguments {
    /// Name of the secret
    name: String,
    /// Registry or index that it is sent to from now on
    #[arg(long)]
    host: Option<String>,
    /// Who logs in with it from now on
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    #[command(flatten)]
    place: PlaceFlags,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Name of the secret
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Where it is kept, if not at the server.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct PlaceFlags {
    /// It is in this variable of the server's environment
    #[arg(long, value_name = "VARIABLE")]
    environment: Option<String>,
    /// It is in this file of the server's machine
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// It is this secret of Kubernetes, which the server does not read and only names
    #[arg(long, value_name = "NAME")]
    kubernetes: Option<String>,
}

impl PlaceFlags {
    /// Where it is kept, or the secret itself from standard input.
    fn field(&self) -> Result<(String, Value), Failure> {
        let places =
            [("environment", &self.environment), ("file", &self.file), ("kubernetes", &self.kubernetes)];
        match places.into_iter().find_map(|(kind, name)| Some((kind, name.as_ref()?))) {
            Some((kind, name)) => Ok(("kept".to_owned(), json!({kind: name}))),
            None => Ok(("secret".to_owned(), json!(read_password()?.expose()))),
        }
    }
}

pub(crate) fn run(global: &Global, command: &SecretsCommand) -> Result<ExitCode, Failure> {
    match command {
        SecretsCommand::List(arguments) => list(global, arguments)?,
        SecretsCommand::Add(arguments) => add(global, arguments)?,
        SecretsCommand::Replace(arguments) => replace(global, arguments)?,
        SecretsCommand::Remove(arguments) => remove(global, arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(global: &Global, arguments: &ListArguments) -> Result<(), Failure> {
    let secrets = Client::open(global, &arguments.server)?.get("/secrets")?;
    if arguments.json {
        return Ok(output::json(&secrets)?);
    }
    let rows = secrets.as_array().into_iter().flatten().map(|secret| {
        vec![
            text(&secret["name"]),
            text(&secret["kind"]),
            text(&secret["host"]),
            text(&secret["username"]),
            kept(&secret["kept"]),
            time(&secret["changed_at"]),
        ]
    });
    Ok(output::text(&table::draw(&["NAME", "KIND", "HOST", "USER", "KEPT", "CHANGED"], rows.collect()))?)
}

/// Where it is kept, which administrators see.
fn kept(place: &Value) -> String {
    match place {
        Value::Object(place) => place.iter().map(|(kind, name)| format!("{kind} {}", text(name))).collect(),
        place if place == "stored" => "here".to_owned(),
        place => text(place),
    }
}

fn add(global: &Global, arguments: &AddArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let AddArguments { name, kind, host, username, place, .. } = arguments;
    let mut new = json!({"name": name, "kind": kind, "host": host, "username": username});
    let (field, value) = place.field()?;
    new[field] = value;
    client.post("/secrets", &new)?;
    global.say(&format!("added the secret `{name}` for {host}"));
    Ok(())
}

fn replace(global: &Global, arguments: &ReplaceArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let texts = [("host", &arguments.host), ("username", &arguments.username)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
    let mut change: Map<String, Value> = texts.collect();
    let (field, value) = arguments.place.field()?;
    // What is given is kept at the server, wherever it was before.
    if field == "secret" {
        change.insert("kept".to_owned(), Value::Null);
    }
    change.insert(field, value);
    client.patch(&path_of(&arguments.name), &change.into(), None)?;
    global.say(&format!("replaced the secret `{}`", arguments.name));
    Ok(())
}

fn remove(global: &Global, arguments: &RemoveArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let path = path_of(&arguments.name);
    client.get(&path)?;
    confirm(&format!("remove the secret `{}`", arguments.name), arguments.yes)?;
    client.delete(&path, None)?;
    global.say(&format!("removed the secret `{}`", arguments.name));
    Ok(())
}

fn path_of(name: &str) -> String {
    format!("/secrets/{}", in_address(name))
}
