//! The base of a build: whether whoever asks may use it, and with which secret it is pulled.

use imagewright_catalog::{Action, FieldProblem, Image, Name, Object, Principal, SecretKind, may};
use imagewright_model::spec::{BaseSource, ImageSpec};
use imagewright_oci::Reference;
use imagewright_records::Work;
use imagewright_service::Login;

use crate::job::JobLogin;
use crate::{Server, ServerError};

/// Where things stand in what was sent.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub(crate) spec: &'static str,
    pub(crate) secret: &'static str,
}

impl Server {
    /// Finds out with which secret the base of a spec is pulled: the one that is given, else that of the base's entry. Refused is
    /// a secret that is not there, and a base that whoever asks may not use: the store may have it from somebody who may.
    pub(crate) async fn base_secret(
        &self,
        principal: &Principal,
        spec: &ImageSpec,
        given: Option<&Name>,
        places: Places,
    ) -> Result<Result<Option<Name>, FieldProblem>, ServerError> {
        let BaseSource::Image(reference) = &spec.base else {
            return Ok(match given {
                Some(_) => {
                    let text = "the base is made of packages and not pulled: leave the secret out";
                    Err(FieldProblem::new(places.secret, text))
                }
                None => Ok(None),
            });
        };
        let mut look = self.records.look().await?;
        let entries = look.images_with_reference(reference).await?;
        let entry =
            entries.into_iter().find(|image| may(principal, Action::See, Object::from(image)).is_ok());
        let secret = given.cloned().or_else(|| entry.as_ref().and_then(|image| image.pull_secret.clone()));
        if let Some(name) = &secret
            && let Err(problem) = usable(&mut look, name, reference, places.secret).await?
        {
            return Ok(Err(problem));
        }
        let built_here = self.built_here(&mut look, reference).await?;
        drop(look);
        let is_seen = |image: &Image| may(principal, Action::See, Object::from(image)).is_ok();
        let allowed = match built_here {
            Some(image) => principal.admin || image.as_ref().is_some_and(is_seen),
            None => principal.admin || entry.is_some(),
        };
        let at = format!("{}/base", places.spec);
        match (allowed, reference.registry() == self.registry_host()) {
            (true, _) => Ok(Ok(secret)),
            (false, true) => {
                Ok(Err(FieldProblem::new(&at, format!("there is no image `{reference}` on this server"))))
            }
            (false, false) => Ok(self.given_by_registry(reference, secret, &at).await?),
        }
    }

    /// The entry whose build has this reference; none inside where there is no such entry, none outside where nothing that is built
    /// here is called so.
    async fn built_here(
        &self,
        look: &mut Work,
        reference: &Reference,
    ) -> Result<Option<Option<Image>>, ServerError> {
        let place = self.name_of(&"x".parse().expect("a name"), 1);
        let Ok(place) = place.parse::<Reference>() else { return Ok(None) };
        let prefix = place.repository().strip_suffix('x').unwrap_or_default();
        let Some(name) = reference.repository().strip_prefix(prefix) else { return Ok(None) };
        if reference.registry() != place.registry() {
            return Ok(None);
        }
        let Ok(name) = name.parse::<Name>() else { return Ok(Some(None)) };
        Ok(Some(look.image(&name).await?.map(|listed| listed.image)))
    }

    /// Whether the registry gives the base for this secret. What the catalogue does not offer is used by those alone who could
    /// pull it by themselves.
    async fn given_by_registry(
        &self,
        reference: &Reference,
        secret: Option<Name>,
        at: &str,
    ) -> Result<Result<Option<Name>, FieldProblem>, ServerError> {
        let credential = match &secret {
            None => None,
            Some(name) => match self.login(name, SecretKind::Pull).await? {
                Ok(login) => Some(Login::from(login).credential),
                Err(trouble) => return Ok(Err(FieldProblem::new(at, trouble))),
            },
        };
        let asked = reference.clone();
        let found = self.blocking(move |service| service.look_up(&asked, credential)).await?;
        Ok(match found {
            Ok(_) => Ok(secret),
            Err(trouble) => Err(FieldProblem::new(
                at,
                format!(
                    "`{reference}` is not in the catalogue, and its registry did not give it: {}",
                    trouble.message
                ),
            )),
        })
    }

    /// What a secret opens a registry with; else why it cannot be had.
    pub(crate) async fn login(
        &self,
        name: &Name,
        kind: SecretKind,
    ) -> Result<Result<JobLogin, String>, ServerError> {
        let (record, password) = match self.opened(name).await {
            Ok(opened) => opened,
            Err(ServerError::Vault(error)) => {
                return Ok(Err(format!("the secret `{name}` could not be used: {error}")));
            }
            Err(error @ ServerError::NotFound { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error),
        };
        if record.kind != kind {
            return Ok(Err(format!("the secret `{name}` is for something else")));
        }
        Ok(Ok(JobLogin { registry: record.host, username: record.username, password }))
    }
}

/// Whether a secret is there, is for pulling, and is for the registry of the base.
async fn usable(
    look: &mut Work,
    name: &Name,
    base: &Reference,
    at: &str,
) -> Result<Result<(), FieldProblem>, ServerError> {
    let problem = match look.secret(name).await? {
        None => format!("there is no secret `{name}`"),
        Some((secret, _)) if secret.kind != SecretKind::Pull => {
            format!("the secret `{name}` is not for pulling: name one that is")
        }
        Some((secret, _)) if secret.host != base.registry() => format!(
            "the secret `{name}` is for `{}`, and the base comes from `{}`: name one for that",
            secret.host,
            base.registry()
        ),
        Some(_) => return Ok(Ok(())),
    };
    Ok(Err(FieldProblem::new(at, problem)))
}
