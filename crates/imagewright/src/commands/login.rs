//! `imagewright login` and `imagewright logout`

use std::io::Read;
use std::process::ExitCode;

use anstream::eprintln;
use clap::Args;
use imagewright_model::{ErrorKind, Secret};
use imagewright_service::{Cancel, Credential, KeptIn, Welcome};

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::settings::{Settings, machine};
use crate::signals::{Interrupt, cancel_on_signals};

/// Longer passwords and tokens there are not.
const LONGEST_PASSWORD: u64 = 64 * 1024;

/// Log in to a registry
///
/// The credentials are shown to the registry, and when it takes them kept where `docker login` keeps them (or
/// `podman login`, with REGISTRY_AUTH_FILE), so that both are logged in too.
///
/// Example: echo "$TOKEN" | imagewright login registry.example -u me --password-stdin
#[derive(Debug, Args)]
pub(crate) struct LoginArguments {
    /// Host of the registry, with its port where it has one
    registry: String,
    /// User name
    #[arg(long, short, value_name = "NAME")]
    username: String,
    /// Read the password or access token from standard input
    #[arg(long, required = true)]
    password_stdin: bool,
}

/// Forget the credentials of a registry
#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {
    /// Host of the registry, with its port where it has one
    registry: String,
}

pub(crate) fn login(global: &Global, arguments: &LoginArguments) -> Result<ExitCode, Failure> {
    let credential =
        Credential::Password { username: arguments.username.clone(), password: read_password()? };
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let files = machine::credential_files();
    let (welcome, kept) = service.login(&arguments.registry, &credential, &files, &cancel)?;
    if !global.quiet {
        if welcome == Welcome::Open {
            eprintln!("warning: `{}` asked for no credentials: they are kept unproven", arguments.registry);
        }
        eprintln!("logged in to {}; kept in {}", arguments.registry, shown(&kept));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn logout(global: &Global, arguments: &LogoutArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let places = service.logout(&arguments.registry, &machine::credential_files())?;
    if places.is_empty() {
        let text = format!("there are no credentials for `{}`", arguments.registry);
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    for place in places.iter().filter(|_| !global.quiet) {
        eprintln!("removed the credentials for {} from {}", arguments.registry, shown(place));
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
