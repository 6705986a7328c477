//! What happens during a build, in order: one stream for the terminal, for JSON lines and later for browsers.

use std::time::Duration;

use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

/// Version of the event stream; it grows when a field changes its meaning, not when one is added.
pub const EVENT_VERSION: u32 = 1;

/// Number of a step inside its build, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// How far something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum BuildOutcome {
    /// There is an image.
    Succeeded {
        /// Digest of its manifest.
        digest: Digest,
        /// Bytes of its layers as stored.
        size: u64,
        /// Number of its layers, those of the base included.
        layers: usize,
    },
    /// There is none.
    Failed {
        /// The error, causes joined by `: `.
        error: String,
    },
    /// There is a plan, which is all that was asked for.
    Planned,
    /// The user or a limit stopped it.
    Cancelled,
}

/// One thing that happened. Steps are announced by `step_started` and closed by `step_finished`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BuildEvent {
    /// The first event of a stream.
    Started {
        /// [`EVENT_VERSION`].
        version: u32,
        /// How many steps there are.
        steps: u32,
    },
    /// What was under way was cut off, and the build begins again: another `started` follows.
    Restarted {
        /// Which attempt begins, from 2.
        attempt: u32,
        /// What cut the one before off.
        reason: String,
    },
    /// A step begins.
    StepStarted {
        /// Which.
        step: StepId,
        /// What it does, in a few words.
        title: String,
    },
    /// A step has turned to another part of its work.
    Status {
        /// Which step.
        step: StepId,
        /// What is happening.
        message: String,
    },
    /// Bytes have moved.
    Progress {
        /// Which step.
        step: StepId,
        /// What is moving.
        message: String,
        /// How far it has come.
        #[serde(flatten)]
        progress: Progress,
    },
    /// A program of a step printed a line.
    Output {
        /// Which step.
        step: StepId,
        /// The line, without its end.
        line: String,
    },
    /// Something the user should know that stops nothing.
    Warning {
        /// What.
        message: String,
    },
    /// A step is done.
    StepFinished {
        /// Which.
        step: StepId,
        /// Whether its result was there already.
        cached: bool,
        /// Bytes of the layer it made, as stored.
        #[serde(skip_serializing_if = "Option::is_none")]
        layer_size: Option<u64>,
        /// How long it took.
        #[serde(rename = "milliseconds", with = "milliseconds")]
        took: Duration,
    },
    /// The last event of a stream.
    Finished {
        /// How it ended.
        #[serde(flatten)]
        outcome: BuildOutcome,
        /// How long all of it took.
        #[serde(rename = "milliseconds", with = "milliseconds")]
        took: Duration,
    },
}

/// Takes events in. Called from the thread that builds; must not block for long.
pub trait EventSink: Send + Sync {
    /// Takes one event in.
    fn emit(&self, event: BuildEvent);
}

/// For whoever does not want to hear anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _: BuildEvent) {}
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    const DOCUMENTATION: &str = include_str!("../../../docs/events.md");

    /// One of each, every field filled.
    fn all_events() -> Vec<BuildEvent> {
        let (step, took) = (StepId(1), Duration::from_millis(1));
        let text = || "text".to_owned();
        let succeeded = BuildOutcome::Succeeded { digest: Digest::of(b""), size: 1, layers: 1 };
        let failed = BuildOutcome::Failed { error: text() };
        let finished = [succeeded, failed, BuildOutcome::Planned, BuildOutcome::Cancelled]
            .map(|outcome| BuildEvent::Finished { outcome, took });
        let others = [
            BuildEvent::Started { version: EVENT_VERSION, steps: 1 },
            BuildEvent::Restarted { attempt: 2, reason: text() },
            BuildEvent::StepStarted { step, title: text() },
            BuildEvent::Status { step, message: text() },
            BuildEvent::Progress { step, message: text(), progress: Progress { done: 1, total: Some(2) } },
            BuildEvent::Output { step, line: text() },
            BuildEvent::Warning { message: text() },
            BuildEvent::StepFinished { step, cached: true, layer_size: Some(1), took },
        ];
        others.into_iter().chain(finished).inspect(is_listed).collect()
    }

    /// Who adds an event and is sent here by the compiler: add it to the list above, too.
    fn is_listed(event: &BuildEvent) {
        match event {
            BuildEvent::Started { .. }
            | BuildEvent::Restarted { .. }
            | BuildEvent::StepStarted { .. }
            | BuildEvent::Status { .. }
            | BuildEvent::Progress { .. }
            | BuildEvent::Output { .. }
            | BuildEvent::Warning { .. }
            | BuildEvent::StepFinished { .. }
            | BuildEvent::Finished {
                outcome:
                    BuildOutcome::Succeeded { .. }
                    | BuildOutcome::Failed { .. }
                    | BuildOutcome::Planned
                    | BuildOutcome::Cancelled,
                ..
            } => {}
        }
    }

    fn object(event: &BuildEvent) -> Map<String, Value> {
        match serde_json::to_value(event).unwrap() {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn every_event_and_field_is_documented() {
        for event in all_events() {
            let object = object(&event);
            let name = object["event"].as_str().unwrap();
            let (_, section) = DOCUMENTATION
                .split_once(&format!("### `{name}`\n"))
                .unwrap_or_else(|| panic!("docs/events.md has no section on `{name}`"));
            let section = section.split("\n#").next().unwrap();
            for field in object.keys().filter(|field| *field != "event") {
                assert!(
                    section.contains(&format!("\n| `{field}` |")),
                    "`{field}` of `{name}` is not documented"
                );
            }
            if let Some(status) = object.get("status") {
                assert!(section.contains(&format!("`{}`", status.as_str().unwrap())), "{status}");
            }
        }
        assert!(DOCUMENTATION.contains(&format!("version of the event stream: {EVENT_VERSION} ")));
    }

    #[test]
    fn the_documented_examples_are_events_to_the_letter() {
        let lines: Vec<&str> = DOCUMENTATION.lines().filter(|line| line.starts_with('{')).collect();
        assert!(lines.len() > 30);
        for line in lines {
            let event: BuildEvent =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
        }
    }
}
