//! A reliability curve, and how far forecasts are from it.

use super::Forecasts;
use crate::{Result, Undefined};

/// A reliability curve.
///
/// Invariants: forecasts ascend, with a value for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pub(super) predicted: Vec<f64>,
    pub(super) observed: Vec<f64>,
}

/// Distances |p - curve(p)| over the rows: Austin & Steyerberg, Statistics in Medicine 38 (2019) 4051.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveErrors {
    /// The mean, by weight: the integrated calibration index.
    pub ici: f64,
    /// The median.
    pub e50: f64,
    /// The 90th percentile.
    pub e90: f64,
    /// The largest.
    pub emax: f64,
}

impl Curve {
    /// Forecasts, ascending.
    pub fn predicted(&self) -> &[f64] {
        &self.predicted
    }

    /// The smoothed share of the outcome at each; it may lie below 0 or above 1.
    pub fn observed(&self) -> &[f64] {
        &self.observed
    }

    /// The curve at a forecast, straight between its points.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] outside of the forecasts that it was made from: it says nothing there.
    pub fn at(&self, p: f64) -> Result<f64> {
        let after = self.predicted.partition_point(|x| *x < p);
        if after < self.predicted.len() && self.predicted[after] == p {
            return Ok(self.observed[after]);
        }
        if after == 0 || after == self.predicted.len() || p.is_nan() {
            let domain = "from the lowest forecast of the curve to the highest";
            return Err(Undefined::Parameter { what: "the forecast", value: p, domain });
        }
        let share = (p - self.predicted[after - 1]) / (self.predicted[after] - self.predicted[after - 1]);
        Ok(self.observed[after - 1] * (1.0 - share) + self.observed[after] * share)
    }

    /// How far forecasts are from the curve. Quantiles are R's type 7 (interpolated, the least at 0 and the greatest at 1);
    /// with weights, interpolated between the middles of the rows' weights.
    ///
    /// # Errors
    ///
    /// As [`Curve::at`], for forecasts of another sample.
    pub fn errors(&self, forecasts: &Forecasts) -> Result<CurveErrors> {
        let mut distances = Vec::with_capacity(forecasts.sample().len());
        for (p, _, w) in forecasts.rows().filter(|(_, _, w)| *w > 0.0) {
            distances.push(((self.at(p)? - p).abs(), w));
        }
        distances.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = distances.iter().map(|(_, w)| w).sum();
        let largest = distances[distances.len() - 1].0;
        Ok(CurveErrors {
            // Neither the mean nor a quantile passes the largest by rounding.
            ici: (distances.iter().map(|(d, w)| d * w).sum::<f64>() / total).min(largest),
            e50: quantile(&distances, 0.5),
            e90: quantile(&distances, 0.9),
            emax: largest,
        })
    }
}

/// The quantile of sorted (value, weight).
fn quantile(sorted: &[(f64, f64)], share: f64) -> f64 {
    let (first, last) = (sorted[0].1, sorted[sorted.len() - 1].1);
    let length = sorted.iter().map(|(_, w)| w).sum::<f64>() - (first + last) / 2.0;
    let (wanted, mut place) = (share * length, 0.0);
    for pair in sorted.windows(2) {
        let step = (pair[0].1 + pair[1].1) / 2.0;
        if wanted <= place + step {
            return (pair[0].0 + (pair[1].0 - pair[0].0) * (wanted - place) / step).min(pair[1].0);
        }
        place += step;
    }
    sorted[sorted.len() - 1].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_type_7() {
        let values = [1.0, 2.0, 4.0, 8.0].map(|v| (v, 0.5));
        for (share, expected) in [(0.0, 1.0), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!((quantile(&values, share) - expected).abs() < 1e-12, "{share}");
        }
        assert_eq!(quantile(&[(3.0, 1.0)], 0.9), 3.0);
        for n in 2..60 {
            let alike: Vec<(f64, f64)> = (0..n).map(|row| (0.8524014725732171, 1.0 + f64::from(row % 3))).collect();
            assert_eq!(quantile(&alike, 0.9), 0.8524014725732171);
        }
    }
}
