//! Two ways to measure the same subjects: limits of agreement (Bland & Altman 1986, 1999) and Lin's concordance (Lin 1989,
//! 2000).

use crate::distributions::t_quantile;
use crate::sample::{finite, same_length};
use crate::{Confidence, Interval, Result, Undefined};

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WithInterval {
    /// The number.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

/// Between which limits the difference of two measurements of a subject lies, mostly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The mean difference, first less second; its interval by Student's distribution.
    pub bias: WithInterval,
    /// The standard deviation of differences, with n - 1.
    pub standard_deviation: f64,
    /// Bias less z standard deviations.
    pub lower: WithInterval,
    /// Bias plus z standard deviations.
    pub upper: WithInterval,
}

/// Limits within which the share `coverage` of differences lies, were they normal (1.96 standard deviations for 0.95), with
/// approximate intervals: a limit's variance is `s² (1 / n + z² / (2 (n - 1)))`, and t has n - 1 degrees of freedom.
///
/// # Errors
///
/// [`Undefined::Length`], [`Undefined::Value`], [`Undefined::TooFew`] subjects (2).
pub fn limits_of_agreement(one: &[f64], other: &[f64], coverage: Confidence, confidence: Confidence) -> Result<Limits> {
    check(one, other, 2)?;
    let differences: Vec<f64> = one.iter().zip(other).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let bias = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - bias).powi(2)).sum();
    let standard_deviation = (squares / (n - 1.0)).sqrt();
    finite("the mean difference and its standard deviation", &[bias, standard_deviation])?;
    let (z, t) = (coverage.z(), t_quantile(0.5 + confidence.get() / 2.0, n - 1.0));
    let about = |value: f64, variance: f64| {
        let half = t * standard_deviation * variance.sqrt();
        WithInterval { value, interval: Interval { lower: value - half, upper: value + half } }
    };
    let of_limit = 1.0 / n + z * z / (2.0 * (n - 1.0));
    Ok(Limits {
        bias: about(bias, 1.0 / n),
        standard_deviation,
        lower: about(bias - z * standard_deviation, of_limit),
        upper: about(bias + z * standard_deviation, of_limit),
    })
}

/// Lin's concordance correlation `2 s_xy / (s_x² + s_y² + (x̄ - ȳ)²)` with moments over n, from -1 to 1, and its interval by
/// Fisher's z with the variance of Lin 1989 as corrected in 2000.
///
/// ```
/// use uvid_metrics::Confidence;
/// use uvid_metrics::agreement::pairs::concordance;
///
/// let found = concordance(&[1., 2., 3., 4.], &[2., 3., 4., 5.], Confidence::P95)?;
/// assert!((found.value - 2.5 / 3.5).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Length`], [`Undefined::Value`], [`Undefined::TooFew`] subjects (3), and [`Undefined::Degenerate`] where one of
/// both measures the same for all.
pub fn concordance(one: &[f64], other: &[f64], confidence: Confidence) -> Result<WithInterval> {
    check(one, other, 3)?;
    let n = one.len() as f64;
    let mean = |list: &[f64]| list.iter().sum::<f64>() / n;
    let (x, y) = (mean(one), mean(other));
    let product = |a: &[f64], of_a: f64, b: &[f64], of_b: f64| {
        a.iter().zip(b).map(|(a, b)| (a - of_a) * (b - of_b)).sum::<f64>() / n
    };
    let (xx, yy, xy) = (product(one, x, one, x), product(other, y, other, y), product(one, x, other, y));
    let constant = |list: &[f64]| list.iter().all(|value| *value == list[0]);
    if constant(one) || constant(other) {
        return Err(Undefined::Degenerate("one of both measures the same for all subjects"));
    }
    let spread = (xx * yy).sqrt();
    let whole = xx + yy + (x - y).powi(2);
    let (value, rho, scale) = (2.0 * xy / whole, xy / spread, 2.0 * spread / whole);
    let shift = (x - y).powi(2) / spread;
    finite("a moment", &[value, rho, scale, shift])?;
    // Lin's terms with value / rho = scale, which is there where rho is 0.
    let variance = ((1.0 - rho * rho).max(0.0) * scale * scale * (1.0 - value * value)
        + 2.0 * value * value * scale * (1.0 - value) * shift
        - value * value * scale * scale * shift * shift / 2.0)
        / (n - 2.0);
    let slope = 1.0 - value * value;
    if variance <= 0.0 || slope <= 1e-15 {
        return Ok(WithInterval { value, interval: Interval { lower: value, upper: value } });
    }
    let half = confidence.z() * variance.sqrt() / slope;
    let z = value.atanh();
    Ok(WithInterval { value, interval: Interval { lower: (z - half).tanh(), upper: (z + half).tanh() } })
}

fn check(one: &[f64], other: &[f64], needed: usize) -> Result<()> {
    same_length("the other's measurements", one.len(), other.len())?;
    finite("the first measurement", one)?;
    finite("the second measurement", other)?;
    if one.len() < needed {
        return Err(Undefined::TooFew { what: "subjects", found: one.len(), needed });
    }
    Ok(())
}
