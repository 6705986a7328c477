//! The bytes of one request, counted and hashed as they leave.

use std::io::{self, Read};

use imagewright_oci::Hasher;

use crate::{Cancel, RegistryError};

pub(super) struct ChunkBody<'a> {
    pub(super) reader: &'a mut dyn Read,
    /// What is still to be sent.
    pub(super) left: u64,
    /// Where in the blob the next byte is.
    pub(super) position: u64,
    /// Digest state and the number of bytes in it: what is sent again is not hashed again.
    pub(super) hashed: &'a mut (Hasher, u64),
    pub(super) on_bytes: &'a mut dyn FnMut(u64),
    pub(super) cancel: &'a Cancel,
    /// The error of the source, which the HTTP library would take for one of the connection.
    pub(super) failure: Option<io::Error>,
}

impl ChunkBody<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(RegistryError::into_read)?;
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = loop {
            match self.reader.read(&mut buffer[..wanted]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there are fewer bytes than announced"));
        }
        let (hasher, hashed) = &mut *self.hashed;
        let known = usize::try_from(hashed.saturating_sub(self.position)).unwrap_or(usize::MAX);
        if let Some(new) = buffer[..count].get(known..) {
            hasher.update(new);
            *hashed += new.len() as u64;
        }
        self.left -= count as u64;
        self.position += count as u64;
        (self.on_bytes)(count as u64);
        Ok(count)
    }
}

impl Read for ChunkBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(|error| {
            self.failure = Some(error);
            io::Error::other("the source failed")
        })
    }
}
