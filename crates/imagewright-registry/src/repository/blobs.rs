//! Blobs: asked for, mounted from elsewhere in the registry, and sent where both fail.

use std::io::{self, Read};

use imagewright_oci::{Descriptor, Digest};
use ureq::http::{Method, header};

use super::Repository;
use super::reader::BlobReader;
use super::upload::{Begun, Session, Upload};
use crate::RegistryError;
use crate::auth::Scopes;
use crate::endpoint::{Call, header_text};

/// Bytes of a blob that can be read again from any place.
pub trait BlobSource: Sync {
    /// Opens the bytes from `offset` on. The digest is checked by whoever reads.
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>>;
}

impl BlobSource for &[u8] {
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        Ok(Box::new(&self[start..]))
    }
}

/// How a blob came to be in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobOutcome {
    /// It was there.
    Existed,
    /// The registry took it from another of its repositories.
    Mounted,
    /// Its bytes went over the network.
    Transferred,
}

/// What a registry did with the wish to mount a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountOutcome {
    /// The blob is there now.
    Mounted,
    /// The blob must be sent: this is no error.
    Declined,
}

impl Repository {
    /// The size of a blob that is there; `None` when it is not. Asks the registry itself, not its mirrors.
    pub fn has_blob(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let what = self.blob_what(digest);
        let scopes = Scopes::pull(self.name());
        self.patiently(|place| {
            let url = place.url(&format!("blobs/{digest}"), &self.cancel)?;
            let response = place.endpoint.exchange(&Call::new(Method::HEAD, url, &scopes, &what))?;
            match response.status().as_u16() {
                200 => {
                    let size =
                        header_text(&response, &header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
                    let problem = || place.endpoint.protocol(&format!("it does not tell the size of {what}"));
                    size.map(Some).ok_or_else(problem)
                }
                404 => Ok(None),
                _ => Err(place.endpoint.refusal(response, &what)),
            }
        })
    }

    /// Opens a blob from `offset` on. The reader goes on by itself where a connection breaks, and ends without an
    /// error only when size and, read from the beginning, digest are right.
    pub fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> BlobReader {
        BlobReader::new(self.clone(), descriptor, offset)
    }

    /// Has the registry take a blob from its repository `from`. Whatever stands against it is a decline.
    pub fn mount_blob(&self, digest: &Digest, from: &str) -> Result<MountOutcome, RegistryError> {
        match self.begin_mount(digest, from)? {
            Begun::Mounted => Ok(MountOutcome::Mounted),
            Begun::Upload(session) => {
                self.discard(&session);
                Ok(MountOutcome::Declined)
            }
            Begun::Refused => Ok(MountOutcome::Declined),
        }
    }

    /// Sends a blob in chunks of [`super::CHUNK_SIZE`], in one request where it is no longer. Goes on where a
    /// connection broke, as far as the registry kept what it got. `on_bytes` is told what was sent, and negative
    /// numbers where something was in vain.
    pub fn upload_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<(), RegistryError> {
        Upload::new(self, descriptor, source, None, on_bytes).run()
    }

    /// Brings a blob into the repository by the cheapest way: it is there, it is in one of the repositories
    /// `mount_from` of the same registry, or it is sent.
    pub fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        mount_from: &[String],
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<BlobOutcome, RegistryError> {
        if let Some(found) = self.has_blob(&descriptor.digest)? {
            let (what, expected) = (self.blob_what(&descriptor.digest), descriptor.size);
            return match found == expected {
                true => Ok(BlobOutcome::Existed),
                false => Err(RegistryError::WrongSize { what, expected, found }),
            };
        }
        let mut session = None;
        for from in mount_from.iter().filter(|from| *from != self.name()) {
            match self.begin_mount(&descriptor.digest, from)? {
                Begun::Mounted => {
                    session.iter().for_each(|session| self.discard(session));
                    return Ok(BlobOutcome::Mounted);
                }
                Begun::Upload(declined) => {
                    // A declined mount has begun an upload: one of them is used.
                    if let Some(unused) = session.replace(declined) {
                        self.discard(&unused);
                    }
                }
                Begun::Refused => {}
            }
        }
        Upload::new(self, descriptor, source, session, on_bytes).run()?;
        Ok(BlobOutcome::Transferred)
    }

    /// Only cancellation is an error: a mount is a shortcut that need not exist.
    fn begin_mount(&self, digest: &Digest, from: &str) -> Result<Begun, RegistryError> {
        let scopes = Scopes::mount(self.name(), from);
        let digest = digest.to_string();
        self.cancel.check()?;
        match Session::begin(self, &[("mount", &digest), ("from", from)], &scopes) {
            Err(RegistryError::Cancelled) => Err(RegistryError::Cancelled),
            Err(_) => Ok(Begun::Refused),
            begun => begun,
        }
    }

    /// The blob as messages name it.
    pub(super) fn blob_what(&self, digest: &Digest) -> String {
        format!("blob {digest} of `{}`", self.shown)
    }
}
