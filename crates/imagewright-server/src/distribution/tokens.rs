//! Tokens of the registry: good for some repositories and some minutes (distribution's token authentication).
//!
//! What somebody may do is decided anew with each request: a token can only be for less. So whoever is disabled or leaves a
//! group loses access at once; a personal access token that is revoked ends with the tokens that were given for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imagewright_catalog::{PersonId, Principal, Refusal, TokenId, TokenScope};
use imagewright_model::Secret;
use jiff::Timestamp;
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::open::Purpose;
use super::{Caller, DistributionError, RepositoryName};
use crate::{Server, ServerError};

/// What these tokens begin with.
const PREFIX: &str = "iwr_";
/// Seconds that a token is good for.
const LIFETIME: i64 = 300;
/// So many repositories can be asked for at once.
const MOST_SCOPES: usize = 32;
/// The name of the key in the store.
const KEY: &str = "registry-tokens";

/// What may be done with a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    /// Reading.
    pub pull: bool,
    /// Writing.
    pub push: bool,
    /// Removing.
    pub delete: bool,
}

impl Actions {
    pub(crate) fn allow(self, purpose: Purpose) -> bool {
        match purpose {
            // Who pushes looks for what is there.
            Purpose::Pull => self.pull || self.push,
            Purpose::Push => self.push,
            Purpose::Delete => self.delete,
        }
    }

    fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Something that a token is to be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The repository.
    pub repository: RepositoryName,
    /// What may be done with it.
    pub actions: Actions,
}

impl Access {
    /// Understands `repository:NAME:pull,push`; nothing where it is about something else.
    pub fn of_scope(scope: &str) -> Option<Self> {
        let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
        let mut wanted = Actions::default();
        for action in actions.split(',') {
            match action {
                "pull" => wanted.pull = true,
                "push" => wanted.push = true,
                "delete" => wanted.delete = true,
                "*" => wanted = Actions { pull: true, push: true, delete: true },
                _ => (),
            }
        }
        Some(Self { repository: name.parse().ok()?, actions: wanted })
    }
}

/// A token.
#[derive(Clone, Debug)]
pub struct RegistryToken {
    /// The token itself.
    pub token: Secret,
    /// Seconds that it is good for.
    pub expires_in: i64,
    /// When it was made.
    pub issued_at: Timestamp,
}

/// What a token says.
#[derive(Serialize, Deserialize)]
struct Claims {
    person: Option<PersonId>,
    /// The personal access token that it was given for, and ends with.
    token: Option<TokenId>,
    /// Seconds since 1970.
    expires: i64,
    access: Vec<(String, Actions)>,
}

