//! The registry's side of an upload: where it takes bytes, and how many it has.

use ureq::http::{HeaderName, Method, header};

use crate::RegistryError;
use crate::auth::Scopes;
use crate::endpoint::{Call, header_text};
use crate::http::{Response, Url};
use crate::repository::Repository;

const CHUNK_MINIMUM: HeaderName = HeaderName::from_static("oci-chunk-min-length");
/// A minimum above this is taken for a mistake.
const LARGEST_MINIMUM: u64 = 1024 * 1024 * 1024;

/// An upload that was begun.
pub(in crate::repository) struct Session {
    /// Where the next bytes go.
    pub(super) location: Url,
    /// The least the registry takes at once.
    pub(super) minimum_chunk: u64,
}

/// What came of the wish to begin.
pub(in crate::repository) enum Begun {
    /// No upload is needed.
    Mounted,
    /// Here is one.
    Upload(Session),
    /// The wish was refused.
    Refused,
}

/// What a registry has of an upload.
pub(super) enum Progress {
    /// This many bytes.
    Has(u64),
    /// It does not know the upload, or not enough of it.
    Unknown,
}

impl Session {
    /// Begins an upload, or with parameters to mount something a mount. Tried once.
    pub(in crate::repository) fn begin(
        repository: &Repository,
        parameters: &[(&str, &str)],
        scopes: &Scopes,
    ) -> Result<Begun, RegistryError> {
        let what = format!("an upload to `{}`", repository.shown);
        let place = &repository.own;
        let url = place.url("blobs/uploads/", &repository.cancel)?.with_query(parameters);
        let response = place.endpoint.exchange(&Call::new(Method::POST, url.clone(), scopes, &what))?;
        match response.status().as_u16() {
            201 if !parameters.is_empty() => Ok(Begun::Mounted),
            202 => {
                let problem = || place.endpoint.protocol("it begins an upload and does not say where");
                let location = location(&response, &url).ok_or_else(problem)?;
                let minimum = header_text(&response, &CHUNK_MINIMUM).and_then(|text| text.parse().ok());
                let minimum_chunk = minimum.filter(|minimum| *minimum <= LARGEST_MINIMUM).unwrap_or(0);
                Ok(Begun::Upload(Self { location, minimum_chunk }))
            }
            _ => Err(place.endpoint.refusal(response, &what)),
        }
    }

    /// Asks what the registry has.
    pub(super) fn progress(
        &mut self,
        repository: &Repository,
        scopes: &Scopes,
        what: &str,
    ) -> Result<Progress, RegistryError> {
        let endpoint = &repository.own.endpoint;
        let response = endpoint.exchange(&Call::new(Method::GET, self.location.clone(), scopes, what))?;
        match response.status().as_u16() {
            204 | 200 | 202 => {
                self.moved(&response);
                Ok(received(&response).map_or(Progress::Unknown, Progress::Has))
            }
            400 | 404 | 405 | 410 => Ok(Progress::Unknown),
            _ => Err(endpoint.refusal(response, what)),
        }
    }

    /// Takes the place for the next bytes from an answer.
    pub(super) fn moved(&mut self, response: &Response) {
        if let Some(location) = location(response, &self.location) {
            self.location = location;
        }
    }
}

impl Repository {
    /// Tells the registry that an upload will not be finished. It would find out by itself, later.
    pub(in crate::repository) fn discard(&self, session: &Session) {
        let scopes = Scopes::push(self.name());
        let call = Call::new(Method::DELETE, session.location.clone(), &scopes, "an upload");
        drop(self.own.endpoint.exchange(&call));
    }
}

fn location(response: &Response, asked: &Url) -> Option<Url> {
    let location = asked.join(header_text(response, &header::LOCATION)?)?;
    // Some registries behind a proxy do not know that they are reached over TLS.
    if asked.is_https() && !location.is_https() && location.host() == asked.host() {
        return Url::parse(&location.uri().to_string().replacen("http", "https", 1));
    }
    (location.is_https() || !asked.is_https()).then_some(location)
}

/// How many bytes the registry says it has: `0-99` or `bytes=0-99` are a hundred. `0-0` is said of one byte and of
/// none, so nothing is taken from it.
pub(super) fn received(response: &Response) -> Option<u64> {
    received_bytes(header_text(response, &header::RANGE)?)
}

fn received_bytes(range: &str) -> Option<u64> {
    let range = range.trim();
    let (start, end) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    let end: u64 = end.trim().parse().ok()?;
    (start.trim() == "0" && end > 0).then(|| end.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_is_read_in_both_ways() {
        let cases = [
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            (" 0 - 99 ", Some(100)),
            ("0-0", None),
            ("5-99", None),
            ("", None),
            ("0--1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(received_bytes(text), expected, "{text}");
        }
    }
}
