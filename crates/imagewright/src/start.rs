//! As whom a command runs: as the helper of a sandbox, as root of a user namespace, or as we were started.

use std::ffi::OsString;
use std::process::ExitCode;

use imagewright_model::ErrorKind;
use imagewright_sandbox::user_namespace::{self, Standing, UserNamespaceError};

use crate::cli::Cli;
use crate::commands::{self, Powers};
use crate::failure::Failure;

/// The hidden first argument by which the program starts itself as the sandbox's helper.
pub(crate) const HELPER_ARGUMENT: &str = "__sandbox";

/// Does the helper's work, where that is what we were started for.
pub(crate) fn as_helper() -> Option<ExitCode> {
    let is_helper = std::env::args_os().nth(1).is_some_and(|argument| argument == HELPER_ARGUMENT);
    is_helper.then(imagewright_sandbox::helper_main)
}

/// Runs a command with the powers that it needs.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match commands::powers(&cli.command) {
        Powers::Unneeded => commands::run(cli),
        _ if user_namespace::standing() != Standing::Ordinary => commands::run(cli),
        Powers::Needed => run_again_inside(),
        Powers::Welcome => run_again_inside().or_else(|_| commands::run(cli)),
    }
}

/// Runs this very command as root of a user namespace of its own. Nothing has been started yet: there is one thread.
fn run_again_inside() -> Result<ExitCode, Failure> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    Ok(user_namespace::run_inside(&std::env::current_exe()?, &arguments)?)
}

/// An ordinary user cannot do here what building needs.
impl From<UserNamespaceError> for Failure {
    fn from(error: UserNamespaceError) -> Self {
        let hint = error.hint();
        let failure = Self::new(ErrorKind::Machine, error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
