//! `imagewright server`: which server commands speak to.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_model::{ErrorKind, Secret};

use crate::cli::Global;
use crate::client::{self, Client};
use crate::failure::Failure;

/// Longer tokens there are not.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// Log in to a server, and out
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Log in to a server with an access token
    ///
    /// The token is read from standard input, or taken from IMAGEWRIGHT_TOKEN, shown to the server, and when it takes it kept in
    /// a file that only you can read. From then on commands speak to this server unless --server or IMAGEWRIGHT_SERVER names
    /// another.
    ///
    /// Example: echo "$TOKEN" | imagewright server login https://images.example
    Login(LoginArguments),
    /// Forget the token of a server
    Logout(LogoutArguments),
}

#[derive(Debug, Args)]
pub(crate) struct LoginArguments {
    /// Address of the server
    #[arg(value_name = "URL")]
    address: String,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {
    /// Address of the server [default: the one of the last login]
    #[arg(value_name = "URL")]
    address: Option<String>,
}

pub(crate) fn run(global: &Global, command: &ServerCommand) -> Result<ExitCode, Failure> {
    match command {
        ServerCommand::Login(arguments) => login(global, &arguments.address)?,
        ServerCommand::Logout(arguments) => logout(global, arguments.address.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Forgets the token of a server, of the last login where none is named.
pub(super) fn logout(global: &Global, address: Option<&str>) -> Result<(), Failure> {
    let address = address.map(client::normalised).transpose()?;
    let address = client::forget(address.as_deref())?;
    global.say(&format!("removed the token for {address}"));
    Ok(())
}

/// Logs in to a server with a token from the environment or standard input.
pub(super) fn login(global: &Global, address: &str) -> Result<(), Failure> {
    let address = client::normalised(address)?;
    let token = token(global)?;
    let client = Client::to(global, address.clone(), Some(token.clone()))?;
    // Nobody but its owner sees the list of tokens, so an answer proves it.
    client.get("/tokens")?;
    let file = client::keep(&address, &token)?;
    global.say(&format!("logged in to {address}; kept in {}", file.display()));
    Ok(())
}

fn token(global: &Global) -> Result<Secret, Failure> {
    let named = std::env::var("IMAGEWRIGHT_TOKEN").ok().filter(|token| !token.is_empty());
    if let Some(token) = named {
        return Ok(Secret::new(token));
    }
    if std::io::stdin().is_terminal() {
        global.say("paste the access token, then Enter and Ctrl-D:");
    }
    let mut text = String::new();
    std::io::stdin().take(LONGEST_TOKEN).read_to_string(&mut text)?;
    match text.trim() {
        "" => Err(Failure::new(ErrorKind::Usage, "there is no token on standard input")),
        token => Ok(Secret::new(token)),
    }
}
