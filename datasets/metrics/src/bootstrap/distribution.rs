//! From the values of resamples to intervals and tests.

use rayon::slice::ParallelSliceMut;

use crate::distributions::{normal_cdf, normal_quantile};
use crate::sample::finite;
use crate::{Confidence, Interval, Result, Undefined};

/// The values of a statistic on resamples beside its observed value.
///
/// Quantiles are interpolated between ordered values, from the least at 0 to the largest at 1 (Hyndman and Fan's type 7,
/// numpy's default).
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    observed: f64,
    /// Smallest first.
    values: Vec<f64>,
}

impl Distribution {
    /// From any values.
    ///
    /// # Errors
    ///
    /// [`Undefined::TooFew`] below two values, [`Undefined::Value`] for one that is not finite.
    pub fn new(observed: f64, mut values: Vec<f64>) -> Result<Self> {
        if values.len() < 2 {
            return Err(Undefined::TooFew { what: "resamples", found: values.len(), needed: 2 });
        }
        finite("the observed value", &[observed])?;
        finite("the value of a resample", &values)?;
        values.par_sort_unstable_by(f64::total_cmp);
        Ok(Self { observed, values })
    }

    /// The value for the table itself.
    pub fn observed(&self) -> f64 {
        self.observed
    }

    /// The values of resamples, smallest first.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The standard deviation of the values, with n - 1 (Efron, Tibshirani (6.6)).
    pub fn standard_error(&self) -> f64 {
        let n = self.values.len() as f64;
        let mean = self.mean();
        (self.values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0)).sqrt()
    }

    /// The mean of the values less the observed value (10.3).
    pub fn bias(&self) -> f64 {
        self.mean() - self.observed
    }

    fn mean(&self) -> f64 {
        let least = self.values[0];
        least + self.values.iter().map(|value| value - least).sum::<f64>() / self.values.len() as f64
    }

    /// The quantile at `p`, cut to 0 and 1.
    pub fn quantile(&self, p: f64) -> f64 {
        let place = p.clamp(0.0, 1.0) * (self.values.len() - 1) as f64;
        let below = place as usize;
        let (lower, upper) = (self.values[below], self.values[(below + 1).min(self.values.len() - 1)]);
        lower + (upper - lower) * (place - below as f64)
    }

    /// The percentile interval (13.5): the quantiles that leave half of alpha on each side.
    pub fn percentile(&self, confidence: Confidence) -> Interval {
        let tail = confidence.alpha() / 2.0;
        Interval { lower: self.quantile(tail), upper: self.quantile(1.0 - tail) }
    }

    /// The basic interval: the percentile interval reflected at the observed value (Davison, Hinkley (5.6)).
    pub fn basic(&self, confidence: Confidence) -> Interval {
        let percentile = self.percentile(confidence);
        Interval { lower: 2.0 * self.observed - percentile.upper, upper: 2.0 * self.observed - percentile.lower }
    }

    /// z0, the normal quantile of the share of values below the observed one, those equal to it counted half (14.14).
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where all values lie on one side.
    pub fn bias_correction(&self) -> Result<f64> {
        let below = self.values.partition_point(|value| *value < self.observed);
        let up_to = self.values.partition_point(|value| *value <= self.observed);
        let share = (below + up_to) as f64 / (2 * self.values.len()) as f64;
        let z0 = normal_quantile(share);
        let undefined = "all resamples lie on one side of the observed value: there is no bias correction";
        if z0.is_finite() { Ok(z0) } else { Err(Undefined::Degenerate(undefined)) }
    }

    /// The BCa interval (14.9, 14.10): quantiles at levels corrected for bias and acceleration.
    ///
    /// # Errors
    ///
    /// As [`Self::bias_correction`]; [`Undefined::Degenerate`] where the acceleration is so large that 14.10 has no meaning.
    pub fn bca(&self, acceleration: f64, confidence: Confidence) -> Result<Interval> {
        let z0 = self.bias_correction()?;
        let level = |z: f64| {
            let shifted = z0 + z;
            let scale = 1.0 - acceleration * shifted;
            if scale > 0.0 {
                Ok(normal_cdf(z0 + shifted / scale))
            } else {
                Err(Undefined::Degenerate("the acceleration is too large for a BCa interval"))
            }
        };
        let z = confidence.z();
        Ok(Interval { lower: self.quantile(level(-z)?), upper: self.quantile(level(z)?) })
    }

    /// Whether the statistic could be `null`, two-sided: twice the smaller of the shares of values up to and from `null`, at
    /// most 1, where the observed table counts as one more resample on both sides (Davison, Hinkley (4.11)).
    ///
    /// It inverts the percentile interval: but for the added one and interpolation, it is the alpha at which `null` becomes
    /// an end of it. The smallest p is 2 / (resamples + 1).
    ///
    /// # Errors
    ///
    /// [`Undefined::Value`] for a null value that is not finite.
    pub fn p(&self, null: f64) -> Result<f64> {
        finite("the null value", &[null])?;
        let up_to = self.values.partition_point(|value| *value <= null);
        let from = self.values.len() - self.values.partition_point(|value| *value < null);
        let tail = (up_to.min(from) + 1) as f64 / (self.values.len() + 1) as f64;
        Ok((2.0 * tail).min(1.0))
    }
}
