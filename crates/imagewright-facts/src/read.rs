//! Reads a bundle: its head, then its body as a whole, and only then its lines.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take, Write};

use imagewright_oci::Algorithm;
use zstd::stream::read::Decoder;

use crate::line::Line;
use crate::{BundleError, Head, LARGEST_WINDOW, LONGEST_LINE};

/// A bundle whose body is the one that its head names.
#[derive(Debug)]
pub struct Bundle<S> {
    /// Its head.
    pub head: Head,
    body: S,
}

impl<S: Read + Write + Seek> Bundle<S> {
    /// Reads a bundle to its end. `check` decides by the head whether it is wanted at all; the body goes to `spool`, which
    /// is empty, so that what is read later is what was proven.
    pub fn open(
        source: &mut impl BufRead,
        mut spool: S,
        check: impl FnOnce(&Head) -> Result<(), BundleError>,
    ) -> Result<Self, BundleError> {
        let head = Head::read(source)?;
        check(&head)?;
        let mut hasher = Algorithm::Sha256.hasher();
        // One byte more than there may be.
        let mut rest = source.take(head.summary.size.saturating_add(1));
        let (mut buffer, mut size) = (vec![0; 1 << 16], 0_u64);
        loop {
            let count = match rest.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BundleError::reading(error)),
            };
            hasher.update(&buffer[..count]);
            size += count as u64;
            spool.write_all(&buffer[..count]).map_err(BundleError::writing)?;
        }
        if size != head.summary.size || hasher.finish() != head.summary.digest {
            return Err(BundleError::Damaged);
        }
        Ok(Self { head, body: spool })
    }

    /// Its lines, from the first on. After an error there are no more; without one, all came.
    pub fn lines(&mut self) -> Result<impl Iterator<Item = Result<Line, BundleError>> + '_, BundleError> {
        self.body.seek(SeekFrom::Start(0)).map_err(BundleError::reading)?;
        let mut decoder = Decoder::new(&mut self.body).map_err(BundleError::reading)?.single_frame();
        decoder.window_log_max(LARGEST_WINDOW).map_err(BundleError::reading)?;
        let plain = BufReader::new(decoder.take(self.head.summary.plain));
        let (head, number) = (&self.head, 0);
        Ok(Lines { head, plain, number, facts: 0, places: 0, has_ended: false })
    }
}

type Plain<'b, S> = BufReader<Take<Decoder<'static, BufReader<&'b mut S>>>>;

struct Lines<'b, S: Read> {
    head: &'b Head,
    plain: Plain<'b, S>,
    /// Lines so far.
    number: u64,
    facts: u64,
    places: u64,
    has_ended: bool,
}

impl<S: Read> Lines<'_, S> {
    fn next_line(&mut self) -> Result<Option<Line>, BundleError> {
        let mut text = Vec::new();
        // What does not inflate is as damaged as what has another digest; whoever signed it did not write it here.
        let unreadable = |_| BundleError::Damaged;
        let read = self.plain.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut text);
        if read.map_err(unreadable)? == 0 {
            return self.end().map(|()| None);
        }
        if text.pop() != Some(b'\n') {
            return Err(match text.len() as u64 >= LONGEST_LINE {
                true => BundleError::TooLarge { what: "a fact", limit: LONGEST_LINE },
                false => BundleError::WrongCount,
            });
        }
        self.number += 1;
        let malformed = |source| BundleError::MalformedLine { line: self.number, source };
        let line: Line = serde_json::from_slice(&text).map_err(malformed)?;
        match &line {
            Line::Place(_) if self.facts > 0 => return Err(BundleError::WrongCount),
            Line::Place(_) => self.places += 1,
            Line::Fact(_) => self.facts += 1,
        }
        Ok(Some(line))
    }

    /// All that was told of came, and nothing else is there.
    fn end(&mut self) -> Result<(), BundleError> {
        let summary = &self.head.summary;
        let is_all = (self.facts, self.places) == (summary.facts, summary.places);
        let limited = self.plain.get_mut();
        let has_more = limited.limit() > 0 || {
            let decoder = limited.get_mut();
            // The end of the frame, and of the body behind it.
            decoder.read(&mut [0]).map_err(|_| BundleError::Damaged)? > 0
                || !decoder.get_mut().fill_buf().map_err(BundleError::reading)?.is_empty()
        };
        match is_all && !has_more {
            true => Ok(()),
            false => Err(BundleError::WrongCount),
        }
    }
}

impl<S: Read> Iterator for Lines<'_, S> {
    type Item = Result<Line, BundleError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let line = self.next_line().transpose();
        self.has_ended = !matches!(line, Some(Ok(_)));
        line
    }
}
