//! The way out that registries are reached by, for what is none: authorities, proxies and time limits are the same.

use std::io::{self, Read};

use imagewright_model::TrustSettings;
use ureq::http::{Request, Response};

use crate::RegistryError;
use crate::http::{Body, Transport, Url};

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

impl WebClient {
    /// With these authorities and proxies.
    pub fn new(trust: &TrustSettings) -> Result<Self, RegistryError> {
        Ok(Self(Transport::new(trust)?))
    }

    /// Sends one request.
    pub fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, WebError> {
        let (head, body) = request.into_parts();
        let host = head.uri.authority().map(ToString::to_string).unwrap_or_default();
        let failed = |source| WebError { host: host.clone(), source };
        let url = Url::parse(&head.uri.to_string())
            .ok_or_else(|| failed(io::Error::new(io::ErrorKind::InvalidInput, "this is no address")))?;
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.to_str().ok()?.to_owned())));
        let headers: Vec<_> = headers.collect();
        let body = if body.is_empty() { Body::None } else { Body::Bytes(&body) };
        let sent = self.0.send(&head.method, &url, &headers, body);
        let (head, mut body) = sent.map_err(|error| failed(error.into_io()))?.into_parts();
        let mut bytes = Vec::new();
        body.as_reader().take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > LARGEST {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "the answer is too large")));
        }
        Ok(Response::from_parts(head, bytes))
    }
}
