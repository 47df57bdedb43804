//! Observed over expected.

use super::Forecasts;
use crate::distributions::chi_squared_quantile;
use crate::{Confidence, Interval, Result, Undefined};

/// How many there were, over how many were announced. The expectation is taken as known; the intervals are of the
/// observed count.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedExpected {
    /// The outcomes, weighted.
    pub observed: f64,
    /// The sum of the probabilities, weighted.
    pub expected: f64,
    /// Observed over expected: 1 is perfect, above 1 the forecasts are too low.
    pub ratio: f64,
    log_error: Result<f64>,
    counts: bool,
}

/// Compares what was announced with what happened. Probabilities may be 0 or 1, and one class is enough.
///
/// # Errors
///
/// [`Undefined::Degenerate`] where the expectation is 0.
///
/// ```
/// use uvid_metrics::{Binary, Confidence, calibration::{Forecasts, observed_expected}};
/// let forecasts = Forecasts::new(Binary::new(&[0.25, 0.25, 0.5, 0.5], &[true, false, true, false])?)?;
/// let found = observed_expected(&forecasts)?;
/// assert_eq!((found.observed, found.expected), (2.0, 1.5));
/// assert!(found.poisson(Confidence::P95)?.contains(1.0));
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn observed_expected(forecasts: &Forecasts) -> Result<ObservedExpected> {
    let (observed, expected) = (forecasts.sum(|_, y| y), forecasts.sum(|p, _| p));
    let ratio = observed / expected;
    if !ratio.is_finite() {
        return Err(Undefined::Degenerate("observed over expected: every probability is 0, or as good as 0"));
    }
    let outcomes: Vec<f64> = forecasts.rows().map(|(_, y, _)| y).collect();
    let log_error = match observed > 0.0 {
        true => forecasts.mean(&outcomes).map(|share| share.standard_error / share.value),
        false => Err(Undefined::Degenerate("observed over expected: no outcome, so its logarithm has no interval")),
    };
    let counts = forecasts.sample().weights().is_none() && forecasts.sample().clusters().is_none();
    Ok(ObservedExpected { observed, expected, ratio, log_error, counts })
}

impl ObservedExpected {
    /// By the normal approximation of ln(O/E), with weights and clusters. Without them its variance is (1 - o) / O, o the
    /// share of the outcome (Debray et al., BMJ 356 (2017) i6460, appendix), times n / (n - 1).
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] without an outcome.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval> {
        let half = confidence.z() * self.log_error.clone()?;
        Ok(Interval { lower: self.ratio * (-half).exp(), upper: self.ratio * half.exp() })
    }

    /// The exact interval of a Poisson count (Garwood, Biometrika 28 (1936) 437), over the expectation. It holds for rare
    /// outcomes, none at all included; for common ones it is too wide.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] with weights or clusters: the observed is then no count of independent events.
    pub fn poisson(&self, confidence: Confidence) -> Result<Interval> {
        if !self.counts {
            return Err(Undefined::Degenerate("a Poisson interval is of a count of independent rows without weights"));
        }
        let (low, high) = (confidence.alpha() / 2.0, 1.0 - confidence.alpha() / 2.0);
        let lower = if self.observed > 0.0 { chi_squared_quantile(low, 2.0 * self.observed) / 2.0 } else { 0.0 };
        let upper = chi_squared_quantile(high, 2.0 * self.observed + 2.0) / 2.0;
        Ok(Interval { lower: lower / self.expected, upper: upper / self.expected })
    }
}
