//! Reading a blob: one stream to the reader, however many connections it takes.

use std::fmt;
use std::io::{self, Read};

use imagewright_oci::{Descriptor, Digest, Hasher};
use ureq::http::{Method, header};

use super::{Place, Repository};
use crate::RegistryError;
use crate::auth::Scopes;
use crate::endpoint::{Call, header_text};
use crate::http::Response;
use crate::patience::Tries;

/// The bytes of a blob, verified; see [`Repository::open_blob`]. Its errors come out of
/// [`RegistryError::from_read`].
pub struct BlobReader {
    repository: Repository,
    digest: Digest,
    size: u64,
    what: String,
    position: u64,
    /// Absent when reading did not begin at the beginning, and once the digest was found right.
    hasher: Option<Hasher>,
    body: Option<Box<dyn Read + Send + Sync>>,
    tries: Tries,
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobReader({}, {} of {} bytes)", self.what, self.position, self.size)
    }
}

impl BlobReader {
    pub(super) fn new(repository: Repository, descriptor: &Descriptor, offset: u64) -> Self {
        Self {
            what: repository.blob_what(&descriptor.digest),
            tries: Tries::new(repository.patience),
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            position: offset,
            hasher: (offset == 0).then(|| descriptor.digest.algorithm().hasher()),
            body: None,
            repository,
        }
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        loop {
            self.repository.cancel.check()?;
            if self.position >= self.size {
                self.finish()?;
                return Ok(0);
            }
            let body = match &mut self.body {
                Some(body) => body,
                None => self.body.insert(open(
                    &self.repository,
                    &self.digest,
                    self.size,
                    self.position,
                    &self.what,
                )?),
            };
            let left = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
            let wanted = left.min(buffer.len());
            match body.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(self.wrong_size(self.position)),
                Ok(count) => {
                    self.position += count as u64;
                    self.tries.reset();
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&buffer[..count]);
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.body = None;
                    let (what, done) = (self.what.clone(), self.position);
                    let error = RegistryError::Interrupted { what, done, source };
                    self.tries.wait(error, &self.repository.cancel)?;
                }
            }
        }
    }

    /// All bytes are here: there must be no more, and they must be the right ones.
    fn finish(&mut self) -> Result<(), RegistryError> {
        if let Some(mut body) = self.body.take()
            && matches!(body.read(&mut [0]), Ok(1))
        {
            return Err(self.wrong_size(self.size + 1));
        }
        match self.hasher.take().map(Hasher::finish) {
            Some(found) if found != self.digest => {
                // Asked again, the answer stays the same.
                self.hasher = Some(self.digest.algorithm().hasher());
                let (what, expected) = (self.what.clone(), self.digest.clone());
                Err(RegistryError::WrongDigest { what, expected, found })
            }
            _ => Ok(()),
        }
    }

    fn wrong_size(&self, found: u64) -> RegistryError {
        RegistryError::WrongSize { what: self.what.clone(), expected: self.size, found }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.next(buffer).map_err(RegistryError::into_read)
    }
}

type Opened = Box<dyn Read + Send + Sync>;

/// Opens the blob at `position`.
fn open(
    repository: &Repository,
    digest: &Digest,
    size: u64,
    position: u64,
    what: &str,
) -> Result<Opened, RegistryError> {
    repository.reading(|place| {
        let scopes = Scopes::pull(&place.repository);
        let url = place.url(&format!("blobs/{digest}"), &repository.cancel)?;
        let mut call = Call::new(Method::GET, url, &scopes, what);
        if position > 0 {
            call = call.header(header::RANGE, format!("bytes={position}-"));
        }
        let response = place.endpoint.exchange(&call)?;
        match response.status().as_u16() {
            200 => whole(response, size, position, what),
            206 if position > 0 => rest(place, response, size, position, what),
            _ => Err(place.endpoint.refusal(response, what)),
        }
    })
}

/// The whole blob came; what was read before is passed over.
fn whole(response: Response, size: u64, position: u64, what: &str) -> Result<Opened, RegistryError> {
    let length = header_text(&response, &header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if let Some(found) = length.filter(|length| *length != size) {
        return Err(RegistryError::WrongSize { what: what.to_owned(), expected: size, found });
    }
    let mut body = response.into_body().into_reader();
    io::copy(&mut Read::by_ref(&mut body).take(position), &mut io::sink())
        .map_err(|source| RegistryError::Interrupted { what: what.to_owned(), done: position, source })?;
    Ok(Box::new(body))
}

/// A part of the blob came; it must be the one that was asked for.
fn rest(
    place: &Place,
    response: Response,
    size: u64,
    position: u64,
    what: &str,
) -> Result<Opened, RegistryError> {
    let range = header_text(&response, &header::CONTENT_RANGE).unwrap_or_default();
    let (start, total) = content_range(range).ok_or_else(|| {
        place.endpoint.protocol(&format!("it answers a part of {what} without saying which"))
    })?;
    if start != position {
        return Err(place.endpoint.protocol(&format!("it answers another part of {what} than asked for")));
    }
    match total.filter(|total| *total != size) {
        Some(found) => Err(RegistryError::WrongSize { what: what.to_owned(), expected: size, found }),
        None => Ok(Box::new(response.into_body().into_reader())),
    }
}

/// First byte and total of `bytes 100-199/200`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    Some((start, total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(content_range("bytes 0-1/*"), Some((0, None)));
        for text in ["", "bytes */200", "bytes 100/200", "items 1-2/3"] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
