//! What is done for the registry without being asked.

use std::collections::HashSet;

use imagewright_catalog::{ImageId, Name};
use imagewright_oci::Tag;
use imagewright_service::distribution::{RepositoryKey, RepositoryPlace};

use super::DistributionError;
use super::open::key_of;
use crate::{Server, ServerError};

impl Server {
    /// Removes what nobody has gone on with for a day, and what entries left that are gone.
    pub async fn sweep_registry(&self) -> Result<(), DistributionError> {
        self.finish_removals().await?;
        let names = self.records.look().await?.all_image_names().await?;
        let known: HashSet<String> = names.iter().map(|(_, id)| id.to_string()).collect();
        let is_known = move |key: &RepositoryKey| known.contains(&key.to_string());
        Ok(self.blocking(move |service| service.sweep_repositories(is_known)).await??)
    }

    /// Removes from the store what was pushed to or built for entries that are gone: one that gets such a name has nothing of it. What a
    /// crash left of that is done here, too.
    pub(crate) async fn finish_removals(&self) -> Result<(), ServerError> {
        for (id, name) in self.records.look().await?.removals().await? {
            self.finish_removal(&id, &name).await?;
        }
        Ok(())
    }

    async fn finish_removal(&self, id: &ImageId, name: &Name) -> Result<(), ServerError> {
        // Another server may be about it, and there may be an entry of this name as soon as it is done. Who pushes holds the lock of the
        // name itself.
        let lock = format!("removal of {name}");
        let _one = self.blocking(move |service| service.lock_repository(&lock)).await??;
        if !self.records.look().await?.is_being_removed(id).await? {
            return Ok(());
        }
        if let Some(reference) = self.distribution.reference(name.as_str(), &Tag::latest()) {
            let place = RepositoryPlace { key: key_of(id.as_str())?, reference };
            self.blocking(move |service| service.remove_repository(&place)).await??;
        }
        let mut work = self.records.begin().await?;
        work.end_removal(id).await?;
        Ok(work.commit().await?)
    }
}
