//! Rows in the order of their scores, cut where sums are needed, and the sums of what a block drew of them.

use rayon::slice::ParallelSliceMut;

use super::design::Design;
use super::draw::{Counts, LANES};
use crate::sample::same_length;
use crate::{Binary, Result, Undefined};

/// What is summed in one go: negatives whose score no positive has, then those that share the score of the positives that
/// follow them, then the positives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    free: usize,
    tied: usize,
    positive: usize,
}

/// The rows of a step: their slots and weights.
pub(super) struct Rows<'a> {
    pub slots: &'a [u32],
    pub weights: Option<&'a [f64]>,
}

/// A table with both classes in the order of its scores.
#[derive(Debug, Clone)]
pub(super) struct Sorted {
    slots: Vec<u32>,
    weights: Option<Vec<f64>>,
    steps: Vec<Step>,
}

impl Sorted {
    /// From the smallest score on; positives between which no negative lies are one step.
    pub fn ascending(design: &Design, sample: &Binary) -> Result<Self> {
        Self::new(design, sample, key, true)
    }

    /// From the largest score on; positives of different scores are different steps.
    pub fn descending(design: &Design, sample: &Binary) -> Result<Self> {
        Self::new(design, sample, |score| !key(score), false)
    }

    fn new(design: &Design, sample: &Binary, key: impl Fn(f64) -> u64, merge: bool) -> Result<Self> {
        same_length("rows of the sample", design.rows(), sample.len())?;
        sample.both_classes()?;
        for class in [true, false] {
            if !(0..sample.len()).any(|row| sample.positive()[row] == class && sample.weight(row) > 0.0) {
                return Err(Undefined::Degenerate("all weights of a class are 0"));
            }
        }
        // Within a score negatives come first, then by row: every key is another, so the order is one.
        let class = |row: usize| u64::from(sample.positive()[row]) << 32;
        let mut order: Vec<(u64, u64)> =
            sample.scores().iter().enumerate().map(|(row, score)| (key(*score), class(row) | row as u64)).collect();
        order.par_sort_unstable();
        let rows = || order.iter().map(|(_, row)| *row as u32 as usize);
        let mut steps = vec![Step::default()];
        for tied in order.chunk_by(|a, b| a.0 == b.0) {
            let negatives = tied.partition_point(|(_, row)| row >> 32 == 0);
            extend(&mut steps, negatives, tied.len() - negatives, merge);
        }
        Ok(Self {
            slots: rows().map(|row| design.slot_of_row(row)).collect(),
            weights: sample.weights().map(|weights| rows().map(|row| weights[row]).collect()),
            steps,
        })
    }

    /// (free negatives, tied negatives, positives) of each step, in order.
    pub fn steps(&self) -> impl Iterator<Item = [Rows<'_>; 3]> {
        let mut start = 0;
        let mut take = move |length: usize| {
            let range = start..start + length;
            start += length;
            Rows { slots: &self.slots[range.clone()], weights: self.weights.as_ref().map(|list| &list[range]) }
        };
        self.steps.iter().map(move |step| [take(step.free), take(step.tied), take(step.positive)])
    }
}

/// Adds the rows of one score.
fn extend(steps: &mut Vec<Step>, negatives: usize, positives: usize, merge: bool) {
    let Some(last) = steps.last_mut() else { return };
    if last.positive == 0 {
        // Nothing stands behind the free negatives yet.
        match positives {
            0 => last.free += negatives,
            _ => (last.tied, last.positive) = (negatives, positives),
        }
    } else if merge && negatives == 0 && last.tied == 0 {
        last.positive += positives;
    } else {
        match positives {
            0 => steps.push(Step { free: negatives, ..Step::default() }),
            _ => steps.push(Step { free: 0, tied: negatives, positive: positives }),
        }
    }
}

/// The sums of at most 256 counts, which 16 bits hold.
///
/// By itself, because the compiler would otherwise work on as few lanes at a time as the f64 that the sums are added to.
#[inline(never)]
fn narrow(slots: &[u32], counts: &[Counts]) -> [u16; LANES] {
    let mut sums = [0; LANES];
    for slot in slots {
        for (sum, count) in sums.iter_mut().zip(&counts[*slot as usize]) {
            *sum += u16::from(*count);
        }
    }
    sums
}

/// A number in the order of the score; 0.0 and -0.0 are the same.
fn key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

impl Rows<'_> {
    /// Adds what each resample drew of these rows.
    #[inline]
    pub fn add_to(&self, sums: &mut [f64; LANES], counts: &[Counts]) {
        match self.weights {
            None => {
                for part in self.slots.chunks(256) {
                    for (sum, narrow) in sums.iter_mut().zip(narrow(part, counts)) {
                        *sum += f64::from(narrow);
                    }
                }
            }
            Some(weights) => {
                for (slot, weight) in self.slots.iter().zip(weights) {
                    for (sum, count) in sums.iter_mut().zip(&counts[*slot as usize]) {
                        *sum += weight * f64::from(*count);
                    }
                }
            }
        }
    }

    /// Slot and weight of each row.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f64)> {
        self.slots.iter().enumerate().map(|(row, slot)| (*slot as usize, self.weights.map_or(1.0, |list| list[row])))
    }
}
