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
        for part in counts.chunks_mut(256) {
            for four in part.as_flattened_mut().as_chunks_mut::<4>().0 {
                let word = random.next_u64();
                let count = |index: u32| self.table[(word >> (16 * index + 4)) as usize & ((1 << BITS) - 1)];
                *four = [count(0), count(1), count(2), count(3)];
                if (four[0] | four[1] | four[2] | four[3]) & OPEN != 0 {
                    self.close(random, word, four);
                }
            }
            // In a second pass: what was just written by bytes cannot be read at once as a vector. No more than 256 counts of
            // at most 63 fit 16 bits.
            let mut narrow = [0u16; LANES];
            for count in part {
                for (sum, count) in narrow.iter_mut().zip(count) {
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
    fn close(&self, random: &mut Xoshiro256PlusPlus, word: u64, four: &mut [u8; 4]) {
        for (index, count) in four.iter_mut().enumerate().filter(|(_, count)| **count == OPEN) {
            let first = (word >> (16 * index + 4)) & ((1 << BITS) - 1);
            *count = value(&self.tails, first << (64 - BITS) | random.next_u64() >> BITS);
        }
    }
}

fn value(tails: &[u64], u: u64) -> u8 {
    tails.iter().take_while(|tail| u < **tail).count() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clusters;
    use crate::distributions::{chi_squared_upper, t_two_sided};

    /// Draws from clusters in one stratum, Poisson's mean as given.
    fn drawn(clusters: usize, mean: Option<f64>, blocks: usize) -> Vec<Vec<u8>> {
        let design = Design::new(&Clusters::each(clusters)).unwrap();
        let mut sampler = Sampler::new(&design, 3);
        if let Some(mean) = mean {
            sampler.poisson = vec![Poisson::new(mean)];
        }
        let mut counts = vec![[0; LANES]; clusters];
        let mut all = Vec::new();
        for block in 0..blocks {
            sampler.draw(block, &mut counts);
            all.extend((0..LANES).map(|lane| counts.iter().map(|count| count[lane]).collect::<Vec<u8>>()));
        }
        all
    }

    #[test]
    fn counts_of_few_clusters_have_the_multinomial_distribution() {
        // Every one of the 4^4 sequences of draws is as likely as any other. A mean of 2 makes taking back common.
        for mean in [None, Some(0.0), Some(0.7), Some(2.0)] {
            let mut expected = std::collections::BTreeMap::new();
            for sequence in 0..256 {
                let mut counts = vec![0u8; 4];
                (0..4).for_each(|draw| counts[sequence >> (2 * draw) & 3] += 1);
                *expected.entry(counts).or_insert(0.0) += 1.0 / 256.0;
            }
            let draws = drawn(4, mean, 4_000);
            let mut found = std::collections::BTreeMap::new();
            draws.iter().for_each(|counts| *found.entry(counts.clone()).or_insert(0.0) += 1.0);
            assert!(found.keys().all(|counts| expected.contains_key(counts)));
            let distance = |(counts, share): (&Vec<u8>, &f64)| {
                let expected = share * draws.len() as f64;
                let found = found.get(counts).copied().unwrap_or(0.0);
                (found - expected) * (found - expected) / expected
            };
            let p = chi_squared_upper(expected.iter().map(distance).sum(), expected.len() as f64 - 1.0);
            assert!(p > 0.001, "mean {mean:?}: p {p}");
        }
    }

    #[test]
    fn counts_of_many_clusters_sum_to_their_number_and_vary_as_they_should() {
        for mean in [None, Some(1.3)] {
            let clusters = 500;
            let draws = drawn(clusters, mean, 100);
            assert!(draws.iter().all(|counts| counts.iter().map(|c| usize::from(*c)).sum::<usize>() == clusters));
            // The squared counts of a resample have mean n (2 - 1/n) and, over resamples, some spread.
            let squares: Vec<f64> =
                draws.iter().map(|counts| counts.iter().map(|c| f64::from(*c) * f64::from(*c)).sum()).collect();
            let n = squares.len() as f64;
            let average = squares.iter().sum::<f64>() / n;
            let variance = squares.iter().map(|s| (s - average) * (s - average)).sum::<f64>() / (n - 1.0);
            let t = (average - (2.0 * clusters as f64 - 1.0)) / (variance / n).sqrt();
            assert!(t_two_sided(t, n - 1.0) > 0.001, "mean {mean:?}: t {t}");
            // Every cluster comes once on average: the sum of squares of standardised means is near chi-squared.
            let of_cluster = |k: usize| draws.iter().map(|counts| f64::from(counts[k])).sum::<f64>() / n;
            let distance: f64 = (0..clusters).map(|k| (of_cluster(k) - 1.0) * (of_cluster(k) - 1.0) * n).sum();
            let p = chi_squared_upper(distance, clusters as f64 - 1.0);
            assert!(p > 0.001 && p < 0.999, "mean {mean:?}: p {p}");
        }
    }

    #[test]
    fn poisson_has_its_probabilities() {
        let poisson = Poisson::new(0.9);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut counts = vec![[0; LANES]; 20_000];
        let sums = poisson.fill(&mut random, &mut counts);
        let draws = (counts.len() * LANES) as f64;
        let mut distance = 0.0;
        let mut probability = (-0.9f64).exp();
        for j in 0..6 {
            let found = counts.as_flattened().iter().filter(|count| **count == j).count() as f64;
            distance += (found - draws * probability) * (found - draws * probability) / (draws * probability);
            probability *= 0.9 / f64::from(j + 1);
        }
        assert!(chi_squared_upper(distance, 6.0) > 0.001, "{distance}");
        for (lane, sum) in sums.iter().enumerate() {
            assert_eq!(*sum, counts.iter().map(|count| u32::from(count[lane])).sum::<u32>());
        }
    }
}
