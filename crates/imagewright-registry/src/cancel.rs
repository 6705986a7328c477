//! Stopping a transfer from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::RegistryError;

/// How often a pause looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Shared by whoever may stop a transfer and the transfer itself.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    /// The flag of what this transfer is a part of.
    outer: Option<Arc<AtomicBool>>,
}

impl Cancel {
    /// Cancelled as soon as `flag` is set.
    pub fn watching(flag: Arc<AtomicBool>) -> Self {
        Self { flag, outer: None }
    }

    /// Stops everything that holds a copy of this.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::SeqCst);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        let set = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        set(&self.flag) || self.outer.as_deref().is_some_and(set)
    }

    /// One that is cancelled with this one, and by itself without this one.
    pub(crate) fn inner(&self) -> Self {
        Self { flag: Arc::default(), outer: Some(Arc::clone(&self.flag)) }
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
