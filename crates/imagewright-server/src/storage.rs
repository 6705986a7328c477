//! What the content store holds, and how much of it nobody needs.

use std::time::Duration;

use imagewright_catalog::{Action, Object, Principal, may};
use imagewright_service::CollectionRules;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Server, ServerError};

/// What was used within so many days is kept, as `imagewright gc` does unless it is told otherwise.
const KEPT_DAYS: u64 = 14;

/// The content store in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Storage {
    /// All that it holds.
    pub used: u64,
    /// What `imagewright gc` would free now: what no image names and nobody has used for two weeks.
    pub free_by_gc: u64,
    /// Of that, layers and documents.
    pub blobs: u64,
    /// Of that, unpacked layers.
    pub unpacked: u64,
    /// Of that, downloads, and what was found out.
    pub downloads: u64,
}

impl Server {
    /// Looks through the content store. Nothing is freed.
    pub async fn storage(&self, principal: &Principal) -> Result<Storage, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let rules = CollectionRules {
            unused_for: Duration::from_secs(KEPT_DAYS * 24 * 60 * 60),
            size_budget: None,
            dry_run: true,
        };
        let survey = self.blocking(move |service| service.collect(&rules, || {})).await??;
        Ok(Storage {
            used: survey.remaining + survey.freed(),
            free_by_gc: survey.freed(),
            blobs: survey.blobs.bytes,
            unpacked: survey.snapshots.bytes,
            downloads: survey.downloads.bytes + survey.facts.bytes,
        })
    }
}
