//! What a threshold does: sensitivity, specificity, predictive values, recall rate.
//!
//! **A row is flagged where its score is at or above the threshold.** Equal scores are always on the same side.
//!
//! - [`Rate`] says what is counted of what; [`Confusion`] counts rows, [`Totals`] sums weights (a case-control sample with
//!   the weights that make it a screening population), [`Rate::estimate`] allows for weights and for clusters.
//! - [`choose`] finds the threshold for a specificity, a sensitivity, a recall rate, or Youden's index.
//! - [`at_prevalence`] is Bayes' theorem: predictive values at another prevalence than the sample's.
//! - [`table`] puts all of it side by side.

mod bayes;
mod chosen;
mod confusion;
mod table;
mod totals;

pub use bayes::{AtPrevalence, at_prevalence};
pub use chosen::{Aim, Chosen, choose};
pub use confusion::Confusion;
pub use table::{Measure, table};
pub use totals::Totals;

use crate::proportions::ratio_of_totals;
use crate::{Binary, Estimate, Result, Undefined};

/// A share of rows: what is counted, of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rate {
    /// Flagged, of those with the outcome. Also called recall (in machine learning) and true positive rate.
    Sensitivity,
    /// Not flagged, of those without the outcome.
    Specificity,
    /// Outcome, of those flagged: the positive predictive value, or precision.
    PositivePredictiveValue,
    /// No outcome, of those not flagged: the negative predictive value.
    NegativePredictiveValue,
    /// Flagged with the outcome or not flagged without it, of all.
    Accuracy,
    /// Flagged, of all: in screening, the recall rate.
    RecallRate,
    /// Flagged with the outcome, of all: the cancer detection rate; times 1000 for "per 1000 exams".
    DetectionRate,
    /// Outcome, of all.
    Prevalence,
}

impl Rate {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Sensitivity,
        Self::Specificity,
        Self::PositivePredictiveValue,
        Self::NegativePredictiveValue,
        Self::Accuracy,
        Self::RecallRate,
        Self::DetectionRate,
        Self::Prevalence,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sensitivity => "sensitivity",
            Self::Specificity => "specificity",
            Self::PositivePredictiveValue => "positive predictive value",
            Self::NegativePredictiveValue => "negative predictive value",
            Self::Accuracy => "accuracy",
            Self::RecallRate => "recall rate",
            Self::DetectionRate => "detection rate",
            Self::Prevalence => "prevalence",
        }
    }

    /// Whether a row is counted; `None` where it is not of those of which it is a share.
    pub fn counts(self, flagged: bool, positive: bool) -> Option<bool> {
        match self {
            Self::Sensitivity => positive.then_some(flagged),
            Self::Specificity => (!positive).then_some(!flagged),
            Self::PositivePredictiveValue => flagged.then_some(positive),
            Self::NegativePredictiveValue => (!flagged).then_some(!positive),
            Self::Accuracy => Some(flagged == positive),
            Self::RecallRate => Some(flagged),
            Self::DetectionRate => Some(flagged && positive),
            Self::Prevalence => Some(positive),
        }
    }

    /// The rate with a standard error that allows for the sample's weights and clusters, by the ratio estimator
    /// ([`ratio_of_totals`]); without clusters every row is one.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a threshold that is NaN; [`Undefined::Degenerate`] where nothing is there to take a
    /// share of; [`Undefined::TooFew`] for fewer than two clusters.
    pub fn estimate(self, sample: &Binary, threshold: f64) -> Result<Estimate> {
        check_threshold(threshold)?;
        let clusters = sample.clusters();
        let count = clusters.map_or(sample.len(), crate::Clusters::count);
        let (mut counted, mut of) = (vec![0.0; count], vec![0.0; count]);
        for (row, (score, positive)) in sample.scores().iter().zip(sample.positive()).enumerate() {
            let cluster = clusters.map_or(row, |clusters| clusters.of_row(row));
            if let Some(event) = self.counts(*score >= threshold, *positive) {
                of[cluster] += sample.weight(row);
                counted[cluster] += if event { sample.weight(row) } else { 0.0 };
            }
        }
        ratio_of_totals(&counted, &of)
    }
}

/// Refuses NaN. Infinite thresholds flag all or nothing.
fn check_threshold(threshold: f64) -> Result<()> {
    match threshold.is_nan() {
        true => Err(Undefined::Parameter { what: "the threshold", value: threshold, domain: "a number" }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
