//! One JSON object a line, as docs/events.md describes.

use std::io::Write;

use imagewright_model::{BuildEvent, EventSink};

pub(super) struct JsonLines;

impl EventSink for JsonLines {
    fn emit(&self, event: BuildEvent) {
        let mut line = serde_json::to_vec(&event).expect("events are plain data");
        line.push(b'\n');
        // Nobody listens any more: the build goes on.
        let _ = std::io::stderr().lock().write_all(&line);
    }
}
