//! Against zlib: what it takes is taken, what it refuses is refused, and what is handed on is what it should be.

use std::io::{self, Write};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{CompressionLvl, Compressor};
use proptest::prelude::*;

use super::{InflateError, Inflater, Streams};

/// Reads a stream in pieces of constant size and keeps both forms.
struct Memory<'a> {
    stream: &'a [u8],
    piece: usize,
    plain: Vec<u8>,
    deflated: Vec<u8>,
}

impl Streams for Memory<'_> {
    type Error = InflateError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, InflateError> {
        let length = buffer.len().min(self.piece).min(self.stream.len());
        let (bytes, rest) = self.stream.split_at(length);
        buffer[..length].copy_from_slice(bytes);
        self.stream = rest;
        Ok(length)
    }

    fn plain(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        self.plain.extend_from_slice(bytes);
        Ok(())
    }

    fn deflated(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        self.deflated.extend_from_slice(bytes);
        Ok(())
    }
}

/// The plain bytes, and the stream to be followed by another.
fn inflate(stream: &[u8], size: usize, piece: usize) -> Result<(Vec<u8>, Vec<u8>), InflateError> {
    let mut memory = Memory { stream, piece, plain: Vec::new(), deflated: Vec::new() };
    Inflater::new().inflate(stream.len() as u64, size as u64, &mut memory)?;
    Ok((memory.plain, memory.deflated))
}

/// What zlib makes of a stream: its bytes, if it ends where it should.
fn zlib(stream: &[u8]) -> Option<Vec<u8>> {
    let mut decompress = Decompress::new(false);
    let mut plain = Vec::with_capacity(64 * 1024);
    loop {
        let before = (decompress.total_in(), plain.len());
        let rest = &stream[usize::try_from(before.0).unwrap()..];
        match decompress.decompress_vec(rest, &mut plain, FlushDecompress::None).ok()? {
            Status::StreamEnd => return (decompress.total_in() == stream.len() as u64).then_some(plain),
            _ if plain.len() == plain.capacity() => plain.reserve(plain.len()),
            _ if before == (decompress.total_in(), plain.len()) => return None,
            _ => {}
        }
    }
}

/// Checks that a stream is taken, and that it can be followed by another.
fn check(stream: &[u8], plain: &[u8]) {
    let (found, open) = inflate(stream, plain.len(), usize::MAX).unwrap();
    assert!(found == plain);
    assert_eq!(inflate(stream, plain.len(), 7).unwrap(), (found, open.clone()));
    assert!(open.len() <= stream.len() + 5, "{} from {}", open.len(), stream.len());
    // An empty fixed block, marked as the last, ends it.
    assert!(zlib(&[&open, &[3, 0][..]].concat()).unwrap() == plain);
    assert!(zlib(&[&open, &open, stream].concat()).unwrap() == plain.repeat(3));
    // What stands behind the last code is nobody's, and must not become the header of the next block.
    let mut garbage = stream.to_vec();
    *garbage.last_mut().unwrap() |= 0x80;
    if zlib(&garbage).is_some_and(|found| found == plain) {
        let (_, open) = inflate(&garbage, plain.len(), usize::MAX).unwrap();
        assert!(zlib(&[&open, &open, stream].concat()).unwrap() == plain.repeat(3));
    }
    for wrong in [plain.len() + 1, plain.len().wrapping_sub(1)] {
        assert!(matches!(inflate(stream, wrong, usize::MAX), Err(InflateError::Size { .. })), "{wrong}");
    }
    assert!(inflate(&stream[..stream.len() - 1], plain.len(), usize::MAX).is_err());
    let longer = [stream, &[0]].concat();
    assert_eq!(inflate(&longer, plain.len(), usize::MAX).unwrap_err(), InflateError::Trailing);
}

fn libdeflate(plain: &[u8], level: i32) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap());
    let mut stream = vec![0; compressor.deflate_compress_bound(plain.len())];
    let length = compressor.deflate_compress(plain, &mut stream).unwrap();
    stream.truncate(length);
    stream
}

fn flate2(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Bits in the order in which deflate has them: numbers from their lowest bit, codes as they are written.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: usize,
}

impl BitWriter {
    fn number(mut self, value: u32, count: u32) -> Self {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
        self
    }

    fn code(self, text: &str) -> Self {
        text.bytes().fold(self, |writer, bit| writer.number(u32::from(bit == b'1'), 1))
    }

