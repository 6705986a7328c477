//! The hidden command by which a server starts itself as a process that builds.

use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use imagewright_service::Cancel;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// How the command is called.
pub(crate) const NAME: &str = "__build";

/// Do what standard input says: for servers alone
#[derive(Debug, Args)]
pub(crate) struct BuildProcessArguments {
    /// The folder to work in
    folder: PathBuf,
}

pub(crate) fn run(global: &Global, arguments: &BuildProcessArguments) -> Result<ExitCode, Failure> {
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let (input, output) = (BufReader::new(std::io::stdin()), std::io::stdout());
    Ok(imagewright_server::carry_out(service, &arguments.folder, &cancel, input, output))
}
