//! Weights summed.

use super::{Confusion, Rate, check_threshold};
use crate::{Binary, Result, Undefined};

/// Sums of weights at a threshold; of a sample without weights, the counts.
///
/// Sums are taken in the order of the rows. Fields are not negative and finite.
///
/// ```
/// use uvid_metrics::{Binary, operating_point::{Rate, Totals}};
/// // One cancer in two of the sample, one in ten of the population.
/// let sample = Binary::new(&[0.9, 0.2], &[true, false])?.weighted(&[1.0, 9.0])?;
/// assert_eq!(Totals::at(&sample, 0.5)?.rate(Rate::RecallRate)?, 0.1);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// Flagged, with the outcome.
    pub true_positives: f64,
    /// Flagged, without.
    pub false_positives: f64,
    /// Not flagged, without.
    pub true_negatives: f64,
    /// Not flagged, with.
    pub false_negatives: f64,
}

impl From<Confusion> for Totals {
    fn from(counts: Confusion) -> Self {
        Self {
            true_positives: counts.true_positives as f64,
            false_positives: counts.false_positives as f64,
            true_negatives: counts.true_negatives as f64,
            false_negatives: counts.false_negatives as f64,
        }
    }
}

impl Totals {
    /// Sums the weights of the rows whose score is at or above the threshold, and of the others.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a threshold that is NaN; [`Undefined::Degenerate`] for weights whose sum is infinite.
    pub fn at(sample: &Binary, threshold: f64) -> Result<Self> {
        check_threshold(threshold)?;
        let mut totals = Self::ZERO;
        for (row, (score, positive)) in sample.scores().iter().zip(sample.positive()).enumerate() {
            *totals.cell(*score >= threshold, *positive) += sample.weight(row);
        }
        totals.checked()
    }

    pub(super) const ZERO: Self =
        Self { true_positives: 0.0, false_positives: 0.0, true_negatives: 0.0, false_negatives: 0.0 };

    pub(super) fn cell(&mut self, flagged: bool, positive: bool) -> &mut f64 {
        match (flagged, positive) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (false, true) => &mut self.false_negatives,
        }
    }

    pub(super) fn checked(self) -> Result<Self> {
        let sum = self.positives() + self.negatives();
        sum.is_finite().then_some(self).ok_or(Undefined::Degenerate("the weights sum to infinity"))
    }

    /// All with the outcome.
    pub fn positives(&self) -> f64 {
        self.true_positives + self.false_negatives
    }

    /// All without.
    pub fn negatives(&self) -> f64 {
        self.false_positives + self.true_negatives
    }

    /// A rate.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where nothing is there to take a share of.
    pub fn rate(&self, rate: Rate) -> Result<f64> {
        let (mut counted, mut of) = (0.0, 0.0);
        let mut cells = *self;
        for (flagged, positive) in [(true, true), (true, false), (false, false), (false, true)] {
            let cell = *cells.cell(flagged, positive);
            if let Some(event) = rate.counts(flagged, positive) {
                of += cell;
                counted += if event { cell } else { 0.0 };
            }
        }
        share(counted, of)
    }

    /// Youden's index, sensitivity + specificity - 1.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where a class is not there.
    pub fn youden(&self) -> Result<f64> {
        Ok(self.rate(Rate::Sensitivity)? - share(self.false_positives, self.negatives())?)
    }

    /// `2 TP / (2 TP + FP + FN)`.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where nothing is flagged and nothing has the outcome.
    pub fn f1(&self) -> Result<f64> {
        share(self.true_positives, self.true_positives + (self.false_positives + self.false_negatives) / 2.0)
    }

    /// Sensitivity / (1 - specificity).
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where a class is not there, or there are no false positives.
    pub fn likelihood_ratio_positive(&self) -> Result<f64> {
        share(self.rate(Rate::Sensitivity)?, share(self.false_positives, self.negatives())?)
    }

    /// (1 - sensitivity) / specificity.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where a class is not there, or there are no true negatives.
    pub fn likelihood_ratio_negative(&self) -> Result<f64> {
        share(share(self.false_negatives, self.positives())?, self.rate(Rate::Specificity)?)
    }

    /// `TP TN / (FP FN)`.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where there are no false positives or no false negatives.
    pub fn diagnostic_odds_ratio(&self) -> Result<f64> {
        let odds = share(self.true_positives, self.false_positives)?;
        Ok(odds * share(self.true_negatives, self.false_negatives)?)
    }
}

fn share(part: f64, of: f64) -> Result<f64> {
    let value = part / of;
    // Of nothing, and quotients of numbers so small that there is no number for them.
    value.is_finite().then_some(value).ok_or(Undefined::Degenerate("the denominator is 0"))
}
