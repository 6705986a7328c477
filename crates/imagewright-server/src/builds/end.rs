//! How a build ends: its last events, its state, and what is on offer from then on, all at once.

use imagewright_catalog::{Build, BuildState, Image, Pin, Principal, Subject};
use imagewright_model::{BuildEvent, BuildOutcome, ErrorKind};
use imagewright_records::{BuildEnd, BuildQuery, RecordsError, StoredEvents, Work};
use tokio::time::Instant;

use super::run::{Run, Why};
use super::work::LEASE;
use crate::job::{JobFailure, JobReport};
use crate::{Server, ServerError};

/// How a process ended.
pub(super) enum Ending {
    /// With an image.
    Built(JobReport),
    /// It said why there is none.
    Failed(JobFailure),
    /// It died.
    Lost(JobFailure),
}

/// What becomes of the build.
enum Verdict {
    Ends(BuildEnd),
    /// It goes back into the queue; counted or not.
    Again {
        counts: bool,
        reason: String,
    },
}

impl Run<'_> {
    /// Notes how the build ended. While the records do not answer, this is tried again as long as the build is this worker's.
    pub(super) async fn conclude(&mut self, ending: &Ending) {
        let begun = Instant::now();
        loop {
            match self.try_conclude(ending).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, build = %self.build.id, "the end of a build could not be noted");
                    // Whoever takes it then finds most of it done.
                    if begun.elapsed() > LEASE {
                        return;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            }
        }
    }

    async fn try_conclude(&mut self, ending: &Ending) -> Result<(), ServerError> {
        let mut work = self.server.records.begin().await?;
        let (id, now) = (self.build.id.clone(), self.server.now());
        let mut lines = self.lines.clone();
        let is_ours = match self.verdict(ending) {
            Verdict::Again { counts, reason } => {
                let most = counts.then_some(self.server.builds.settings.attempts);
                let state = work.give_back_build(&id, self.worker, most, &reason, now).await?;
                if state == Some(BuildState::Interrupted) {
                    self.finish(&mut lines, BuildOutcome::Failed { error: reason });
                }
                state.is_some()
            }
            Verdict::Ends(end) => {
                self.finish(&mut lines, outcome(&end));
                let is_ours = work.finish_build(&id, self.worker, &end).await?;
                if let (true, Ending::Built(report)) = (is_ours, ending) {
                    self.offer(&mut work, report).await?;
                }
                is_ours
            }
        };
        if !is_ours {
            return Ok(());
        }
        if !lines.is_empty() {
            work.append_events(&id, &StoredEvents { first: self.first, lines }).await?;
        }
        work.commit().await?;
        self.server.builds.waiting.notify_waiters();
        Ok(())
    }

    /// Sees that the last event says that the build is over.
    fn finish(&self, lines: &mut Vec<String>, outcome: BuildOutcome) {
        if !self.is_told {
            let event = BuildEvent::Finished { outcome, took: std::time::Duration::ZERO };
            lines.push(serde_json::to_string(&event).expect("events are plain data"));
        }
    }

    fn verdict(&self, ending: &Ending) -> Verdict {
        let at = self.server.now();
        let end = |state, error: Option<String>| {
            Verdict::Ends(BuildEnd { state, digest: None, size: None, lock: None, error, at })
        };
        match (ending, self.why) {
            (Ending::Built(report), _) => Verdict::Ends(BuildEnd {
                state: BuildState::Succeeded,
                digest: Some(report.digest.clone()),
                size: Some(report.size),
                lock: report.lock.clone(),
                error: None,
                at,
            }),
            (_, Some(Why::Cancelled)) => end(BuildState::Cancelled, None),
            (_, Some(Why::TimedOut)) => {
                let limit = self.server.builds.settings.time_limit.as_secs();
                end(BuildState::Cancelled, Some(format!("it was stopped after its time limit of {limit} s")))
            }
            // Whoever stops a server often stops all that it has started.
            (Ending::Failed(failure), why) if failure.kind == ErrorKind::Cancelled => {
                Verdict::Again { counts: why.is_none(), reason: failure.text.clone() }
            }
            (Ending::Failed(failure), _) => end(BuildState::Failed, Some(told(failure))),
            (Ending::Lost(failure), Some(_)) => {
                Verdict::Again { counts: false, reason: failure.text.clone() }
            }
            (Ending::Lost(failure), None) => Verdict::Again { counts: true, reason: failure.text.clone() },
        }
    }

    /// Offers the result of the build from now on.
    async fn offer(&self, work: &mut Work, report: &JobReport) -> Result<(), ServerError> {
        let Some(before) = work.image_by_id(&self.build.image).await? else { return Ok(()) };
        let now = self.server.now();
        let mut after: Image = before.clone();
        let name = self.server.name_of(&self.build.image_name, self.build.number);
        after.reference = Some(name);
        after.pin = Some(Pin {
            digest: report.digest.clone(),
            platforms: vec![report.platform.clone()],
            size: Some(report.size),
            looked_up_at: now,
        });
        after.offered_build = Some(self.build.id.clone());
        after.revision += 1;
        after.changed_at = now;
        // Somebody else may have changed the entry a moment ago; then all of this is done again.
        work.replace_image(&after, before.revision).await?;
        let subject = (Subject::Image, before.id.as_str(), before.name.as_str());
        let documents = (Some(&before), Some(&after));
        Ok(work.note_change(&Principal::server(), subject, "built", documents, now).await?)
    }
}

impl Server {
    /// What the last build of the image that succeeded has decided on.
    pub(crate) async fn last_lock(&self, build: &Build) -> Result<Option<String>, RecordsError> {
        let wanted = BuildQuery {
            image: Some(build.image_name.clone()),
            state: Some(BuildState::Succeeded),
            requested_by: None,
        };
        let page = imagewright_catalog::PageRequest { after: None, limit: 1 };
        let mut look = self.records.look().await?;
        let found = look.builds(&Principal::server(), &wanted, &page).await?;
        Ok(found.items.into_iter().next().and_then(|last| last.lock))
    }
}

fn outcome(end: &BuildEnd) -> BuildOutcome {
    match (&end.digest, end.state) {
        (Some(digest), _) => {
            BuildOutcome::Succeeded { digest: digest.clone(), size: end.size.unwrap_or_default(), layers: 0 }
        }
        (None, BuildState::Cancelled) => BuildOutcome::Cancelled,
        (None, _) => BuildOutcome::Failed { error: end.error.clone().unwrap_or_default() },
    }
}

/// The error and what to do about it, for whoever looks at the build later.
fn told(failure: &JobFailure) -> String {
    match &failure.hint {
        Some(hint) => format!("{}\nhint: {hint}", failure.text),
        None => failure.text.clone(),
    }
}
