//! Secrets by name. What they hide is never shown: it goes to the host that it is for, and nowhere else.

use std::fmt::Display;

use imagewright_catalog::{
    Action, FieldProblem, Invalid, Kept, Name, NewSecret, Object, Principal, SecretChange, SecretKind,
    SecretRecord, Subject, may,
};
use imagewright_model::Secret;
use imagewright_records::Work;
use imagewright_service::Credential;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::groups::listed;
use crate::{Server, ServerError, Vault, VaultError};

/// A secret as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretView {
    /// What is known of it.
    pub record: SecretRecord,
    /// Whether it is shown where it is kept: to administrators.
    pub with_place: bool,
}

impl Server {
    /// All secrets. Who looks after a group sees names, hosts and users, to choose by.
    pub async fn secrets(&self, principal: &Principal) -> Result<Vec<SecretView>, ServerError> {
        may(principal, Action::SeeSecrets, Object::Server)?;
        let records = self.records.look().await?.secrets().await?;
        Ok(records.into_iter().map(|record| shown_to(principal, record)).collect())
    }

    /// One secret.
    pub async fn secret(&self, principal: &Principal, name: &Name) -> Result<SecretView, ServerError> {
        may(principal, Action::SeeSecrets, Object::Server)?;
        let (record, _) = found(&mut self.records.look().await?, name).await?;
        Ok(shown_to(principal, record))
    }

