//! Manifests and indexes: fetched with their digest proven, sent, asked for, deleted.

use std::fmt;
use std::io::Read;

use imagewright_oci::{Descriptor, Digest, MediaType, Reference, Tag};
use ureq::http::{HeaderName, Method, header};

use super::{Place, Repository};
use crate::RegistryError;
use crate::auth::Scopes;
use crate::endpoint::{Call, header_text};
use crate::http::Response;

/// The longest manifest that is read; registries accept none longer (distribution spec, "Pushing Manifests").
const LONGEST_MANIFEST: u64 = 4 * 1024 * 1024;
/// The header that tells the digest of what is answered.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Everything a manifest can be. Schema 1 is asked for so that its name comes back instead of a riddle.
const ACCEPTED: [MediaType; 5] = [
    MediaType::Manifest,
    MediaType::Index,
    MediaType::DockerManifest,
    MediaType::DockerManifestList,
    MediaType::DockerManifestSchema1,
];

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestName {
    /// A tag, which may move.
    Tag(Tag),
    /// A digest, which proves what comes.
    Digest(Digest),
}

impl ManifestName {
    /// What `reference` names: its digest where it is pinned, else its tag.
    pub fn of(reference: &Reference) -> Self {
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => Self::Digest(digest.clone()),
            (None, Some(tag)) => Self::Tag(tag.clone()),
            (None, None) => Self::Tag(Tag::latest()),
        }
    }
}

impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => fmt::Display::fmt(tag, f),
            Self::Digest(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

/// A manifest or index as the registry sent it; the digest is that of the bytes.
#[derive(Clone, Debug)]
pub struct FetchedManifest {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What the registry says it is.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
}

impl FetchedManifest {
    /// A descriptor of it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest.clone(), self.bytes.len() as u64)
    }
}

impl Repository {
    /// Fetches a manifest or index of any known type.
    pub fn get_manifest(&self, name: &ManifestName) -> Result<FetchedManifest, RegistryError> {
        let what = self.manifest_what(name);
        self.reading(|place| {
            let response = self.ask_manifest(place, Method::GET, name, &what)?;
            match response.status().as_u16() {
                200 => read_manifest(response, name, &what),
                _ => Err(place.endpoint.refusal(response, &what)),
            }
        })
    }

    /// Asks what a tag or digest stands for, without fetching it. `None` when there is no such manifest, or the
    /// registry keeps its digest to itself.
    pub fn head_manifest(&self, name: &ManifestName) -> Result<Option<Descriptor>, RegistryError> {
        let what = self.manifest_what(name);
        self.patiently(|place| {
            let response = self.ask_manifest(place, Method::HEAD, name, &what)?;
            match response.status().as_u16() {
                200 => Ok(described(&response)),
                404 => Ok(None),
                _ => Err(place.endpoint.refusal(response, &what)),
            }
        })
    }

    /// Sends a manifest or index; what it points at must be there.
    pub fn put_manifest(
        &self,
        name: &ManifestName,
        media_type: &MediaType,
        bytes: &[u8],
    ) -> Result<Digest, RegistryError> {
        let what = self.manifest_what(name);
        let digest = match name {
            ManifestName::Digest(expected) => proven(bytes, expected, &what)?,
            ManifestName::Tag(_) => Digest::of(bytes),
        };
        let scopes = Scopes::push(self.name());
        self.patiently(|place| {
            let url = place.url(&format!("manifests/{name}"), &self.cancel)?;
            let call = Call::new(Method::PUT, url, &scopes, &what)
                .header(header::CONTENT_TYPE, media_type.as_str())
                .body(bytes);
            let response = place.endpoint.exchange(&call)?;
            match response.status().as_u16() {
                200..=202 => agreed(&response, &digest, &what),
                _ => Err(place.endpoint.refusal(response, &what)),
            }
        })?;
        Ok(digest)
    }

