//! `imagewright admin`: what is done at the machine of a server.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_catalog::{Change, NewPerson, PageRequest, Person, PersonChange, Principal, TokenScope};
use imagewright_model::ErrorKind;
use imagewright_records::BackupError;
use imagewright_server::{NewToken, Server};
use jiff::{SignedDuration, Timestamp};

use super::login::read_password;
use crate::cli::Global;
use crate::failure::Failure;
use crate::render::{output, table};
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
    /// Look after secrets
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Copy all records into a file, while the server runs
    ///
    /// The copy is of one moment, and takes the place of the file when it is complete. It holds people, groups, images, builds with their
    /// logs, and the audit trail, from SQLite and PostgreSQL in the same form. It does not hold images: these are in the content store. Nor
    /// does it hold the key of the secrets that are kept sealed; keep that apart, as both together open them.
    Backup {
        /// The file to write, readable by its owner alone
        file: PathBuf,
    },
    /// Take all records from a backup, where there are none yet
    ///
    /// Takes all of them, or none. Name the new place with --database to go from SQLite to PostgreSQL.
    Restore {
        /// The file that `imagewright admin backup` has written
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add somebody, and print an access token
    ///
    /// With --password-stdin, they log in with that password instead, and no token is made.
    Add {
        /// The name to log in with
        name: String,
        /// Make this an administrator of the whole server
        #[arg(long)]
        admin: bool,
        /// Read a password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List people
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Refuse somebody's logins and tokens
    Disable {
        /// The name to log in with
        name: String,
    },
    /// Take somebody's logins and tokens again
    Enable {
        /// The name to log in with
        name: String,
    },
    /// Give somebody another password, and end their sessions
    Passwd {
        /// The name to log in with
        name: String,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Print a new access token for somebody
    Token {
        /// The name to log in with
        name: String,
        /// What the token is called; each of somebody's tokens has a name of its own
        #[arg(long, default_value = "admin")]
        token_name: String,
        /// In how many days it ends to work [default: never]
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
    },
    /// Remove somebody, with tokens, sessions and memberships
    Delete {
        /// The name to log in with
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum SecretsCommand {
    /// Seal all secrets with a new key, and forget the old one
    ///
    /// The key is server/secrets.key in the content store. Where `server.secrets-key` names another one, put the new key in its first
    /// line and leave the old one in the second before.
    Rekey,
}

pub(crate) fn run(global: &Global, arguments: &AdminArguments) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        match &arguments.command {
            AdminCommand::Backup { file } => back_up(global, arguments, file).await?,
            AdminCommand::Restore { file } => restore(global, arguments, file).await?,
            AdminCommand::User(command) => {
                let server = arguments.database.server(global).await?;
                people(global, &server, command).await?;
                server.records().close().await;
            }
            AdminCommand::Secrets(SecretsCommand::Rekey) => {
                let server = arguments.database.server(global).await?;
                let count = server.rekey_secrets(&Principal::server()).await?;
                server.records().close().await;
                global.say(&format!("{count} secrets are sealed with a new key"));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn back_up(global: &Global, arguments: &AdminArguments, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let unwritable = |error: io::Error| Failure::from(BackupError::Write(error));
    // Temporary files are readable by their owner only.
    let mut unfinished =
        tempfile::Builder::new().prefix(".backup-").tempfile_in(folder).map_err(unwritable)?;
    let records = arguments.database.open(global).await?;
    let copied = records.back_up(Timestamp::now(), BufWriter::new(&mut unfinished)).await?;
    unfinished.as_file().sync_all().map_err(unwritable)?;
    unfinished.persist(file).map_err(|error| unwritable(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
    records.close().await;
    global.say(&format!("{} rows are in {}", copied.rows, file.display()));
    Ok(())
}

async fn restore(global: &Global, arguments: &AdminArguments, file: &Path) -> Result<(), Failure> {
    let backup = File::open(file).map_err(|error| {
        let kind = ErrorKind::of_io(&error);
        Failure::new(kind, format!("the backup `{}` cannot be opened: {error}", file.display()))
    })?;
    let records = arguments.database.open(global).await?;
    let copied = records.restore(backup).await?;
    records.close().await;
    global.say(&format!("{} rows are here as they were at {}", copied.rows, copied.made_at));
    Ok(())
}

async fn people(global: &Global, server: &Server, command: &UserCommand) -> Result<(), Failure> {
    let by = Principal::server();
    match command {
        UserCommand::Add { name, admin, password_stdin } => {
            let password = if *password_stdin { Some(read_password()?) } else { None };
            let has_password = password.is_some();
            let new = NewPerson { name: name.clone(), admin: *admin, ..NewPerson::default() };
            let person = server.add_person(&by, new, password).await?;
            if !has_password {
                let new = NewToken { name: "first".to_owned(), scope: TokenScope::All, expires_at: None };
                let issued = server.issue_token_to(&by, &person.id, new).await?;
                output::text(&format!("{}\n", issued.secret.expose()))?;
            }
        }
        UserCommand::List { json } => list(server, *json).await?,
        UserCommand::Disable { name } => disable(server, name, true).await?,
        UserCommand::Enable { name } => disable(server, name, false).await?,
        UserCommand::Passwd { name, .. } => {
            server.set_password(&by, name, read_password()?).await?;
            global.say(&format!("`{name}` has another password"));
        }
        UserCommand::Token { name, token_name, days } => {
            let person = server.person(&by, name).await?.person;
            let lasts = days.map(|days| SignedDuration::from_hours(i64::from(days) * 24));
            let expires_at = lasts.and_then(|lasts| Timestamp::now().checked_add(lasts).ok());
            let new = NewToken { name: token_name.clone(), scope: TokenScope::All, expires_at };
            let issued = server.issue_token_to(&by, &person.id, new).await?;
            output::text(&format!("{}\n", issued.secret.expose()))?;
        }
        UserCommand::Delete { name } => {
            server.delete_person(&by, name).await?;
            global.say(&format!("removed `{name}`"));
        }
    }
    Ok(())
}

async fn disable(server: &Server, name: &str, disabled: bool) -> Result<(), Failure> {
    let change = PersonChange { disabled: Change::Set(disabled), ..PersonChange::default() };
    server.change_person(&Principal::server(), name, change).await?;
    Ok(())
}

async fn list(server: &Server, json: bool) -> Result<(), Failure> {
    let mut page = PageRequest { after: None, limit: PageRequest::MOST };
    let mut people = Vec::new();
    loop {
        let found = server.people(&Principal::server(), None, &page).await?;
        people.extend(found.items);
        let Some(next) = found.next else { break };
        page.after = Some(next.parse().expect("a cursor of ours"));
    }
    if json {
        return Ok(output::json(&people)?);
    }
    let row = |person: Person| {
        let role = if person.admin { "admin" } else { "" };
        let login = match (person.disabled, &person.subject) {
            (true, _) => "disabled",
            (false, Some(_)) => "provider",
            (false, None) => "local",
        };
        let text = |text: Option<String>| text.unwrap_or_default();
        vec![person.name, role.into(), login.into(), text(person.display_name), text(person.email)]
    };
    let headings = ["NAME", "ROLE", "LOGIN", "DISPLAY NAME", "EMAIL"];
    Ok(output::text(&table::draw(&headings, people.into_iter().map(row).collect()))?)
}
