//! The registries that a server has to do with: which there are, and whether they can be reached. No secret is ever in what is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use imagewright_catalog::{Action, Image, Name, Object, Principal, SecretKind, may};
use imagewright_oci::Reference;
use imagewright_service::{Cancel, Credential, Welcome};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use utoipa::ToSchema;

use crate::secrets::credential;
use crate::{SecretView, Server, ServerError, SettingView};

/// How long one registry is waited for with one secret.
const LONGEST_CHECK: Duration = Duration::from_secs(10);

/// The registries of a server.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Registries {
    /// By host.
    pub registries: Vec<RegistryView>,
    /// What is set of registries, and where that comes from.
    pub settings: Vec<SettingView>,
}

/// A registry, and what this server has to do with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryView {
    /// Its host, as references have it.
    pub host: String,
    /// Whether it is this server.
    pub is_own: bool,
    /// How many images of the catalogue name it, by reference or base.
    pub images: u64,
    /// Where its images are looked for first, in order.
    pub mirrors: Vec<String>,
    /// The registries whose mirror it is.
    pub mirror_of: Vec<String>,
    /// Whether results are pushed to it.
    pub is_push_target: bool,
    /// Whether it may be spoken to over plain HTTP by a setting.
    pub is_insecure: bool,
    /// The secrets for it.
    pub secrets: Vec<RegistrySecret>,
}

/// A secret for a registry, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistrySecret {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// What it is for.
    pub kind: SecretKind,
}

/// What a registry answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryAnswer {
    /// The registry.
    pub host: String,
    /// With which secret it was asked; none where it was asked without one.
    #[schema(value_type = Option<String>)]
    pub secret: Option<Name>,
    /// How it answered.
    pub outcome: RegistryOutcome,
    /// What was in the way, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How a registry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistryOutcome {
    /// It looked at the secret and was content.
    Known,
    /// It asks nobody for a login.
    Open,
    /// Asked without a secret, it gave a token as to anybody: what that is good for differs from image to image.
    Anonymous,
    /// It wants another login than this.
    Refused,
    /// It does not answer, or not as a registry does.
    Unreachable,
    /// This server cannot use the secret.
    Unusable,
}

