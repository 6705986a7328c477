//! The outside of a `.deb`: an `ar` archive with a compressed tar of the files.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER_SIZE: usize = 60;
const BUFFER_SIZE: usize = 128 * 1024;

/// The plain tar stream of the files in a `.deb`.
pub(super) fn data_tar<'a>(deb: impl Read + Seek + 'a) -> io::Result<Box<dyn Read + 'a>> {
    tar_of(deb, "data.tar")
}

/// The plain tar stream of what a `.deb` says of itself.
pub(crate) fn control_tar<'a>(deb: impl Read + Seek + 'a) -> io::Result<Box<dyn Read + 'a>> {
    tar_of(deb, "control.tar")
}

fn tar_of<'a>(mut deb: impl Read + Seek + 'a, member: &str) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = [0; MAGIC.len()];
    deb.read_exact(&mut magic).map_err(|error| damaged_at_end(&error))?;
    if &magic != MAGIC {
        return Err(damaged("it is not a Debian package"));
    }
    loop {
        let (name, size) = read_header(&mut deb)?;
        if let Some(form) = name.strip_prefix(member) {
            let bytes = BufReader::with_capacity(BUFFER_SIZE, deb.take(size));
            return Ok(match form {
                "" => Box::new(bytes),
                ".gz" => Box::new(MultiGzDecoder::new(bytes)),
                ".xz" => Box::new(XzDecoder::new_multi_decoder(bytes)),
                ".zst" => Box::new(zstd::stream::read::Decoder::with_buffer(bytes)?),
                _ => return Err(damaged(&format!("`{name}` is compressed in an unknown way"))),
            });
        }
        // Members begin at even places.
        let step = i64::try_from(size + size % 2).map_err(|_| damaged("a member is too large"))?;
        deb.seek(SeekFrom::Current(step))?;
    }
}

/// Name and size of the member that follows.
fn read_header(deb: &mut impl Read) -> io::Result<(String, u64)> {
    let mut header = [0; HEADER_SIZE];
    deb.read_exact(&mut header).map_err(|error| damaged_at_end(&error))?;
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).map(str::trim_end);
    let (Ok(name), Ok(size), b"`\n") = (text(0..16), text(48..58), &header[58..]) else {
        return Err(damaged("the header of a member is malformed"));
    };
    let size = size.parse().map_err(|_| damaged("the size of a member is malformed"))?;
    Ok((name.trim_end_matches('/').to_owned(), size))
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

fn damaged_at_end(error: &io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends before its files"),
        kind => io::Error::new(kind, error.to_string()),
    }
}
