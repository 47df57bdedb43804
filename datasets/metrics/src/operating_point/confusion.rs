//! Rows counted.

use super::{Rate, check_threshold};
use crate::proportions::{Bounded, Proportion, difference_newcombe, odds_ratio, ratio};
use crate::{Binary, Confidence, Interval, Result, Undefined};

/// Rows at a threshold, each counted once.
///
/// ```
/// use uvid_metrics::{Binary, operating_point::{Confusion, Rate}};
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// let found = Confusion::at(&sample, 0.4)?;
/// assert_eq!((found.true_positives, found.false_positives), (2, 1));
/// assert_eq!(found.rate(Rate::Sensitivity)?.value(), 1.0);
/// assert_eq!(found.rate(Rate::Specificity)?.value(), 0.5);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Confusion {
    /// Flagged, with the outcome.
    pub true_positives: u64,
    /// Flagged, without.
    pub false_positives: u64,
    /// Not flagged, without.
    pub true_negatives: u64,
    /// Not flagged, with.
    pub false_negatives: u64,
}

impl Confusion {
    /// Counts the rows whose score is at or above the threshold, and the others.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a threshold that is NaN; [`Undefined::Degenerate`] for a sample with weights, whose
    /// rows are not to be counted as one each: see [`super::Totals`].
    pub fn at(sample: &Binary, threshold: f64) -> Result<Self> {
        check_threshold(threshold)?;
        if sample.weights().is_some() {
            return Err(Undefined::Degenerate("the sample has weights: its rows cannot be counted as one each"));
        }
        let count = |flagged, positive| {
            let rows = sample.scores().iter().zip(sample.positive());
            rows.filter(|(score, outcome)| (**score >= threshold, **outcome) == (flagged, positive)).count() as u64
        };
        Ok(Self {
            true_positives: count(true, true),
            false_positives: count(true, false),
            true_negatives: count(false, false),
            false_negatives: count(false, true),
        })
    }

    /// A rate as a proportion, from which its intervals follow.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where nothing is there to take a share of; [`Undefined::Parameter`] for more than ten million rows.
    pub fn rate(&self, rate: Rate) -> Result<Proportion> {
        let (mut events, mut of) = (0_u64, 0_u64);
        for (flagged, positive, rows) in [
            (true, true, self.true_positives),
            (true, false, self.false_positives),
            (false, false, self.true_negatives),
            (false, true, self.false_negatives),
        ] {
            if let Some(event) = rate.counts(flagged, positive) {
                // Saturated sums are above the most that is counted, and refused as such.
                of = of.saturating_add(rows);
                events = events.saturating_add(if event { rows } else { 0 });
            }
        }
        Proportion::new(events, of)
    }

    /// `2 TP / (2 TP + FP + FN)`: the harmonic mean of sensitivity and positive predictive value.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where nothing is flagged and nothing has the outcome.
    pub fn f1(&self) -> Result<f64> {
        super::Totals::from(*self).f1()
    }

    /// Youden's index, sensitivity + specificity - 1, which is the difference of two independent proportions (flagged with
    /// the outcome, flagged without), with Newcombe's interval.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where a class is not there.
    pub fn youden(&self, confidence: Confidence) -> Result<Bounded> {
        let (sensitivity, false_alarms) = self.flagged()?;
        Ok(difference_newcombe(sensitivity, false_alarms, confidence))
    }

    /// The mean of sensitivity and specificity, `(Youden + 1) / 2`, with its interval.
    ///
    /// # Errors
    ///
    /// As [`Self::youden`].
    pub fn balanced_accuracy(&self, confidence: Confidence) -> Result<Bounded> {
        let Bounded { value, interval } = self.youden(confidence)?;
        let halved = |x: f64| f64::midpoint(x, 1.0);
        let interval = Interval { lower: halved(interval.lower), upper: halved(interval.upper) };
        Ok(Bounded { value: halved(value), interval })
    }

    /// LR+: sensitivity / (1 - specificity), with the interval of Simel (1991).
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where a class is not there; [`Undefined::Degenerate`] where there are no true or no false
    /// positives.
    pub fn likelihood_ratio_positive(&self, confidence: Confidence) -> Result<Bounded> {
        let (sensitivity, false_alarms) = self.flagged()?;
        ratio(sensitivity, false_alarms, confidence)
    }

    /// LR-: (1 - sensitivity) / specificity, with the interval of Simel (1991).
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where a class is not there; [`Undefined::Degenerate`] where there are no true or no false
    /// negatives.
    pub fn likelihood_ratio_negative(&self, confidence: Confidence) -> Result<Bounded> {
        let (sensitivity, false_alarms) = self.flagged()?;
        ratio(sensitivity.complement(), false_alarms.complement(), confidence)
    }

    /// LR+ / LR-, with the interval of Woolf (1955).
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where a class is not there; [`Undefined::Degenerate`] where a cell is 0.
    pub fn diagnostic_odds_ratio(&self, confidence: Confidence) -> Result<Bounded> {
        let (sensitivity, false_alarms) = self.flagged()?;
        odds_ratio(sensitivity, false_alarms, confidence)
    }

    /// The shares flagged of those with the outcome and of those without.
    fn flagged(&self) -> Result<(Proportion, Proportion)> {
        Ok((self.rate(Rate::Sensitivity)?, self.rate(Rate::Specificity)?.complement()))
    }
}