impl Server {
    /// The registries that settings, secrets and images name.
    pub async fn registries(&self, principal: &Principal) -> Result<Registries, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let mut found = Found::default();
        found.of(self.registry_host()).is_own = true;
        let settings = self.service.registry_settings();
        for (registry, mirrors) in &settings.mirrors {
            found.of(registry).mirrors.clone_from(mirrors);
            for mirror in mirrors {
                found.of(mirror.split('/').next().unwrap_or(mirror)).mirror_of.push(registry.clone());
            }
        }
        for registry in &settings.insecure_registries {
            found.of(registry).is_insecure = true;
        }
        if let Some(push) = &self.builds.settings.push {
            found.of(push.prefix.split('/').next().unwrap_or(&push.prefix)).is_push_target = true;
        }
        let mut secrets = self.secrets(principal).await?;
        secrets.sort_by(|one, other| one.record.name.cmp(&other.record.name));
        for SecretView { record, .. } in secrets {
            if record.kind != SecretKind::Index {
                found.of(&record.host).secrets.push(RegistrySecret { name: record.name, kind: record.kind });
            }
        }
        for image in self.all_images(principal, None).await? {
            hosts_of(&image).iter().for_each(|host| found.of(host).images += 1);
        }
        let is_of_registries = |setting: &&SettingView| {
            ["registry.", "server.push."].iter().any(|it| setting.name.starts_with(it))
        };
        Ok(Registries {
            registries: found.0.into_values().collect(),
            settings: self.settings.iter().filter(is_of_registries).cloned().collect(),
        })
    }

    /// Asks a registry, or all of them, whether they answer: without a secret and with each that is for them.
    pub async fn check_registries(
        &self,
        principal: &Principal,
        host: Option<&str>,
    ) -> Result<Vec<RegistryAnswer>, ServerError> {
        let known = self.registries(principal).await?.registries;
        let wanted: Vec<RegistryView> = known
            .into_iter()
            .filter(|registry| !registry.is_own && host.is_none_or(|host| registry.host == host))
            .collect();
        if let Some(host) = host.filter(|_| wanted.is_empty()) {
            return Err(ServerError::NotFound { what: "registry of others", name: host.to_owned() });
        }
        let mut checks = JoinSet::new();
        for registry in wanted {
            let secrets = registry.secrets.into_iter().map(|secret| Some(secret.name));
            for secret in std::iter::once(None).chain(secrets) {
                let (server, host) = (self.clone(), registry.host.clone());
                checks.spawn(async move { server.check_registry(host, secret).await });
            }
        }
        let mut answers = Vec::new();
        while let Some(answer) = checks.join_next().await {
            answers.push(answer.map_err(ServerError::Panicked)??);
        }
        answers.sort_by(|one, other| (&one.host, &one.secret).cmp(&(&other.host, &other.secret)));
        Ok(answers)
    }

    async fn check_registry(
        &self,
        host: String,
        secret: Option<Name>,
    ) -> Result<RegistryAnswer, ServerError> {
        let answer =
            |outcome, detail| RegistryAnswer { host: host.clone(), secret: secret.clone(), outcome, detail };
        let shown = match &secret {
            None => None,
            Some(name) => match self.shown_to_registry(name).await? {
                Ok(credential) => Some(credential),
                Err(detail) => return Ok(answer(RegistryOutcome::Unusable, Some(detail))),
            },
        };
        let cancel = Cancel::default();
        let (registry, watching) = (host.clone(), cancel.clone());
        let asked = self.blocking(move |service| service.greet(&registry, shown, &watching));
        let Ok(said) = tokio::time::timeout(LONGEST_CHECK, asked).await else {
            cancel.stop().ask();
            let detail = format!("there was no answer within {} seconds", LONGEST_CHECK.as_secs());
            return Ok(answer(RegistryOutcome::Unreachable, Some(detail)));
        };
        Ok(match said? {
            Ok(Welcome::Known) if secret.is_none() => answer(RegistryOutcome::Anonymous, None),
            Ok(Welcome::Known) => answer(RegistryOutcome::Known, None),
            Ok(Welcome::Open) => answer(RegistryOutcome::Open, None),
            Err(trouble) if trouble.is_refusal() => answer(RegistryOutcome::Refused, Some(trouble.message)),
            Err(trouble) => answer(RegistryOutcome::Unreachable, Some(trouble.message)),
        })
    }

    /// What a registry is shown for a secret, or why there is nothing.
    async fn shown_to_registry(&self, name: &Name) -> Result<Result<Credential, String>, ServerError> {
        match self.opened(name).await {
            Ok((record, secret)) => Ok(Ok(credential(record.username, secret))),
            Err(ServerError::Vault(error)) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }
}

/// Registries by host.
#[derive(Default)]
struct Found(BTreeMap<String, RegistryView>);

impl Found {
    fn of(&mut self, host: &str) -> &mut RegistryView {
        let new = || RegistryView { host: host.to_owned(), ..RegistryView::default() };
        self.0.entry(host.to_lowercase()).or_insert_with(new)
    }
}

/// The registries that an image names, each once.
fn hosts_of(image: &Image) -> BTreeSet<String> {
    let base =
        image.spec.as_ref().and_then(|spec| spec.get("base")?.as_str()).filter(|base| is_in_registry(base));
    let named = [image.reference.as_deref(), image.gpu_reference.as_deref(), base];
    let references = named.into_iter().flatten().filter_map(|text| text.parse::<Reference>().ok());
    references.map(|reference| reference.registry().to_owned()).collect()
}

/// What is bootstrapped, or lies in a file, is a base without a registry.
fn is_in_registry(base: &str) -> bool {
    let begins = ["bootstrap:", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:"];
    base != "bootstrap" && !begins.iter().any(|begin| base.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use imagewright_catalog::{ImageId, NewImage};
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_counts_once_for_each_registry() {
        for (new, hosts) in [
            (
                json!({"reference": "registry.example/a:1", "gpu_reference": "registry.example/a:gpu"}),
                &["registry.example"][..],
            ),
            (
                json!({"reference": "a:1", "gpu_reference": "registry.example:5000/a"}),
                &["docker.io", "registry.example:5000"],
            ),
            (json!({"spec": {"base": "registry.example/base:1"}}), &["registry.example"]),
            (json!({"spec": {"base": "bootstrap:debian/trixie"}}), &[]),
            (json!({"spec": {"base": "bootstrap"}}), &[]),
        ] {
            let mut new = new;
            new["display_name"] = "A".into();
            let new: NewImage = serde_json::from_value(new).unwrap();
            let image =
                new.into_image(ImageId::new("1"), "a".parse().unwrap(), None, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(hosts_of(&image).iter().map(String::as_str).collect::<Vec<_>>(), hosts);
        }
    }
}
