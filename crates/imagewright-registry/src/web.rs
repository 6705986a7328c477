//! The way out that registries are reached by, for what is none: authorities, proxies and time limits are the same.

use std::io::{self, Read};
use std::time::Duration;

use imagewright_model::TrustSettings;
use ureq::http::{HeaderName, Request, Response, request};

use crate::RegistryError;
pub use crate::http::WebStream;
use crate::http::{Body, TlsProblem, Transport, Url, tls_problem};

/// Bytes of the largest answer.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Sends small requests and gives small answers, whatever their status. Redirects are not followed.
pub struct WebClient(Transport);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("`{host}` could not be asked")]
pub struct WebError {
    host: String,
    #[source]
    source: io::Error,
}

impl WebError {
    /// What the system, or the peer, has to say.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether the peer showed a certificate that is not trusted, or not for it.
    pub fn is_untrusted(&self) -> bool {
        matches!(tls_problem(&self.source), Some(TlsProblem::UnknownAuthority | TlsProblem::Certificate))
    }

    /// Whether the peer was to speak TLS, and does not.
    pub fn is_plain(&self) -> bool {
        tls_problem(&self.source) == Some(TlsProblem::NotTls)
    }
}

impl WebClient {
    /// With these authorities and proxies.
    pub fn new(trust: &TrustSettings) -> Result<Self, RegistryError> {
        Ok(Self(Transport::new(trust)?))
    }

    /// Sends one request.
    pub fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, WebError> {
        self.exchange(request, |head, url, headers, body| {
            let body = if body.is_empty() { Body::None } else { Body::Bytes(body) };
            self.0.send(&head.method, url, headers, body)
        })
    }

    /// Sends one request whose answer may be long in coming, but not longer than `limit`, its last byte included.
    pub fn send_within(
        &self,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> Result<Response<Vec<u8>>, WebError> {
        self.exchange(request, |head, url, headers, body| {
            self.0.send_within(&head.method, url, headers, body, limit)
        })
    }

    /// Connects to the server of an address, for what begins as HTTP and goes on in both directions. `limit` holds for all of it, until
    /// [`WebStream::set_limit`] sets another.
    pub fn open(&self, address: &str, limit: Duration) -> Result<WebStream, WebError> {
        let failed = |source| WebError { host: address.to_owned(), source };
        let url = Url::parse(address).ok_or_else(|| failed(no_address()))?;
        let failed = |source| WebError { host: url.authority().to_owned(), source };
        self.0.open(&url, limit).map_err(failed)
    }

    fn exchange(
        &self,
        request: Request<Vec<u8>>,
        send: impl FnOnce(
            &request::Parts,
            &Url,
            &[(HeaderName, String)],
            &[u8],
        ) -> Result<crate::http::Response, ureq::Error>,
    ) -> Result<Response<Vec<u8>>, WebError> {
        let (head, body) = request.into_parts();
        let host = head.uri.authority().map(ToString::to_string).unwrap_or_default();
        let failed = |source| WebError { host: host.clone(), source };
        let url = Url::parse(&head.uri.to_string()).ok_or_else(|| failed(no_address()))?;
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.to_str().ok()?.to_owned())));
        let headers: Vec<_> = headers.collect();
        let sent = send(&head, &url, &headers, &body);
        let (head, mut body) = sent.map_err(|error| failed(as_io(error)))?.into_parts();
        let mut bytes = Vec::new();
        let read = body.as_reader().take(LARGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| failed(as_io(error.into())))?;
        if bytes.len() as u64 > LARGEST {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "the answer is too large")));
        }
        Ok(Response::from_parts(head, bytes))
    }
}

/// That time is over is told by the library in a way of its own.
fn as_io(error: ureq::Error) -> io::Error {
    match error {
        ureq::Error::Timeout(_) => io::Error::new(io::ErrorKind::TimedOut, error),
        error => error.into_io(),
    }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "this is no address")
}
