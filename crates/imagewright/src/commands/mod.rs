//! One module for each command: its arguments, one call of the service, and how the result is shown.

pub(crate) mod build;
pub(crate) mod builds;
pub(crate) mod catalog;
pub(crate) mod check;
mod compatible;
pub(crate) mod completions;
pub(crate) mod config;
mod confirm;
mod dockerfile;
pub(crate) mod groups;
pub(crate) mod kernelspec;
pub(crate) mod login;
pub(crate) mod metadata;
pub(crate) mod people;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod tokens;
mod until;

#[cfg(target_os = "linux")]
mod admin;
#[cfg(target_os = "linux")]
mod base;
#[cfg(target_os = "linux")]
mod build_process;
#[cfg(target_os = "linux")]
mod doctor;
#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod fsck;
#[cfg(target_os = "linux")]
mod gc;
#[cfg(target_os = "linux")]
mod image;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod pull;
#[cfg(target_os = "linux")]
mod push;
#[cfg(target_os = "linux")]
mod serve;

#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
pub(crate) mod own;
#[cfg(target_os = "linux")]
mod packages;
#[cfg(target_os = "linux")]
mod publish;
#[cfg(target_os = "linux")]
mod remote;

#[cfg(not(target_os = "linux"))]
#[path = "../desktop/limits.rs"]
mod limits;
#[cfg(not(target_os = "linux"))]
#[path = "../desktop/own.rs"]
pub(crate) mod own;
#[cfg(not(target_os = "linux"))]
#[path = "../desktop/packages.rs"]
mod packages;
#[cfg(not(target_os = "linux"))]
#[path = "../desktop/publish.rs"]
mod publish;
#[cfg(not(target_os = "linux"))]
#[path = "../desktop/remote.rs"]
mod remote;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

#[cfg(target_os = "linux")]
pub(crate) use own::{Powers, powers};

pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Build(arguments) => build::run(&global, *arguments),
        Command::Own(command) => command.run(&global),
        Command::Check(arguments) => check::run(&global, *arguments),
        Command::Login(arguments) => login::login(&global, &arguments),
        Command::Logout(arguments) => login::logout(&global, &arguments),
        Command::Metadata(arguments) => metadata::run(&global, arguments),
        Command::Kernelspec(command) => kernelspec::run(&global, command),
        Command::Server(command) => server::run(&global, &command),
        Command::Catalog(command) => catalog::run(&global, command),
        Command::Builds(command) => builds::run(&global, command),
        Command::Groups(command) => groups::run(&global, &command),
        Command::People(command) => people::run(&global, &command),
        Command::Secrets(command) => secrets::run(&global, &command),
        Command::Tokens(command) => tokens::run(&global, &command),
        Command::Config(command) => config::run(&global, &command),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}
