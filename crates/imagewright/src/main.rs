//! The imagewright command line: parses, calls one function of the service, renders what comes back.

mod cli;
mod commands;
mod context;
mod failure;
mod render;
mod settings;
mod signals;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use imagewright_sandbox::user_namespace::{self, Standing};

use crate::cli::Cli;
use crate::commands::Powers;
use crate::failure::Failure;

/// The hidden first argument by which the program starts itself as the sandbox's helper.
const HELPER_ARGUMENT: &str = "__sandbox";

/// Runs this very command as root of a user namespace of its own. Nothing has been started yet: there is one thread.
fn run_again_inside() -> Result<ExitCode, Failure> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    Ok(user_namespace::run_inside(&std::env::current_exe()?, &arguments)?)
}

fn main() -> ExitCode {
    // Before anything else: the helper must still have a single thread.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == HELPER_ARGUMENT) {
        return imagewright_sandbox::helper_main();
    }
    let cli = Cli::parse();
    let colour = cli.global.colour();
    colour.write_global();
    let done = match commands::powers(&cli.command) {
        Powers::Unneeded => commands::run(cli),
        _ if user_namespace::standing() != Standing::Ordinary => commands::run(cli),
        Powers::Needed => run_again_inside(),
        Powers::Welcome => run_again_inside().or_else(|_| commands::run(cli)),
    };
    done.unwrap_or_else(|failure| failure.report())
}
