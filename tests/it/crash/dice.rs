//! A seeded generator that gives the same row for ever, whatever version of a library is in use (SplitMix64).

use std::time::Duration;

/// The generator.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// One row per seed and stream.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed ^ stream.wrapping_mul(0xD129_0C1F_9B5A_3E77));
        dice.next();
        dice
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A length below `end`.
    pub fn length(&mut self, end: usize) -> usize {
        usize::try_from(self.below(u64::try_from(end).unwrap())).unwrap()
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Milliseconds from `from` to below `end`.
    pub fn milliseconds(&mut self, from: u64, end: u64) -> Duration {
        Duration::from_millis(from + self.below(end - from))
    }
}
