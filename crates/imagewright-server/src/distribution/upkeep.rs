//! What is done for the registry without being asked.

use std::collections::HashSet;

use imagewright_catalog::Image;
use imagewright_oci::Tag;
use imagewright_service::distribution::{RepositoryKey, RepositoryPlace};

use super::DistributionError;
use super::open::key_of;
use crate::Server;

impl Server {
    /// Removes what nobody has gone on with for a day, and what entries left that are gone.
    pub async fn sweep_registry(&self) -> Result<(), DistributionError> {
        let names = self.records.look().await?.all_image_names().await?;
        let known: HashSet<String> = names.iter().map(|(_, id)| id.to_string()).collect();
        let is_known = move |key: &RepositoryKey| known.contains(&key.to_string());
        Ok(self.blocking(move |service| service.sweep_repositories(is_known)).await??)
    }

    /// Removes what was pushed to or built for an entry that is gone: one that gets its name has nothing of it.
    pub(crate) async fn forget_repository(&self, image: &Image) -> Result<(), DistributionError> {
        let Some(reference) = self.distribution.reference(image.name.as_str(), &Tag::latest()) else {
            return Ok(());
        };
        let place = RepositoryPlace { key: key_of(image.id.as_str())?, reference };
        Ok(self.blocking(move |service| service.remove_repository(&place)).await??)
    }
}
