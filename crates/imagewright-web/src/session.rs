//! Sessions of browsers: a cookie, and which requests with it are taken.
//!
//! A browser sends the cookie along with whatever a page asks it to, so what changes something must come from a page of ours.
//! Browsers say themselves where a request comes from, in headers that no page can set: `Sec-Fetch-Site`, and `Origin` with
//! older ones. That needs no secret in pages, holds for forms and scripts alike, and is complete where `SameSite` is not (other
//! sites below the same domain, browsers that do not know it). Where neither is sent, it is no browser's page, and a program
//! uses a token. Requests with tokens need none of this: no browser adds a token by itself.

use std::net::IpAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use imagewright_model::Secret;
use imagewright_server::Session;
use jiff::Timestamp;

use crate::serve::Peer;
use crate::{App, Problem};

/// How the server is reached.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The address that people know it by, without a slash at the end; none where it is the one that it listens on.
    pub public_url: Option<String>,
    /// Whether it serves by HTTPS itself.
    pub tls: bool,
    /// Whether a proxy is before it that says in `X-Forwarded-For` who asks.
    pub behind_proxy: bool,
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Access {
    fn is_secure(&self) -> bool {
        self.public_url.as_ref().map_or(self.tls, |url| url.starts_with("https://"))
    }

    /// The name of a cookie. With the prefix, browsers take it from nobody but this very host, over TLS (RFC 6265bis).
    fn cookie_name(&self, name: &str) -> String {
        if self.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// The value of a cookie that was sent.
    pub(crate) fn cookie(&self, headers: &HeaderMap, name: &str) -> Option<Secret> {
        let wanted = self.cookie_name(name);
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            sent.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
        Some(Secret::new(value))
    }

    /// What sets a cookie for some seconds; with none, it goes.
    pub(crate) fn set_cookie(&self, name: &str, value: &str, seconds: i64) -> (HeaderName, HeaderValue) {
        let name = self.cookie_name(name);
        let secure = if self.is_secure() { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        (header::SET_COOKIE, HeaderValue::try_from(text).expect("letters and digits"))
    }

    /// Sets the cookie of a session.
    pub(crate) fn begin(&self, session: &Session) -> (HeaderName, HeaderValue) {
        let seconds = session.expires_at.duration_since(Timestamp::now()).as_secs().max(0);
        self.set_cookie(SESSION, session.secret.expose(), seconds)
    }

    /// Refuses what another site made the browser send. `programs` says what becomes of those that say nothing.
    pub(crate) fn refuse_other_sites(&self, headers: &HeaderMap, programs: Programs) -> Result<(), Problem> {
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let allowed = match (text(&FETCH_SITE), text(&header::ORIGIN)) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => self.is_ours(origin, headers),
            (None, None) => programs == Programs::Allowed,
        };
        if allowed {
            return Ok(());
        }
        let detail = "this request does not come from a page of this server";
        Err(Problem::new(StatusCode::FORBIDDEN, "other-site", detail)
            .with_hint("programs send a token (`Authorization: Bearer TOKEN`) and no cookie"))
    }

    fn is_ours(&self, origin: &str, headers: &HeaderMap) -> bool {
        match &self.public_url {
            Some(url) => origin_of(url).is_some_and(|ours| ours.eq_ignore_ascii_case(origin)),
            None => {
                let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
                let named = origin.split_once("://").map(|(_, host)| host);
                matches!((host, named), (Some(host), Some(named)) if host.eq_ignore_ascii_case(named))
            }
        }
    }
}

/// Scheme and host of an address.
fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// Whether requests that say nothing of where they come from are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Programs {
    Allowed,
    Refused,
}

/// The cookie of a session.
pub(crate) const SESSION: &str = "imagewright";

/// Whether a request may change something.
pub(crate) fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// The address that a request comes from, where it is known.
pub(crate) struct Address(pub(crate) Option<IpAddr>);

impl FromRequestParts<App> for Address {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let connection = parts.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.0.ip());
        if !app.access.behind_proxy {
            return Ok(Self(connection));
        }
        // The last one is the proxy's own word; those before it are what it was told.
        let forwarded = parts.headers.get_all(FORWARDED_FOR).iter().next_back();
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        Ok(Self(last.or(connection)))
    }
}

/// A request that no other site made a browser send.
pub(crate) struct OwnSite;

impl FromRequestParts<App> for OwnSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.access.refuse_other_sites(&parts.headers, Programs::Allowed).map(|()| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        pairs.collect::<Vec<(HeaderName, HeaderValue)>>().into_iter().collect()
    }

    #[test]
    fn only_pages_of_ours_change_something() {
        let plain = Access::default();
        let public =
            Access { public_url: Some("https://Images.example".to_owned()), tls: false, behind_proxy: true };
        let host = ("host", "127.0.0.1:8340");
        // What is sent; whether it is taken with a cookie where there is no public address, and where there is.
        type Sent<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Sent<'_>, bool, bool); 10] = [
            (&[("sec-fetch-site", "same-origin")], true, true),
            (&[("sec-fetch-site", "none")], true, true),
            (&[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8340")], false, false),
            (&[("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "")], false, false),
            (&[("origin", "http://127.0.0.1:8340")], true, false),
            (&[("origin", "https://images.example")], false, true),
            (&[("origin", "http://images.example")], false, false),
            (&[("origin", "null")], false, false),
            (&[], false, false),
        ];
        for (sent, without, with) in cases {
            let sent = headers(&[sent, &[host]].concat());
            let taken = |access: &Access| access.refuse_other_sites(&sent, Programs::Refused).is_ok();
            assert_eq!((taken(&plain), taken(&public)), (without, with), "{sent:?}");
        }
        assert!(plain.refuse_other_sites(&headers(&[]), Programs::Allowed).is_ok());
    }

    #[test]
    fn cookies_say_what_they_are_for() {
        let plain = Access::default();
        let public =
            Access { public_url: Some("https://images.example".to_owned()), tls: false, behind_proxy: false };
        let (_, value) = plain.set_cookie(SESSION, "ab", 5);
        assert_eq!(value, "imagewright=ab; Path=/; Max-Age=5; HttpOnly; SameSite=Lax");
        let (_, value) = public.set_cookie(SESSION, "ab", 5);
        assert_eq!(value, "__Host-imagewright=ab; Path=/; Max-Age=5; HttpOnly; SameSite=Lax; Secure");
        let sent = headers(&[("cookie", "a=b; imagewright=1;__Host-imagewright=2")]);
        assert_eq!(plain.cookie(&sent, SESSION).unwrap().expose(), "1");
        assert_eq!(public.cookie(&sent, SESSION).unwrap().expose(), "2");
        assert_eq!(public.cookie(&headers(&[("cookie", "imagewright=1")]), SESSION), None);
    }
}
