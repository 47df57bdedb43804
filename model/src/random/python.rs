//! CPython's generator, the module `random`.

use std::collections::BTreeSet;

use super::mt19937::Mt19937;

/// `random.Random(seed)` of CPython 3.11, number by number.
#[derive(Debug, Clone)]
pub struct PythonRandom(Mt19937);

impl PythonRandom {
    /// `Random(seed)` for a whole number that is not negative.
    pub fn new(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        Self(if high == 0 { Mt19937::of_words(&[low]) } else { Mt19937::of_words(&[low, high]) })
    }

    /// `getrandbits(32)`.
    pub fn word(&mut self) -> u32 {
        self.0.word()
    }

    /// `randrange(n)`: below `n`, which counts as at least 1. As many bits as `n` has are drawn until they are below it.
    pub fn below(&mut self, n: u32) -> u32 {
        let n = n.max(1);
        loop {
            let drawn = self.word() >> n.leading_zeros();
            if drawn < n {
                return drawn;
            }
        }
    }

    /// `sample(range(n), k)`: `k` (at most `n`) different numbers below `n`, in the order drawn.
    ///
    /// CPython has two ways to do it, with different draws: a pool from which what was taken is removed, and, where
    /// `k` is small beside `n`, a set of what was taken.
    pub fn sample(&mut self, n: u32, k: u32) -> Vec<u32> {
        let k = k.min(n);
        if n <= set_size(k) { self.sample_from_pool(n, k) } else { self.sample_beside_set(n, k) }
    }

    fn sample_from_pool(&mut self, n: u32, k: u32) -> Vec<u32> {
        let mut pool: Vec<u32> = (0..n).collect();
        (0..k).map(|i| pool.swap_remove(self.below(n - i) as usize)).collect()
    }

    fn sample_beside_set(&mut self, n: u32, k: u32) -> Vec<u32> {
        let mut taken = BTreeSet::new();
        let one = |_| {
            loop {
                let drawn = self.below(n);
                if taken.insert(drawn) {
                    return drawn;
                }
            }
        };
        (0..k).map(one).collect()
    }
}

/// How large CPython takes a set of `k` to be: 21, and from 6 on the least power of 4 that is at least 3 k more.
fn set_size(k: u32) -> u32 {
    if k <= 5 {
        return 21;
    }
    let table = std::iter::successors(Some(1u32), |v| v.checked_mul(4)).find(|v| *v >= k.saturating_mul(3));
    table.unwrap_or(u32::MAX).saturating_add(21)
}

#[cfg(test)]
mod tests {
    use super::*;

    // import random
    // for seed in (0, 1, 123456789, 2**40 + 5):
    //     r = random.Random(seed); print([r.getrandbits(32) for _ in range(3)])
    // r = random.Random(0)
    // for n, k in (30, 3), (30, 7), (5, 5), (100, 3), (1000, 7), (37, 0): print(r.sample(range(n), k))
    #[test]
    fn the_numbers_are_pythons() {
        let check = |seed: u64, expected: [u32; 3]| {
            let mut random = PythonRandom::new(seed);
            assert_eq!([(); 3].map(|()| random.word()), expected, "seed {seed}");
        };
        check(0, [3_626_764_237, 1_654_615_998, 3_255_389_356]);
        check(1, [577_090_037, 2_444_712_010, 3_639_700_191]);
        check(123_456_789, [2_754_794_679, 1_899_526_012, 2_328_685_183]);
        check((1 << 40) + 5, [2_166_296_868, 2_220_160_828, 1_153_647_273]);

        let mut random = PythonRandom::new(0);
        let mut check = |n, k, expected: &[u32]| assert_eq!(random.sample(n, k), expected, "{k} of {n}");
        check(30, 3, &[27, 12, 24]);
        check(30, 7, &[28, 13, 1, 8, 16, 15, 12]);
        check(5, 5, &[2, 3, 1, 0, 4]);
        check(100, 3, &[36, 17, 96]);
        check(1000, 7, &[97, 633, 818, 256, 931, 545, 722]);
        check(37, 0, &[]);
    }
}
