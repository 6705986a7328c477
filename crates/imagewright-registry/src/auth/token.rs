//! Token servers: credentials in, a short-lived token out (distribution's token authentication, and its OAuth 2 form).

use std::io::Read;
use std::time::{Duration, Instant};

use imagewright_model::Secret;
use serde::Deserialize;
use ureq::http::{Method, header};

use super::scope::Scopes;
use crate::credentials::{Credential, basic};
use crate::endpoint::{Shared, retry_after};
use crate::http::{Body, Response, Url, encoded, of_transport};
use crate::settings::may_be_plain;
use crate::{Answer, RegistryError};

/// What a token server calls this program.
const CLIENT_ID: &str = "imagewright";
/// How long a token is good for when the server does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
/// How long before its end a token counts as expired, at most.
const LONGEST_MARGIN: Duration = Duration::from_secs(15);
/// The longest answer of a token server that is read.
const LONGEST_ANSWER: u64 = 1024 * 1024;

/// A token, ready to be sent.
pub(super) struct Token {
    /// The value of the header.
    pub(super) authorization: Secret,
    until: Instant,
}

impl Token {
    pub(super) fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

/// Where tokens come from.
pub(super) struct TokenServer<'a> {
    pub(super) shared: &'a Shared,
    pub(super) registry: &'a str,
    pub(super) realm: &'a str,
    pub(super) service: Option<&'a str>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl TokenServer<'_> {
    /// Asks for a token that allows `scopes`.
    pub(super) fn token(
        &self,
        scopes: &Scopes,
        credential: Option<&Credential>,
    ) -> Result<Token, RegistryError> {
        let realm = self.realm()?;
        let asked = Instant::now();
        let response = match credential {
            Some(Credential::IdentityToken(token)) => self.exchange(&realm, scopes, token)?,
            Some(Credential::Password { username, password }) => {
                self.ask(&realm, scopes, Some((username, basic(username, password))))?
            }
            Some(Credential::RegistryToken(_)) | None => self.ask(&realm, scopes, None)?,
        };
        let status = response.status().as_u16();
        if status == 200 {
            return self.read(response, asked);
        }
        let retry_after = retry_after(response.headers());
        let answer = Answer::read(status, response.into_body().into_reader());
        Err(self.refused(scopes, credential, answer, retry_after))
    }

    /// Credentials go to the token server, so it must be reached as safely as the registry.
    fn realm(&self) -> Result<Url, RegistryError> {
        let realm =
            Url::parse(self.realm).ok_or_else(|| self.protocol("its token server has no valid address"))?;
        let is_safe = realm.is_https() || may_be_plain(&self.shared.settings, realm.authority());
        if is_safe {
            Ok(realm)
        } else {
            Err(RegistryError::PlainHttp { registry: realm.authority().to_owned() })
        }
    }

    fn ask(
        &self,
        realm: &Url,
        scopes: &Scopes,
        account: Option<(&str, String)>,
    ) -> Result<Response, RegistryError> {
        let texts = scopes.texts();
        let mut query: Vec<(&str, &str)> =
            self.service.map(|service| ("service", service)).into_iter().collect();
        query.extend(texts.iter().map(|scope| ("scope", scope.as_str())));
        let mut headers = Vec::new();
        if let Some((username, authorization)) = account {
            query.push(("account", username));
            headers.push((header::AUTHORIZATION, authorization));
        }
        self.send(&Method::GET, &realm.with_query(&query), &headers, Body::None)
    }

    fn exchange(&self, realm: &Url, scopes: &Scopes, token: &Secret) -> Result<Response, RegistryError> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("service", self.service.unwrap_or_default()),
            ("scope", &scopes.texts().join(" ")),
            ("refresh_token", token.expose()),
        ];
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())];
        self.send(&Method::POST, realm, &headers, Body::Bytes(form.join("&").as_bytes()))
    }

    fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &[(ureq::http::HeaderName, String)],
        body: Body<'_>,
    ) -> Result<Response, RegistryError> {
        let plain_allowed = may_be_plain(&self.shared.settings, url.authority());
        let wrong = |error| of_transport(url.authority(), plain_allowed, error);
        self.shared.transport.send(method, url, headers, body).map_err(wrong)
    }

    fn read(&self, response: Response, asked: Instant) -> Result<Token, RegistryError> {
        let mut bytes = Vec::new();
        let body = response.into_body().into_reader();
        body.take(LONGEST_ANSWER).read_to_end(&mut bytes).map_err(|source| RegistryError::Interrupted {
            what: format!("a token for registry `{}`", self.registry),
            done: bytes.len() as u64,
            source,
        })?;
        let answer: Option<TokenAnswer> = serde_json::from_slice(&bytes).ok();
        let answer = answer
            .ok_or_else(|| self.protocol("its token server answers with something else than a token"))?;
        let text = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let text = text.ok_or_else(|| self.protocol("its token server answers without a token"))?;
        let lifetime = answer.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs);
        let margin = (lifetime / 5).min(LONGEST_MARGIN);
        Ok(Token { authorization: Secret::new(format!("Bearer {text}")), until: asked + (lifetime - margin) })
    }

    fn refused(
        &self,
        scopes: &Scopes,
        credential: Option<&Credential>,
        answer: Answer,
        retry_after: Option<Duration>,
    ) -> RegistryError {
        let registry = self.registry.to_owned();
        let what = match scopes.repository.as_str() {
            "" => "a token".to_owned(),
            repository => format!("a token for `{repository}`"),
        };
        match (answer.status, credential) {
            (400 | 401 | 403, None) => RegistryError::LoginRequired { registry, what },
            (400 | 401 | 403, Some(_)) => RegistryError::Denied { registry, what, answer: Some(answer) },
            (408 | 429 | 500 | 502..=504, _) => {
                RegistryError::Unavailable { registry, what, answer, retry_after }
            }
            _ => RegistryError::Refusal { registry, what, answer },
        }
    }

    fn protocol(&self, problem: &str) -> RegistryError {
        RegistryError::Protocol { registry: self.registry.to_owned(), problem: problem.to_owned() }
    }
}
