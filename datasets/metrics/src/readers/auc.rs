//! The area under the empirical ROC curve as a figure of merit.

use super::{FigureOfMerit, Study};
use crate::{Result, Undefined, ranks};

/// The area under the empirical ROC curve (trapezoids): the chance that a positive case has a larger score than a negative
/// one, equal scores counting one half.
///
/// The bootstrap draws positive and negative cases apart; of clusters, those with a positive case and those without.
#[derive(Debug, Clone)]
pub struct Auc<'a> {
    study: &'a Study,
    of_reader: Vec<Superiority>,
    with_positive: Vec<bool>,
}

impl<'a> Auc<'a> {
    /// Sorts each reader's scores once.
    pub fn of(study: &'a Study) -> Self {
        let (unit, units) = study.units();
        let mut with_positive = vec![false; units];
        for (case, positive) in study.positive().iter().enumerate() {
            with_positive[unit[case]] |= positive;
        }
        let sorted = |scores: &[f64]| {
            Superiority::new(
                scores
                    .iter()
                    .zip(study.positive())
                    .enumerate()
                    .map(|(case, (&value, &positive))| {
                        let (positive, negative) = if positive { (1.0, 0.0) } else { (0.0, 1.0) };
                        Entry { value, unit: unit[case], positive, negative }
                    })
                    .collect(),
            )
        };
        let readers = (0..study.modalities()).flat_map(|m| (0..study.readers()).map(move |r| (m, r)));
        Self { study, of_reader: readers.map(|(m, r)| sorted(study.of(m, r))).collect(), with_positive }
    }
}

impl FigureOfMerit for Auc<'_> {
    fn modalities(&self) -> usize {
        self.study.modalities()
    }

    fn readers(&self) -> usize {
        self.study.readers()
    }

    fn units(&self) -> usize {
        self.with_positive.len()
    }

    fn stratum(&self, unit: usize) -> usize {
        usize::from(self.with_positive[unit])
    }

    fn value(&self, modality: usize, reader: usize, counts: &[u32]) -> Result<f64> {
        self.of_reader[modality * self.study.readers() + reader].value(counts)
    }
}

/// A value, counted among the negatives and among the positives with a weight each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// A number or minus infinity, not NaN.
    pub value: f64,
    /// Whose it is.
    pub unit: usize,
    /// Its weight as a negative value.
    pub negative: f64,
    /// Its weight as a positive value.
    pub positive: f64,
}

/// The weighted chance that a positive value is larger than a negative one, equal ones counting one half.
#[derive(Debug, Clone)]
pub(crate) struct Superiority {
    sorted: Vec<Entry>,
}

impl Superiority {
    /// Sorts once.
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let values: Vec<f64> = entries.iter().map(|entry| entry.value).collect();
        Self { sorted: ranks::order(&values).into_iter().map(|row| entries[row]).collect() }
    }

    /// With each unit counted so often.
    pub(crate) fn value(&self, counts: &[u32]) -> Result<f64> {
        let (mut below, mut above, mut won) = (0.0, 0.0, 0.0);
        for tied in self.sorted.chunk_by(|a, b| a.value == b.value) {
            let (mut negative, mut positive) = (0.0, 0.0);
            for entry in tied {
                let count = f64::from(counts[entry.unit]);
                negative += count * entry.negative;
                positive += count * entry.positive;
            }
            won += positive * (below + negative / 2.0);
            below += negative;
            above += positive;
        }
        if below > 0.0 && above > 0.0 {
            // Sums of weights are rounded: the quotient may pass 1 by a last bit.
            return Ok((won / (below * above)).min(1.0));
        }
        let counted = |weight: fn(&Entry) -> f64| {
            self.sorted.iter().filter(|entry| counts[entry.unit] > 0 && weight(entry) > 0.0).count()
        };
        Err(Undefined::OneClass { positives: counted(|e| e.positive), negatives: counted(|e| e.negative) })
    }
}
