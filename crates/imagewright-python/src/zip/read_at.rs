//! Bytes that can be read at any position.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of a known length that can be read at any position.
///
/// Behind it may stand a file, memory, or a download that is still running: reading then waits until the bytes are
/// there. An archive is read at its end first and then from front to back, so such a download needs its tail first.
pub trait ReadAt: Send + Sync {
    /// Reads some bytes from `offset` on; 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The number of bytes there are.
    fn size(&self) -> u64;
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).map_or(self.len(), |start| start.min(self.len()));
        let length = buffer.len().min(self.len() - start);
        buffer[..length].copy_from_slice(&self[start..start + length]);
        Ok(length)
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buffer, offset)
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}

/// Implements the trait for what points to an implementation.
macro_rules! through_pointer {
    ($($pointer:ty),*) => {$(
        impl<T: ReadAt + ?Sized> ReadAt for $pointer {
            fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
                (**self).read_at(buffer, offset)
            }

            fn size(&self) -> u64 {
                (**self).size()
            }
        }
    )*};
}

through_pointer!(&T, Box<T>, Arc<T>);

/// An open file; it must not change while it is read.
#[derive(Debug)]
pub struct FileAt {
    file: File,
    size: u64,
}

impl FileAt {
    /// Asks the open file for its size.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for FileAt {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// A range of the bytes, read from front to back. Bytes that are missing are an error.
pub(super) struct Section<'a, R: ?Sized> {
    source: &'a R,
    offset: u64,
    end: u64,
}

impl<'a, R: ReadAt + ?Sized> Section<'a, R> {
    pub(super) fn new(source: &'a R, offset: u64, end: u64) -> Self {
        Self { source, offset, end }
    }
}

impl<R: ReadAt + ?Sized> Read for Section<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let remaining = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(remaining);
        if wanted == 0 {
            return Ok(0);
        }
        let length = self.source.read_at(&mut buffer[..wanted], self.offset)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn reads_at_any_position() {
        let bytes = b"0123456789".to_vec();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let file = FileAt::new(file).unwrap();
        let sources: [&dyn ReadAt; 3] = [&bytes, &file, &Arc::new(&bytes[..])];
        for source in sources {
            assert_eq!(source.size(), 10);
            for (offset, expected) in [(0, &b"012"[..]), (8, b"89"), (10, b""), (u64::from(u32::MAX), b"")] {
                let mut buffer = [0; 3];
                let length = source.read_at(&mut buffer, offset).unwrap();
                assert_eq!(&buffer[..length], expected, "{offset}");
            }
        }
    }

    #[test]
    fn missing_bytes_of_a_section_are_an_error() {
        let mut read = Vec::new();
        Section::new(&b"abc"[..], 1, 3).read_to_end(&mut read).unwrap();
        assert_eq!(read, b"bc");
        let error = Section::new(&b"abc"[..], 1, 5).read_to_end(&mut read).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
