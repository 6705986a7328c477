//! The imagewright command line: parses, calls one function of the service, renders what comes back.

mod cli;
mod commands;
mod context;
mod failure;
mod render;
mod settings;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

/// The hidden first argument by which the program starts itself as the sandbox's helper.
const HELPER_ARGUMENT: &str = "__sandbox";

fn main() -> ExitCode {
    // Before anything else: the helper must still have a single thread.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == HELPER_ARGUMENT) {
        return imagewright_sandbox::helper_main();
    }
    let cli = Cli::parse();
    let colour = cli.global.colour();
    colour.write_global();
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
