//! LROC: at most one lesion a case, one rating a case, and whether the most suspicious place is the lesion (Swensson 1996).
//!
//! A case's rating is its highest mark, minus infinity without marks. It is localised correctly where the lesion was found
//! with a score above all false marks; an equal false mark makes the place ambiguous, which counts as wrong. The curve is
//! the share of cases with a lesion that are rated at least t and localised correctly, against the share of normal cases
//! rated at least t. Its area is the mean over pairs of a normal case and a case with a lesion of 1 where the latter is
//! localised correctly and rated higher, 1/2 where it is localised correctly and rated the same, else 0. A guesser gets
//! less than 1/2; the most that can be had is the share localised correctly.

use crate::readers::{Entry, Superiority};
use crate::{Result, Undefined};

use super::Cases;

/// The LROC curve at one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operating {
    /// Cases rated at least this count.
    pub threshold: f64,
    /// The share of normal cases rated so.
    pub false_positive_fraction: f64,
    /// The share of cases with a lesion rated so and localised correctly.
    pub correct_fraction: f64,
}

/// The area, 0 to 1.
///
/// # Errors
///
/// [`Undefined::Value`] for a case with several lesions, [`Undefined::OneClass`] without normal cases or cases with a lesion.
pub fn area(cases: &Cases) -> Result<f64> {
    let ratings = Ratings::of(cases)?;
    ratings.area(&vec![1; ratings.positives.len()])
}

/// The curve at each rating that occurs, from the highest to the lowest.
///
/// # Errors
///
/// As [`area`].
pub fn curve(cases: &Cases) -> Result<Vec<Operating>> {
    let ratings = Ratings::of(cases)?;
    let (negatives, positives) = ratings.totals(&vec![1; ratings.positives.len()])?;
    let mut entries = ratings.entries;
    entries.retain(|entry| entry.value.is_finite());
    entries.sort_by(|a, b| (b.value + 0.0).total_cmp(&(a.value + 0.0)));
    let (mut x, mut y) = (0.0, 0.0);
    let point = |tied: &[Entry]| {
        x += tied.iter().map(|entry| entry.negative).sum::<f64>();
        y += tied.iter().map(|entry| entry.positive).sum::<f64>();
        let threshold = tied[0].value;
        Operating { threshold, false_positive_fraction: x / negatives, correct_fraction: y / positives }
    };
    Ok(entries.chunk_by(|a, b| a.value == b.value).map(point).collect())
}

/// Ratings of normal cases and of those localised correctly; the others only count.
#[derive(Debug, Clone)]
pub(super) struct Ratings {
    entries: Vec<Entry>,
    ranking: Superiority,
    /// By unit.
    negatives: Vec<u32>,
    positives: Vec<u32>,
    correct: Vec<u32>,
}

impl Ratings {
    pub(super) fn of(cases: &Cases) -> Result<Self> {
        let (unit, units) = cases.units();
        let (mut negatives, mut positives, mut correct) = (vec![0; units], vec![0; units], vec![0; units]);
        let mut entries = Vec::new();
        for (row, (case, unit)) in cases.get().iter().zip(unit).enumerate() {
            let highest = case.highest_false();
            match case.lesions.as_slice() {
                [] => {
                    negatives[unit] += 1;
                    entries.push(Entry { value: highest, unit, negative: 1.0, positive: 0.0 });
                }
                [lesion] => {
                    positives[unit] += 1;
                    if let Some(value) = lesion.filter(|score| *score > highest) {
                        correct[unit] += 1;
                        entries.push(Entry { value, unit, negative: 0.0, positive: 1.0 });
                    }
                }
                several => {
                    let (what, value) = ("the number of lesions", several.len() as f64);
                    return Err(Undefined::Value { what, row, value, domain: "at most 1 for LROC" });
                }
            }
        }
        Ok(Self { ranking: Superiority::new(entries.clone()), entries, negatives, positives, correct })
    }

    pub(super) fn area(&self, counts: &[u32]) -> Result<f64> {
        let (_, positives) = self.totals(counts)?;
        match total(&self.correct, counts) {
            0.0 => Ok(0.0),
            correct => Ok(self.ranking.value(counts)? * (correct / positives)),
        }
    }

    /// (normal cases, cases with a lesion), both above 0.
    fn totals(&self, counts: &[u32]) -> Result<(f64, f64)> {
        let (negatives, positives) = (total(&self.negatives, counts), total(&self.positives, counts));
        if negatives == 0.0 || positives == 0.0 {
            return Err(Undefined::OneClass { positives: positives as usize, negatives: negatives as usize });
        }
        Ok((negatives, positives))
    }
}

fn total(of_unit: &[u32], counts: &[u32]) -> f64 {
    of_unit.iter().zip(counts).map(|(x, count)| f64::from(*x) * f64::from(*count)).sum()
}
