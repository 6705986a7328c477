//! Progress drawn on a terminal: a line for each finished step, and below it what is happening now.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use imagewright_model::{BuildEvent, EventSink, StepId};
use indicatif::{ProgressBar, ProgressStyle};

use super::summary::{self, Summary};
use crate::render::size;

/// Quick steps show nothing but their result.
const PATIENCE: Duration = Duration::from_millis(250);
/// Characters of a heading that are drawn.
const LONGEST_HEADING: usize = 48;
const TICK: Duration = Duration::from_millis(100);

/// Draws on standard error.
pub(super) struct Terminal {
    state: Mutex<State>,
}

struct State {
    summary: Summary,
    bar: ProgressBar,
    /// What the steps that go on are doing.
    status: BTreeMap<StepId, String>,
    /// The step that is drawn.
    drawn: Option<StepId>,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner:.cyan} {prefix} {wide_msg:.dim} {elapsed:.dim}");
        bar.set_style(style.expect("the template is well-formed"));
        Self {
            state: Mutex::new(State {
                summary: Summary::default(),
                bar,
                status: BTreeMap::new(),
                drawn: None,
            }),
        }
    }
}

impl EventSink for Terminal {
    fn emit(&self, event: BuildEvent) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).show(&event);
    }
}

impl State {
    fn show(&mut self, event: &BuildEvent) {
        let line = self.summary.follow(event);
        match event {
            BuildEvent::StepStarted { step, .. } => {
                self.bar.reset_elapsed();
                self.turn_to(*step);
                self.bar.set_message("");
            }
            BuildEvent::Status { step, message } => {
                self.status.insert(*step, message.clone());
                self.draw(*step, message.clone());
            }
            BuildEvent::Progress { step, message, progress } => {
                let of =
                    progress.total.map(|total| format!(" of {}", size::bytes(total))).unwrap_or_default();
                self.draw(*step, format!("{message}, {}{of}", size::bytes(progress.done)));
            }
            BuildEvent::Output { step, line } => {
                let status = self.status.get(step).map(|status| format!("{status}: ")).unwrap_or_default();
                self.draw(*step, format!("{status}{}", line.trim()));
            }
            BuildEvent::StepFinished { step, .. } => {
                self.status.remove(step);
                if let Some(step) = self.summary.goes_on() {
                    self.turn_to(step);
                    self.bar.set_message(self.status.get(&step).cloned().unwrap_or_default());
                }
            }
            BuildEvent::Warning { message } => {
                let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
                self.print(&format!("{yellow}warning:{yellow:#} {message}"));
            }
            BuildEvent::Restarted { attempt, reason } => {
                self.status.clear();
                self.print(&summary::restarted(*attempt, reason));
            }
            BuildEvent::Finished { .. } => self.bar.finish_and_clear(),
            BuildEvent::Started { .. } => {}
        }
        if let Some(line) = line {
            self.print(&line);
        }
    }

    fn turn_to(&mut self, step: StepId) {
        self.bar.set_prefix(shortened(&self.summary.heading(step)));
        self.drawn = Some(step);
    }

    fn draw(&mut self, step: StepId, message: String) {
        if self.drawn != Some(step) {
            self.turn_to(step);
        }
        if self.bar.elapsed() >= PATIENCE {
            self.bar.enable_steady_tick(TICK);
        }
        self.bar.set_message(message);
    }

    /// Prints a line above what is drawn.
    fn print(&self, line: &str) {
        self.bar.suspend(|| anstream::eprintln!("{line}"));
    }
}

/// A heading that leaves room for what is happening.
fn shortened(heading: &str) -> String {
    match heading.char_indices().nth(LONGEST_HEADING) {
        Some((end, _)) => format!("{}…", heading[..end].trim_end()),
        None => heading.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_headings_are_cut_between_characters() {
        assert_eq!(shortened("[1/2] base bootstrap"), "[1/2] base bootstrap");
        let long = "é".repeat(LONGEST_HEADING + 1);
        assert_eq!(shortened(&long), "é".repeat(LONGEST_HEADING) + "…");
    }
}
