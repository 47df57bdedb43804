//! Where each row stands among the rows of the other class, without sorting the rows.
//!
//! An area and its components hang on counts: how many rows of the other class lie below a row, and how many tie with it. So
//! only the distinct scores of the smaller class are sorted, the levels L. They cut the line into slots, in this order:
//!
//! ```text
//! slot 0: below L[0]    1: at L[0]    2: between L[0] and L[1]    3: at L[1]   ...   2k: above L[k-1]
//! ```
//!
//! Each row of both classes is looked up once; rows of both are counted by slot. Two rows of one slot may differ only where
//! it is an even one, and there are no rows of the smaller class there: so the counts tell all pairs of different
//! classes apart, and more ties mean less work.

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::order::key;
use crate::{Binary, Result, Undefined};

/// Below this many rows, threads cost more than they bring.
const ROWS_OF_A_THREAD: usize = 1 << 14;

/// The size of the table in which levels are found, at most.
const CELLS_OF_A_LEVEL: u64 = 4;

/// The slots of a sample's rows, and what is counted in each.
pub(super) struct Slots {
    /// The slot of each row.
    pub(super) of_row: Vec<u32>,
    /// Rows in each slot: [without the outcome, with it].
    counts: Vec<[u32; 2]>,
}

impl Slots {
    /// Looks all rows up; weights are not looked at.
    pub(super) fn of(sample: &Binary) -> Result<Self> {
        let (positives, negatives) = sample.both_classes()?;
        // Slots and counts are of 32 bits, and so must the squares of a `Tally` be bounded.
        if sample.len() > u32::MAX as usize {
            return Err(Undefined::Parameter {
                what: "the number of rows",
                value: sample.len() as f64,
                domain: "below 2^32",
            });
        }
        let levels = Levels::of(sample, positives < negatives);
        let of_row: Vec<u32> = if sample.len() < 2 * ROWS_OF_A_THREAD {
            sample.scores().iter().map(|score| levels.slot(*score)).collect()
        } else {
            sample.scores().par_iter().with_min_len(ROWS_OF_A_THREAD).map(|score| levels.slot(*score)).collect()
        };
        let mut counts = vec![[0; 2]; levels.slots()];
        for (slot, positive) in of_row.iter().zip(sample.positive()) {
            counts[*slot as usize][usize::from(*positive)] += 1;
        }
        Ok(Self { of_row, counts })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.counts.len()
    }

    /// For each slot, how many rows of each class lie below, twice, with those within once: what a row of the other class in
    /// this slot beats, twice, a tie counting half.
    pub(super) fn beaten_twice(&self) -> impl Iterator<Item = [u64; 2]> {
        self.counts.iter().scan([0, 0], |below: &mut [u64; 2], counts| {
            let within = counts.map(u64::from);
            let before = *below;
            *below = [before[0] + within[0], before[1] + within[1]];
            Some([before[0] + below[0], before[1] + below[1]])
        })
    }

    /// What is counted over the rows of each class: [without the outcome, with it].
    pub(super) fn tallies(&self) -> [Tally; 2] {
        let mut tallies = [Tally::default(); 2];
        for (counts, beaten) in self.counts.iter().zip(self.beaten_twice()) {
            for class in [0, 1] {
                tallies[class].add(counts[class], beaten[1 - class]);
            }
        }
        tallies
    }
}

/// Sums over the rows of a class, in whole numbers: of 1, of what a row beats of the other class, twice, and of the square of
/// that. With 2^32 rows in all, m n is 2^62 at most, and `rows * squares` (2 m n)^2: it fits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) beaten_twice: u128,
    squares: u128,
}

impl Tally {
    fn add(&mut self, rows: u32, beaten_twice: u64) {
        self.rows += u64::from(rows);
        self.beaten_twice += u128::from(rows) * u128::from(beaten_twice);
        self.squares += u128::from(rows) * u128::from(beaten_twice) * u128::from(beaten_twice);
    }

    /// The share of pairs with a row of the other class that the rows win.
    pub(super) fn area(&self, other: &Self) -> f64 {
        self.beaten_twice as f64 / 2.0 / (self.rows as f64 * other.rows as f64)
    }

    /// The variance of what a row beats, twice, times the square of the number of rows: exact, so that 0 is 0.
    pub(super) fn variance(&self) -> f64 {
        (u128::from(self.rows) * self.squares - self.beaten_twice * self.beaten_twice) as f64
    }
}

/// The distinct scores of a class, and a table to find one in.
struct Levels {
    /// The scores as integers, ascending; behind them two that are above all scores.
    keys: Vec<u64>,
    /// How many levels lie before each cell. Cells are equal ranges of the integers; one more, at the end, for all levels.
    cells: Vec<u32>,
    /// Bits of a range.
    shift: u32,
}

