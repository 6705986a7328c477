//! `imagewright people`: the people of a server.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_model::Secret;
use serde_json::{Map, Value, json};

use super::confirm::confirm;
use super::login::read_password;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags, in_address};
use crate::failure::Failure;
use crate::render::json_fields::{page, text, time, yes};
use crate::render::{output, table};

/// Look after the people of a server, as its administrator
#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// List people
    #[command(visible_alias = "ls")]
    List(ListArguments),
    /// Show somebody, and their groups
    Show(ShowArguments),
    /// Add somebody
    Add(AddArguments),
    /// Change what people read of somebody, or what they may do
    Edit(EditArguments),
    /// Refuse somebody's logins and tokens
    Disable(PersonArguments),
    /// Take somebody's logins and tokens again
    Enable(PersonArguments),
    /// Give somebody another password from standard input, and end their sessions
    SetPassword(PersonArguments),
    /// Remove somebody, with tokens, sessions and memberships
    #[command(visible_alias = "rm")]
    Remove(RemoveArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Words that all occur in name, display name or address
    search: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    person: PersonArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PersonArguments {
    /// The name to log in with
    name: String,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// What others read
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Where to write to
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Make this an administrator of the whole server
    #[arg(long)]
    admin: bool,
    /// Read a password from standard input; without one, they come in by a provider
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    person: PersonArguments,
}

#[derive(Debug, Args)]
pub(crate) struct EditArguments {
    #[command(flatten)]
    change: ChangeFlags,
    #[command(flatten)]
    person: PersonArguments,
}

/// What is changed.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ChangeFlags {
    /// What others read; nothing where it is empty
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Where to write to; nowhere where it is empty
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Whether this is an administrator of the whole server
    #[arg(long, value_name = "WHETHER", value_parser = clap::value_parser!(bool))]
    admin: Option<bool>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    person: PersonArguments,
}

impl PersonArguments {
    fn path(&self) -> String {
        format!("/people/{}", in_address(&self.name))
    }
}

pub(crate) fn run(global: &Global, command: &PeopleCommand) -> Result<ExitCode, Failure> {
    match command {
        PeopleCommand::List(arguments) => list(global, arguments)?,
        PeopleCommand::Show(arguments) => show(global, arguments)?,
        PeopleCommand::Add(arguments) => add(global, arguments)?,
        PeopleCommand::Edit(arguments) => edit(global, arguments)?,
        PeopleCommand::Disable(person) => change(global, person, &json!({"disabled": true}), "disabled")?,
        PeopleCommand::Enable(person) => change(global, person, &json!({"disabled": false}), "enabled")?,
        PeopleCommand::SetPassword(person) => set_password(global, person)?,
        PeopleCommand::Remove(arguments) => remove(global, arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(global: &Global, arguments: &ListArguments) -> Result<(), Failure> {
    let search = (!arguments.search.is_empty()).then(|| arguments.search.join(" "));
    let path = Path::new("/people").with("search", search.as_deref());
    let people = Client::open(global, &arguments.server)?.pages(&path)?;
    if arguments.json {
        return Ok(output::json(&people)?);
    }
    let rows = people.iter().map(|person| {
        let role = if person["admin"] == true { "admin" } else { "" };
        let field = |name: &str| text(&person[name]);
        vec![field("name"), role.to_owned(), login(person), field("display_name"), field("email")]
    });
    Ok(output::text(&table::draw(&["NAME", "ROLE", "LOGIN", "DISPLAY NAME", "EMAIL"], rows.collect()))?)
}

/// How somebody comes in.
fn login(person: &Value) -> String {
    let login = match (person["disabled"] == true, person["subject"].is_null()) {
        (true, _) => "disabled",
        (false, false) => "provider",
        (false, true) => "local",
    };
    login.to_owned()
}

fn show(global: &Global, arguments: &ShowArguments) -> Result<(), Failure> {
    let person = Client::open(global, &arguments.person.server)?.get(&arguments.person.path())?;
    if arguments.json {
        return Ok(output::json(&person)?);
    }
    let memberships = person["memberships"].as_array().into_iter().flatten();
    let memberships = memberships
        .map(|membership| format!("{} ({})", text(&membership["group"]), text(&membership["role"])));
    let rows = [
        ("Name", text(&person["name"])),
        ("Display name", text(&person["display_name"])),
        ("Email", text(&person["email"])),
        ("Administrator", yes(&person["admin"])),
        ("Login", login(&person)),
        ("Groups", memberships.collect::<Vec<_>>().join(", ")),
        ("Added", time(&person["created_at"])),
    ];
    Ok(output::lines(page(&rows))?)
}

fn add(global: &Global, arguments: &AddArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.person.server)?;
    let AddArguments { person, display_name, email, admin, password_stdin } = arguments;
    let password = password_stdin.then(read_password).transpose()?;
    let new = json!({
        "name": person.name, "display_name": display_name, "email": email, "admin": admin,
        "password": password.as_ref().map(Secret::expose),
    });
    client.post("/people", &new)?;
    global.say(&format!("added `{}`", person.name));
    Ok(())
}

fn edit(global: &Global, arguments: &EditArguments) -> Result<(), Failure> {
    let ChangeFlags { display_name, email, admin } = &arguments.change;
    let texts = [("display_name", display_name), ("email", email)];
    let mut change: Map<String, Value> = Map::new();
    for (name, text) in texts {
        if let Some(text) = text {
            change.insert(name.to_owned(), if text.is_empty() { Value::Null } else { json!(text) });
        }
    }
    if let Some(admin) = admin {
        change.insert("admin".to_owned(), json!(admin));
    }
    self::change(global, &arguments.person, &change.into(), "changed")
}

fn change(global: &Global, person: &PersonArguments, change: &Value, done: &str) -> Result<(), Failure> {
    Client::open(global, &person.server)?.patch(&person.path(), change, None)?;
    global.say(&format!("{done} `{}`", person.name));
    Ok(())
}

fn set_password(global: &Global, person: &PersonArguments) -> Result<(), Failure> {
    let client = Client::open(global, &person.server)?;
    let password = read_password()?;
    client.put(&format!("{}/password", person.path()), &json!({"password": password.expose()}))?;
    global.say(&format!("`{}` has another password", person.name));
    Ok(())
}

fn remove(global: &Global, RemoveArguments { yes, person }: &RemoveArguments) -> Result<(), Failure> {
    let client = Client::open(global, &person.server)?;
    client.get(&person.path())?;
    confirm(&format!("remove `{}`", person.name), *yes)?;
    client.delete(&person.path(), None)?;
    global.say(&format!("removed `{}`", person.name));
    Ok(())
}
