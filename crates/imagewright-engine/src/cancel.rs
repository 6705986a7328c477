//! Stopping a build from outside: by a signal, a deadline or a button.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use imagewright_model::Stop;
use imagewright_sandbox::Killer;

/// Shared by whoever may stop a build and the build itself. Cancelling twice is harmless.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    stop: Stop,
    running: Mutex<Vec<(u64, Killer)>>,
    /// Those that are cancelled with this one.
    parts: Mutex<Vec<Weak<Inner>>>,
}

impl Cancel {
    /// A fresh one that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// One for a part of what this one is for: cancelled with this one, and by itself without it.
    pub(crate) fn part(&self) -> Self {
        let part = Self::default();
        let mut parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: a cancel that came first is seen here, one that comes later finds the part.
        if self.is_cancelled() {
            part.cancel();
        }
        parts.retain(|part| part.strong_count() > 0);
        parts.push(Arc::downgrade(&part.0));
        part
    }

    /// Stops what runs now and everything that would begin later.
    pub fn cancel(&self) {
        self.0.stop.ask();
        for (_, killer) in self.running().iter() {
            killer.kill();
        }
        let parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        for part in parts.iter().filter_map(Weak::upgrade) {
            Self(part).cancel();
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.stop.is_asked()
    }

    /// What long work without a sandbox looks at.
    pub fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// Puts a running sandbox within reach of [`Cancel::cancel`] until the guard is dropped.
    pub(crate) fn guard(&self, killer: Killer) -> CancelGuard<'_> {
        let mut running = self.running();
        let id = running.last().map_or(0, |(id, _)| id + 1);
        // Under the lock: a cancel that came first is seen here, one that comes later finds the killer.
        if self.is_cancelled() {
            killer.kill();
        }
        running.push((id, killer));
        CancelGuard { cancel: self, id }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Killer)>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct CancelGuard<'a> {
    cancel: &'a Cancel,
    id: u64,
}

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        self.cancel.running().retain(|(id, _)| *id != self.id);
    }
}
