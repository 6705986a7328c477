//! `imagewright login` and `imagewright logout`

use std::io::Read;
use std::process::ExitCode;

use clap::Args;
use imagewright_model::{ErrorKind, Secret};
use imagewright_service::{Cancel, Credential, KeptIn, Welcome};

use super::server;
use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::settings::{Settings, machine};
use crate::signals::{Interrupt, cancel_on_signals};

/// Longer passwords and tokens there are not.
const LONGEST_PASSWORD: u64 = 64 * 1024;

const USAGE: &str = "\
imagewright login [OPTIONS] --username <NAME> --password-stdin <REGISTRY>
       imagewright login [OPTIONS] --server <URL>";

const EXAMPLES: &str = "\
Examples:
  echo \"$TOKEN\" | imagewright login registry.example -u me --password-stdin
  echo \"$TOKEN\" | imagewright login --server https://images.example";

/// Log in to a registry, or to a server
///
/// The credentials are shown to the registry, and when it takes them kept where `docker login` keeps them (or
/// `podman login`, with REGISTRY_AUTH_FILE), so that both are logged in too.
///
/// With --server, an access token logs in to a server of images, as with `imagewright server login`: for `imagewright catalog`,
/// `imagewright builds` and others. The registry of a server wants a login of its own.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_long_help = EXAMPLES)]
pub(crate) struct LoginArguments {
    /// Host of the registry, with its port where it has one
    #[arg(required_unless_present = "server")]
    registry: Option<String>,
    /// User name
    #[arg(long, short, value_name = "NAME", required_unless_present = "server")]
    username: Option<String>,
    /// Read the password or access token from standard input
    #[arg(long, required_unless_present = "server")]
    password_stdin: bool,
    /// Address of a server to log in to, instead of a registry
    #[arg(long, value_name = "URL", conflicts_with_all = ["registry", "username"])]
    server: Option<String>,
}

/// Forget the credentials of a registry, or of a server
#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {
    /// Host of the registry, with its port where it has one
    #[arg(required_unless_present = "server")]
    registry: Option<String>,
    /// Address of a server to log out of, instead of a registry
    #[arg(long, value_name = "URL", conflicts_with = "registry")]
    server: Option<String>,
}

pub(crate) fn login(global: &Global, arguments: &LoginArguments) -> Result<ExitCode, Failure> {
    if let Some(address) = &arguments.server {
        server::login(global, address)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (registry, username) = (arguments.registry.as_ref(), arguments.username.as_ref());
    let (registry, username) = registry.zip(username).expect("clap asks for both where there is no server");
    let credential = Credential::Password { username: username.clone(), password: read_password()? };
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let files = machine::credential_files();
    let (welcome, kept) = service.login(registry, &credential, &files, &cancel)?;
    if welcome == Welcome::Open {
        global.say(&format!("warning: `{registry}` asked for no credentials: they are kept unproven"));
    }
    global.say(&format!("logged in to {registry}; kept in {}", shown(&kept)));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn logout(global: &Global, arguments: &LogoutArguments) -> Result<ExitCode, Failure> {
    let Some(registry) = &arguments.registry else {
        server::logout(global, arguments.server.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    };
    let service = context::open(global, Settings::default())?;
    let places = service.logout(registry, &machine::credential_files())?;
    if places.is_empty() {
        let text = format!("there are no credentials for `{registry}`");
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    for place in &places {
        global.say(&format!("removed the credentials for {registry} from {}", shown(place)));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn read_password() -> Result<Secret, Failure> {
    let mut text = String::new();
    std::io::stdin().take(LONGEST_PASSWORD).read_to_string(&mut text)?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(ErrorKind::Usage, "there is no password on standard input"));
    }
    Ok(Secret::new(password))
}

fn shown(place: &KeptIn) -> String {
    match place {
        KeptIn::File(path) => path.display().to_string(),
        KeptIn::Helper(name) => format!("the credential helper `{name}`"),
    }
}