    /// The header of a last block with codes: how many there are, and the lengths of the code for them.
    fn dynamic(literals: u32, distances: u32, lengths: &[u32]) -> Self {
        let counts = Self::default().number(1, 1).number(2, 2).number(literals - 257, 5);
        let counts = counts.number(distances - 1, 5).number(lengths.len() as u32 - 4, 4);
        lengths.iter().fold(counts, |writer, length| writer.number(*length, 3))
    }
}

#[test]
fn streams_of_all_kinds_of_blocks_are_taken() {
    let mut texts: Vec<Vec<u8>> = vec![vec![], vec![0], b"abc".to_vec(), vec![7; 300_000]];
    texts.extend((1..40).map(|period| (0..5000).map(|at| (at % period * 37 % 251) as u8).collect()));
    let noise = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 24) as u8
    };
    let mut state = 1;
    texts.push((0..400_000).map(|_| noise(&mut state)).collect());
    texts.push((0..400_000).map(|at| noise(&mut state) % (1 + (at / 1000 % 200) as u8)).collect());
    for plain in texts {
        (0..=12).for_each(|level| check(&libdeflate(&plain, level), &plain));
        (0..=9).for_each(|level| check(&flate2(&plain, level), &plain));
    }
}

#[test]
fn matches_reach_the_whole_window() {
    for distance in [32_768, 32_767, 32_766] {
        let mut plain: Vec<u8> =
            (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for at in (distance..plain.len() - 300).step_by(4001) {
            plain.copy_within(at - distance..at - distance + 258, at);
        }
        check(&libdeflate(&plain, 12), &plain);
        check(&flate2(&plain, 9), &plain);
    }
}

#[test]
fn a_large_stream_is_handed_on_in_small_pieces() {
    /// Zeroes that are never held: a stream made while it is read, and bytes counted.
    struct Counted {
        stream: flate2::read::DeflateEncoder<io::Take<io::Repeat>>,
        plain: u64,
        largest: usize,
    }
    impl Streams for Counted {
        type Error = InflateError;
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, InflateError> {
            Ok(io::Read::read(&mut self.stream, buffer).unwrap())
        }
        fn plain(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
            self.plain += bytes.len() as u64;
            self.largest = self.largest.max(bytes.len());
            Ok(())
        }
        fn deflated(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
            self.largest = self.largest.max(bytes.len());
            Ok(())
        }
    }
    const SIZE: u64 = 100 << 20;
    let encoder = || {
        let zeroes = io::Read::take(io::repeat(0), SIZE);
        flate2::read::DeflateEncoder::new(zeroes, flate2::Compression::fast())
    };
    let length = io::copy(&mut encoder(), &mut io::sink()).unwrap();
    let mut counted = Counted { stream: encoder(), plain: 0, largest: 0 };
    Inflater::new().inflate(length, SIZE, &mut counted).unwrap();
    assert_eq!(counted.plain, SIZE);
    assert!(counted.largest <= 256 * 1024, "{}", counted.largest);
}

#[test]
fn codes_are_judged_as_by_zlib() {
    let writer = BitWriter::dynamic;
    // The order of lengths is 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1 15.
    let ones_and_zeroes = [0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let zeroes = |writer: BitWriter, count: u32| match count {
        0 => writer,
        _ => writer.code("11").number(count - 11, 7),
    };
    let only_end = || zeroes(zeroes(writer(257, 1, &ones_and_zeroes), 138), 118);
    let one_literal = || zeroes(writer(257, 1, &ones_and_zeroes).code("0"), 138);
    let cases: &[(&str, Vec<u8>, Result<usize, InflateError>)] = &[
        ("the code of the end alone, no distance", only_end().code("0").code("10").code("0").bytes, Ok(0)),
        ("the code of the end alone, one distance", only_end().code("0").code("0").code("0").bytes, Ok(0)),
        (
            "the other code where there is one",
            only_end().code("0").code("10").code("1").bytes,
            Err(InflateError::Symbol),
        ),
        ("a literal and the end", zeroes(one_literal(), 117).code("0").code("10").code("0001").bytes, Ok(3)),
        (
            "no code for the end",
            zeroes(one_literal(), 117).code("10").code("10").bytes,
            Err(InflateError::Codes),
        ),
        (
            "three codes of one bit",
            zeroes(writer(257, 1, &ones_and_zeroes).code("00"), 138)
                .code("11")
                .number(105, 7)
                .code("0")
                .code("10")
                .bytes,
            Err(InflateError::Codes),
        ),
        ("lengths beyond the last", zeroes(zeroes(only_end(), 138), 138).bytes, Err(InflateError::Codes)),
        ("codes for lengths that lack one", writer(257, 1, &[0, 0, 0, 1]).bytes, Err(InflateError::Codes)),
        ("no codes for lengths", writer(257, 1, &[0, 0, 0, 0]).bytes, Err(InflateError::Codes)),
        ("too many codes for lengths", writer(257, 1, &[1, 1, 1, 0]).bytes, Err(InflateError::Codes)),
        (
            "a repetition at the start",
            writer(257, 1, &[1, 1, 0, 0]).code("0").number(0, 2).bytes,
            Err(InflateError::Codes),
        ),
        ("287 literals", writer(287, 1, &ones_and_zeroes).bytes, Err(InflateError::Codes)),
        ("31 distances", writer(257, 31, &ones_and_zeroes).bytes, Err(InflateError::Codes)),
        ("the fourth type", BitWriter::default().number(7, 3).bytes, Err(InflateError::BlockType)),
        ("a stored block", vec![1, 1, 0, 0xfe, 0xff, b'x'], Ok(1)),
        (
            "a stored block with another length",
            vec![1, 1, 0, 0xfe, 0xfe, b'x'],
            Err(InflateError::StoredLength),
        ),
        ("a stored block that ends early", vec![1, 2, 0, 0xfd, 0xff, b'x'], Err(InflateError::Truncated)),
        ("literal 286", BitWriter::default().number(3, 3).code("11000110").bytes, Err(InflateError::Symbol)),
        (
            "distance 30",
            BitWriter::default().number(3, 3).code("00110000").code("0000001").code("11110").bytes,
            Err(InflateError::Symbol),
        ),
        (
            "a match before the first byte",
            BitWriter::default().number(3, 3).code("00110000").code("0000001").code("00001").bytes,
            Err(InflateError::Distance),
        ),
        (
            "a match of the only byte",
            BitWriter::default()
                .number(3, 3)
                .code("00110000")
                .code("0000001")
                .code("00000")
                .number(0, 7)
                .bytes,
            Ok(4),
        ),
        ("no bytes", vec![], Err(InflateError::Truncated)),
        ("no end", BitWriter::default().number(3, 3).code("00110000").bytes, Err(InflateError::Truncated)),
    ];
    for (name, stream, expected) in cases {
        // Zeroes behind broken streams, so that zlib does not only wait for more.
        let padding = if matches!(expected, Ok(_) | Err(InflateError::Truncated)) { 0 } else { 700 };
        let stream = [stream.as_slice(), &vec![0; padding]].concat();
        let size = expected.as_ref().map_or(1 << 20, |size| *size);
        let found = inflate(&stream, size, usize::MAX).map(|(plain, _)| plain);
        assert_eq!(found.as_ref().map(Vec::len).map_err(|error| *error), *expected, "{name}");
        assert_eq!(found.ok(), zlib(&stream), "{name}");
    }
}

/// Runs of noise, text and repetitions.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3000),
        prop::collection::vec(b'a'..b'h', 0..3000),
        (prop::collection::vec(any::<u8>(), 1..40), 1..300_usize)
            .prop_map(|(unit, times)| unit.repeat(times)),
    ];
    prop::collection::vec(run, 0..12).prop_map(|runs| runs.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_compressed_comes_back(plain in contents(), level in 0..=12, other in 0..=9_u32) {
        check(&libdeflate(&plain, level), &plain);
        check(&flate2(&plain, other), &plain);
    }

    #[test]
    fn broken_streams_are_judged_as_by_zlib(
        plain in contents(),
        level in 0..=12,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut stream = libdeflate(&plain, level);
        for (at, bit) in flips {
            let at = at.index(stream.len());
            stream[at] ^= 1_u8 << bit;
        }
        if let Some(cut) = cut {
            stream.truncate(cut.index(stream.len() + 1));
        }
        let expected = zlib(&stream);
        let size = expected.as_ref().map_or(plain.len(), Vec::len);
        match (inflate(&stream, size, 4096), expected) {
            (Ok((found, open)), Some(expected)) => {
                prop_assert!(found == expected);
                prop_assert!(zlib(&[&open, &[3, 0][..]].concat()) == Some(found));
            }
            (Err(InflateError::Size { .. }), None) | (Err(_), None) => {}
            (found, expected) => {
                let found = found.map(|(plain, _)| plain.len());
                prop_assert!(false, "{found:?}, zlib {:?}", expected.map(|plain| plain.len()));
            }
        }
    }
}
