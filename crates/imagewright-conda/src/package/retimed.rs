//! Bytecode that knows when its source was changed, for sources whose time is made up.
//!
//! Python looks whether the time and the size in the head of a bytecode file are those of its source, and compiles again if
//! they are not. All files of a layer have one time, so that is what must stand there.

use std::io::{self, Read};

const HEAD: usize = 16;

/// Reads bytecode, with another time in its head where it goes by that.
pub(super) struct Retimed<R> {
    inner: R,
    head: [u8; HEAD],
    length: usize,
    given: usize,
}

impl<R: Read> Retimed<R> {
    pub(super) fn new(mut inner: R, time: i64) -> io::Result<Self> {
        let mut head = [0; HEAD];
        let mut length = 0;
        while length < HEAD {
            match inner.read(&mut head[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // A magic number, then flags, which are none where the time counts (PEP 552).
        if length == HEAD && head[2..8] == *b"\r\n\0\0\0\0" {
            let time = u32::try_from(time).unwrap_or_default();
            head[8..12].copy_from_slice(&time.to_le_bytes());
        }
        Ok(Self { inner, head, length, given: 0 })
    }
}

impl<R: Read> Read for Retimed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.length {
            return self.inner.read(buffer);
        }
        let count = buffer.len().min(self.length - self.given);
        buffer[..count].copy_from_slice(&self.head[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
