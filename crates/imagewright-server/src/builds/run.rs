//! One build by one worker: a process is started, heard, and ended; what it says is stored; the build stays the worker's meanwhile.

use std::time::Duration;

use imagewright_catalog::{Build, SecretKind};
use imagewright_model::BuildEvent;
use imagewright_records::StoredEvents;
use tokio::sync::watch;
use tokio::time::Instant;

use super::end::Ending;
use super::work::{LEASE, claim};
use crate::job::{Job, JobFailure, Line, Process, Said, Task};
use crate::{Server, ServerError};

/// How long events wait for others, so that many are stored at once.
const STORE_EVERY: Duration = Duration::from_millis(100);
/// How many bytes of them wait at most.
const STORE_FROM: usize = 64 * 1024;
/// How often a worker shows that it lives, and hears whether it is to stop.
const SHOW_EVERY: Duration = Duration::from_secs(2);
/// How long it waits when the records did not answer.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A build under way.
pub(super) struct Run<'a> {
    pub(super) server: &'a Server,
    pub(super) build: Build,
    pub(super) worker: &'a str,
    /// The number of the first event that is not stored.
    pub(super) first: i64,
    /// Events that are not stored.
    pub(super) lines: Vec<String>,
    /// Whether the last of them says that the build is over.
    pub(super) is_told: bool,
    bytes: usize,
    /// When to store them at the latest, or to show that the worker lives.
    store_at: Instant,
    shown: Instant,
    /// Why the process is to end before it is done.
    pub(super) why: Option<Why>,
    kill_at: Option<Instant>,
    stopping: watch::Receiver<bool>,
}

/// Why a process is to end before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody asked for it.
    Cancelled,
    /// It took too long.
    TimedOut,
    /// The server stops.
    Stopping,
    /// Another worker has the build, or it is gone.
    NotOurs,
}

impl<'a> Run<'a> {
    pub(super) fn new(server: &'a Server, build: Build, worker: &'a str) -> Self {
        let now = Instant::now();
        Self {
            server,
            build,
            worker,
            first: 0,
            lines: Vec::new(),
            is_told: false,
            bytes: 0,
            store_at: now + SHOW_EVERY,
            shown: now,
            why: None,
            kill_at: None,
            stopping: server.builds.stopping(),
        }
    }

    /// Does the build and notes how it ended.
    pub(super) async fn work(mut self) {
        let ending = match self.begin().await {
            Ok(process) => self.follow(process).await,
            Err(failure) => Ending::Failed(failure),
        };
        if self.why != Some(Why::NotOurs) {
            self.conclude(&ending).await;
        }
        self.server.builds.tell(&self.build.id);
    }

    async fn begin(&mut self) -> Result<Process, JobFailure> {
        let internal = |error: ServerError| JobFailure {
            kind: error.kind(),
            text: error.to_string(),
            hint: error.hint(),
        };
        let job = match self.job().await.map_err(internal)? {
            Ok(job) => job,
            Err(text) => {
                return Err(JobFailure { kind: imagewright_model::ErrorKind::Denied, text, hint: None });
            }
        };
        self.mark_restart().await.map_err(internal)?;
        Process::start(self.server, &job).await.map_err(internal)
    }

