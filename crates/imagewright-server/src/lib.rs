//! What people can do at a server, whatever they come with: one function for each use case.
//!
//! Each asks [`imagewright_catalog::may`] first, does its work in one transaction, and leaves an entry in the audit trail in the
//! same. Work that blocks (registries, builds) is done by [`imagewright_service::Service`] on threads of its own, outside of
//! transactions.

mod builds;
mod credentials;
mod error;
mod images;
mod job;
mod look_up;
mod principal;

use std::sync::Arc;

use imagewright_records::Records;
use imagewright_service::Service;
use jiff::Timestamp;

use crate::builds::Builds;

pub use builds::{
    BuildDifference, BuildProgram, BuildSettings, BuildSide, Followed, Follower, LayerDifference, LogLines,
    NewBuild, PackageDifference, PlanRequest, Planned, PushSettings, text_of,
};
pub use error::ServerError;
pub use images::{Added, ImageView};
pub use job::carry_out;
pub use principal::{IssuedToken, NewToken};

/// A server's use cases.
#[derive(Clone)]
pub struct Server {
    records: Records,
    service: Arc<Service>,
    builds: Arc<Builds>,
    clock: fn() -> Timestamp,
}

impl Server {
    /// On these records and this store.
    pub fn new(records: Records, service: Arc<Service>) -> Self {
        let builds = Arc::new(Builds::new(BuildSettings::default()));
        Self { records, service, builds, clock: Timestamp::now }
    }

    /// The same, building as these settings say.
    pub fn with_builds(self, settings: BuildSettings) -> Self {
        Self { builds: Arc::new(Builds::new(settings)), ..self }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The records, for what is asked of them directly: whether they answer.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Does what blocks on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Service) -> T + Send + 'static,
    ) -> Result<T, ServerError> {
        let service = Arc::clone(&self.service);
        tokio::task::spawn_blocking(move || work(&service)).await.map_err(ServerError::Panicked)
    }
}
