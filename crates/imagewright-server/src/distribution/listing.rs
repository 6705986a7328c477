//! What there is: repositories, tags, and what is about a manifest.

use std::collections::HashMap;

use imagewright_catalog::{ImageFilter, OrderBy, PageRequest};
use imagewright_oci::{Digest, Index, Tag};
use imagewright_service::ServiceError;
use imagewright_service::distribution::RepositoryPlace;

use super::open::{Purpose, key_of};
use super::{Caller, DistributionError, RepositoryName};
use crate::Server;

/// A page of names, sorted by their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged {
    /// The names.
    pub names: Vec<String>,
    /// Whether there are more.
    pub more: bool,
}

impl Paged {
    /// At most `n` of those behind `last`.
    fn of(mut names: Vec<String>, n: Option<usize>, last: Option<&str>) -> Self {
        names.sort();
        names.dedup();
        names.retain(|name| last.is_none_or(|last| name.as_str() > last));
        let most = n.unwrap_or(names.len());
        let more = names.len() > most;
        names.truncate(most);
        Self { names, more }
    }
}

impl Server {
    /// The tags of a repository.
    pub async fn registry_tags(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        n: Option<usize>,
        last: Option<&str>,
    ) -> Result<Paged, DistributionError> {
        let opened = self.open(caller, name, Purpose::Pull).await?;
        let place = opened.place.clone();
        let tags = self.blocking(move |service| service.repository(&place).tags()).await??;
        if tags.is_empty() && opened.image.is_none() {
            return Err(DistributionError::NameUnknown(name.to_string()));
        }
        Ok(Paged::of(tags.iter().map(ToString::to_string).collect(), n, last))
    }

    /// What is about a manifest; with a type, only what is of it.
    pub async fn registry_referrers(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Index, DistributionError> {
        let place = self.open(caller, name, Purpose::Pull).await?.place;
        let subject = subject.clone();
        let mut index =
            self.blocking(move |service| service.repository(&place).referrers(&subject)).await??;
        if let Some(artifact_type) = artifact_type {
            let is_wanted = |extra: &serde_json::Map<String, serde_json::Value>| {
                extra.get("artifactType").and_then(serde_json::Value::as_str) == Some(artifact_type)
            };
            index.manifests.retain(|descriptor| is_wanted(&descriptor.extra));
        }
        Ok(index)
    }

    /// The repositories that whoever asks sees and in which there is something.
    pub async fn registry_catalog(
        &self,
        caller: &Caller,
        n: Option<usize>,
        last: Option<&str>,
    ) -> Result<Paged, DistributionError> {
        let mut page = PageRequest { after: None, limit: PageRequest::MOST };
        let mut look = self.records.look().await?;
        let mut others: HashMap<String, Vec<String>> = HashMap::new();
        for (name, image) in look.repositories().await? {
            others.entry(image.to_string()).or_default().push(name);
        }
        let mut candidates = Vec::new();
        loop {
            let filter = ImageFilter::default();
            let found = look.images(&caller.principal, &filter, OrderBy::default(), &page).await?;
            for listed in found.items {
                let names = others.remove(listed.image.id.as_str());
                let names = names.unwrap_or_else(|| vec![listed.image.name.to_string()]);
                let Some(reference) = self.distribution.reference(listed.image.name.as_str(), &Tag::latest())
                else {
                    continue;
                };
                candidates
                    .push((names, RepositoryPlace { key: key_of(listed.image.id.as_str())?, reference }));
            }
            let Some(next) = found.next else { break };
            page.after = Some(next.parse().expect("a cursor of ours"));
        }
        drop(look);
        let names = self.blocking(move |service| {
            let mut names = Vec::new();
            for (repositories, place) in candidates {
                if !service.repository(&place).tags()?.is_empty() {
                    names.extend(repositories);
                }
            }
            Ok::<_, ServiceError>(names)
        });
        Ok(Paged::of(names.await??, n, last))
    }
}
