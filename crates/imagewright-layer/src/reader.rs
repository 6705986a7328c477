//! Reads the entries of a layer and refuses what no honest layer holds.
//!
//! Reads ustar, GNU and pax archives as Go's reader (which every runtime uses) does, but for sparse files and for
//! contradictions, which are errors. Memory is bounded whatever the headers say. What entries do to each other
//! (duplicates, files below symbolic links) is the unpacker's to judge.

use std::io::{self, BufReader, Read};

use crate::header::{self, BLOCK, Raw};
use crate::member::Member;
use crate::{Entry, LayerError, pax};

const BUFFER: usize = 128 * 1024;

/// Reads the entries of an uncompressed layer; see [`decompress()`](crate::decompress()).
pub struct LayerReader<R: Read> {
    input: BufReader<R>,
    offset: u64,
}

impl<R: Read> LayerReader<R> {
    /// Reads from `reader`.
    pub fn new(reader: R) -> Self {
        Self { input: BufReader::with_capacity(BUFFER, reader), offset: 0 }
    }

    /// Visits every entry in order, with a reader of its contents, which need not be read.
    ///
    /// Reads to the end of the stream, also behind the end of the archive, so that a reader below that hashes sees
    /// everything.
    pub fn for_each<E: From<LayerError>>(
        &mut self,
        mut visit: impl FnMut(Entry, &mut dyn Read) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(member) = self.next_member()? {
            let size = member.body_size()?;
            let name = member.display_name();
            let mut body = Body { input: &mut self.input, remaining: size, name: &name };
            if let Some(entry) = member.into_entry()? {
                visit(entry, &mut body)?;
            }
            let unread = body.remaining + header::padding(size);
            self.offset += size - body.remaining;
            self.skip(unread, &name)?;
        }
        io::copy(&mut self.input, &mut io::sink()).map_err(read_error)?;
        Ok(())
    }

    /// The next header with everything that extended headers before it say.
    fn next_member(&mut self) -> Result<Option<Member>, LayerError> {
        let mut member = Member::default();
        while let Some(block) = self.next_header()? {
            let raw = Raw::new(&block);
            if !raw.has_checksum() {
                return Err(LayerError::NotAHeader { offset: self.offset - BLOCK as u64 });
            }
            let repeated = match raw.kind() {
                b'x' => {
                    let body = self.read_special(&raw)?;
                    let records =
                        pax::decode(&body).ok_or_else(|| malformed(&raw, "its pax records are broken"))?;
                    member.records.replace(records).is_some()
                }
                b'L' => member.long_name.replace(until_zero(self.read_special(&raw)?)).is_some(),
                b'K' => member.long_link.replace(until_zero(self.read_special(&raw)?)).is_some(),
                b'g' => {
                    // Defaults for all entries that follow; runtimes ignore them, and so do their users.
                    self.read_special(&raw)?;
                    false
                }
                _ => {
                    member.header = block;
                    return Ok(Some(member));
                }
            };
            if repeated {
                return Err(malformed(&raw, "there are two extended headers of one kind for one entry"));
            }
        }
        if member.is_empty() {
            Ok(None)
        } else {
            Err(LayerError::Truncated { within: "an extended header".to_owned() })
        }
    }

    /// The next block that is not the end of the archive.
    fn next_header(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let Some(block) = self.next_block()? else { return Ok(None) };
        if block != [0; BLOCK] {
            return Ok(Some(block));
        }
        // Two zero blocks end an archive; one does at the end of the stream.
        match self.next_block()? {
            Some(second) if second != [0; BLOCK] => {
                Err(LayerError::NotAHeader { offset: self.offset - 2 * BLOCK as u64 })
            }
            _ => Ok(None),
        }
    }

    fn next_block(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(LayerError::Truncated { within: "a header".to_owned() }),
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(read_error(source)),
            }
        }
        self.offset += BLOCK as u64;
        Ok(Some(block))
    }

    /// The body of an extended header.
    fn read_special(&mut self, raw: &Raw<'_>) -> Result<Vec<u8>, LayerError> {
        let size = raw
            .size()
            .and_then(|size| u64::try_from(size).ok())
            .filter(|size| *size <= header::SPECIAL_LIMIT);
        let size = size.ok_or_else(|| malformed(raw, "its size is not one of an extended header"))?;
        let name = String::from_utf8_lossy(&raw.name()).into_owned();
        let mut body = Vec::new();
        self.input.by_ref().take(size).read_to_end(&mut body).map_err(read_error)?;
        if (body.len() as u64) < size {
            return Err(LayerError::Truncated { within: format!("`{name}`") });
        }
        self.offset += size;
        self.skip(header::padding(size), &name)?;
        Ok(body)
    }

    fn skip(&mut self, length: u64, name: &str) -> Result<(), LayerError> {
        let skipped = io::copy(&mut self.input.by_ref().take(length), &mut io::sink()).map_err(read_error)?;
        self.offset += skipped;
        if skipped == length { Ok(()) } else { Err(LayerError::Truncated { within: format!("`{name}`") }) }
    }
}

/// The contents of one entry.
struct Body<'a, R> {
    input: &'a mut R,
    remaining: u64,
    name: &'a str,
}

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let length = self.input.read(&mut buffer[..wanted])?;
        if length == 0 {
            let text = format!("the layer ends in the middle of `{}`", self.name);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.remaining -= length as u64;
        Ok(length)
    }
}

fn until_zero(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    text
}

fn read_error(source: io::Error) -> LayerError {
    LayerError::Read { source }
}

fn malformed(raw: &Raw<'_>, reason: &str) -> LayerError {
    LayerError::MalformedHeader {
        entry: String::from_utf8_lossy(&raw.name()).into_owned(),
        reason: reason.to_owned(),
    }
}
