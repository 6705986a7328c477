//! How far transfers have come.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use imagewright_model::Progress;

use crate::reporter::OutputReporter;

/// How often the progress of all transfers together is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How far several transfers have come together.
pub(crate) struct Transfer<'a> {
    output: OutputReporter<'a>,
    message: String,
    done: AtomicI64,
    total: Option<u64>,
    told: Mutex<Instant>,
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(output: OutputReporter<'a>, message: String, total: Option<u64>) -> Self {
        Self { output, message, done: AtomicI64::new(0), total, told: Mutex::new(Instant::now()) }
    }

    /// Takes in that so many bytes have come, or were in vain.
    pub(crate) fn add(&self, bytes: i64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let done = u64::try_from(done).unwrap_or(0);
        let Ok(mut told) = self.told.try_lock() else { return };
        if told.elapsed() >= PROGRESS_INTERVAL || self.total == Some(done) {
            *told = Instant::now();
            self.output.progress(&self.message, Progress { done, total: self.total });
        }
    }
}
