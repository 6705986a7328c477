//! Sending a blob: begun once, gone on with after every break, proven before it is closed.

mod body;
mod growing;
mod session;

use std::io::Read;

use imagewright_oci::{Descriptor, Hasher};
use ureq::http::{Method, header};

use super::{BlobSource, Repository};
use crate::RegistryError;
use crate::auth::Scopes;
use crate::endpoint::{Call, read_answer};
use crate::http::{Body, Response};
use crate::patience::Tries;

use body::ChunkBody;
pub use growing::{GrowingSource, Grown};
pub(super) use session::{Begun, Session};
use session::{Progress, received};

/// Bytes sent in one request. They are streamed, so this is no memory; it is what is lost at most where a registry
/// keeps nothing of a request that broke.
pub const CHUNK_SIZE: u64 = 16 * 1024 * 1024;

/// A blob on its way.
pub(super) struct Upload<'a> {
    repository: &'a Repository,
    descriptor: &'a Descriptor,
    source: &'a dyn BlobSource,
    /// The source as opened last, and where in the blob it stands.
    reader: Option<(Box<dyn Read + 'a>, u64)>,
    scopes: Scopes,
    what: String,
    session: Option<Session>,
    /// What the registry has, as far as is known.
    offset: u64,
    /// Whether the registry must be asked what it has.
    uncertain: bool,
    /// Whether it is asked before each chunk if it will take it: after a break, so that a refusal is heard.
    careful: bool,
    /// Whether the credentials were renewed for the chunk that is being sent.
    renewed: bool,
    /// The most the registry has had: only more than that is progress.
    furthest: u64,
    /// Digest state of the bytes sent so far, and their number.
    hashed: (Hasher, u64),
    /// What `on_bytes` was told in all.
    told: u64,
    on_bytes: &'a mut dyn FnMut(i64),
    tries: Tries,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        descriptor: &'a Descriptor,
        source: &'a dyn BlobSource,
        session: Option<Session>,
        on_bytes: &'a mut dyn FnMut(i64),
    ) -> Self {
        Self {
            scopes: Scopes::push(repository.name()),
            what: repository.blob_what(&descriptor.digest),
            tries: Tries::new(repository.patience),
            hashed: (descriptor.digest.algorithm().hasher(), 0),
            reader: None,
            offset: 0,
            uncertain: false,
            careful: false,
            renewed: false,
            furthest: 0,
            told: 0,
            repository,
            descriptor,
            source,
            session,
            on_bytes,
        }
    }

    /// Sends the blob. What cannot be finished is cleared away.
    pub(super) fn run(mut self) -> Result<(), RegistryError> {
        let result = self.send();
        if let (Err(error), Some(session)) = (&result, &self.session)
            && !error.is_transient()
        {
            self.repository.discard(session);
        }
        result
    }

    fn send(&mut self) -> Result<(), RegistryError> {
        loop {
            self.repository.cancel.check()?;
            match self.step() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    // Where a connection broke, the registry may have more or less than was told.
                    self.uncertain = self.session.is_some();
                    self.careful = true;
                    self.tries.wait(error, &self.repository.cancel)?;
                }
            }
        }
    }

    /// Does the next thing; whether it was the last.
    fn step(&mut self) -> Result<bool, RegistryError> {
        if self.uncertain {
            return self.find_out();
        }
        let Some(session) = &self.session else {
            return self.begin();
        };
        let left = self.descriptor.size - self.offset;
        let chunk = CHUNK_SIZE.max(session.minimum_chunk);
        if left == 0 && self.offset > 0 {
            self.close()
        } else if self.offset == 0 && left <= chunk {
            self.send_whole()
        } else {
            self.send_chunk(left.min(chunk)).map(|()| false)
        }
    }

    fn begin(&mut self) -> Result<bool, RegistryError> {
        self.set_offset(0);
        if let Begun::Upload(session) = Session::begin(self.repository, &[], &self.scopes)? {
            self.session = Some(session);
        }
        Ok(false)
    }

    /// Asks the registry what it has of a broken upload.
    fn find_out(&mut self) -> Result<bool, RegistryError> {
        let Some(session) = &mut self.session else { return Ok(false) };
        match session.progress(self.repository, &self.scopes, &self.what)? {
            Progress::Has(offset) if offset <= self.hashed.1 && offset <= self.descriptor.size => {
                self.set_offset(offset);
            }
            // It may have been closed, and the answer lost.
            Progress::Unknown if self.repository.has_blob(&self.descriptor.digest)?.is_some() => {
                self.set_offset(self.descriptor.size);
                return Ok(true);
            }
            Progress::Unknown | Progress::Has(_) => {
                self.repository.discard(session);
                self.session = None;
                self.set_offset(0);
            }
        }
        self.uncertain = false;
        Ok(false)
    }

    /// All bytes in the request that closes the upload.
    fn send_whole(&mut self) -> Result<bool, RegistryError> {
        let length = self.descriptor.size;
        let Some(response) = self.send_bytes(&Method::PUT, length)? else { return Ok(false) };
        self.prove()?;
        match response.status().as_u16() {
            201 | 204 => Ok(true),
            _ => self.broken(response),
        }
    }

    fn send_chunk(&mut self, length: u64) -> Result<(), RegistryError> {
        let expected = self.offset + length;
        let Some(response) = self.send_bytes(&Method::PATCH, length)? else { return Ok(()) };
        match response.status().as_u16() {
            202 | 201 | 204 => {
                let session = self.session.as_mut().expect("a chunk is sent within a session");
                session.moved(&response);
                // A registry may keep less than it was sent, not more.
                let kept = received(&response).filter(|kept| *kept < expected && *kept > self.offset);
                self.set_offset(kept.unwrap_or(expected));
                self.renewed = false;
                if self.offset > self.furthest {
                    self.furthest = self.offset;
                    self.tries.reset();
                }
                Ok(())
            }
            _ => self.broken(response).map(|_| ()),
        }
    }

    /// Closes an upload whose bytes are all there.
    fn close(&mut self) -> Result<bool, RegistryError> {
        self.prove()?;
        let session = self.session.as_ref().expect("what is closed was begun");
        let digest = self.descriptor.digest.to_string();
        let url = session.location.with_query(&[("digest", &digest)]);
        let call = Call::new(Method::PUT, url, &self.scopes, &self.what);
        let response = self.repository.own.endpoint.exchange(&call)?;
        match response.status().as_u16() {
            201 | 204 => Ok(true),
            _ => self.broken(response),
        }
    }

    /// An answer that refuses what was sent. An upload the registry no longer knows, or sees elsewhere, is looked
    /// into as if the connection had broken; and after a break it may have put the pieces together wrongly.
    fn broken(&self, response: Response) -> Result<bool, RegistryError> {
        let (endpoint, answer) = (&self.repository.own.endpoint, read_answer(response));
        let is_mixed_up = self.careful && answer.code.as_deref() == Some("DIGEST_INVALID");
        if !is_mixed_up && !matches!(answer.status, 404 | 416) {
            return Err(endpoint.refused(answer, &self.what));
        }
        let (registry, what) = (endpoint.registry().to_owned(), self.what.clone());
        Err(RegistryError::Unavailable { registry, what, answer, retry_after: None })
    }

    /// Streams the next `length` bytes; `None` when they must be sent again with renewed credentials.
    fn send_bytes(&mut self, method: &Method, length: u64) -> Result<Option<Response>, RegistryError> {
        let session = self.session.as_ref().expect("bytes are sent within a session");
        let digest = self.descriptor.digest.to_string();
        let url = match *method {
            Method::PUT => session.location.with_query(&[("digest", &digest)]),
            _ => session.location.clone(),
        };
        let mut call = Call::new(method.clone(), url, &self.scopes, &self.what)
            .header(header::CONTENT_TYPE, "application/octet-stream");
        if *method == Method::PATCH {
            let last = self.offset + length - 1;
            call = call.header(header::CONTENT_RANGE, format!("{}-{last}", self.offset));
        }
        if self.careful {
            call = call.header(header::EXPECT, "100-continue");
        }
        let unreadable = |source| RegistryError::Source { digest: self.descriptor.digest.clone(), source };
        let mut reader = match self.reader.take() {
            Some((reader, position)) if position == self.offset => reader,
            _ => self.source.open_at(self.offset).map_err(unreadable)?,
        };
        let mut body = ChunkBody {
            reader: &mut *reader,
            left: length,
            position: self.offset,
            hashed: &mut self.hashed,
            on_bytes: &mut |count| {
                self.told += count;
                (self.on_bytes)(i64::try_from(count).unwrap_or(i64::MAX));
            },
            cancel: &self.repository.cancel,
            failure: None,
        };
        let result =
            self.repository.own.endpoint.stream(&call, Body::Stream(&mut body, length), !self.renewed);
        let (failure, position) = (body.failure.take(), body.position);
        if let Some(source) = failure {
            self.repository.cancel.check()?;
            return Err(match RegistryError::from_read(source) {
                Ok(error) => error,
                Err(source) => unreadable(source),
            });
        }
        let result = result?;
        self.reader = Some((reader, position));
        if result.is_none() {
            // Credentials are looked at before bytes: none were taken.
            self.renewed = true;
        }
        Ok(result)
    }

    /// The bytes that were sent must be those that were promised: the registry checks it too, but cannot say whose
    /// mistake it was.
    fn prove(&mut self) -> Result<(), RegistryError> {
        if self.hashed.1 != self.descriptor.size {
            return Ok(());
        }
        let found = self.hashed.0.clone().finish();
        if found == self.descriptor.digest {
            return Ok(());
        }
        let what = format!("the blob that is to be sent to `{}`", self.repository.shown);
        Err(RegistryError::WrongDigest { what, expected: self.descriptor.digest.clone(), found })
    }

    fn set_offset(&mut self, offset: u64) {
        self.offset = offset;
        let difference =
            i64::try_from(offset).unwrap_or(i64::MAX) - i64::try_from(self.told).unwrap_or(i64::MAX);
        if difference != 0 {
            self.told = offset;
            (self.on_bytes)(difference);
        }
    }
}
