//! Sending a blob while it is made. Its digest is known only when it is complete, which is when a registry wants it.

use std::io::{self, Read};

use imagewright_oci::Digest;
use ureq::http::{Method, header};

use super::CHUNK_SIZE;
use super::session::{Begun, Session};
use crate::RegistryError;
use crate::auth::Scopes;
use crate::endpoint::Call;
use crate::http::Body;
use crate::repository::Repository;

/// How far a blob has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grown {
    /// So many bytes are there.
    To(u64),
    /// It is complete.
    Whole {
        /// Its digest.
        digest: Digest,
        /// Its bytes.
        size: u64,
    },
    /// It will never be complete.
    GivenUp,
}

/// The bytes of a blob that is being made.
pub trait GrowingSource {
    /// Waits until `length` bytes are there, or there will be no more.
    fn wait_for(&self, length: u64) -> Grown;

    /// Opens the bytes that are there from `offset` on.
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>>;
}

impl Repository {
    /// Sends a blob while it grows. Gives its digest; none where it was given up.
    ///
    /// Nothing is asked before, and nothing is tried again: this is for who would send the blob anyway, and can still do
    /// that with [`put_blob`](Self::put_blob).
    pub fn upload_growing(&self, source: &dyn GrowingSource) -> Result<Option<Digest>, RegistryError> {
        let scopes = Scopes::push(self.name());
        let Begun::Upload(mut session) = Session::begin(self, &[], &scopes)? else { return Ok(None) };
        let sent = self.send_growing(source, &mut session, &scopes);
        if !matches!(sent, Ok(Some(_))) {
            self.discard(&session);
        }
        sent
    }

    fn send_growing(
        &self,
        source: &dyn GrowingSource,
        session: &mut Session,
        scopes: &Scopes,
    ) -> Result<Option<Digest>, RegistryError> {
        let chunk = CHUNK_SIZE.max(session.minimum_chunk);
        let mut offset = 0;
        loop {
            self.cancel.check()?;
            match source.wait_for(offset + chunk) {
                Grown::To(length) if length >= offset + chunk => {
                    self.send_part(source, session, scopes, (offset, chunk))?;
                    offset += chunk;
                }
                Grown::Whole { size, .. } if size - offset > chunk => {
                    self.send_part(source, session, scopes, (offset, chunk))?;
                    offset += chunk;
                }
                Grown::Whole { digest, size } => {
                    if size > offset {
                        self.send_part(source, session, scopes, (offset, size - offset))?;
                    }
                    self.close_growing(session, scopes, &digest)?;
                    return Ok(Some(digest));
                }
                // It was cancelled, or is no more.
                Grown::To(_) | Grown::GivenUp => return Ok(None),
            }
        }
    }

    fn send_part(
        &self,
        source: &dyn GrowingSource,
        session: &mut Session,
        scopes: &Scopes,
        (offset, length): (u64, u64),
    ) -> Result<(), RegistryError> {
        let what = format!("a blob for `{}`", self.shown);
        let range = format!("{offset}-{}", offset + length - 1);
        let mut renewed = false;
        loop {
            let call = Call::new(Method::PATCH, session.location.clone(), scopes, &what)
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .header(header::CONTENT_RANGE, range.clone());
            let opened = source.open_at(offset);
            let interrupted =
                |source| RegistryError::Interrupted { what: what.clone(), done: offset, source };
            let mut bytes = opened.map_err(interrupted)?.take(length);
            let answer = self.own.endpoint.stream(&call, Body::Stream(&mut bytes, length), !renewed)?;
            match answer {
                // Credentials are looked at before bytes: none were taken.
                None => renewed = true,
                Some(response) if matches!(response.status().as_u16(), 201 | 202 | 204) => {
                    session.moved(&response);
                    return Ok(());
                }
                Some(response) => return Err(self.own.endpoint.refusal(response, &what)),
            }
        }
    }

    fn close_growing(
        &self,
        session: &Session,
        scopes: &Scopes,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        let what = self.blob_what(digest);
        let url = session.location.with_query(&[("digest", &digest.to_string())]);
        let response = self.own.endpoint.exchange(&Call::new(Method::PUT, url, scopes, &what))?;
        match response.status().as_u16() {
            201 | 204 => Ok(()),
            _ => Err(self.own.endpoint.refusal(response, &what)),
        }
    }
}
