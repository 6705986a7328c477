//! Stopping a transfer from outside.

use std::thread;
use std::time::{Duration, Instant};

use imagewright_model::Stop;

use crate::RegistryError;

/// How often a pause looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Shared by whoever may stop a transfer and the transfer itself.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    stop: Stop,
    /// The wishes to end what this transfer is a part of.
    outer: Vec<Stop>,
}

impl Cancel {
    /// Cancelled as soon as `stop` is asked.
    pub fn watching(stop: &Stop) -> Self {
        Self { stop: stop.clone(), outer: Vec::new() }
    }

    /// Stops everything that holds a copy of this.
    pub fn cancel(&self) {
        self.stop.ask();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.stop.is_asked() || self.outer.iter().any(Stop::is_asked)
    }

    /// One that is cancelled with this one, and by itself without this one.
    pub(crate) fn inner(&self) -> Self {
        let outer = std::iter::once(&self.stop).chain(&self.outer).cloned().collect();
        Self { stop: Stop::default(), outer }
    }

    pub(crate) fn check(&self) -> Result<(), RegistryError> {
        if self.is_cancelled() { Err(RegistryError::Cancelled) } else { Ok(()) }
    }

    pub(crate) fn sleep(&self, pause: Duration) -> Result<(), RegistryError> {
        let end = Instant::now() + pause;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK));
        }
    }
}