    /// What the process is told; else why it cannot be told that.
    async fn job(&self) -> Result<Result<Job, String>, ServerError> {
        let (server, build) = (self.server, &self.build);
        let settings = &server.builds.settings;
        let pull = match server.pull_logins(build.pull_secret.as_ref()).await? {
            Ok(pull) => pull,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let secret = settings.push.as_ref().and_then(|push| push.secret.as_ref());
        let push = match secret {
            None => None,
            Some(secret) => match server.login(secret, SecretKind::Push).await? {
                Ok(login) => Some(login),
                Err(trouble) => return Ok(Err(trouble)),
            },
        };
        let is_pushed = settings.push.is_some();
        let name = server.name_of(&build.image_name, build.number);
        let lock = if build.upgrade { None } else { server.last_lock(build).await? };
        let job = server.job(Task::Build { name, is_pushed, push }, &build.spec);
        Ok(Ok(Job { lock, upgrade: build.upgrade, pull, ..job }))
    }

    /// Says that the build begins again, where it has begun before.
    async fn mark_restart(&mut self) -> Result<(), ServerError> {
        self.first = self.server.records.look().await?.count_events(&self.build.id).await?;
        if self.first > 0 || self.build.attempts > 1 {
            let attempt = u32::try_from(self.build.attempts).unwrap_or(u32::MAX).max(2);
            let reason = "the build was interrupted".to_owned();
            let event = BuildEvent::Restarted { attempt, reason };
            self.keep(serde_json::to_string(&event).expect("events are plain data"));
        }
        Ok(())
    }

    /// Hears the process to its end.
    async fn follow(&mut self, mut process: Process) -> Ending {
        let deadline = Instant::now() + self.server.builds.settings.time_limit;
        let mut stopping = self.stopping.clone();
        loop {
            let never = Instant::now() + Duration::from_secs(3600);
            let is_asked = self.why.is_some();
            tokio::select! {
                line = process.next() => match line {
                    Line::Said(Said::Event(event)) => {
                        self.keep(event.get().to_owned());
                        if self.bytes >= STORE_FROM {
                            self.store(&process).await;
                        }
                    }
                    Line::Said(Said::Built(report)) => {
                        process.let_go();
                        return Ending::Built(report);
                    }
                    Line::Said(Said::Failed(failure)) => {
                        process.let_go();
                        return Ending::Failed(failure);
                    }
                    Line::Said(Said::Planned { .. } | Said::Checked(_)) | Line::Gone => {
                        return Ending::Lost(process.gone().await);
                    }
                },
                () = tokio::time::sleep_until(self.store_at) => self.store(&process).await,
                () = tokio::time::sleep_until(self.kill_at.unwrap_or(never)) => {
                    process.kill();
                    self.kill_at = None;
                }
                () = tokio::time::sleep_until(deadline), if !is_asked => self.end(Why::TimedOut, &process),
                () = stop(&mut stopping), if !is_asked => self.end(Why::Stopping, &process),
            }
        }
    }

    /// Sees that the process ends.
    fn end(&mut self, why: Why, process: &Process) {
        self.why = Some(why);
        match why {
            Why::NotOurs => process.kill(),
            Why::Cancelled | Why::TimedOut => process.stop(),
            // It may still be done in time.
            Why::Stopping => {}
        }
        self.kill_at = Some(Instant::now() + self.server.builds.settings.grace);
    }

    pub(super) fn keep(&mut self, line: String) {
        if self.lines.is_empty() {
            self.store_at = self.store_at.min(Instant::now() + STORE_EVERY);
        }
        self.is_told = line.starts_with(r#"{"event":"finished""#);
        self.bytes += line.len() + 1;
        self.lines.push(line);
    }

    /// Stores what was said and shows that the worker lives; hears whether it is to stop.
    async fn store(&mut self, process: &Process) {
        match self.try_store().await {
            Ok(Some(is_cancelled)) => {
                self.shown = Instant::now();
                self.store_at = self.shown + SHOW_EVERY;
                self.server.builds.tell(&self.build.id);
                if is_cancelled && self.why.is_none() {
                    self.end(Why::Cancelled, process);
                }
            }
            Ok(None) => {
                self.store_at = Instant::now() + SHOW_EVERY;
                self.end(Why::NotOurs, process);
            }
            Err(error) => {
                tracing::warn!(%error, build = %self.build.id, "the events of a build could not be stored");
                // Nothing is read meanwhile, so that little waits here.
                tokio::time::sleep(AGAIN_AFTER).await;
                self.store_at = Instant::now();
                if self.shown.elapsed() > LEASE {
                    self.end(Why::NotOurs, process);
                }
            }
        }
    }

    /// In one transaction, so that nothing is stored by a worker that has lost the build.
    async fn try_store(&mut self) -> Result<Option<bool>, ServerError> {
        let mut work = self.server.records.begin().await?;
        let claim = claim(self.worker, self.server.now());
        let Some(is_cancelled) = work.renew_claim(&self.build.id, &claim).await? else { return Ok(None) };
        let events = StoredEvents { first: self.first, lines: self.lines.clone() };
        if !events.lines.is_empty() {
            work.append_events(&self.build.id, &events).await?;
        }
        work.commit().await?;
        self.first += i64::try_from(events.lines.len()).expect("lines fit into memory");
        self.lines.clear();
        self.bytes = 0;
        Ok(Some(is_cancelled))
    }
}

/// Waits until the server stops.
async fn stop(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}
