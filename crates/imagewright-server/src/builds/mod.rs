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
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock, PoisonError};

use imagewright_catalog::{BuildId, Name};
use tokio::sync::{Notify, Semaphore, watch};

use crate::Server;

pub use difference::{BuildDifference, BuildSide, LayerDifference, PackageDifference};
pub use follow::{Followed, Follower};
pub use log::{LogLines, text_of};
pub use plan::{Planned, PlanRequest};
pub use request::NewBuild;
pub use settings::{BuildProgram, BuildSettings, PushSettings};

/// What the builds of one server share.
pub(crate) struct Builds {
    pub(crate) settings: BuildSettings,
    /// Where the server listens, as others say it.
    listening: OnceLock<String>,
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
            listening: OnceLock::new(),
            waiting: Notify::new(),
            followed: Mutex::default(),
            stopping: watch::Sender::new(false),
        }
    }

    /// Where people pull from: host and port.
    pub(crate) fn public_address(&self) -> &str {
        let listening = || self.listening.get().map_or("localhost", String::as_str);
        self.settings.public_address.as_deref().unwrap_or_else(listening)
    }

    /// What a build of an image is called.
    pub(crate) fn name_of(&self, image: &Name, number: i64) -> String {
        let prefix = self.settings.push.as_ref().map_or(self.public_address(), |push| &push.prefix);
        format!("{}/{image}:{number}", prefix.trim_end_matches('/'))
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

    /// Says where the server listens: images are named by that, where no public address is set.
    pub fn listens_at(&self, address: SocketAddr) {
        let said = match address.ip().is_unspecified() {
            // All addresses of a machine are none that another could pull from.
            true => match nix::unistd::gethostname().map(|name| name.to_string_lossy().to_lowercase()) {
                Ok(name) if !name.is_empty() => format!("{name}:{}", address.port()),
                _ => format!("localhost:{}", address.port()),
            },
            false => address.to_string(),
        };
        // It is said once.
        let _ = self.builds.listening.set(said);
    }

    /// Takes no more builds, and ends what follows builds, so that the server can end. Those that run are given some time.
    pub fn stop_builds(&self) {
        self.builds.stopping.send_replace(true);
    }
}
