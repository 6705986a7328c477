//! Numbers nobody chose, that can be had again: for tests that draw moments, sizes or orders.

use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that gives the seed, so that a failure can be repeated.
pub const SEED_VARIABLE: &str = "IMAGEWRIGHT_TEST_SEED";

/// A sequence of numbers that follows from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence for what is called `name`: of the seed in [`SEED_VARIABLE`], else of the time. Gives the seed too,
    /// to be printed.
    ///
    /// # Panics
    ///
    /// When the variable holds no number.
    pub fn from_environment(name: &str) -> (Self, u64) {
        let seed = match std::env::var(SEED_VARIABLE) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} is not a number: `{text}`")),
            Err(_) => seed_of_the_time(),
        };
        let salted = name.bytes().fold(seed, |state, byte| Self(state ^ u64::from(byte)).number());
        (Self(salted), seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// The next number from 0 up to, and without, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of several.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.below(choices.len() as u64)).expect("it is an index")]
    }
}

/// Short enough to be typed.
fn seed_of_the_time() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(time.subsec_nanos()) ^ (time.as_secs() & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_its_numbers_again() {
        let numbers = |seed| {
            let mut random = Random::of(seed);
            [random.number(), random.below(10), random.fraction().to_bits()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn numbers_keep_to_their_bounds_and_reach_all_of_them() {
        let mut random = Random::of(1);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.below(5) as usize] = true;
            assert!((0.0..1.0).contains(&random.fraction()));
        }
        assert_eq!(seen, [true; 5]);
    }
}
