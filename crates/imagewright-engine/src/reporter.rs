//! Numbers the steps of a build, times them and turns them into events.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use imagewright_model::{BuildEvent, BuildOutcome, EVENT_VERSION, EventSink, Progress, StepId};

/// How often a step says how far it has come.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Reports one build: created when it starts, finished with its outcome.
pub(crate) struct BuildReporter<'a> {
    events: &'a dyn EventSink,
    started: Instant,
    next_step: AtomicU32,
}

impl<'a> BuildReporter<'a> {
    pub(crate) fn start(events: &'a dyn EventSink, steps: u32) -> Self {
        events.emit(BuildEvent::Started { version: EVENT_VERSION, steps });
        Self { events, started: Instant::now(), next_step: AtomicU32::new(1) }
    }

    pub(crate) fn step(&self, title: impl Into<String>) -> StepReporter<'a> {
        let step = StepId(self.next_step.fetch_add(1, Ordering::Relaxed));
        self.events.emit(BuildEvent::StepStarted { step, title: title.into() });
        StepReporter { events: self.events, step, started: Instant::now(), last_progress: Mutex::new(None) }
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.events.emit(BuildEvent::Warning { message: message.into() });
    }

    pub(crate) fn finish(self, outcome: BuildOutcome) {
        self.events.emit(BuildEvent::Finished { outcome, took: self.started.elapsed() });
    }
}

/// Reports one step.
pub(crate) struct StepReporter<'a> {
    events: &'a dyn EventSink,
    step: StepId,
    started: Instant,
    last_progress: Mutex<Option<Instant>>,
}

impl<'a> StepReporter<'a> {
    pub(crate) fn status(&self, message: impl Into<String>) {
        self.events.emit(BuildEvent::Status { step: self.step, message: message.into() });
    }

    /// Reports progress, at most ten times a second; the last report (done equals total) always passes.
    pub(crate) fn progress(&self, message: &str, done: u64, total: Option<u64>) {
        let mut last = self.last_progress.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL);
        if due || total == Some(done) {
            *last = Some(Instant::now());
            drop(last);
            let progress = Progress { done, total };
            self.events.emit(BuildEvent::Progress { step: self.step, message: message.to_owned(), progress });
        }
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.events.emit(BuildEvent::Warning { message: message.into() });
    }

    /// What the output of a program is given to; usable from the threads that read it.
    pub(crate) fn output(&self) -> OutputReporter<'a> {
        OutputReporter { events: self.events, step: self.step }
    }

    pub(crate) fn finish(self, cached: bool, layer_size: Option<u64>) {
        self.events.emit(BuildEvent::StepFinished {
            step: self.step,
            cached,
            layer_size,
            took: self.started.elapsed(),
        });
    }
}

/// Reports from threads of a step: lines that a program printed, bytes that moved.
#[derive(Clone, Copy)]
pub(crate) struct OutputReporter<'a> {
    events: &'a dyn EventSink,
    step: StepId,
}

impl OutputReporter<'_> {
    /// Passes progress on as it comes, from whichever thread.
    pub(crate) fn progress(&self, message: &str, progress: Progress) {
        self.events.emit(BuildEvent::Progress { step: self.step, message: message.to_owned(), progress });
    }

    pub(crate) fn line(&self, line: &str) {
        self.events.emit(BuildEvent::Output { step: self.step, line: line.to_owned() });
    }
}
