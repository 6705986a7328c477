//! Commands that need our own engine or the store. They are for Linux, and say so to whoever calls them here.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_service::{EngineError, ServiceError};

use crate::cli::Global;
use crate::failure::Failure;

/// Commands that people look for, and that there are on Linux alone.
#[derive(Debug, Subcommand)]
pub(crate) enum OwnCommand {
    /// Not here: see the error
    #[command(hide = true)]
    Image(Words),
    /// Not here: see the error
    #[command(hide = true)]
    Plan(Words),
    /// Not here: see the error
    #[command(hide = true)]
    Pull(Words),
    /// Not here: see the error
    #[command(hide = true)]
    Push(Words),
}

/// Whatever follows.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Words {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

impl OwnCommand {
    pub(super) fn run(self, _: &Global) -> Result<ExitCode, Failure> {
        Err(not_here(match self {
            Self::Image(_) => "`image`",
            Self::Plan(_) => "`plan`",
            Self::Pull(_) => "`pull`",
            Self::Push(_) => "`push`",
        }))
    }
}

/// The failure of what is for Linux alone.
pub(super) fn not_here(what: &'static str) -> Failure {
    ServiceError::from(EngineError::NotHere { what }).into()
}
