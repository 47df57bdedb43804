//! Chance from a seed.
//!
//! Invariant: the same seed and the same order of questions give the same answers.

use std::sync::atomic::{AtomicU64, Ordering};

/// A stream of chance that many tasks draw from.
#[derive(Debug)]
pub(super) struct Mischief(AtomicU64);

impl Mischief {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Whether something of this rate, from 0 to 1, happens now. A rate of 0 draws nothing.
    pub(super) fn happens(&self, rate: f64) -> bool {
        rate > 0.0 && (self.next() >> 11) as f64 / ((1_u64 << 53) as f64) < rate
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Another order of things, by a seed.
pub(crate) fn shuffle<T>(things: &mut [T], seed: u64) {
    let chance = Mischief::new(seed);
    for i in (1..things.len()).rev() {
        let j = usize::try_from(chance.next() % (i as u64 + 1)).unwrap_or(0);
        things.swap(i, j);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_kept_and_seeds_repeat() {
        let count = |seed, rate| {
            let chance = Mischief::new(seed);
            (0..10_000).filter(|_| chance.happens(rate)).count()
        };
        assert_eq!(count(1, 0.0), 0);
        assert_eq!(count(1, 1.0), 10_000);
        assert!((2_800..3_200).contains(&count(1, 0.3)), "{}", count(1, 0.3));
        assert_eq!(count(7, 0.3), count(7, 0.3));
        let shuffled = |seed| {
            let mut things: Vec<u32> = (0..20).collect();
            shuffle(&mut things, seed);
            things
        };
        assert_eq!(shuffled(3), shuffled(3));
        assert_ne!(shuffled(3), shuffled(4));
        let mut sorted = shuffled(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }
}
