//! Upkeep of the store: freeing space, proving it whole.

use imagewright_model::Progress;
use imagewright_store::{CheckReport, Collected, CollectionRules};

use crate::{Service, ServiceError};

impl Service {
    /// Frees what no image names and nobody has used for a while.
    pub fn collect(
        &self,
        rules: &CollectionRules,
        on_wait: impl FnOnce(),
    ) -> Result<Collected, ServiceError> {
        Ok(self.store().collect(rules, on_wait)?)
    }

    /// Reads everything in the store and compares it with its digests.
    pub fn check_store(
        &self,
        repair: bool,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<CheckReport, ServiceError> {
        Ok(self.store().check(repair, progress)?)
    }
}
