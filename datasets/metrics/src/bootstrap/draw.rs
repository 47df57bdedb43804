//! How often each cluster is drawn, for a block of resamples at once.
//!
//! The counts of N draws from N clusters are multinomial. Drawing them one by one touches memory at random. Here every
//! count is drawn from Poisson(m) in order, m a little below 1, and the sum S is then brought to N: where S < N, N - S
//! clusters drawn uniformly get one more; where S > N, S - N of the S draws, chosen uniformly, are taken back. Given
//! their sum, independent Poisson counts are multinomial, and adding or removing uniform draws keeps them so: the result has
//! exactly the distribution of N draws, whatever m is (Devroye, Non-Uniform Random Variate Generation, 1986, XI.1.4).
//! m = 1 - 1.5 / sqrt(N) makes taking back, which is slow, rare. Poisson's probabilities are exact to 2^-64.
//!
//! Uniform integers are Lemire's (Fast random integer generation in an interval, ACM TOMACS 29, 2019): a multiplication
//! and, rarely, a rejection; without bias.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::design::Design;

/// Resamples that are drawn and computed side by side.
pub(super) const LANES: usize = 16;

/// How often a cluster was drawn in each resample of a block. A count above 255 has a probability below 1e-500; where
/// clusters are added, one that has 255 is not drawn.
pub(super) type Counts = [u8; LANES];

/// The step of SplitMix64's state.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What draws the counts of a design.
pub(super) struct Sampler<'a> {
    design: &'a Design,
    seed: u64,
    poisson: Vec<Poisson>,
}

impl<'a> Sampler<'a> {
    pub fn new(design: &'a Design, seed: u64) -> Self {
        let mean = |clusters: usize| (1.0 - 1.5 / (clusters as f64).sqrt()).max(0.0);
        let poisson = design.ranges().iter().map(|stratum| Poisson::new(mean(stratum.len()))).collect();
        Self { design, seed, poisson }
    }

    /// The counts of a block, by slot; the same for the same seed and block.
    pub fn draw(&self, block: usize, counts: &mut [Counts]) {
        let offset = (block as u64).wrapping_mul(4).wrapping_mul(GOLDEN);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed.wrapping_add(offset));
        for (range, poisson) in self.design.ranges().iter().zip(&self.poisson) {
            let counts = &mut counts[range.clone()];
            let sums = poisson.fill(&mut random, counts);
            for (lane, sum) in sums.into_iter().enumerate() {
                correct(&mut random, counts, lane, sum as usize);
            }
        }
    }
}

/// Brings a resample's sum to the number of clusters.
fn correct(random: &mut Xoshiro256PlusPlus, counts: &mut [Counts], lane: usize, sum: usize) {
    let clusters = counts.len() as u64;
    for _ in sum..counts.len() {
        loop {
            let count = &mut counts[below(random, clusters) as usize][lane];
            if *count < u8::MAX {
                *count += 1;
                break;
            }
        }
    }
    if sum > counts.len() {
        // A draw is chosen uniformly as a point in clusters x most that lies below the cluster's count.
        let most = counts.iter().map(|count| count[lane]).max().unwrap_or(0);
        for _ in counts.len()..sum {
            loop {
                let count = &mut counts[below(random, clusters) as usize][lane];
                if below(random, u64::from(most)) < u64::from(*count) {
                    *count -= 1;
                    break;
                }
            }
        }
    }
}

/// A uniform integer below `bound`, which is above 0.
fn below(random: &mut Xoshiro256PlusPlus, bound: u64) -> u64 {
    let mut product = u128::from(random.next_u64()) * u128::from(bound);
    if (product as u64) < bound {
        let least = bound.wrapping_neg() % bound;
        while (product as u64) < least {
            product = u128::from(random.next_u64()) * u128::from(bound);
        }
    }
    (product >> 64) as u64
}

/// Bits of a uniform number that the table looks at.
const BITS: u32 = 12;
/// The mark of a table's entry that needs more bits.
const OPEN: u8 = 0x80;

/// Draws from Poisson's distribution: u, uniform on 64 bits, gives the number of j with u < P(X > j) 2^64. The first 12 bits
/// mostly decide; where they do not, 52 more are drawn.
struct Poisson {
    tails: Vec<u64>,
    table: [u8; 1 << BITS],
}

impl Poisson {
    fn new(mean: f64) -> Self {
        let mut terms = vec![libm::exp(-mean)];
        for j in 1..64 {
            terms.push(terms[j - 1] * mean / j as f64);
        }
        let mut tails = Vec::new();
        let mut above = 0.0;
        for term in terms.iter().skip(1).rev() {
            above += term;
            // 2^64 times a probability; a mean of 0 has empty tails.
            tails.push((above * 18_446_744_073_709_551_616.0) as u64);
        }
        tails.retain(|tail| *tail > 0);
        tails.reverse();
        let table = std::array::from_fn(|first| {
            let lowest = (first as u64) << (64 - BITS);
            let value = value(&tails, lowest);
            if self::value(&tails, lowest | (u64::MAX >> BITS)) == value { value } else { OPEN }
        });
        Self { tails, table }
    }

    /// Fills all counts; the sum of each lane.
    fn fill(&self, random: &mut Xoshiro256PlusPlus, counts: &mut [Counts]) -> [u32; LANES] {
        let mut sums = [0; LANES];
        // No more than 256 counts of at most 63 fit 16 bits, whose sums are twice as many a vector.
        for part in counts.chunks_mut(256) {
            let mut narrow = [0u16; LANES];
            for count in part {
                let mut open = 0;
                for four in count.chunks_mut(4) {
                    let word = random.next_u64();
                    for (index, count) in four.iter_mut().enumerate() {
                        *count = self.table[(word >> (16 * index + 4)) as usize & ((1 << BITS) - 1)];
                        open |= *count;
                    }
                    if open & OPEN != 0 {
                        self.close(random, word, four);
                        open = 0;
                    }
                }
                for (sum, count) in narrow.iter_mut().zip(count.iter()) {
                    *sum += u16::from(*count);
                }
            }
            for (sum, narrow) in sums.iter_mut().zip(narrow) {
                *sum += u32::from(narrow);
            }
        }
        sums
    }

    /// Decides what twelve bits left open.
    #[cold]
    fn close(&self, random: &mut Xoshiro256PlusPlus, word: u64, four: &mut [u8]) {
        for (index, count) in four.iter_mut().enumerate().filter(|(_, count)| **count == OPEN) {
            let first = (word >> (16 * index + 4)) & ((1 << BITS) - 1);
            *count = value(&self.tails, first << (64 - BITS) | random.next_u64() >> BITS);
        }
    }
}

fn value(tails: &[u64], u: u64) -> u8 {
    tails.iter().take_while(|tail| u < **tail).count() as u8
}
