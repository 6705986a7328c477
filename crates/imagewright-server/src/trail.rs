//! The audit trail of everything.

use imagewright_catalog::{Action, AuditEntry, AuditFilter, Object, Page, PageRequest, Principal, may};

use crate::{Server, ServerError};

impl Server {
    /// What was changed, the newest change first.
    pub async fn audit(
        &self,
        principal: &Principal,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        Ok(self.records.look().await?.audit(filter, page).await?)
    }
}
