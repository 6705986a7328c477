//! The plain stream behind a compressed layer.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Followed by `0x2a 0x4d 0x18`: a frame of other data, which zstd readers skip.
const ZSTD_SKIPPABLE: std::ops::RangeInclusive<u8> = 0x50..=0x5f;
/// Archives people hand over that no runtime takes as layers.
const FOREIGN: &[(&[u8], &str)] = &[(&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"), (b"BZh", "bzip2")];
/// The longest of the above.
const MAGIC: usize = 6;
const BUFFER: usize = 128 * 1024;

/// Plain bytes of a stream that is gzip, zstd or neither, told apart by how it begins.
///
/// All members and frames are read. What follows the last one is an error, as is an end within one.
pub fn decompress<'a>(reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    let mut magic = Vec::with_capacity(MAGIC);
    reader.by_ref().take(MAGIC as u64).read_to_end(&mut magic)?;
    if let Some((_, name)) = FOREIGN.iter().find(|(prefix, _)| magic.starts_with(prefix)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("compressed with {name}, which layers of images cannot be"),
        ));
    }
    let (gzip, zstd) = (magic.starts_with(GZIP), is_zstd(&magic));
    let whole = Cursor::new(magic).chain(reader);
    Ok(match (gzip, zstd) {
        (true, _) => Box::new(MultiGzDecoder::new(whole)),
        (_, true) => Box::new(zstd_decoder(whole)?),
        _ => Box::new(whole),
    })
}

fn is_zstd(magic: &[u8]) -> bool {
    let skippable = matches!(magic, [first, 0x2a, 0x4d, 0x18, ..] if ZSTD_SKIPPABLE.contains(first));
    magic.starts_with(ZSTD) || skippable
}

fn zstd_decoder<'a>(reader: impl BufRead + 'a) -> io::Result<impl Read + 'a> {
    zstd::stream::read::Decoder::with_buffer(reader)
}
