//! One module for each command: its arguments, one call of the service, and how the result is shown.

pub(crate) mod base;
pub(crate) mod build;
pub(crate) mod check;
mod compatible;
pub(crate) mod completions;
mod dockerfile;
pub(crate) mod doctor;
pub(crate) mod fsck;
pub(crate) mod gc;
pub(crate) mod image;
pub(crate) mod limits;
pub(crate) mod login;
pub(crate) mod metadata;
pub(crate) mod plan;
pub(crate) mod publish;
pub(crate) mod pull;
pub(crate) mod push;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// Whether a command must be root, at least of its own namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Powers {
    /// It unpacks, builds or runs images.
    Needed,
    /// It sees more with them, and does without.
    Welcome,
    /// It only moves files.
    Unneeded,
}

/// Which powers a command needs.
pub(crate) fn powers(command: &Command) -> Powers {
    match command {
        Command::Build(_) | Command::Plan(_) | Command::Base(_) | Command::Gc(_) => Powers::Needed,
        Command::Image(command) if image::runs_images(command) => Powers::Needed,
        Command::Doctor(_) => Powers::Welcome,
        Command::Image(_)
        | Command::Pull(_)
        | Command::Push(_)
        | Command::Check(_)
        | Command::Login(_)
        | Command::Logout(_)
        | Command::Metadata(_)
        | Command::Fsck(_)
        | Command::Completions(_) => Powers::Unneeded,
    }
}

pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Build(arguments) => build::run(&global, *arguments),
        Command::Plan(arguments) => plan::run(&global, *arguments),
        Command::Image(command) => image::run(&global, command),
        Command::Base(command) => base::run(&global, command),
        Command::Check(arguments) => check::run(&global, arguments),
        Command::Pull(arguments) => pull::run(&global, &arguments),
        Command::Push(arguments) => push::run(&global, &arguments),
        Command::Login(arguments) => login::login(&global, &arguments),
        Command::Logout(arguments) => login::logout(&global, &arguments),
        Command::Metadata(arguments) => metadata::run(&global, arguments),
        Command::Gc(arguments) => gc::run(&global, &arguments),
        Command::Fsck(arguments) => fsck::run(&global, &arguments),
        Command::Doctor(arguments) => doctor::run(&global, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}
