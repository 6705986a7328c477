//! Inflates a deflate stream and hands on both its plain bytes and the stream itself, ready to be followed by another.
//!
//! Deflate streams can stand one behind the other in a single gzip member if all but the last lack the mark of the
//! last block and end at a whole byte, as zlib's `gzjoin` shows. Where that mark is, and where a stream ends, is known
//! only to who decodes it; decompressors in libraries do not tell. This one clears the mark while it is still in the
//! buffer, so that neither the stream nor what it inflates to is ever held.
//!
//! What zlib refuses is refused, and so is a stream that is not exactly as long, before and after, as announced.

mod bits;
mod block;
mod codes;
mod error;
#[cfg(test)]
mod tests;
mod window;

pub use error::InflateError;

use bits::Input;
use block::{Kind, Pause};
use codes::Codes;
use window::Window;

/// Where a stream comes from and where its two forms go.
pub(crate) trait Streams {
    /// What may fail.
    type Error: From<InflateError>;

    /// Reads some bytes of the deflate stream; none where there are no more.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error>;

    /// Takes plain bytes.
    fn plain(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Takes bytes of the deflate stream: all blocks, none of them marked as the last, up to a whole byte.
    fn deflated(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// The memory it takes to inflate; used for one stream after the other.
pub(crate) struct Inflater {
    input: Input,
    window: Window,
    codes: Box<Codes>,
    /// The plain bytes there must be.
    size: u64,
    /// Those of them that are still to come.
    missing: u64,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self {
            input: Input::new(),
            window: Window::new(),
            codes: Box::new(Codes::new()),
            size: 0,
            missing: 0,
        }
    }

    /// Inflates a stream of `deflated_size` bytes to exactly `size` bytes.
    ///
    /// How the bytes are cut when they are handed on depends on the stream alone.
    pub(crate) fn inflate<S: Streams>(
        &mut self,
        deflated_size: u64,
        size: u64,
        streams: &mut S,
    ) -> Result<(), S::Error> {
        self.input.restart(deflated_size);
        self.window.restart();
        (self.size, self.missing) = (size, size);
        while !self.inflate_block(streams)? {}
        self.hand_out(streams)?;
        if self.missing > 0 {
            return Err(InflateError::Size { expected: self.size }.into());
        }
        if !self.input.is_at_end() {
            return Err(InflateError::Trailing.into());
        }
        streams.deflated(self.input.decoded())?;
        self.end_at_a_whole_byte(streams)
    }

    /// Whether it was the last block.
    fn inflate_block<S: Streams>(&mut self, streams: &mut S) -> Result<bool, S::Error> {
        if self.input.lacks(block::LONGEST_HEADER) {
            self.advance(streams)?;
        }
        self.input.bits.refill(&self.input.buffer);
        let last = self.input.bits.take(1) == 1;
        let kind = Kind::read(&mut self.input.bits)?;
        self.check_overrun()?;
        if last {
            self.input.clear_taken(3);
        }
        match kind {
            Kind::Stored => self.copy_stored(streams)?,
            Kind::Fixed => self.codes.set_fixed()?,
            Kind::Dynamic => block::read_codes(&mut self.input, &mut self.codes)?,
        }
        if !matches!(kind, Kind::Stored) {
            self.inflate_symbols(streams)?;
        }
        self.check_overrun()?;
        Ok(last)
    }

    fn inflate_symbols<S: Streams>(&mut self, streams: &mut S) -> Result<(), S::Error> {
        loop {
            match block::decode(&mut self.input, &mut self.window, &self.codes)? {
                Pause::End => return Ok(()),
                Pause::Room => self.hand_out(streams)?,
                Pause::Input if self.input.is_complete() => return Err(InflateError::Truncated.into()),
                Pause::Input => self.advance(streams)?,
            }
        }
    }

    fn copy_stored<S: Streams>(&mut self, streams: &mut S) -> Result<(), S::Error> {
        self.input.align();
        self.input.bits.refill(&self.input.buffer);
        let length = self.input.bits.take(16);
        if length != !self.input.bits.take(16) & 0xffff {
            return Err(InflateError::StoredLength.into());
        }
        self.input.align();
        self.check_overrun()?;
        let mut remaining = length as usize;
        while remaining > 0 {
            let start = self.input.bits.position;
            let available = remaining.min(self.input.end - start);
            let copied = self.window.append(&self.input.buffer[start..start + available]);
            self.input.bits.position += copied;
            remaining -= copied;
            if copied < available {
                self.hand_out(streams)?;
            } else if remaining > 0 {
                self.advance(streams)?;
            }
        }
        Ok(())
    }

    /// Hands on the stream as far as it is decoded and reads more of it.
    fn advance<S: Streams>(&mut self, streams: &mut S) -> Result<(), S::Error> {
        if self.input.is_complete() {
            return Err(InflateError::Truncated.into());
        }
        streams.deflated(self.input.decoded())?;
        self.input.advance(|buffer| streams.read(buffer))
    }

    fn hand_out<S: Streams>(&mut self, streams: &mut S) -> Result<(), S::Error> {
        let pending = self.window.pending();
        let missing = self.missing.checked_sub(pending.len() as u64);
        self.missing = missing.ok_or(InflateError::Size { expected: self.size })?;
        streams.plain(pending)?;
        self.window.advance();
        Ok(())
    }

    /// An empty stored block ends at a whole byte, whatever it begins at.
    fn end_at_a_whole_byte<S: Streams>(&self, streams: &mut S) -> Result<(), S::Error> {
        // What stood behind the last code is masked off, so that three zeroes are the header of such a block.
        match self.input.remainder() {
            None => Ok(()),
            Some((bits, 1..=5)) => streams.deflated(&[bits, 0, 0, 0xff, 0xff]),
            Some((bits, _)) => streams.deflated(&[bits, 0, 0, 0, 0xff, 0xff]),
        }
    }

    fn check_overrun(&self) -> Result<(), InflateError> {
        if self.input.is_overrun() { Err(InflateError::Truncated) } else { Ok(()) }
    }
}
