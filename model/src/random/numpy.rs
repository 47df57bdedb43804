//! NumPy's legacy generator, `numpy.random.RandomState`.

use super::mt19937::Mt19937;

/// `numpy.random.RandomState(seed)`, number by number.
#[derive(Debug, Clone)]
pub struct NumpyRandom(Mt19937);

impl NumpyRandom {
    /// `RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self(Mt19937::of_word(seed))
    }

    /// `random_sample()`: in [0, 1).
    pub fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// `uniform(low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// `randint(0, n)`: below `n`, which counts as at least 1. With `n` = 1 the answer is known, and the generator does
    /// not move.
    pub fn below(&mut self, n: u32) -> u32 {
        let largest = n.saturating_sub(1);
        if largest == 0 {
            return 0;
        }
        let mask = u32::MAX >> largest.leading_zeros();
        loop {
            let word = self.0.word() & mask;
            if word <= largest {
                return word;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // import numpy
    // for seed in (0, 1, 123456789):
    //     print([float(v) for v in numpy.random.RandomState(seed).random_sample(3)])
    // r = numpy.random.RandomState(0)
    // print(r.randint(0, 1), r.uniform(-1, 1, 2), [int(r.randint(0, 5)) for _ in range(8)])
    #[test]
    fn the_numbers_are_numpys() {
        let check = |seed: u32, expected: [f64; 3]| {
            let mut random = NumpyRandom::new(seed);
            assert_eq!([(); 3].map(|()| random.unit()), expected, "seed {seed}");
        };
        check(0, [0.5488135039273248, 0.7151893663724195, 0.6027633760716439]);
        check(1, [0.417022004702574, 0.7203244934421581, 0.00011437481734488664]);
        check(123_456_789, [0.532833024789759, 0.5341366008904166, 0.509553035526467]);

        let mut random = NumpyRandom::new(0);
        assert_eq!(random.below(1), 0);
        assert_eq!([(); 2].map(|()| random.uniform(-1.0, 1.0)), [0.0976270078546495, 0.43037873274483895]);
        assert_eq!([(); 8].map(|()| random.below(5)), [3, 3, 3, 1, 3, 2, 4, 0]);
    }
}
