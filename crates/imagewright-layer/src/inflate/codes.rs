//! Prefix codes as tables: the next bits are the index, and an entry says what they mean.
//!
//! Codes longer than a table's own bits lead to a smaller table behind it. An entry, from its lowest bit:
//!
//! | bits | of a literal, length or distance | of a link |
//! | --- | --- | --- |
//! | 0-7 | bits of code and extra bits together | bits of the first table |
//! | 8-11 | bits of the code | bits of the table it leads to |
//! | 13-15 | [`END`], [`LINK`], [`EXCEPTION`] | |
//! | 16-30 | the literal, or the smallest length or distance | where that table starts |
//! | 31 | [`LITERAL`] | |

use super::InflateError;
use super::bits::Bits;

/// The entry is a literal.
pub(super) const LITERAL: u32 = 1 << 31;
/// The entry is no length or distance: the end of a block, a link, or, without another flag, no symbol at all.
pub(super) const EXCEPTION: u32 = 1 << 15;
/// The entry leads to another table.
const LINK: u32 = 1 << 14;
/// The entry is the end of a block.
pub(super) const END: u32 = 1 << 13;

/// The longest code.
pub(super) const LONGEST: usize = 15;
pub(super) const LITERALS: usize = 288;
pub(super) const DISTANCES: usize = 32;
pub(super) const END_OF_BLOCK: usize = 256;

/// What each literal and length means, without the bits of its code.
const LITERAL_MEANINGS: [u32; LITERALS] = literal_meanings();
const DISTANCE_MEANINGS: [u32; DISTANCES] = distance_meanings();

const fn literal_meanings() -> [u32; LITERALS] {
    let mut meanings = [EXCEPTION; LITERALS];
    let mut symbol = 0;
    while symbol < END_OF_BLOCK {
        meanings[symbol] = LITERAL | (symbol as u32) << 16;
        symbol += 1;
    }
    meanings[END_OF_BLOCK] = EXCEPTION | END;
    let (mut number, mut length) = (0, 3);
    while number < 28 {
        let extra = if number < 8 { 0 } else { number / 4 - 1 };
        meanings[END_OF_BLOCK + 1 + number as usize] = length << 16 | extra;
        length += 1 << extra;
        number += 1;
    }
    // The longest match has a symbol without extra bits.
    meanings[285] = 258 << 16;
    meanings
}

const fn distance_meanings() -> [u32; DISTANCES] {
    let mut meanings = [EXCEPTION; DISTANCES];
    let (mut number, mut distance) = (0, 1);
    while number < 30 {
        let extra = if number < 4 { 0 } else { number / 2 - 1 };
        meanings[number as usize] = distance << 16 | extra;
        distance += 1 << extra;
        number += 1;
    }
    meanings
}

/// The meanings of the code that codes are written in.
const LENGTH_MEANINGS: [u32; 19] = {
    let mut meanings = [0; 19];
    let mut symbol = 0;
    while symbol < 19 {
        meanings[symbol] = (symbol as u32) << 16;
        symbol += 1;
    }
    meanings
};

/// A table of `SIZE` entries, a power of two, of which the first `1 << BITS` are indexed by the next bits.
pub(super) struct Table<const BITS: u32, const SIZE: usize>([u32; SIZE]);

/// Needs 2342 entries at most.
pub(super) type LiteralTable = Table<11, 4096>;
/// Needs 402 entries at most.
pub(super) type DistanceTable = Table<8, 512>;
/// No code in it is longer than the table's bits.
pub(super) type LengthTable = Table<7, 128>;

impl<const BITS: u32, const SIZE: usize> Table<BITS, SIZE> {
    pub(super) const fn new() -> Self {
        Self([EXCEPTION; SIZE])
    }

    /// What the next bits mean.
    #[inline(always)]
    pub(super) fn entry(&self, word: u64) -> u32 {
        self.0[word as usize & ((1 << BITS) - 1)]
    }

    /// What the next bits mean where `entry` is a link, whose bits are passed over; else the entry itself.
    #[inline(always)]
    pub(super) fn follow(&self, bits: &mut Bits, entry: u32) -> u32 {
        if entry & LINK == 0 {
            return entry;
        }
        bits.skip(entry & 0xff);
        let index = bits.word as usize & ((1 << ((entry >> 8) & 0xf)) - 1);
        self.0[((entry >> 16) as usize + index) & (SIZE - 1)]
    }

    /// Makes the table for codes of these lengths.
    fn fill(&mut self, lengths: &[u8], meanings: &[u32], lone_code: bool) -> Result<(), InflateError> {
        let sorted = Sorted::new(lengths);
        match sorted.unused() {
            0 => self.fill_complete(&sorted, meanings),
            // As zlib has it: one code of one bit may be alone, and there may be none where none is used.
            unused if unused > 0 && lone_code && sorted.longest() <= 1 => {
                self.0[..1 << BITS].fill(EXCEPTION);
                if let Some(symbol) = sorted.symbols().first() {
                    let entry = meanings[usize::from(*symbol)] + 0x101;
                    self.0[..1 << BITS].iter_mut().step_by(2).for_each(|slot| *slot = entry);
                }
            }
            _ => return Err(InflateError::Codes),
        }
        Ok(())
    }

