//! The outside of a `.deb`: an `ar` archive with a compressed tar of the files.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER_SIZE: usize = 60;
/// Where in a header name and size stand.
const NAME: Range<usize> = 0..16;
const SIZE: Range<usize> = 48..58;
/// How the name of the member with the files begins.
const DATA: &str = "data.tar";
/// And that of the one with what the package says of itself.
const CONTROL: &str = "control.tar";
const ENDS_EARLY: &str = "it ends before its files";
const BUFFER_SIZE: usize = 128 * 1024;

/// The plain tar stream of the files in a `.deb`.
pub(super) fn data_tar<'a>(deb: impl Read + Seek + 'a) -> io::Result<Box<dyn Read + 'a>> {
    tar_of(deb, DATA)
}

/// The plain tar stream of what a `.deb` says of itself.
pub(crate) fn control_tar<'a>(deb: impl Read + Seek + 'a) -> io::Result<Box<dyn Read + 'a>> {
    tar_of(deb, CONTROL)
}

fn tar_of<'a>(mut deb: impl Read + Seek + 'a, member: &str) -> io::Result<Box<dyn Read + 'a>> {
    read_magic(&mut deb)?;
    loop {
        let (name, size) = parse_header(&read_header(&mut deb)?)?;
        if let Some(form) = name.strip_prefix(member) {
            return plain(member, form, deb.take(size));
        }
        // Members begin at even places.
        let step = i64::try_from(size + size % 2).map_err(|_| damaged("a member is too large"))?;
        deb.seek(SeekFrom::Current(step))?;
    }
}

/// Copies a `.deb` up to the member with its files, and leaves that one uncompressed; dpkg has always read such ones,
/// and installs the same from them. What follows it, which dpkg does not read, is left out. `deb` is read to where
/// its files end.
pub(crate) fn copy_with_plain_files(mut deb: impl Read, mut out: impl Write + Seek) -> io::Result<()> {
    read_magic(&mut deb)?;
    out.write_all(MAGIC)?;
    loop {
        let mut header = read_header(&mut deb)?;
        let (name, size) = parse_header(&header)?;
        let Some(form) = name.strip_prefix(DATA) else {
            out.write_all(&header)?;
            let padded = size + size % 2;
            if io::copy(&mut deb.by_ref().take(padded), &mut out)? < padded {
                return Err(damaged(ENDS_EARLY));
            }
            continue;
        };
        let place = out.stream_position()?;
        out.write_all(&header)?;
        let plain_size = io::copy(&mut plain(DATA, form, deb.take(size))?, &mut out)?;
        out.write_all(&b"\n"[..usize::from(plain_size % 2 == 1)])?;
        header[NAME].copy_from_slice(format!("{DATA:<16}").as_bytes());
        let field = format!("{plain_size:<10}");
        // Ten digits are all the format has.
        header[SIZE].copy_from_slice(
            field
                .get(..10)
                .filter(|_| field.len() == 10)
                .ok_or_else(|| damaged("its files are too large"))?
                .as_bytes(),
        );
        out.seek(SeekFrom::Start(place))?;
        return out.write_all(&header);
    }
}

/// The bytes of a member, decoded.
fn plain<'a>(name: &str, form: &str, member: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let bytes = BufReader::with_capacity(BUFFER_SIZE, member);
    Ok(match form {
        "" => Box::new(bytes),
        ".gz" => Box::new(MultiGzDecoder::new(bytes)),
        ".xz" => Box::new(XzDecoder::new_multi_decoder(bytes)),
        ".zst" => Box::new(zstd::stream::read::Decoder::with_buffer(bytes)?),
        _ => return Err(damaged(&format!("`{name}{form}` is compressed in an unknown way"))),
    })
}

fn read_magic(deb: &mut impl Read) -> io::Result<()> {
    let mut magic = [0; MAGIC.len()];
    deb.read_exact(&mut magic).map_err(|error| damaged_at_end(&error))?;
    if &magic == MAGIC { Ok(()) } else { Err(damaged("it is not a Debian package")) }
}

fn read_header(deb: &mut impl Read) -> io::Result<[u8; HEADER_SIZE]> {
    let mut header = [0; HEADER_SIZE];
    deb.read_exact(&mut header).map_err(|error| damaged_at_end(&error))?;
    Ok(header)
}

/// Name and size of a member.
fn parse_header(header: &[u8; HEADER_SIZE]) -> io::Result<(String, u64)> {
    let text = |range: Range<usize>| std::str::from_utf8(&header[range]).map(str::trim_end);
    let (Ok(name), Ok(size), b"`\n") = (text(NAME), text(SIZE), &header[58..]) else {
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
        io::ErrorKind::UnexpectedEof => damaged(ENDS_EARLY),
        kind => io::Error::new(kind, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use imagewright_testkit::archive::{Compression, Package};

    use super::*;

    fn copy(deb: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Cursor::new(Vec::new());
        copy_with_plain_files(deb, &mut out).map(|()| out.into_inner())
    }

    #[test]
    fn a_copy_differs_in_the_compression_of_its_files_alone() {
        let package = Package::new("odd", "1").directory("./usr").file("./usr/file", "contents");
        let expected = package.clone().compressed(Compression::None).deb().unwrap();
        for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd] {
            let deb = package.clone().compressed(compression).deb().unwrap();
            assert_eq!(copy(&deb).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_whole_package_has_no_copy() {
        let deb = Package::new("broken", "1").file("./file", "contents").deb().unwrap();
        for length in [0, 4, 20, 70, 90, deb.len() - 20] {
            assert!(copy(&deb[..length]).is_err(), "{length} bytes");
        }
        let unknown = String::from_utf8_lossy(&deb).replace("data.tar.xz ", "data.tar.lz4");
        assert!(copy(unknown.as_bytes()).unwrap_err().to_string().contains("lz4"));
    }
}
