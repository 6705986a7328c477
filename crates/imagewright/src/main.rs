//! The imagewright command line: parses, calls one function of the service, renders what comes back.
//!
//! Modules that differ where our own engine does not run have their other form in the folder `desktop`.

#![cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "some helpers are used only by commands that are for Linux")
)]

mod cli;
mod client;
mod commands;
mod failure;
mod render;
mod settings;

#[cfg(target_os = "linux")]
mod context;
#[cfg(not(target_os = "linux"))]
#[path = "desktop/context.rs"]
mod context;

#[cfg(target_os = "linux")]
mod server;

#[cfg(unix)]
mod signals;
#[cfg(windows)]
#[path = "desktop/signals.rs"]
mod signals;

#[cfg(target_os = "linux")]
mod start;
#[cfg(not(target_os = "linux"))]
#[path = "desktop/start.rs"]
mod start;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
    // Before anything else: the helper must still have a single thread.
    if let Some(code) = start::as_helper() {
        return code;
    }
    let cli = Cli::parse();
    cli.global.colour().write_global();
    start::run(cli).unwrap_or_else(|failure| failure.report())
}