    fn fill_complete(&mut self, sorted: &Sorted, meanings: &[u32]) {
        let mut code = Code::default();
        let mut filled = 1;
        let mut symbols = sorted.symbols().iter().map(|symbol| meanings[usize::from(*symbol)]);
        for length in 1..=BITS.min(LONGEST as u32) {
            // What was filled holds for either value of the next bit.
            self.0.copy_within(..filled, filled);
            filled *= 2;
            for meaning in symbols.by_ref().take(sorted.counts[length as usize].into()) {
                self.0[code.reversed as usize] = meaning + (length << 8 | length);
                code.advance(length);
            }
        }
        self.fill_linked(sorted, symbols, code, filled);
    }

    /// Makes the tables for codes with more bits than the first table has.
    fn fill_linked(
        &mut self,
        sorted: &Sorted,
        mut symbols: impl Iterator<Item = u32>,
        mut code: Code,
        mut filled: usize,
    ) {
        let (mut linked, mut start, mut bits) = (None, 0, 0);
        for length in BITS + 1..=LONGEST as u32 {
            let own = length - BITS;
            for remaining in (1..=sorted.counts[length as usize]).rev() {
                let Some(meaning) = symbols.next() else { return };
                let index = code.reversed & ((1 << BITS) - 1);
                if linked != Some(index) {
                    linked = Some(index);
                    start = filled;
                    bits = sorted.bits_behind(BITS, length, remaining);
                    filled += 1 << bits;
                    self.0[index as usize] = EXCEPTION | LINK | (start as u32) << 16 | bits << 8 | BITS;
                }
                let slots = self.0[start..start + (1 << bits)].iter_mut();
                let slots = slots.skip((code.reversed >> BITS) as usize).step_by(1 << own);
                slots.for_each(|slot| *slot = meaning + (own << 8 | own));
                code.advance(length);
            }
        }
    }
}

/// Codes in the order of their values, with the bits turned round as they stand in the stream.
#[derive(Default)]
struct Code {
    reversed: u32,
}

impl Code {
    /// The next code of this length; longer ones begin with zeroes where it had none.
    fn advance(&mut self, length: u32) {
        // Adding one to a number whose highest bit is its first.
        let zeroes = !self.reversed & ((1 << length) - 1);
        self.reversed = match zeroes.checked_ilog2() {
            Some(bit) => self.reversed & ((1 << bit) - 1) | 1 << bit,
            None => 0,
        };
    }
}

/// The symbols that have a code, by length and value.
struct Sorted {
    counts: [u16; LONGEST + 1],
    symbols: [u16; LITERALS + DISTANCES],
    used: usize,
}

impl Sorted {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; LONGEST + 1];
        for length in lengths {
            counts[usize::from(*length)] += 1;
        }
        counts[0] = 0;
        let mut next = [0; LONGEST + 1];
        let mut used = 0;
        for (start, count) in next.iter_mut().zip(counts) {
            *start = used;
            used += usize::from(count);
        }
        let mut symbols = [0; LITERALS + DISTANCES];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let place = &mut next[usize::from(*length)];
            symbols[*place] = symbol as u16;
            *place += 1;
        }
        Self { counts, symbols, used }
    }

    fn symbols(&self) -> &[u16] {
        &self.symbols[..self.used]
    }

    fn longest(&self) -> usize {
        self.counts.iter().rposition(|count| *count > 0).unwrap_or(0)
    }

    /// How many codes of the greatest length could still be; negative if there are too many.
    fn unused(&self) -> i32 {
        self.counts[1..].iter().fold(1, |unused, count| unused * 2 - i32::from(*count))
    }

    /// The bits of the table for the codes that begin with the same `bits`, the next of which is `length` long.
    fn bits_behind(&self, bits: u32, length: u32, remaining: u16) -> u32 {
        let mut own = length - bits;
        let mut used = u32::from(remaining);
        while used < 1 << own {
            own += 1;
            used = used * 2 + u32::from(self.counts[(bits + own) as usize]);
        }
        own
    }
}

/// The codes of a block.
pub(super) struct Codes {
    pub(super) literals: LiteralTable,
    pub(super) distances: DistanceTable,
    /// Whether these are the codes every block may use without writing them.
    fixed: bool,
}

impl Codes {
    pub(super) fn new() -> Self {
        Self { literals: Table::new(), distances: Table::new(), fixed: false }
    }

    /// Takes the codes whose lengths the block has written.
    pub(super) fn set(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), InflateError> {
        self.fixed = false;
        self.literals.fill(literals, &LITERAL_MEANINGS, true)?;
        self.distances.fill(distances, &DISTANCE_MEANINGS, true)
    }

    /// Takes the codes every block may use without writing them.
    pub(super) fn set_fixed(&mut self) -> Result<(), InflateError> {
        if !self.fixed {
            let mut lengths = [8; LITERALS];
            lengths[144..256].fill(9);
            lengths[256..280].fill(7);
            self.set(&lengths, &[5; DISTANCES])?;
            self.fixed = true;
        }
        Ok(())
    }
}

impl LengthTable {
    /// The code that codes are written in.
    pub(super) fn of(lengths: &[u8; 19]) -> Result<Self, InflateError> {
        let mut table = Self::new();
        table.fill(lengths, &LENGTH_MEANINGS, false)?;
        Ok(table)
    }
}
