//! One registry and how it is spoken to: scheme, redirects, credentials, statuses that mean the same everywhere.

mod response;

use std::sync::{Arc, Mutex, PoisonError};

use imagewright_model::Secret;
use ureq::http::{HeaderName, Method, StatusCode, header};

use crate::auth::{Authorizer, Challenge, Scopes};
use crate::credentials::CredentialSource;
use crate::http::{Body, Response, Transport, Url, of_transport};
use crate::patience::patiently;
use crate::settings::{RegistrySettings, may_be_plain};
use crate::{Answer, Cancel, RegistryError};

pub(crate) use response::{header_text, read_answer, retry_after};
use response::{is_meant_for_tls, is_overloaded, is_redirect};

/// Redirects followed for one request.
const REDIRECT_LIMIT: usize = 8;

/// What all registries of a client share.
pub(crate) struct Shared {
    pub(crate) settings: RegistrySettings,
    pub(crate) transport: Transport,
    pub(crate) credentials: Box<dyn CredentialSource>,
}

/// A registry, or a mirror of one.
pub(crate) struct Endpoint {
    /// As in references.
    registry: String,
    shared: Arc<Shared>,
    authorizer: Authorizer,
    /// Its address, once it has answered.
    base: Mutex<Option<Url>>,
}

/// A request whose body is small enough to be sent again.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// `None` where the method never has one.
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) scopes: &'a Scopes,
    /// What it is about, for messages.
    pub(crate) what: &'a str,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, url: Url, scopes: &'a Scopes, what: &'a str) -> Self {
        let body = matches!(method, Method::POST | Method::PUT | Method::PATCH).then_some(&[][..]);
        Self { method, url, headers: Vec::new(), body, scopes, what }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, bytes: &'a [u8]) -> Self {
        self.body = Some(bytes);
        self
    }
}

impl Endpoint {
    pub(crate) fn new(registry: &str, shared: Arc<Shared>) -> Self {
        let authorizer = Authorizer::new(registry.to_owned());
        Self { registry: registry.to_owned(), shared, authorizer, base: Mutex::default() }
    }

    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// Whether it has asked for credentials so far.
    pub(crate) fn wants_credentials(&self) -> bool {
        self.authorizer.wants_credentials()
    }

    /// The address of `path`. The first time, the registry is asked whether it is one: who cannot be reached then
    /// is most likely spelt wrongly and not waited for; who has answered before is.
    pub(crate) fn url(&self, path: &str, cancel: &Cancel) -> Result<Url, RegistryError> {
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match &*base {
            Some(known) => known.clone(),
            None => base.insert(self.first_contact(cancel)?).clone(),
        };
        Ok(known.join(path).expect("paths of the protocol are valid"))
    }

