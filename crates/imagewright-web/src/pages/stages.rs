//! The stages of builds, from their events. A page asks again and again while a build runs, so what was read is remembered, and
//! only what has come since is read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use imagewright_catalog::{BuildId, Principal};
use imagewright_model::BuildEvent;
use imagewright_server::{Followed, Server, ServerError};

/// Of how many builds it is remembered.
const REMEMBERED: usize = 64;

/// What is known of the stages of builds.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    known: Mutex<HashMap<BuildId, Known>>,
}

/// What the events of a build have told so far.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The number of the first event that was not read.
    next: i64,
    steps: Vec<Step>,
}

/// A step of a build, as its events tell of it.
#[derive(Clone, Debug)]
struct Step {
    number: u64,
    title: String,
    /// Whether its result was there already, and the seconds that it took; none while it runs.
    end: Option<(bool, f64)>,
}

/// A stage of a build: what it does, and when.
pub(super) struct Stage {
    pub(super) title: String,
    pub(super) cached: bool,
    pub(super) took: Option<String>,
    /// Where its bar begins, and how long it is, in thousandths of the whole.
    pub(super) from: u64,
    pub(super) length: u64,
}

impl Stages {
    /// The stages that a build has gone through.
    pub(super) async fn of(
        &self,
        server: &Server,
        principal: &Principal,
        id: &BuildId,
    ) -> Result<Vec<Stage>, ServerError> {
        let remembered = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let mut known = remembered.unwrap_or_default();
        // Whether whoever asks may see the build is looked at here, whatever is remembered.
        let mut follower = server.follow_build(principal, id, known.next, false).await?;
        while let Followed::Events(events) = follower.next().await? {
            known.next = events.first + i64::try_from(events.lines.len()).expect("lines fit into memory");
            // Output is most of a log, and says nothing of stages.
            for line in events.lines.iter().filter(|line| !line.contains("\"output\"")) {
                known.take(line);
            }
        }
        let stages = known.stages();
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(id) {
            all.clear();
        }
        // Somebody else may have read further meanwhile.
        if all.get(id).is_none_or(|other| other.next <= known.next) {
            all.insert(id.clone(), known);
        }
        Ok(stages)
    }
}

impl Known {
    fn take(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(BuildEvent::Restarted { .. }) => self.steps.clear(),
            Ok(BuildEvent::StepStarted { step, title }) => {
                self.steps.push(Step { number: step.0.into(), title, end: None });
            }
            Ok(BuildEvent::StepFinished { step, cached, took, .. }) => {
                let number = u64::from(step.0);
                if let Some(step) = self.steps.iter_mut().find(|step| step.number == number) {
                    step.end = Some((cached, took.as_secs_f64()));
                }
            }
            _ => {}
        }
    }

    fn stages(&self) -> Vec<Stage> {
        let whole: f64 = self.steps.iter().filter_map(|step| Some(step.end?.1)).sum::<f64>().max(0.001);
        let mut from = 0;
        let staged = |Step { title, end, .. }: &Step| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "thousandths of a whole"
            )]
            let length = end.map_or(0, |(_, seconds)| (seconds / whole * 1000.0).round() as u64);
            let begin = from;
            from += length;
            let took = end.map(|(_, seconds)| format!("{seconds:.1} s"));
            let cached = end.is_some_and(|(cached, _)| cached);
            Stage { title: title.clone(), cached, took, from: begin, length }
        };
        self.steps.iter().map(staged).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use imagewright_model::StepId;

    use super::*;

    #[test]
    fn steps_become_parts_of_the_whole() {
        let step = StepId(1);
        let started = |step, title: &str| BuildEvent::StepStarted { step, title: title.to_owned() };
        let finished =
            BuildEvent::StepFinished { step, cached: true, layer_size: None, took: Duration::from_secs(3) };
        let restarted = BuildEvent::Restarted { attempt: 2, reason: "killed".to_owned() };
        let mut known = Known::default();
        let mut take = |event: &BuildEvent| known.take(&serde_json::to_string(event).unwrap());
        for event in [
            &started(StepId(9), "lost"),
            &restarted,
            &started(step, "apt"),
            &started(StepId(2), "pip"),
            &finished,
        ] {
            take(event);
        }
        let stages = known.stages();
        let told: Vec<_> =
            stages.iter().map(|it| (it.title.as_str(), it.cached, it.from, it.length)).collect();
        assert_eq!(told, [("apt", true, 0, 1000), ("pip", false, 1000, 0)]);
        assert_eq!((stages[0].took.as_deref(), stages[1].took.as_deref()), (Some("3.0 s"), None));
    }
}
