//! One block: the codes in front of it, and its symbols.

use super::InflateError;
use super::bits::{Bits, Buffer, Input};
use super::codes::{Codes, DISTANCES, END, END_OF_BLOCK, EXCEPTION, LITERAL, LITERALS, LengthTable};
use super::window::{self, Window};

/// The bytes that the header of a block may take.
pub(super) const LONGEST_HEADER: usize = 600;

/// The order in which the lengths of the code for codes are written.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The kinds of blocks.
pub(super) enum Kind {
    Stored,
    Fixed,
    Dynamic,
}

impl Kind {
    pub(super) fn read(bits: &mut Bits) -> Result<Self, InflateError> {
        match bits.take(2) {
            0 => Ok(Self::Stored),
            1 => Ok(Self::Fixed),
            2 => Ok(Self::Dynamic),
            _ => Err(InflateError::BlockType),
        }
    }
}

/// Reads the codes of a dynamic block, whose first three bits have been taken.
pub(super) fn read_codes(input: &mut Input, codes: &mut Codes) -> Result<(), InflateError> {
    let (bits, buffer) = (&mut input.bits, &*input.buffer);
    bits.refill(buffer);
    let literals = bits.take(5) as usize + 257;
    let distances = bits.take(5) as usize + 1;
    let written = bits.take(4) as usize + 4;
    if literals > LITERALS - 2 || distances > DISTANCES - 2 {
        return Err(InflateError::Codes);
    }
    let mut lengths = [0; 19];
    for place in &ORDER[..written] {
        bits.refill(buffer);
        lengths[*place] = bits.take(3) as u8;
    }
    let table = LengthTable::of(&lengths)?;
    let mut lengths = [0; LITERALS + DISTANCES];
    let lengths = &mut lengths[..literals + distances];
    read_lengths(bits, buffer, &table, lengths)?;
    let (literals, distances) = lengths.split_at(literals);
    if literals[END_OF_BLOCK] == 0 {
        return Err(InflateError::Codes);
    }
    codes.set(literals, distances)
}

fn read_lengths(
    bits: &mut Bits,
    buffer: &Buffer,
    table: &LengthTable,
    lengths: &mut [u8],
) -> Result<(), InflateError> {
    let mut next = 0;
    while next < lengths.len() {
        bits.refill(buffer);
        let entry = table.entry(bits.word);
        bits.skip(entry & 0xff);
        let (length, times) = match (entry >> 16) as u8 {
            16 if next == 0 => return Err(InflateError::Codes),
            16 => (lengths[next - 1], 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (length, 1),
        };
        let end = next + times as usize;
        lengths.get_mut(next..end).ok_or(InflateError::Codes)?.fill(length);
        next = end;
    }
    Ok(())
}

/// Why decoding stopped.
pub(super) enum Pause {
    /// More bytes must be read, if there are any.
    Input,
    /// What is inflated must be handed out.
    Room,
    /// The block ends.
    End,
}

/// Decodes symbols for as long as there are bytes and room for any one of them.
pub(super) fn decode(input: &mut Input, window: &mut Window, codes: &Codes) -> Result<Pause, InflateError> {
    let limit = input.limit();
    let (mut bits, buffer) = (input.bits, &*input.buffer);
    let (mut at, out) = (window.position, &mut *window.bytes);
    let pause = loop {
        if bits.position > limit {
            break Pause::Input;
        }
        // Three literals go before what there is certainly room for.
        if at > Window::FULL - 3 {
            break Pause::Room;
        }
        bits.refill(buffer);
        let mut entry = codes.literals.entry(bits.word);
        // Three codes of the first table leave no bits for more, two leave enough for the longest length.
        if entry & LITERAL != 0 {
            put(out, &mut at, &mut bits, entry);
            entry = codes.literals.entry(bits.word);
            if entry & LITERAL != 0 {
                put(out, &mut at, &mut bits, entry);
                entry = codes.literals.entry(bits.word);
                if entry & LITERAL != 0 {
                    put(out, &mut at, &mut bits, entry);
                    continue;
                }
            }
        }
        if entry & EXCEPTION != 0 {
            entry = codes.literals.follow(&mut bits, entry);
            if entry & LITERAL != 0 {
                put(out, &mut at, &mut bits, entry);
                continue;
            }
            if entry & END != 0 {
                bits.skip(entry & 0xff);
                break Pause::End;
            }
            if entry & EXCEPTION != 0 {
                return Err(InflateError::Symbol);
            }
        }
        let length = value(&mut bits, entry);
        bits.refill(buffer);
        let mut entry = codes.distances.entry(bits.word);
        if entry & EXCEPTION != 0 {
            entry = codes.distances.follow(&mut bits, entry);
            if entry & EXCEPTION != 0 {
                return Err(InflateError::Symbol);
            }
        }
        let distance = value(&mut bits, entry);
        window::copy_match(out, at, distance, length)?;
        at += length;
    };
    (input.bits, window.position) = (bits, at);
    Ok(pause)
}

/// Writes a literal.
#[inline(always)]
fn put(out: &mut window::Bytes, at: &mut usize, bits: &mut Bits, literal: u32) {
    bits.skip(literal & 0xff);
    out[*at] = (literal >> 16) as u8;
    *at += 1;
}

/// The length or distance an entry stands for, with its extra bits, which are passed over.
#[inline(always)]
fn value(bits: &mut Bits, entry: u32) -> usize {
    let total = entry & 0xff;
    let extra = (bits.word & ((1 << (total & 63)) - 1)) >> ((entry >> 8) & 0xf);
    bits.skip(total);
    (entry >> 16) as usize + extra as usize
}
