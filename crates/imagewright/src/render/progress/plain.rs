//! Progress as lines, for logs and pipes.

use std::sync::{Mutex, PoisonError};

use anstream::eprintln;
use imagewright_model::{BuildEvent, EventSink};

use super::summary::{self, Summary};

/// Prints a line when a step begins, turns to something else, and ends.
pub(super) struct Plain {
    summary: Mutex<Summary>,
    verbose: bool,
}

impl Plain {
    pub(super) fn new(verbose: bool) -> Self {
        Self { summary: Mutex::default(), verbose }
    }
}

impl EventSink for Plain {
    fn emit(&self, event: BuildEvent) {
        let mut summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = summary.follow(&event) {
            eprintln!("{line}");
        }
        match event {
            BuildEvent::StepStarted { step, .. } => eprintln!("{}", summary.heading(step)),
            BuildEvent::Status { step, message } => eprintln!("  {}{message}", summary.prefix(step)),
            BuildEvent::Output { step, line } if self.verbose => {
                eprintln!("  {}| {line}", summary.prefix(step));
            }
            BuildEvent::Warning { message } => eprintln!("warning: {message}"),
            BuildEvent::Restarted { attempt, reason } => {
                eprintln!("{}", summary::restarted(attempt, &reason));
            }
            _ => {}
        }
    }
}
