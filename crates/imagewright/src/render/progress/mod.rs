//! Progress of builds and transfers on standard error: drawn on a terminal, lines otherwise, or JSON lines.

mod json;
mod plain;
mod summary;
mod terminal;
mod transfer;

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use imagewright_model::{EventSink, NoEvents};

pub(crate) use transfer::TransferProgress;

/// How progress is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Progress")]
pub(crate) struct ProgressArguments {
    /// How to show progress on standard error: drawn, as lines, or as JSON lines (docs/events.md)
    #[arg(long, value_enum, default_value_t = Style::Auto, value_name = "STYLE", env = "IMAGEWRIGHT_PROGRESS")]
    progress: Style,
    /// Show what the programs of each step print
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Style {
    /// Drawn on a terminal, else lines
    Auto,
    /// Drawn
    Tty,
    /// Lines
    Plain,
    /// One JSON object a line
    Json,
}

impl ProgressArguments {
    /// What takes the events of a build.
    pub(crate) fn renderer(&self, quiet: bool) -> Box<dyn EventSink> {
        let draws = std::io::stderr().is_terminal() && !self.verbose;
        match self.progress {
            Style::Json => Box::new(json::JsonLines),
            _ if quiet => Box::new(NoEvents),
            Style::Tty => Box::new(terminal::Terminal::new()),
            Style::Auto if draws => Box::new(terminal::Terminal::new()),
            Style::Auto | Style::Plain => Box::new(plain::Plain::new(self.verbose)),
        }
    }
}