impl Server {
    /// Makes a token for whoever brings these credentials, or for nobody in particular; for as much of what is asked for as is
    /// allowed.
    pub async fn registry_token(
        &self,
        credentials: Option<(&str, &Secret)>,
        wanted: &[Access],
    ) -> Result<RegistryToken, DistributionError> {
        let (principal, personal) = match credentials {
            Some((name, password)) => {
                let (principal, token) = self.owner_of_login(name, password).await.map_err(unknown)?;
                (principal, Some(token))
            }
            None => (Principal::anonymous(), None),
        };
        let only_pulls = personal.as_ref().is_some_and(|token| token.scope == TokenScope::Pull);
        let mut access = Vec::new();
        for asked in wanted.iter().take(MOST_SCOPES) {
            let mut allowed = Actions::default();
            for (purpose, wish, grant) in [
                (Purpose::Pull, asked.actions.pull, &mut allowed.pull),
                (Purpose::Push, asked.actions.push, &mut allowed.push),
                (Purpose::Delete, asked.actions.delete, &mut allowed.delete),
            ] {
                let is_good = wish && (purpose == Purpose::Pull || !only_pulls);
                *grant = is_good && self.open_for(&principal, &asked.repository, purpose).await.is_ok();
            }
            if !allowed.is_none() {
                access.push((asked.repository.to_string(), allowed));
            }
        }
        let issued_at = self.now();
        let claims = Claims {
            person: principal.person,
            token: personal.map(|token| token.id),
            expires: issued_at.as_second() + LIFETIME,
            access,
        };
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).expect("claims are text and numbers"));
        let signature = hmac::sign(&self.signing_key().await?, text.as_bytes());
        let token = Secret::new(format!("{PREFIX}{text}.{}", URL_SAFE_NO_PAD.encode(signature)));
        Ok(RegistryToken { token, expires_in: LIFETIME, issued_at })
    }

    /// Whoever sends a token, of the registry's or a personal one.
    pub async fn registry_caller(&self, token: &Secret) -> Result<Caller, DistributionError> {
        let Some(rest) = token.expose().strip_prefix(PREFIX) else {
            let (principal, token) = self.owner_of_token(token).await.map_err(unknown)?;
            return Ok(Caller { principal, scope: None, token_scope: token.scope });
        };
        let claims = self.claims(rest).await?;
        if claims.expires <= self.now().as_second() {
            return Err(DistributionError::Unauthorized("this token has expired: ask for another"));
        }
        let mut look = self.records.look().await?;
        if let Some(token) = &claims.token
            && !look.has_token(token, self.now()).await?
        {
            return Err(DistributionError::Unauthorized(
                "the access token that this was given for has ended",
            ));
        }
        let principal = match &claims.person {
            Some(person) => {
                let found = look.principal(person).await?;
                found.ok_or(DistributionError::Unauthorized("whom this token is for may not log in"))?
            }
            None => Principal::anonymous(),
        };
        let access = claims.access.into_iter();
        let scope = access.map(|(name, actions)| Ok(Access { repository: name.parse()?, actions }));
        let scope = Some(scope.collect::<Result<_, DistributionError>>()?);
        // What the personal token is not good for is not in the scope.
        Ok(Caller { principal, scope, token_scope: TokenScope::All })
    }

    /// Whoever sends a name and a password: a personal access token of that person.
    pub async fn registry_caller_by_password(
        &self,
        name: &str,
        password: &Secret,
    ) -> Result<Caller, DistributionError> {
        let (principal, token) = self.owner_of_login(name, password).await.map_err(unknown)?;
        Ok(Caller { principal, scope: None, token_scope: token.scope })
    }

    async fn claims(&self, text: &str) -> Result<Claims, DistributionError> {
        const FORGED: DistributionError = DistributionError::Unauthorized("this is no token of this server");
        let (claims, signature) = text.split_once('.').ok_or(FORGED)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| FORGED)?;
        hmac::verify(&self.signing_key().await?, claims.as_bytes(), &signature).map_err(|_| FORGED)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| FORGED)?;
        serde_json::from_slice(&claims).map_err(|_| FORGED)
    }

    async fn signing_key(&self) -> Result<hmac::Key, DistributionError> {
        let known = &self.distribution.key;
        if known.get().is_none() {
            let mut fresh = [0; 32];
            getrandom::fill(&mut fresh).map_err(ServerError::Random)?;
            let shared = self.blocking(move |service| service.shared_key(KEY, fresh)).await??;
            // Another may have been faster, and found the same.
            known.get_or_init(|| shared);
        }
        Ok(hmac::Key::new(hmac::HMAC_SHA256, known.get().expect("it was set")))
    }
}

const WRONG: &str = "the name or the password is wrong: the password is an access token of that person";

fn unknown(error: ServerError) -> DistributionError {
    match error {
        ServerError::Refused(Refusal::NotLoggedIn) => DistributionError::Unauthorized(WRONG),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_repositories_are_understood() {
        let all = Actions { pull: true, push: true, delete: true };
        let cases = [
            ("repository:a:pull", Some(("a", Actions { pull: true, ..Actions::default() }))),
            ("repository:a/b:pull,push", Some(("a/b", Actions { delete: false, ..all }))),
            ("repository:a:*", Some(("a", all))),
            ("repository:a:nonsense", Some(("a", Actions::default()))),
            ("registry:catalog:*", None),
            ("repository:A:pull", None),
            ("repository:a", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let access = Access::of_scope(text);
            let found = access.as_ref().map(|access| (access.repository.as_str(), access.actions));
            assert_eq!(found, expected, "{text}");
        }
    }
}
