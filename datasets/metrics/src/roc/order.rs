//! Rows sorted by score, once, and what is counted along them.

use rayon::slice::ParallelSliceMut;

use crate::{Binary, Result, Undefined};

/// A row in its place: the score as bits that sort like it, then the row, then whether it has the outcome.
///
/// One integer, because integers sort several times faster than rows that are looked up; no two are equal, so that
/// the order is the same for every number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry(u128);

impl Entry {
    fn new(row: usize, score: f64, positive: bool) -> Self {
        Self(u128::from(key(score)) << 64 | (row as u128) << 1 | u128::from(positive))
    }

    /// The score, -0.0 as 0.0; not looked up by its row, which would be anywhere in memory.
    fn score(self) -> f64 {
        let key = (self.0 >> 64) as u64;
        f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
    }

    pub(super) fn row(self) -> usize {
        (self.0 as u64 >> 1) as usize
    }

    pub(super) fn positive(self) -> bool {
        self.0 & 1 == 1
    }

    fn ties(&self, other: &Self) -> bool {
        self.0 >> 64 == other.0 >> 64
    }
}

/// A score as an integer that sorts like it, -0.0 as 0.0.
pub(super) fn key(score: f64) -> u64 {
    // 0.0 and -0.0 are equal scores with different bits: the sum makes them one.
    let bits = (score + 0.0).to_bits();
    // All bits turn where the sign is set, the sign alone where it is not.
    bits ^ (((bits as i64) >> 63) as u64 | 1 << 63)
}

/// Entries from the lowest score to the highest.
pub(super) fn sorted(sample: &Binary) -> Vec<Entry> {
    let rows = sample.scores().iter().zip(sample.positive()).enumerate();
    let mut entries: Vec<Entry> = rows.map(|(row, (score, positive))| Entry::new(row, *score, *positive)).collect();
    entries.par_sort_unstable();
    entries
}

/// Groups of equal scores, in the entries' order.
pub(super) fn tied(entries: &[Entry]) -> impl DoubleEndedIterator<Item = &[Entry]> {
    entries.chunk_by(Entry::ties)
}

/// (with the outcome, without): the weights of a group.
pub(super) fn mass(sample: &Binary, group: &[Entry]) -> (f64, f64) {
    let mut mass = (0.0, 0.0);
    for entry in group {
        let of_class = if entry.positive() { &mut mass.0 } else { &mut mass.1 };
        *of_class += sample.weights().map_or(1.0, |weights| weights[entry.row()]);
    }
    mass
}

/// What is called positive at a threshold that exists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// A score of the sample: rows with at least this are called positive.
    pub(crate) threshold: f64,
    /// The weight of rows with the outcome that are called positive.
    pub(crate) true_positives: f64,
    /// The weight of rows without that are called positive.
    pub(crate) false_positives: f64,
}

/// All of them, from the highest threshold to the lowest. Rows of weight 0 make no step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Steps {
    pub(crate) steps: Vec<Step>,
    /// The weight of rows with the outcome: that of the last step, to the bit.
    pub(crate) positives: f64,
    /// The weight of rows without.
    pub(crate) negatives: f64,
}

impl Steps {
    /// Counts; refuses a sample of one class, be it by its weights.
    pub(crate) fn of(sample: &Binary) -> Result<Self> {
        sample.both_classes()?;
        let entries = sorted(sample);
        let (mut positives, mut negatives) = (0.0, 0.0);
        let mut steps = Vec::with_capacity(entries.len());
        for group in tied(&entries).rev() {
            let (with, without) = mass(sample, group);
            if with == 0.0 && without == 0.0 {
                continue;
            }
            positives += with;
            negatives += without;
            steps.push(Step { threshold: group[0].score(), true_positives: positives, false_positives: negatives });
        }
        both_weigh(positives, negatives)?;
        Ok(Self { steps, positives, negatives })
    }
}

/// Refuses classes of weight 0, and weights whose product is no number that one can divide by.
pub(super) fn both_weigh(positives: f64, negatives: f64) -> Result<()> {
    if positives == 0.0 || negatives == 0.0 {
        return Err(Undefined::Degenerate("all rows of one class have weight 0"));
    }
    // Normal numbers on both sides: below, a quotient has lost its digits.
    if (positives * negatives).is_normal() && positives.is_normal() && negatives.is_normal() {
        Ok(())
    } else {
        Err(Undefined::Degenerate("the weights are too large or too small to be multiplied"))
    }
}
