//! The compressed bytes, looked at bit by bit.

/// How many bytes are read ahead at most.
const CAPACITY: usize = 64 * 1024;
/// Zeroes behind the last byte, so that looking ahead needs no second way near the end.
const SLACK: usize = 32;
/// What decoding one symbol may look at.
const LOOK_AHEAD: usize = 16;

/// The bytes read ahead.
pub(super) type Buffer = [u8; CAPACITY + SLACK];

/// Where in the buffer the next bit is: in `word`, of which `count` bits are certain, filled from before `position`.
#[derive(Clone, Copy, Default)]
pub(super) struct Bits {
    pub(super) word: u64,
    count: u32,
    pub(super) position: usize,
}

impl Bits {
    /// Makes at least 56 bits certain; behind the buffer's end they are zeroes.
    ///
    /// Bits above `count` may be set already: they are the same ones that come in again.
    #[inline(always)]
    pub(super) fn refill(&mut self, buffer: &Buffer) {
        if let Some(bytes) = buffer.get(self.position..).and_then(|rest| rest.first_chunk::<8>()) {
            self.word |= u64::from_le_bytes(*bytes) << self.count;
        }
        self.position += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// Passes over bits that were made certain.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.word >>= count & 63;
        self.count -= count;
    }

    /// The next `count` bits that were made certain, at most 31.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let value = self.word as u32 & ((1 << count) - 1);
        self.skip(count);
        value
    }

    /// The number of the next bit in the buffer.
    fn offset(&self) -> usize {
        self.position * 8 - self.count as usize
    }
}

/// The compressed bytes of one stream: a window that moves over them.
pub(super) struct Input {
    pub(super) buffer: Box<Buffer>,
    /// Where the bytes in the buffer end.
    pub(super) end: usize,
    pub(super) bits: Bits,
    /// Bytes of the stream that are not in the buffer yet.
    unread: u64,
}

impl Input {
    pub(super) fn new() -> Self {
        let buffer = vec![0; CAPACITY + SLACK].into_boxed_slice().try_into();
        let buffer = buffer.expect("the buffer was made in its size");
        Self { buffer, end: 0, bits: Bits::default(), unread: 0 }
    }

    /// Forgets everything and expects a stream of so many bytes.
    pub(super) fn restart(&mut self, length: u64) {
        (self.end, self.bits, self.unread) = (0, Bits::default(), length);
    }

    /// Whether all bytes of the stream are in the buffer or behind it.
    pub(super) fn is_complete(&self) -> bool {
        self.unread == 0
    }

    /// The bytes that are decoded wholly, and may still be changed until [`advance`](Self::advance).
    pub(super) fn decoded(&self) -> &[u8] {
        &self.buffer[..(self.bits.offset() / 8).min(self.end)]
    }

    /// Drops what is decoded and reads as much as there is room for, however the reader cuts it.
    pub(super) fn advance<E: From<super::InflateError>>(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let decoded = self.decoded().len();
        self.buffer.copy_within(decoded..self.end, 0);
        self.end -= decoded;
        self.bits.position -= decoded;
        while self.end < CAPACITY && self.unread > 0 {
            let room = usize::try_from(self.unread).unwrap_or(usize::MAX).min(CAPACITY - self.end);
            let length = read(&mut self.buffer[self.end..self.end + room])?;
            if length == 0 {
                return Err(super::InflateError::Truncated.into());
            }
            self.end += length;
            self.unread -= length as u64;
        }
        self.buffer[self.end..self.end + SLACK].fill(0);
        Ok(())
    }

    /// How far symbols may be decoded before more bytes must be read.
    ///
    /// In a complete stream that is a little behind its end, where [`is_overrun`](Self::is_overrun) is certain.
    pub(super) fn limit(&self) -> usize {
        if self.is_complete() { self.end + 8 } else { self.end.saturating_sub(LOOK_AHEAD) }
    }

    /// Whether fewer than so many bytes are left while the stream has more.
    pub(super) fn lacks(&self, length: usize) -> bool {
        !self.is_complete() && self.bits.position + length > self.end
    }

    /// Whether bits were used that the stream does not have.
    pub(super) fn is_overrun(&self) -> bool {
        self.bits.offset() > self.end * 8
    }

    /// Clears the bit that was taken `count` bits ago.
    pub(super) fn clear_taken(&mut self, count: usize) {
        let offset = self.bits.offset() - count;
        self.buffer[offset / 8] &= !(1 << (offset % 8));
    }

    /// Goes on at the next whole byte, without bits read ahead.
    pub(super) fn align(&mut self) {
        let position = self.bits.offset().div_ceil(8);
        self.bits = Bits { word: 0, count: 0, position };
    }

    /// The bits used of the byte that is not decoded wholly, and their number; none at the start of a byte.
    pub(super) fn remainder(&self) -> Option<(u8, usize)> {
        let (byte, used) = (self.bits.offset() / 8, self.bits.offset() % 8);
        (used > 0).then(|| (self.buffer[byte] & ((1 << used) - 1), used))
    }

    /// Whether the stream's last byte is the one that holds the last bit used.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_complete() && self.bits.offset().div_ceil(8) == self.end
    }
}
