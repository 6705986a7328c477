//! From the name of a repository to what lies in the store, if whoever asks may.

use imagewright_catalog::{Action, Image, Object, Owner, Principal, TokenScope, Visibility, may, may_pull};
use imagewright_oci::Tag;
use imagewright_service::distribution::{RepositoryKey, RepositoryPlace};
use sha2::{Digest as _, Sha256};

use super::{Caller, DistributionError, RepositoryName};
use crate::Server;

/// How keys of repositories begin that have no entry yet.
const NEW: &str = "new-";

/// What is going to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Pull,
    Push,
    Delete,
}

/// A repository that may be used.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) name: RepositoryName,
    pub(crate) place: RepositoryPlace,
    /// None where a push is about to make one.
    pub(crate) image: Option<Image>,
}

impl Server {
    /// Opens a repository for somebody.
    pub(crate) async fn open(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        purpose: Purpose,
    ) -> Result<Opened, DistributionError> {
        let opened = self.open_for(&caller.principal, name, purpose).await?;
        let is_for = |access: &super::Access| access.repository == *name && access.actions.allow(purpose);
        match &caller.scope {
            _ if caller.token_scope == TokenScope::Pull && purpose != Purpose::Pull => {
                Err(DistributionError::Denied(name.to_string()))
            }
            Some(scope) if !scope.iter().any(is_for) => Err(DistributionError::Scope),
            _ => Ok(opened),
        }
    }

    /// The same, whatever the token is for.
    pub(crate) async fn open_for(
        &self,
        principal: &Principal,
        name: &RepositoryName,
        purpose: Purpose,
    ) -> Result<Opened, DistributionError> {
        let image = self.records.look().await?.image_of_repository(name.as_str()).await?;
        let allowed = match (&image, purpose) {
            (Some(image), Purpose::Pull) => {
                may_pull(principal, image, self.distribution.settings.anonymous_pull).is_ok()
            }
            (Some(image), _) => may(principal, Action::Change, Object::from(image)).is_ok(),
            // Who is about to push something new looks for what is there.
            (None, _) => self.may_make(principal, name).await?,
        };
        if !allowed {
            return Err(refusal(principal, name, purpose));
        }
        let key = image.as_ref().map_or_else(|| key_of_new(name), |image| key_of(image.id.as_str()))?;
        // Nothing is built for what has no entry.
        let nothing = key.to_string();
        let repository = image.as_ref().map_or(nothing.as_str(), |image| image.name.as_str());
        let reference = self.distribution.reference(repository, &Tag::latest());
        let reference = reference.ok_or_else(|| DistributionError::NameUnknown(name.to_string()))?;
        Ok(Opened { name: name.clone(), place: RepositoryPlace { key, reference }, image })
    }

    /// Who looks after an entry that a push to this name would make: the group that the name begins with, or the administrators.
    pub(crate) async fn owner_of_new(&self, name: &RepositoryName) -> Result<Owner, DistributionError> {
        let Some(group) = name.group() else { return Ok(Owner::System) };
        let groups = self.records.look().await?.all_groups().await?;
        Ok(if groups.iter().any(|it| it.name == group) { Owner::Group(group) } else { Owner::System })
    }

    async fn may_make(
        &self,
        principal: &Principal,
        name: &RepositoryName,
    ) -> Result<bool, DistributionError> {
        let owner = self.owner_of_new(name).await?;
        let visibility = Visibility::default();
        let object = Object::Image { owner: &owner, visibility: &visibility };
        Ok(may(principal, Action::Create, object).is_ok())
    }
}

/// Who may not see a repository is told the same as where there is none, for pulls and pushes alike.
fn refusal(principal: &Principal, name: &RepositoryName, purpose: Purpose) -> DistributionError {
    if !principal.is_somebody() {
        return DistributionError::Unauthorized("this needs a login");
    }
    match purpose {
        Purpose::Pull => DistributionError::NameUnknown(name.to_string()),
        Purpose::Push | Purpose::Delete => DistributionError::Denied(name.to_string()),
    }
}

/// The key of the repository of an entry.
pub(crate) fn key_of(image: &str) -> Result<RepositoryKey, DistributionError> {
    Ok(image.parse::<RepositoryKey>().map_err(imagewright_service::ServiceError::from)?)
}

/// The key of what is pushed before there is an entry.
fn key_of_new(name: &RepositoryName) -> Result<RepositoryKey, DistributionError> {
    let hash = hex::encode(Sha256::digest(name.as_str().as_bytes()));
    key_of(&format!("{NEW}{}", &hash[..32]))
}
