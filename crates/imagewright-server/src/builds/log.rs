//! The events of a build as lines of text, for people who read a log.

use std::time::Duration;

use imagewright_catalog::{BuildId, Principal};
use imagewright_model::{BuildEvent, BuildOutcome};

use crate::{Followed, Follower, Server, ServerError};

/// A log, piece by piece.
pub struct LogLines {
    follower: Follower,
    /// Lines that are passed over.
    skip: usize,
}

impl Server {
    /// The log of a build as it is now; with `tail`, its last lines alone.
    pub async fn build_log(
        &self,
        principal: &Principal,
        id: &BuildId,
        tail: Option<usize>,
    ) -> Result<LogLines, ServerError> {
        let build = self.build(principal, id).await?;
        let (from, skip) = match tail {
            None => (0, 0),
            Some(tail) => self.log_from(id, tail).await?,
        };
        Ok(LogLines { follower: self.follower(&build, from, false), skip })
    }

    /// From which event on there are the last `tail` lines, and how many lines are too many then.
    async fn log_from(&self, id: &BuildId, tail: usize) -> Result<(i64, usize), ServerError> {
        let mut look = self.records.look().await?;
        let mut from = look.count_events(id).await?;
        let mut lines = 0;
        while lines < tail {
            let Some(piece) = look.events_before(id, from).await? else { break };
            from = piece.first;
            lines += piece.lines.iter().filter_map(|line| text(line)).map(|it| count(&it)).sum::<usize>();
        }
        Ok((from, lines.saturating_sub(tail)))
    }
}

impl LogLines {
    /// The next piece, which ends with a line; none at the end.
    pub async fn next(&mut self) -> Result<Option<String>, ServerError> {
        loop {
            let Followed::Events(events) = self.follower.next().await? else { return Ok(None) };
            let mut piece = String::new();
            for text in events.lines.iter().filter_map(|line| text(line)) {
                for line in text.split('\n') {
                    if self.skip > 0 {
                        self.skip -= 1;
                        continue;
                    }
                    piece.push_str(line);
                    piece.push('\n');
                }
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}

fn count(text: &str) -> usize {
    text.split('\n').count()
}

fn text(line: &str) -> Option<String> {
    text_of(&serde_json::from_str(line).ok()?)
}

/// An event as a log has it; none where a log has nothing to say of it.
pub fn text_of(event: &BuildEvent) -> Option<String> {
    Some(match event {
        BuildEvent::Started { .. } | BuildEvent::Progress { .. } => return None,
        BuildEvent::Restarted { attempt, reason } => {
            format!("{reason}: the build begins again, attempt {attempt}")
        }
        BuildEvent::StepStarted { step, title } => format!("[{}] {title}", step.0),
        BuildEvent::Status { message, .. } => format!("  {message}"),
        BuildEvent::Output { line, .. } => format!("  | {line}"),
        BuildEvent::Warning { message } => format!("warning: {message}"),
        BuildEvent::StepFinished { step, cached: true, .. } => format!("[{}] cached", step.0),
        BuildEvent::StepFinished { step, took, .. } => format!("[{}] done in {}", step.0, seconds(*took)),
        BuildEvent::Finished { outcome, took } => match outcome {
            BuildOutcome::Succeeded { digest, .. } => format!("built {digest} in {}", seconds(*took)),
            BuildOutcome::Failed { error } => format!("failed after {}: {error}", seconds(*took)),
            BuildOutcome::Cancelled => format!("cancelled after {}", seconds(*took)),
            BuildOutcome::Planned => format!("planned in {}", seconds(*took)),
        },
    })
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