    /// Deletes a manifest; its blobs go when the registry collects them.
    pub fn delete_manifest(&self, digest: &Digest) -> Result<(), RegistryError> {
        let name = ManifestName::Digest(digest.clone());
        let what = self.manifest_what(&name);
        let scopes = Scopes::delete(self.name());
        self.patiently(|place| {
            let url = place.url(&format!("manifests/{name}"), &self.cancel)?;
            let response = place.endpoint.exchange(&Call::new(Method::DELETE, url, &scopes, &what))?;
            match response.status().as_u16() {
                200..=204 => Ok(()),
                _ => Err(place.endpoint.refusal(response, &what)),
            }
        })
    }

    fn ask_manifest(
        &self,
        place: &Place,
        method: Method,
        name: &ManifestName,
        what: &str,
    ) -> Result<Response, RegistryError> {
        let scopes = Scopes::pull(&place.repository);
        let url = place.url(&format!("manifests/{name}"), &self.cancel)?;
        let accepted: Vec<&str> = ACCEPTED.iter().map(MediaType::as_str).collect();
        let call = Call::new(method, url, &scopes, what).header(header::ACCEPT, accepted.join(", "));
        place.endpoint.exchange(&call)
    }

    /// The manifest as messages name it.
    pub(super) fn manifest_what(&self, name: &ManifestName) -> String {
        match name {
            ManifestName::Tag(tag) => format!("image `{}:{tag}`", self.shown),
            ManifestName::Digest(digest) => format!("image `{}@{digest}`", self.shown),
        }
    }
}

fn read_manifest(
    response: Response,
    name: &ManifestName,
    what: &str,
) -> Result<FetchedManifest, RegistryError> {
    let media_type = content_type(&response);
    let told = told_digest(&response);
    let bytes = read_bounded(response, LONGEST_MANIFEST, what)?;
    let digest = match (name, told) {
        (ManifestName::Digest(expected), _) => proven(&bytes, expected, what)?,
        (ManifestName::Tag(_), Some(told)) => proven(&bytes, &told, what)?,
        (ManifestName::Tag(_), None) => Digest::of(&bytes),
    };
    Ok(FetchedManifest { bytes, media_type, digest })
}

/// Reads a body to its end; more than `limit` bytes are an error, and so are fewer than announced.
pub(super) fn read_bounded(response: Response, limit: u64, what: &str) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let read = response.into_body().into_reader().take(limit + 1).read_to_end(&mut bytes);
    let done = bytes.len() as u64;
    read.map_err(|source| RegistryError::Interrupted { what: what.to_owned(), done, source })?;
    if done > limit { Err(RegistryError::TooLarge { what: what.to_owned(), limit }) } else { Ok(bytes) }
}

/// `expected`, when it is the digest of `bytes`.
fn proven(bytes: &[u8], expected: &Digest, what: &str) -> Result<Digest, RegistryError> {
    let mut hasher = expected.algorithm().hasher();
    hasher.update(bytes);
    let found = hasher.finish();
    if found == *expected {
        return Ok(found);
    }
    Err(RegistryError::WrongDigest { what: what.to_owned(), expected: expected.clone(), found })
}

/// A registry that stored something else than was sent must not go unnoticed.
fn agreed(response: &Response, sent: &Digest, what: &str) -> Result<(), RegistryError> {
    match told_digest(response) {
        Some(found) if found.algorithm() == sent.algorithm() && found != *sent => {
            Err(RegistryError::WrongDigest { what: what.to_owned(), expected: sent.clone(), found })
        }
        _ => Ok(()),
    }
}

fn described(response: &Response) -> Option<Descriptor> {
    let size = header_text(response, &header::CONTENT_LENGTH)?.parse().ok()?;
    Some(Descriptor::new(content_type(response), told_digest(response)?, size))
}

fn told_digest(response: &Response) -> Option<Digest> {
    header_text(response, &CONTENT_DIGEST)?.parse().ok()
}

/// The media type without parameters.
fn content_type(response: &Response) -> MediaType {
    let text = header_text(response, &header::CONTENT_TYPE).unwrap_or_default();
    MediaType::from(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
