//! Builds: asked for, waiting in the queue of the records, done by processes of their own, followed by whoever may.
//!
//! Any number of servers on the same records share the queue. A worker takes a build for as long as it says again and again that it
//! lives; what a dead one leaves is taken by another.

mod base;
mod difference;
mod end;
mod follow;
mod log;
mod plan;
mod request;
mod run;
mod settings;
mod spec;
mod work;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use imagewright_catalog::{BuildId, Name};
use tokio::sync::{Notify, Semaphore, watch};

use crate::{Server, ServerError};

pub use difference::{BuildDifference, BuildSide, LayerDifference, PackageDifference};
pub use follow::{Followed, Follower};
pub use log::{LogLines, text_of};
pub use plan::{PlanRequest, Planned};
pub use request::NewBuild;
pub use settings::{BuildProgram, BuildSettings, PushSettings};

/// What the builds of one server share.
pub(crate) struct Builds {
    pub(crate) settings: BuildSettings,
    /// Told when something may be taken from the queue.
    pub(crate) waiting: Notify,
    /// Lets few plans be made at once.
    pub(crate) planning: Semaphore,
    /// Told when the events of a build have become more, for those who follow it.
    followed: Mutex<HashMap<BuildId, watch::Sender<()>>>,
    stopping: watch::Sender<bool>,
}

impl Builds {
    pub(crate) fn new(settings: BuildSettings) -> Self {
        Self {
            planning: Semaphore::new(settings.workers.max(1)),
            settings,
            waiting: Notify::new(),
            followed: Mutex::default(),
            stopping: watch::Sender::new(false),
        }
    }

    fn followed(&self) -> std::sync::MutexGuard<'_, HashMap<BuildId, watch::Sender<()>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of news of a build.
    pub(crate) fn follow(&self, build: &BuildId) -> watch::Receiver<()> {
        self.followed().entry(build.clone()).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// Tells those who follow a build that there is news.
    pub(crate) fn tell(&self, build: &BuildId) {
        let mut followed = self.followed();
        // Whom nobody follows is forgotten.
        followed.retain(|_, sender| sender.receiver_count() > 0);
        if let Some(sender) = followed.get(build) {
            sender.send_replace(());
        }
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

impl Server {
    /// How this server builds.
    pub fn build_settings(&self) -> &BuildSettings {
        &self.builds.settings
    }

    /// What a build of an image is called.
    pub(crate) fn name_of(&self, image: &Name, number: i64) -> String {
        let push = self.builds.settings.push.as_ref();
        let prefix = push.map_or(self.registry_host(), |push| &push.prefix);
        format!("{}/{image}:{number}", prefix.trim_end_matches('/'))
    }

    /// Says in which store this server's results are, by a name that no other store has. Servers on the same records serve what
    /// each of them built, so those with stores of their own are refused, unless results go to a registry.
    pub async fn uses_store(&self, store: &str) -> Result<(), ServerError> {
        if self.builds.settings.push.is_some() {
            return Ok(());
        }
        let mut work = self.records.begin().await?;
        let known = work.fact("store", store).await?;
        work.commit().await?;
        match known == store {
            true => Ok(()),
            false => Err(ServerError::Conflict {
                what: "these records are of servers on another content store".to_owned(),
                hint: Some(
                    "give all of them the same store (`root`), or have results pushed to a registry \
                     (`server.push.prefix`)"
                        .to_owned(),
                ),
            }),
        }
    }

    /// Takes no more builds, and ends what follows builds, so that the server can end. Those that run are given some time.
    pub fn stop_builds(&self) {
        self.builds.stopping.send_replace(true);
    }
}
