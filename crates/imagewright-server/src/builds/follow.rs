//! Following the events of a build: what is stored first, then what comes.

use std::time::Duration;

use imagewright_catalog::{Build, BuildId, BuildState, Principal};
use imagewright_records::StoredEvents;
use tokio::sync::watch;

use crate::{Server, ServerError};

/// How often events are looked for that another server may have stored.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Goes through the events of a build from some number on. Each comes once, in order, without gaps: it is read from what is stored,
/// and nobody is told of what is not.
pub struct Follower {
    server: Server,
    build: BuildId,
    next: i64,
    waits: bool,
    news: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Events.
    Events(StoredEvents),
    /// The build is over, and there are no more events.
    Over(BuildState),
    /// There are no more events now: nobody wanted to wait, or the server stops.
    Paused,
}

impl Server {
    /// Follows a build from event number `from` on; with `waits`, until it is over.
    pub async fn follow_build(
        &self,
        principal: &Principal,
        id: &BuildId,
        from: i64,
        waits: bool,
    ) -> Result<Follower, ServerError> {
        let build = self.build(principal, id).await?;
        Ok(self.follower(&build, from, waits))
    }

    pub(crate) fn follower(&self, build: &Build, from: i64, waits: bool) -> Follower {
        Follower {
            server: self.clone(),
            build: build.id.clone(),
            next: from.max(0),
            waits,
            news: self.builds.follow(&build.id),
            stopping: self.builds.stopping(),
        }
    }
}

impl Follower {
    /// Waits for what comes next.
    pub async fn next(&mut self) -> Result<Followed, ServerError> {
        loop {
            // Before looking, so that what comes meanwhile is not missed.
            self.news.borrow_and_update();
            // One look sees one state: a build that is over in it has no later events.
            let mut look = self.server.records.look().await?;
            if let Some(events) = look.events(&self.build, self.next).await? {
                self.next += i64::try_from(events.lines.len()).expect("lines fit into memory");
                return Ok(Followed::Events(events));
            }
            let Some(build) = look.build(&self.build).await? else {
                return Err(ServerError::NotFound { what: "build", name: self.build.to_string() });
            };
            drop(look);
            if build.state.is_over() {
                return Ok(Followed::Over(build.state));
            }
            if !self.waits || *self.stopping.borrow() {
                return Ok(Followed::Paused);
            }
            tokio::select! {
                _ = self.news.changed() => {}
                _ = self.stopping.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}