    /// Adds a secret: kept here, sealed, or elsewhere, by name.
    pub async fn add_secret(
        &self,
        principal: &Principal,
        new: NewSecret,
        secret: Option<Secret>,
    ) -> Result<SecretView, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let now = self.now();
        let mut work = self.records.begin().await?;
        let record = new.into_record(work.new_secret_id(), secret.is_some(), now)?;
        self.check_place(&record, secret.as_ref())?;
        let sealed = self.sealed(&mut work, &record, secret).await?;
        work.insert_secret(&record, sealed.as_deref()).await?;
        note(&mut work, principal, "added", (None, Some(&record)), now).await?;
        let view = shown_to(principal, record);
        self.commit(work, &view).await?;
        Ok(view)
    }

    /// Changes what is known of a secret, or the secret itself.
    pub async fn change_secret(
        &self,
        principal: &Principal,
        name: &Name,
        change: SecretChange,
        secret: Option<Secret>,
    ) -> Result<SecretView, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let now = self.now();
        let mut work = self.records.begin().await?;
        let (before, _) = found(&mut work, name).await?;
        let after = before.changed(change, secret.is_some(), now)?;
        self.check_place(&after, secret.as_ref())?;
        let sealed = match after.kept {
            Kept::Stored => self.sealed(&mut work, &after, secret).await?,
            // What was kept here goes.
            _ => Some(String::new()),
        };
        work.replace_secret(&after, sealed.as_deref()).await?;
        note(&mut work, principal, "changed", (Some(&before), Some(&after)), now).await?;
        work.commit().await?;
        Ok(shown_to(principal, after))
    }

    /// Removes a secret that no image needs.
    pub async fn delete_secret(&self, principal: &Principal, name: &Name) -> Result<(), ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let mut work = self.records.begin().await?;
        let (record, _) = found(&mut work, name).await?;
        let users = work.users_of_secret(name).await?;
        if !users.is_empty() {
            let users: Vec<&str> = users.iter().map(Name::as_str).collect();
            return Err(ServerError::InUse {
                what: format!("the secret `{name}`"),
                by: format!("it is the pull secret of {}", listed("image", &users)),
                hint: Some("give these another pull secret first".to_owned()),
            });
        }
        work.delete_secret(&record.id).await?;
        note(&mut work, principal, "deleted", (Some(&record), None), self.now()).await?;
        Ok(work.commit().await?)
    }

    /// Seals all that is kept here with a new key, and forgets the old one. Says how many secrets that were.
    pub async fn rekey_secrets(&self, principal: &Principal) -> Result<usize, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let mut work = self.records.begin().await?;
        work.seal_secrets().await?;
        self.with_vault_on_a_thread(Vault::begin_rekeying).await?;
        let mut count = 0;
        for SecretRecord { name, .. } in work.secrets().await? {
            let (record, sealed) = found(&mut work, &name).await?;
            if record.kept != Kept::Stored {
                continue;
            }
            let id = record.id.clone();
            let resealed =
                move |vault: &Vault| vault.seal(&id, &vault.open(&id, &Kept::Stored, sealed.as_deref())?);
            let sealed = self.with_vault_on_a_thread(resealed).await?;
            work.replace_secret(&record, Some(&sealed)).await?;
            count += 1;
        }
        let (now, after) = (self.now(), json!({ "count": count }));
        work.note_change(principal, (Subject::Secret, "", ""), "rekeyed", (None, Some(&after)), now).await?;
        work.commit().await?;
        self.with_vault_on_a_thread(Vault::end_rekeying).await?;
        Ok(count)
    }

    /// What logs in with a secret, and at which host. Other use cases send it there and nowhere else.
    pub async fn credential(&self, name: &Name) -> Result<(SecretRecord, Credential), ServerError> {
        let (record, secret) = self.opened(name).await?;
        let username = record.username.clone();
        Ok((record, credential(username, secret)))
    }

    /// A secret, and what it hides.
    pub(crate) async fn opened(&self, name: &Name) -> Result<(SecretRecord, Secret), ServerError> {
        let (record, sealed) = found(&mut self.records.look().await?, name).await?;
        let (id, kept) = (record.id.clone(), record.kept.clone());
        let secret =
            self.with_vault_on_a_thread(move |vault| vault.open(&id, &kept, sealed.as_deref())).await?;
        Ok((record, secret))
    }

    /// What pulls from a registry, or why there is nothing. Whoever names a secret does not decide where it is sent.
    pub(crate) async fn pull_credential(&self, name: &Name, registry: &str) -> Result<Credential, String> {
        let not_had = |why: &dyn Display| {
            format!("the secret `{name}` could not be used, and the registry was asked without it: {why}")
        };
        let (record, credential) = self.credential(name).await.map_err(|error| not_had(&error))?;
        match record.kind {
            SecretKind::Pull if record.host.eq_ignore_ascii_case(registry) => Ok(credential),
            SecretKind::Pull => {
                Err(not_had(&format!("it is for `{}` and not for `{registry}`", record.host)))
            }
            SecretKind::Push | SecretKind::Index => Err(not_had(&"it is not for pulling")),
        }
    }

    fn check_place(&self, record: &SecretRecord, secret: Option<&Secret>) -> Result<(), Invalid> {
        let place = self.vault.problem_of(&record.kept).map(|detail| FieldProblem::new("/kept", detail));
        let empty = secret.filter(|secret| secret.expose().is_empty());
        let empty = empty.map(|_| FieldProblem::new("/secret", "a secret is not empty"));
        Invalid::unless_empty(place.into_iter().chain(empty).collect())
    }

    /// Seals in the transaction in which it is kept: no key goes meanwhile.
    async fn sealed(
        &self,
        work: &mut Work,
        record: &SecretRecord,
        secret: Option<Secret>,
    ) -> Result<Option<String>, ServerError> {
        let Some(secret) = secret else { return Ok(None) };
        work.seal_secrets().await?;
        let id = record.id.clone();
        Ok(Some(self.with_vault_on_a_thread(move |vault| vault.seal(&id, &secret)).await?))
    }

    /// The key and other places of secrets are files.
    async fn with_vault_on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, ServerError> {
        let vault = self.vault.clone();
        let done = tokio::task::spawn_blocking(move || work(&vault)).await;
        Ok(done.map_err(ServerError::Panicked)??)
    }
}

fn shown_to(principal: &Principal, record: SecretRecord) -> SecretView {
    let with_place = may(principal, Action::Administer, Object::Server).is_ok();
    SecretView { record, with_place }
}

async fn found(work: &mut Work, name: &Name) -> Result<(SecretRecord, Option<String>), ServerError> {
    let found = work.secret(name).await?;
    found.ok_or_else(|| ServerError::NotFound { what: "secret", name: name.to_string() })
}

async fn note(
    work: &mut Work,
    principal: &Principal,
    action: &str,
    (before, after): (Option<&SecretRecord>, Option<&SecretRecord>),
    now: Timestamp,
) -> Result<(), ServerError> {
    let record = after.or(before).expect("something has changed");
    let subject = (Subject::Secret, record.id.as_str(), record.name.as_str());
    Ok(work.note_change(principal, subject, action, (before, after), now).await?)
}

/// What a registry is shown: name and password, or a token where there is no name.
pub(crate) fn credential(username: Option<String>, password: Secret) -> Credential {
    match username {
        Some(username) => Credential::Password { username, password },
        None => Credential::RegistryToken(password),
    }
}
