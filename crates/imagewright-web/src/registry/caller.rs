//! Who asks the registry, and what those are told who have to log in.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagewright_model::Secret;
use imagewright_server::Server;
use imagewright_server::distribution::{Caller, DistributionError};

/// Whoever sent these headers.
pub(super) async fn of(server: &Server, headers: &HeaderMap) -> Result<Caller, DistributionError> {
    let Some(sent) = headers.get(header::AUTHORIZATION) else {
        return Err(DistributionError::Unauthorized("this needs a token"));
    };
    if let Some((name, password)) = basic(sent) {
        return server.registry_caller_by_password(&name, &password).await;
    }
    match sent.to_str().ok().and_then(|text| text.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            server.registry_caller(&Secret::new(token.trim())).await
        }
        _ => {
            Err(DistributionError::Unauthorized("the header `Authorization` is none that is understood here"))
        }
    }
}

/// Name and password of a header `Authorization: Basic …`.
pub(super) fn basic(sent: &HeaderValue) -> Option<(String, Secret)> {
    let (scheme, encoded) = sent.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

/// Where tokens are to be had (distribution's token authentication).
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    address: String,
    service: String,
    scope: Option<String>,
}

impl Challenge {
    /// For whoever sent a request: clients take addresses as they stand, so it is the one that they came by.
    pub(super) fn of(server: &Server, request: &Request, scope: Option<String>) -> Self {
        let settings = server.registry_settings();
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let is_plain = |text: &&str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'[' | b']'))
        };
        let came_by =
            header(header::HOST).or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
        let host = match &settings.scheme {
            Some(_) => server.registry_host(),
            None => came_by.filter(is_plain).unwrap_or(server.registry_host()),
        };
        let forwarded = header(header::HeaderName::from_static("x-forwarded-proto"));
        let scheme = match (&settings.scheme, forwarded) {
            (Some(scheme), _) => scheme.as_str(),
            (None, Some(forwarded)) if forwarded.eq_ignore_ascii_case("https") => "https",
            (None, _) => "http",
        };
        // It goes into a header, and names that are none are refused later.
        let scope = scope.filter(|scope| scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'));
        Self { address: format!("{scheme}://{host}/v2/token"), service: host.to_owned(), scope }
    }

    /// The value of `WWW-Authenticate`.
    pub(super) fn header(&self, error: Option<&str>) -> HeaderValue {
        let mut text = format!("Bearer realm=\"{}\",service=\"{}\"", self.address, self.service);
        for (name, value) in [("scope", self.scope.as_deref()), ("error", error)] {
            if let Some(value) = value {
                text.push_str(&format!(",{name}=\"{value}\""));
            }
        }
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}
