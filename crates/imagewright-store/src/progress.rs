//! How far a long operation has come, told now and then.

use imagewright_model::Progress;

/// Told what is happening and how far it has come.
pub type OnProgress<'a> = &'a mut dyn FnMut(&str, Progress);

/// Bytes between two reports.
const REPORT_EVERY: u64 = 4 << 20;

/// Counts bytes and reports every few MiB.
pub(crate) struct Meter<'a> {
    message: &'a str,
    total: Option<u64>,
    reported: u64,
    done: u64,
    progress: OnProgress<'a>,
}

impl<'a> Meter<'a> {
    /// Begins at nothing; `total` is known for files and unknown for streams.
    pub(crate) fn new(message: &'a str, total: Option<u64>, progress: OnProgress<'a>) -> Self {
        Self { message, total, reported: 0, done: 0, progress }
    }

    /// So many bytes more are done.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.set(self.done + bytes);
    }

    /// So many bytes are done in all.
    pub(crate) fn set(&mut self, done: u64) {
        self.done = done;
        if done - self.reported >= REPORT_EVERY || (Some(done) == self.total && done > self.reported) {
            self.reported = done;
            (self.progress)(self.message, Progress { done, total: self.total });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_few_and_the_last_one_is_complete() {
        let mut reports = Vec::new();
        let mut progress = |message: &str, progress: Progress| {
            assert_eq!(message, "copying");
            reports.push(progress.done);
        };
        let mut meter = Meter::new("copying", Some(10 << 20), &mut progress);
        for _ in 0..10 {
            meter.advance(1 << 20);
        }
        meter.set(10 << 20);
        assert_eq!(reports, [4 << 20, 8 << 20, 10 << 20]);
    }
}
