//! Meeting a registry's challenge: credentials looked up once, tokens fetched when wanted, kept while they last.

mod challenge;
mod scope;
mod token;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use imagewright_model::Secret;
use ureq::http::HeaderMap;

use crate::RegistryError;
use crate::credentials::{Credential, basic};
use crate::endpoint::Shared;

pub(crate) use challenge::Challenge;
pub(crate) use scope::Scopes;
use token::{Token, TokenServer};

/// The authorisations of one registry.
pub(crate) struct Authorizer {
    registry: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    /// By repository.
    credentials: HashMap<String, Option<Credential>>,
    tokens: HashMap<Scopes, Token>,
}

impl Authorizer {
    pub(crate) fn new(registry: String) -> Self {
        Self { registry, state: Mutex::default() }
    }

    /// Takes the challenge of a first answer in.
    pub(crate) fn challenged(&self, challenge: Option<Challenge>) {
        self.state().challenge = challenge;
    }

    pub(crate) fn wants_credentials(&self) -> bool {
        self.state().challenge.is_some()
    }

    /// The value of the header for a request; `None` when the registry has not asked for any, or there is nothing
    /// to give: then its answer decides.
    pub(crate) fn authorization(
        &self,
        shared: &Shared,
        scopes: &Scopes,
    ) -> Result<Option<Secret>, RegistryError> {
        let state = &mut *self.state();
        match state.challenge.clone() {
            Some(challenge) => self.meet(shared, state, &challenge, scopes),
            None => Ok(None),
        }
    }

    /// The value of the header after a refusal of `refused`.
    pub(crate) fn renew(
        &self,
        shared: &Shared,
        scopes: &Scopes,
        refused: Option<&Secret>,
        headers: &HeaderMap,
        what: &str,
    ) -> Result<Secret, RegistryError> {
        let registry = || self.registry.clone();
        let denied = || RegistryError::Denied { registry: registry(), what: what.to_owned(), answer: None };
        let state = &mut *self.state();
        let challenge = Challenge::of(headers).ok_or_else(denied)?;
        state.challenge = Some(challenge.clone());
        // Another thread may have renewed it already.
        if state.tokens.get(scopes).is_some_and(|token| Some(&token.authorization) == refused) {
            state.tokens.remove(scopes);
        }
        match self.meet(shared, state, &challenge, scopes)? {
            None => Err(RegistryError::LoginRequired { registry: registry(), what: what.to_owned() }),
            Some(again) if Some(&again) == refused => Err(denied()),
            Some(renewed) => Ok(renewed),
        }
    }

    /// Threads that need the same token wait here for the first to fetch it.
    fn meet(
        &self,
        shared: &Shared,
        state: &mut State,
        challenge: &Challenge,
        scopes: &Scopes,
    ) -> Result<Option<Secret>, RegistryError> {
        let credential = match state.credentials.get(&scopes.repository) {
            Some(known) => known.clone(),
            None => {
                let found = shared.credentials.credential(&self.registry, &scopes.repository)?;
                state.credentials.insert(scopes.repository.clone(), found.clone());
                found
            }
        };
        match (challenge, &credential) {
            (_, Some(Credential::RegistryToken(token))) => {
                Ok(Some(Secret::new(format!("Bearer {}", token.expose()))))
            }
            (Challenge::Basic, Some(Credential::Password { username, password })) => {
                Ok(Some(Secret::new(basic(username, password))))
            }
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer { realm, service, .. }, credential) => {
                if let Some(token) = state.tokens.get(scopes).filter(|token| token.is_fresh()) {
                    return Ok(Some(token.authorization.clone()));
                }
                let server =
                    TokenServer { shared, registry: &self.registry, realm, service: service.as_deref() };
                let token = server.token(scopes, credential.as_ref())?;
                let authorization = token.authorization.clone();
                state.tokens.insert(scopes.clone(), token);
                Ok(Some(authorization))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