impl Levels {
    fn of(sample: &Binary, class: bool) -> Self {
        let mut keys = keys(sample, class);
        keys.sort_unstable();
        keys.dedup();
        let (count, low, range) = (keys.len(), keys[0], keys[keys.len() - 1] - keys[0]);
        let shift = (0..63).find(|shift| range >> shift < CELLS_OF_A_LEVEL * count as u64).unwrap_or(63);
        let cell = |key: u64| ((key - low) >> shift) as usize;
        let mut cells = Vec::with_capacity(cell(keys[count - 1]) + 2);
        for (index, key) in keys.iter().enumerate() {
            // Empty cells before it begin where its own does.
            (cells.len()..=cell(*key)).for_each(|_| cells.push(index as u32));
        }
        cells.push(count as u32);
        keys.extend([u64::MAX; 2]);
        Self { keys, cells, shift }
    }

    fn slots(&self) -> usize {
        2 * self.keys.len() - 3
    }

    /// The slot of any score: by its cell, which mostly holds a level or two.
    fn slot(&self, score: f64) -> u32 {
        let key = key(score);
        let cell = (key.saturating_sub(self.keys[0]) >> self.shift).min(self.cells.len() as u64 - 2) as usize;
        let (from, to) = (self.cells[cell] as usize, self.cells[cell + 1] as usize);
        let less = |level: usize| usize::from(self.keys[level] < key);
        let level = if to - from > 3 {
            from + self.keys[from..to].partition_point(|level| *level < key)
        } else {
            // By halves without a branch, which would not be foreseen. Levels behind the cell are larger.
            let level = from + 2 * less(from + 1);
            level + less(level)
        };
        2 * level as u32 + u32::from(self.keys[level] == key)
    }
}

/// The scores of a class as integers.
fn keys(sample: &Binary, class: bool) -> Vec<u64> {
    let (positives, negatives) = sample.counts();
    let mut keys = vec![0; 1 + if class { positives } else { negatives }];
    let mut found = 0;
    for (score, positive) in sample.scores().iter().zip(sample.positive()) {
        // Written in any case: a branch would be foreseen no better than outcomes are.
        keys[found] = key(*score);
        found += usize::from(*positive == class);
    }
    keys.truncate(found);
    keys
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Scores of all kinds: ties, both zeros, subnormal, the largest, close together far from others.
    fn score() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-4i8..5).prop_map(f64::from),
            Just(-0.0),
            (0u64..9).prop_map(f64::from_bits),
            (0u64..9).prop_map(|ulps| -f64::from_bits(ulps)),
            (0u64..99).prop_map(|ulps| f64::from_bits(1.0f64.to_bits() + ulps)),
            (-1.0f64..1.0),
            Just(f64::MAX),
            Just(f64::MIN),
            any::<f64>().prop_filter("finite", |score| score.is_finite()),
        ]
    }

    proptest! {
        #[test]
        fn a_slot_tells_what_a_row_beats(rows in vec((score(), any::<bool>()), 2..300)) {
            let (scores, positive): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            let sample = Binary::new(&scores, &positive).unwrap();
            prop_assume!(sample.both_classes().is_ok());
            let slots = Slots::of(&sample).unwrap();
            let beaten: Vec<[u64; 2]> = slots.beaten_twice().collect();
            let mut tallies = [Tally::default(); 2];
            for row in 0..scores.len() {
                let class = usize::from(positive[row]);
                let others = scores.iter().zip(&positive).filter(|other| *other.1 != positive[row]);
                let twice: u64 = others
                    .map(|(other, _)| if scores[row] > *other { 2 } else { u64::from(scores[row] == *other) })
                    .sum();
                prop_assert_eq!(beaten[slots.of_row[row] as usize][1 - class], twice);
                tallies[class].add(1, twice);
            }
            prop_assert_eq!(slots.tallies(), tallies);
        }
    }

    #[test]
    fn large_samples_are_looked_up_alike() {
        // Above the size from which threads share the work, with a cell that holds nearly all levels, and without.
        for far in [1.0, 1e300] {
            let mut scores: Vec<f64> = (0..50_000u64).map(|row| (row * 7_919 % 50_021) as f64 / 50_021.0).collect();
            scores[77] = far;
            let positive: Vec<bool> = (0..scores.len()).map(|row| row % 3 == 0).collect();
            let slots = Slots::of(&Binary::new(&scores, &positive).unwrap()).unwrap();
            let beaten: Vec<[u64; 2]> = slots.beaten_twice().collect();
            let mut sorted: Vec<usize> = (0..scores.len()).collect();
            sorted.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
            let mut below = [0; 2];
            for row in sorted {
                let class = usize::from(positive[row]);
                assert_eq!(beaten[slots.of_row[row] as usize][1 - class], 2 * below[1 - class]);
                below[class] += 1;
            }
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        // 2^31 rows of each class, each of which beats all of the other: the variance is 0, not an overflow.
        let tally = Tally { rows: 1 << 31, beaten_twice: 1 << 63, squares: 1 << 95 };
        assert_eq!(tally.variance(), 0.0);
    }
}
