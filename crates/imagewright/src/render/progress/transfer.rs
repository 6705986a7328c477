//! Progress of an import or export: a bar on a terminal, nothing elsewhere.

use std::io::IsTerminal;

use imagewright_model::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Draws until it is dropped.
pub(crate) struct TransferProgress {
    bar: ProgressBar,
}

impl TransferProgress {
    pub(crate) fn new(quiet: bool) -> Self {
        let draws = std::io::stderr().is_terminal() && !quiet;
        let target = if draws { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {decimal_bytes} {elapsed:.dim}");
        bar.set_style(style.expect("the template is well-formed"));
        Self { bar }
    }

    pub(crate) fn show(&self, message: &str, progress: Progress) {
        if let Some(total) = progress.total {
            self.bar.set_length(total);
        }
        self.bar.set_message(message.to_owned());
        self.bar.set_position(progress.done);
    }

    /// The same, and leaves the terminal to others once all is done.
    pub(crate) fn show_until_done(&self, message: &str, progress: Progress) {
        self.show(message, progress);
        if progress.total == Some(progress.done) {
            self.bar.finish_and_clear();
        }
    }
}

impl Drop for TransferProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
