//! Writes what happens to standard output, and no more than is worth keeping.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use imagewright_model::{BuildEvent, BuildOutcome, EVENT_VERSION, EventSink, Progress, StepId};

use super::Said;

/// The longest line of output that is told whole, in characters.
const LONGEST_LINE: usize = 8192;
/// How often a step tells how far it is.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Tells events as lines. The last event is held back: a build is not over before its result is where it belongs.
pub(super) struct Lines<W>(Mutex<Inner<W>>);

struct Inner<W> {
    output: W,
    started: Instant,
    has_begun: bool,
    last_step: u32,
    told: HashMap<StepId, Instant>,
    /// Bytes of output that may still be told; none when it was said that the log is full.
    left: Option<u64>,
    layers: usize,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(output: W, longest_log: u64) -> Self {
        Self(Mutex::new(Inner {
            output,
            started: Instant::now(),
            has_begun: false,
            last_step: 0,
            told: HashMap::new(),
            left: Some(longest_log),
            layers: 0,
        }))
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one more thing with the result, as a step of the build.
    pub(super) fn step<T>(&self, title: &str, work: impl FnOnce(&(dyn Fn(&str, Progress) + Sync)) -> T) -> T
    where
        W: Send,
    {
        let step = {
            let mut inner = self.inner();
            inner.last_step += 1;
            StepId(inner.last_step)
        };
        let began = Instant::now();
        self.emit(BuildEvent::StepStarted { step, title: title.to_owned() });
        let done = work(&|message, progress| {
            self.emit(BuildEvent::Progress { step, message: message.to_owned(), progress });
        });
        self.emit(BuildEvent::StepFinished { step, cached: false, layer_size: None, took: began.elapsed() });
        done
    }

    /// Tells how it ended, and the last line.
    pub(super) fn end(&self, outcome: BuildOutcome, last: &Said) {
        let mut inner = self.inner();
        if !inner.has_begun {
            inner.tell(&BuildEvent::Started { version: EVENT_VERSION, steps: 0 });
        }
        let outcome = match outcome {
            BuildOutcome::Succeeded { digest, size, .. } => {
                BuildOutcome::Succeeded { digest, size, layers: inner.layers }
            }
            other => other,
        };
        let took = inner.started.elapsed();
        inner.tell(&BuildEvent::Finished { outcome, took });
        inner.say(last);
    }
}

impl<W: Write + Send> EventSink for Lines<W> {
    fn emit(&self, event: BuildEvent) {
        let mut inner = self.inner();
        match &event {
            BuildEvent::Started { .. } => inner.has_begun = true,
            BuildEvent::StepStarted { step, .. } => inner.last_step = inner.last_step.max(step.0),
            BuildEvent::Progress { step, progress, .. } if !inner.is_due(*step, *progress) => return,
            BuildEvent::Finished { outcome, .. } => {
                if let BuildOutcome::Succeeded { layers, .. } = outcome {
                    inner.layers = *layers;
                }
                return;
            }
            BuildEvent::Output { line, .. } => {
                let Some(left) = inner.left else { return };
                inner.left = left.checked_sub(line.len() as u64 + 1);
                if inner.left.is_none() {
                    let message = "the log is full: what programs print from here on is not kept".to_owned();
                    inner.tell(&BuildEvent::Warning { message });
                    return;
                }
            }
            _ => {}
        }
        inner.tell(&shortened(event));
    }
}

impl<W: Write> Inner<W> {
    fn is_due(&mut self, step: StepId, progress: Progress) -> bool {
        let is_last = progress.total == Some(progress.done);
        let is_due = self.told.get(&step).is_none_or(|told| told.elapsed() >= PROGRESS_EVERY);
        if is_due || is_last {
            self.told.insert(step, Instant::now());
        }
        is_due || is_last
    }

    fn tell(&mut self, event: &BuildEvent) {
        let raw = serde_json::value::to_raw_value(event).expect("events are plain data");
        self.say(&Said::Event(raw));
    }

    fn say(&mut self, said: &Said) {
        let mut line = serde_json::to_vec(said).expect("what is said is plain data");
        line.push(b'\n');
        // Where nobody listens any more, standard input has closed, and that ends the process.
        let _ = self.output.write_all(&line).and_then(|()| self.output.flush());
    }
}

/// The event with a line that can be shown.
fn shortened(event: BuildEvent) -> BuildEvent {
    match event {
        BuildEvent::Output { step, line } if line.len() > LONGEST_LINE => {
            let mut cut: String = line.chars().take(LONGEST_LINE).collect();
            cut.push('…');
            BuildEvent::Output { step, line: cut }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(line: &str) -> BuildEvent {
        BuildEvent::Output { step: StepId(1), line: line.to_owned() }
    }

    fn told(lines: Lines<Vec<u8>>) -> Vec<String> {
        let text = String::from_utf8(lines.0.into_inner().unwrap().output).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_log_has_an_end_and_says_so() {
        let lines = Lines::new(Vec::new(), 10);
        for line in ["12345", "123", "1", "later"] {
            lines.emit(output(line));
        }
        lines.emit(BuildEvent::Status { step: StepId(1), message: "kept".to_owned() });
        let told = told(lines);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[2].contains("the log is full"), "{told:?}");
        assert!(told[3].contains("kept"), "{told:?}");
    }

    #[test]
    fn the_last_event_comes_when_all_is_done() {
        let lines = Lines::new(Vec::new(), 1 << 20);
        lines.emit(BuildEvent::Started { version: 1, steps: 1 });
        lines.emit(BuildEvent::StepStarted { step: StepId(1), title: "base".to_owned() });
        lines.emit(output(&"x".repeat(LONGEST_LINE + 1)));
        let digest = imagewright_oci::Digest::of(b"");
        let outcome = BuildOutcome::Succeeded { digest, size: 1, layers: 7 };
        lines.emit(BuildEvent::Finished { outcome: outcome.clone(), took: Duration::ZERO });
        lines.step("push", |_| ());
        let failure = super::super::JobFailure {
            kind: imagewright_model::ErrorKind::Failed,
            text: "no".to_owned(),
            hint: None,
        };
        lines.end(outcome, &Said::Failed(failure));
        let told = told(lines);
        assert!(told[2].contains('…'));
        assert!(told[3].contains(r#""step":2,"title":"push""#), "{}", told[3]);
        assert!(
            told[5].contains(r#""event":"finished""#) && told[5].contains(r#""layers":7"#),
            "{}",
            told[5]
        );
        assert_eq!(told.len(), 7);
    }
}
