//! Probabilities with outcomes, and weighted means over them.

use crate::rounding::{difference, settled};
use crate::sample::probabilities;
use crate::{Binary, Clusters, Estimate, Result, Undefined};

/// A sample whose scores are probabilities of the outcome.
///
/// Invariant: every score lies from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecasts(Binary);

impl Forecasts {
    /// Checks the scores of a sample.
    ///
    /// # Errors
    ///
    /// [`Undefined::Value`] for a score that is no probability; [`Undefined::Degenerate`] for weights whose squares have no
    /// finite sum.
    ///
    /// ```
    /// use uvid_metrics::{Binary, calibration::Forecasts};
    /// let sample = Binary::new(&[0.1, 1.2], &[false, true])?;
    /// assert!(Forecasts::new(sample).is_err());
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    pub fn new(sample: Binary) -> Result<Self> {
        probabilities("the probability", sample.scores())?;
        check_weights(&sample)?;
        Ok(Self(sample))
    }

    /// The same with probabilities below `margin` raised to it, and those above 1 - `margin` lowered to that.
    ///
    /// Results then depend on the margin, which should be reported with them.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where `margin` is not above 0 and below 0.5.
    pub fn clipped(&self, margin: f64) -> Result<Self> {
        if !(margin > 0.0 && margin < 0.5) {
            let domain = "above 0 and below 0.5";
            return Err(Undefined::Parameter { what: "the margin of clipping", value: margin, domain });
        }
        let clipped: Vec<f64> = self.0.scores().iter().map(|p| p.clamp(margin, 1.0 - margin)).collect();
        let mut sample = Binary::new(&clipped, self.0.positive())?;
        if let Some(weights) = self.0.weights() {
            sample = sample.weighted(weights)?;
        }
        if let Some(clusters) = self.0.clusters() {
            sample = sample.clustered(clusters.clone())?;
        }
        Ok(Self(sample))
    }

    /// The sample.
    pub fn sample(&self) -> &Binary {
        &self.0
    }

    /// (probability, outcome as 0 or 1, weight) of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        (0..self.0.len()).map(|row| (self.0.scores()[row], self.outcome(row), self.0.weight(row)))
    }

    /// The sum of `value(probability, outcome)`, weighted.
    pub(super) fn sum(&self, value: impl Fn(f64, f64) -> f64) -> f64 {
        self.rows().filter(|(_, _, w)| *w > 0.0).map(|(p, y, w)| w * value(p, y)).sum()
    }

    /// The share of the outcome, weighted.
    pub(super) fn prevalence(&self) -> f64 {
        self.sum(|_, y| y) / self.sum(|_, _| 1.0)
    }

    /// The share of the outcome; both classes are there with weight.
    pub(super) fn mixed_prevalence(&self) -> Result<f64> {
        both_classes(&self.0)?;
        Ok(self.prevalence())
    }

    /// The log odds of each row.
    pub(super) fn logits(&self) -> Result<Vec<f64>> {
        logits(self.0.scores())
    }

    /// The weighted mean of a value of each row. Its variance, with u the sum over a cluster of w (v - mean) / sum w, and G
    /// clusters: G / (G - 1) times the sum of u squared; without weights and clusters the variance over n - 1, by n.
    pub(super) fn mean(&self, values: &[f64]) -> Result<Estimate> {
        let total = self.sum(|_, _| 1.0);
        let weighted = |row: &usize| self.0.weight(*row) > 0.0;
        let value = (0..values.len()).filter(weighted).map(|row| self.0.weight(row) * values[row]).sum::<f64>() / total;
        let shares: Vec<f64> = (0..values.len())
            .map(|row| if weighted(&row) { self.0.weight(row) * difference(values[row], value) / total } else { 0.0 })
            .collect();
        let (sums, factor) = cluster_sums(&self.0, &[shares], 2)?;
        let variance = factor * sums.iter().map(|sum| sum[0] * sum[0]).sum::<f64>();
        Ok(Estimate { value, standard_error: variance.sqrt() })
    }

    fn outcome(&self, row: usize) -> f64 {
        f64::from(u8::from(self.0.positive()[row]))
    }
}

/// Refuses a sample where one class has no row, or no weight.
pub(super) fn both_classes(sample: &Binary) -> Result<()> {
    sample.both_classes()?;
    check_weights(sample)?;
    let weighted =
        |class: bool| (0..sample.len()).any(|row| sample.positive()[row] == class && sample.weight(row) > 0.0);
    if weighted(true) && weighted(false) {
        Ok(())
    } else {
        Err(Undefined::Degenerate("all rows of one class have weight 0"))
    }
}

/// Refuses weights with which sums would overflow.
fn check_weights(sample: &Binary) -> Result<()> {
    let squares: f64 = (0..sample.len()).map(|row| sample.weight(row) * sample.weight(row)).sum();
    if squares.is_finite() { Ok(()) } else { Err(Undefined::Degenerate("the weights are too large to be squared")) }
}

/// ln(p / (1 - p)).
pub(super) fn logit(p: f64) -> f64 {
    p.ln() - (-p).ln_1p()
}

/// 1 / (1 + exp(-x)).
pub(super) fn expit(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// The log odds of probabilities; 0 and 1 have none.
pub(super) fn logits(probabilities: &[f64]) -> Result<Vec<f64>> {
    strictly_inside(probabilities)?;
    Ok(probabilities.iter().map(|p| logit(*p)).collect())
}

/// Refuses what is not above 0 and below 1.
pub(super) fn strictly_inside(probabilities: &[f64]) -> Result<()> {
    match probabilities.iter().enumerate().find(|(_, p)| !(**p > 0.0 && **p < 1.0)) {
        Some((row, &value)) => {
            let domain = "above 0 and below 1, for its log odds are needed (see Forecasts::clipped)";
            Err(Undefined::Value { what: "the probability", row, value, domain })
        }
        None => Ok(()),
    }
}

/// Sums of each column over the clusters of a sample (over each row where it has none), and G / (G - 1) of the G clusters
/// that have weight, which must be as many as `needed`.
pub(super) fn cluster_sums(sample: &Binary, columns: &[Vec<f64>], needed: usize) -> Result<(Vec<Vec<f64>>, f64)> {
    let each;
    let clusters = match sample.clusters() {
        Some(clusters) => clusters,
        None => {
            each = Clusters::each(sample.len());
            &each
        }
    };
    // (sum, sum of magnitudes)
    let mut sums = vec![vec![(0.0, 0.0); columns.len()]; clusters.count()];
    let mut present = vec![false; clusters.count()];
    for row in 0..sample.len() {
        let cluster = clusters.of_row(row);
        present[cluster] |= sample.weight(row) > 0.0;
        for (sum, column) in sums[cluster].iter_mut().zip(columns) {
            sum.0 += column[row];
            sum.1 += column[row].abs();
        }
    }
    let found = present.iter().filter(|p| **p).count();
    if found < needed {
        return Err(Undefined::TooFew { what: "rows or clusters with weight", found, needed });
    }
    let sums = sums.into_iter().map(|of| of.into_iter().map(|(sum, size)| settled(sum, size)).collect()).collect();
    Ok((sums, found as f64 / (found - 1) as f64))
}
