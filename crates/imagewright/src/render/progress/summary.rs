//! Steps as they go by, and the few lines at the end that tell what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use imagewright_model::{BuildEvent, BuildOutcome, StepId};

use crate::render::size;

/// Says that a build begins again.
pub(super) fn restarted(attempt: u32, reason: &str) -> String {
    format!("{reason}: the build begins again, attempt {attempt}")
}

/// Follows the events of a build.
#[derive(Default)]
pub(super) struct Summary {
    steps: u32,
    titles: BTreeMap<StepId, String>,
    /// Steps that have begun and not ended; those of several stages go on at the same time.
    running: BTreeSet<StepId>,
    done: u32,
    cached: u32,
}

impl Summary {
    /// Takes an event in; gives a line where one is due.
    pub(super) fn follow(&mut self, event: &BuildEvent) -> Option<String> {
        match event {
            BuildEvent::Started { steps, .. } => {
                self.steps = *steps;
                None
            }
            BuildEvent::Restarted { .. } => {
                *self = Self::default();
                None
            }
            BuildEvent::StepStarted { step, title } => {
                self.titles.insert(*step, title.clone());
                self.running.insert(*step);
                None
            }
            BuildEvent::StepFinished { step, cached, layer_size, took } => {
                self.done += 1;
                self.running.remove(step);
                self.cached += u32::from(*cached);
                Some(self.step_line(*step, *cached, *layer_size, *took))
            }
            BuildEvent::Finished { outcome: BuildOutcome::Succeeded { digest, size, layers }, took } => {
                Some(self.last_line(&digest.to_string(), *size, *layers, *took))
            }
            _ => None,
        }
    }

    /// `[2/3] apt git python3`, or `[2] RUN make` where nobody knows how many there will be.
    pub(super) fn heading(&self, step: StepId) -> String {
        let title = self.titles.get(&step).map_or("", String::as_str);
        match self.steps {
            0 => format!("[{}] {title}", step.0),
            steps => format!("[{}/{steps}] {title}", step.0),
        }
    }

    /// What tells a step from the others that go on.
    pub(super) fn prefix(&self, step: StepId) -> String {
        if self.running.len() > 1 { format!("[{}] ", step.0) } else { String::new() }
    }

    /// A step that goes on, if one does.
    pub(super) fn goes_on(&self) -> Option<StepId> {
        self.running.last().copied()
    }

    fn step_line(&self, step: StepId, cached: bool, layer_size: Option<u64>, took: Duration) -> String {
        let how = if cached { "cached".to_owned() } else { size::duration(took) };
        let layer = layer_size.map(|bytes| format!(", layer of {}", size::bytes(bytes))).unwrap_or_default();
        format!("{}: {how}{layer}", self.heading(step))
    }

    fn last_line(&self, digest: &str, bytes: u64, layers: usize, took: Duration) -> String {
        let cached = match self.cached {
            0 => "nothing cached".to_owned(),
            all if all == self.done => "everything cached".to_owned(),
            some => format!("{some} of {} steps cached", self.done),
        };
        let (bytes, layers, took) =
            (size::bytes(bytes), size::count(layers as u64, "layer"), size::duration(took));
        format!("built {digest}: {bytes} in {layers}, {cached}, {took}")
    }
}

#[cfg(test)]
mod tests {
    use imagewright_oci::Digest;

    use super::*;

    #[test]
    fn a_build_is_told_in_a_line_a_step_and_one_at_the_end() {
        let mut summary = Summary::default();
        let step = StepId(1);
        assert_eq!(summary.follow(&BuildEvent::Started { version: 1, steps: 2 }), None);
        summary.follow(&BuildEvent::StepStarted { step, title: "base bootstrap".into() });
        let took = Duration::from_millis(1200);
        let line = summary.follow(&BuildEvent::StepFinished { step, cached: true, layer_size: None, took });
        assert_eq!(line.as_deref(), Some("[1/2] base bootstrap: cached"));
        summary.follow(&BuildEvent::Started { version: 1, steps: 0 });
        assert_eq!(summary.heading(step), "[1] base bootstrap");
        summary.follow(&BuildEvent::Started { version: 1, steps: 2 });
        let line = summary.follow(&BuildEvent::StepFinished {
            step,
            cached: false,
            layer_size: Some(1_500_000),
            took,
        });
        assert_eq!(line.as_deref(), Some("[1/2] base bootstrap: 1.2 s, layer of 1.50 MB"));
        let digest = Digest::of(b"");
        let outcome = BuildOutcome::Succeeded { digest: digest.clone(), size: 2_000_000, layers: 2 };
        let line = summary.follow(&BuildEvent::Finished { outcome, took }).unwrap();
        assert_eq!(line, format!("built {digest}: 2.00 MB in 2 layers, 1 of 2 steps cached, 1.2 s"));
    }
}