    fn first_contact(&self, cancel: &Cancel) -> Result<Url, RegistryError> {
        let host = api_host(&self.registry);
        let address = |scheme: &str| {
            let problem = || self.protocol("its name is not that of a host");
            Url::parse(&format!("{scheme}://{host}/v2/")).ok_or_else(problem)
        };
        // Plain words first, where they are allowed: servers of TLS refuse them at once, while some servers of
        // plain HTTP wait for more of a TLS greeting.
        let mut plain_error = None;
        if self.plain_allowed() {
            let url = address("http")?;
            match self.first_answer(&url, cancel) {
                Ok(response) if !is_meant_for_tls(response.status()) => {
                    return self.introduce(&response, &url).map(|()| url);
                }
                Ok(_) => {}
                Err(error) => plain_error = Some(error),
            }
        }
        let url = address("https")?;
        let introduced = self.first_answer(&url, cancel).and_then(|response| self.introduce(&response, &url));
        match (introduced, plain_error) {
            (Ok(()), _) => Ok(url),
            // Nobody speaks TLS there, so what came of plain HTTP says more.
            (Err(RegistryError::PlainHttp { .. } | RegistryError::Unreachable { .. }), Some(error)) => {
                Err(error)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// What `url` answers to somebody it has never seen.
    fn first_answer(&self, url: &Url, cancel: &Cancel) -> Result<Response, RegistryError> {
        let answer = patiently(self.shared.settings.patience, cancel, || {
            match self.shared.transport.send(&Method::GET, url, &[], Body::None) {
                Ok(response) if is_overloaded(response.status()) => {
                    Err(self.unavailable(response, "its first answer"))
                }
                // An error of the connection is none to be patient with: it may well be the wrong host.
                result => Ok(result),
            }
        })?;
        answer.map_err(|error| self.unreachable(error))
    }

    /// Takes from the first answer whether this is a registry, and how it wants credentials.
    fn introduce(&self, response: &Response, url: &Url) -> Result<(), RegistryError> {
        match response.status().as_u16() {
            200 => self.authorizer.challenged(None),
            401 => match Challenge::of(response.headers()) {
                Some(challenge) => self.authorizer.challenged(Some(challenge)),
                None => return Err(self.protocol("it wants credentials and does not say how")),
            },
            status => return Err(self.protocol(&format!("it answers `{url}` with status {status}"))),
        }
        Ok(())
    }

    /// Sends a request with credentials as wanted, follows redirects, renews an expired token once. Refusals of
    /// access and overload are errors; every other status is an answer.
    pub(crate) fn exchange(&self, call: &Call<'_>) -> Result<Response, RegistryError> {
        let authorization = self.authorizer.authorization(&self.shared, call.scopes)?;
        let (mut response, mut url) = self.follow(call, authorization.as_ref())?;
        if response.status() == StatusCode::UNAUTHORIZED && self.owns(&url) {
            let renewed = self.renew(call.scopes, authorization.as_ref(), &response, call.what)?;
            (response, url) = self.follow(call, Some(&renewed))?;
        }
        let at_home = self.owns(&url);
        self.checked(response, call.what, at_home)
    }

    /// Sends a request with a body that can be read once, without following redirects. `None`: the credentials
    /// were renewed, the body must be sent again.
    pub(crate) fn stream(
        &self,
        call: &Call<'_>,
        body: Body<'_>,
        may_renew: bool,
    ) -> Result<Option<Response>, RegistryError> {
        let at_home = self.owns(&call.url);
        let authorization = match at_home {
            true => self.authorizer.authorization(&self.shared, call.scopes)?,
            false => None,
        };
        let response = self.send(call, &call.url, authorization.as_ref(), body)?;
        if response.status() == StatusCode::UNAUTHORIZED && at_home && may_renew {
            self.renew(call.scopes, authorization.as_ref(), &response, call.what)?;
            return Ok(None);
        }
        self.checked(response, call.what, at_home).map(Some)
    }

    fn renew(
        &self,
        scopes: &Scopes,
        refused: Option<&Secret>,
        response: &Response,
        what: &str,
    ) -> Result<Secret, RegistryError> {
        self.authorizer.renew(&self.shared, scopes, refused, response.headers(), what)
    }

    /// Follows redirects; gives the last answer and where it came from.
    fn follow(
        &self,
        call: &Call<'_>,
        authorization: Option<&Secret>,
    ) -> Result<(Response, Url), RegistryError> {
        let mut url = call.url.clone();
        for _ in 0..=REDIRECT_LIMIT {
            // Credentials are the registry's and go nowhere else.
            let authorization = authorization.filter(|_| self.owns(&url));
            let body = call.body.map_or(Body::None, Body::Bytes);
            let response = self.send(call, &url, authorization, body)?;
            if !is_redirect(&call.method, response.status()) {
                return Ok((response, url));
            }
            url = self.redirected(&url, &response, call.what)?;
        }
        let (limit, location) = (REDIRECT_LIMIT, url.to_string());
        Err(RegistryError::RedirectLoop { what: call.what.to_owned(), limit, location })
    }

    fn redirected(&self, from: &Url, response: &Response, what: &str) -> Result<Url, RegistryError> {
        let location = header_text(response, &header::LOCATION).unwrap_or_default();
        let next = from.join(location);
        let is_safe = |next: &Url| {
            next.is_https() || !from.is_https() || may_be_plain(&self.shared.settings, next.authority())
        };
        next.filter(is_safe).ok_or_else(|| {
            let location = location.split(['?', '#']).next().unwrap_or_default().to_owned();
            RegistryError::Redirect { what: what.to_owned(), location }
        })
    }

    fn send(
        &self,
        call: &Call<'_>,
        url: &Url,
        authorization: Option<&Secret>,
        body: Body<'_>,
    ) -> Result<Response, RegistryError> {
        let mut headers = call.headers.clone();
        headers.extend(authorization.map(|secret| (header::AUTHORIZATION, secret.expose().to_owned())));
        self.shared.transport.send(&call.method, url, &headers, body).map_err(|error| match self.owns(url) {
            true => self.unreachable(error),
            false => of_transport(url.authority(), false, error),
        })
    }

    /// Whether the registry itself answers at `url`.
    fn owns(&self, url: &Url) -> bool {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        base.as_ref().is_some_and(|base| base.has_origin_of(url))
    }

    fn checked(&self, response: Response, what: &str, at_home: bool) -> Result<Response, RegistryError> {
        let status = response.status();
        if is_overloaded(status) {
            return Err(self.unavailable(response, what));
        }
        if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
            return Ok(response);
        }
        let answer = read_answer(response);
        let (registry, what) = (self.registry.clone(), what.to_owned());
        Err(match at_home {
            true => RegistryError::Denied { registry, what, answer: Some(answer) },
            // A storage host has no credentials of ours to refuse: the address it was given has expired.
            false => RegistryError::Unavailable { registry, what, answer, retry_after: None },
        })
    }

    fn unavailable(&self, response: Response, what: &str) -> RegistryError {
        let retry_after = retry_after(response.headers());
        let answer = read_answer(response);
        RegistryError::Unavailable {
            registry: self.registry.clone(),
            what: what.to_owned(),
            answer,
            retry_after,
        }
    }

    fn unreachable(&self, error: ureq::Error) -> RegistryError {
        of_transport(&self.registry, self.plain_allowed(), error)
    }

    fn plain_allowed(&self) -> bool {
        may_be_plain(&self.shared.settings, &self.registry)
    }

    /// The error for a response that nothing was prepared for.
    pub(crate) fn refusal(&self, response: Response, what: &str) -> RegistryError {
        self.refused(read_answer(response), what)
    }

    /// The error for an answer that nothing was prepared for.
    pub(crate) fn refused(&self, answer: Answer, what: &str) -> RegistryError {
        let (registry, what) = (self.registry.clone(), what.to_owned());
        match answer.status {
            404 => RegistryError::NotFound { what, answer: Some(answer) },
            _ => RegistryError::Refusal { registry, what, answer },
        }
    }

    pub(crate) fn protocol(&self, problem: &str) -> RegistryError {
        RegistryError::Protocol { registry: self.registry.clone(), problem: problem.to_owned() }
    }
}

/// The host that serves the protocol for `registry`: the default one has another name for it.
fn api_host(registry: &str) -> &str {
    if registry == "docker.io" { "registry-1.docker.io" } else { registry }
}
