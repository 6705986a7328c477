//! Workers: each takes builds from the queue, one after the other.

use std::future::Future;
use std::time::Duration;

use imagewright_catalog::{Build, BuildState};
use imagewright_model::BuildOutcome;
use imagewright_records::Claim;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::request::end_events;
use super::run::Run;
use crate::{Server, ServerError};

/// For how long a build is a worker's without a sign of life.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// How often the queue is looked at, which others fill, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Server {
    /// Builds what is asked for, until [`Server::stop_builds`]. What is given no program, or no workers, leaves that to others, and
    /// sees all the same that nothing is stuck.
    pub async fn work_on_builds(&self) {
        let settings = &self.builds.settings;
        let mut tasks = JoinSet::new();
        let workers = if settings.program.is_some() { settings.workers } else { 0 };
        for _ in 0..workers {
            let server = self.clone();
            tasks.spawn(always(move || {
                let server = server.clone();
                async move { server.work().await }
            }));
        }
        let server = self.clone();
        tasks.spawn(always(move || {
            let server = server.clone();
            async move { server.recover().await }
        }));
        while tasks.join_next().await.is_some() {}
    }

    async fn work(&self) {
        let Ok(worker) = worker_name() else { return };
        let mut stopping = self.builds.stopping();
        while !*stopping.borrow_and_update() {
            let taken = match self.take(&worker).await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::error!(%error, "the queue of builds cannot be read");
                    None
                }
            };
            match taken {
                Some(build) => Run::new(self, build, &worker).work().await,
                None => tokio::select! {
                    () = self.builds.waiting.notified() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    _ = stopping.changed() => {}
                },
            }
        }
    }

    async fn take(&self, worker: &str) -> Result<Option<Build>, ServerError> {
        let mut work = self.records.begin().await?;
        let build = work.claim_build(&claim(worker, self.now())).await?;
        work.commit().await?;
        Ok(build)
    }

    /// Puts back what dead workers left, again and again.
    async fn recover(&self) {
        let mut stopping = self.builds.stopping();
        while !*stopping.borrow_and_update() {
            if let Err(error) = self.recover_once().await {
                tracing::error!(%error, "builds of dead workers cannot be looked for");
            }
            tokio::select! {
                () = tokio::time::sleep(LEASE / 5) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    async fn recover_once(&self) -> Result<(), ServerError> {
        let mut work = self.records.begin().await?;
        let found = work.recover_builds(self.builds.settings.attempts, self.now()).await?;
        for id in &found {
            let Some(build) = work.build(id).await? else { continue };
            let outcome = match build.state {
                BuildState::Cancelled => BuildOutcome::Cancelled,
                BuildState::Interrupted => BuildOutcome::Failed { error: build.error.unwrap_or_default() },
                _ => continue,
            };
            end_events(&mut work, id, outcome).await?;
        }
        work.commit().await?;
        found.iter().for_each(|id| self.builds.tell(id));
        if !found.is_empty() {
            self.builds.waiting.notify_waiters();
        }
        Ok(())
    }
}

/// Does something to its end, again where a defect of ours cuts it off: what a worker had then is taken up like that of a dead one.
async fn always<F: Future<Output = ()> + Send + 'static>(work: impl Fn() -> F) {
    while let Err(error) = tokio::spawn(work()).await {
        tracing::error!(%error, "a worker met a defect");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A sign of life.
pub(crate) fn claim(worker: &str, now: Timestamp) -> Claim {
    let lease = SignedDuration::try_from(LEASE).expect("it is short");
    Claim {
        worker: worker.to_owned(),
        until: now.saturating_add(lease).expect("a duration is no calendar"),
        now,
    }
}

/// A name that no other worker has, on this machine or another.
fn worker_name() -> Result<String, ServerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(ServerError::Random)?;
    Ok(format!("{}-{}", std::process::id(), hex::encode(bytes)))
}
