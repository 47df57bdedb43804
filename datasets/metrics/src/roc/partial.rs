//! Part of the curve, and points on it between two thresholds.

use super::order::Steps;
use crate::{Binary, Result, Undefined};

/// A part of the curve, by one of its rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Specificity from one value to a larger one, both within 0 to 1.
    Specificity {
        /// The lower bound.
        from: f64,
        /// The upper bound.
        to: f64,
    },
    /// Sensitivity likewise.
    Sensitivity {
        /// The lower bound.
        from: f64,
        /// The upper bound.
        to: f64,
    },
}

/// The area under the curve over a range of specificity, or of sensitivity: the integral of the other rate, 0 to
/// `to - from`, by trapezoids, with the curve interpolated at the bounds. Weights are honoured.
///
/// ```
/// use uvid_metrics::{Binary, roc};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.7, 0.4, 0.1, 0.6], &[true, true, true, false, false, false])?;
/// let range = roc::Range::Specificity { from: 0.5, to: 1.0 };
/// assert!((roc::partial_auc(&sample, range)? - 0.3472222222222222).abs() < 1e-15);
/// assert!((roc::standardised_partial_auc(&sample, range)? - 0.7962962962962963).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`auc`](super::auc); [`Undefined::Parameter`] for bounds outside 0 to 1, or a range that is empty.
pub fn partial_auc(sample: &Binary, range: Range) -> Result<f64> {
    let (from, to) = bounds(range)?;
    let curve = Rates::of(sample)?;
    Ok(match range {
        Range::Specificity { .. } => area(curve.by_specificity(), from, to),
        Range::Sensitivity { .. } => area(curve.by_sensitivity(), from, to),
    })
}

/// The partial area on a scale on which chance is 0.5 and a perfect score 1 (McClish 1989, Medical Decision Making
/// 9:190):
///
/// ```text
/// (1 + (A - least) / (most - least)) / 2,   most = to - from,   least = ((1 - from)^2 - (1 - to)^2) / 2
/// ```
///
/// `least` is the area of chance over the range, not a bound: a curve below the diagonal gives less than 0.5, and may give
/// less than 0 over a range of low rates. (pROC has no number below `least`; scikit-learn has this one.)
///
/// # Errors
///
/// As [`partial_auc`].
pub fn standardised_partial_auc(sample: &Binary, range: Range) -> Result<f64> {
    let (from, to) = bounds(range)?;
    // Divided by the width, so that narrow ranges keep their digits.
    let height = partial_auc(sample, range)? / (to - from);
    let beyond_chance = (from + to) / 2.0;
    Ok((1.0 + ((height - (1.0 - beyond_chance)) / beyond_chance).min(1.0)) / 2.0)
}

/// The sensitivity where the curve has this specificity, by a straight line between the two points around it; the largest
/// where the curve goes straight up there.
///
/// A point between two thresholds can only be reached by tossing a coin between both: for a threshold that exists, see
/// [`operating_point`](crate::operating_point).
///
/// ```
/// use uvid_metrics::{Binary, roc};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// assert_eq!(roc::sensitivity_at_specificity(&sample, 0.75)?, 0.75);
/// assert_eq!(roc::sensitivity_at_specificity(&sample, 1.0)?, 0.5);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`auc`](super::auc); [`Undefined::Parameter`] for a specificity outside 0 to 1.
pub fn sensitivity_at_specificity(sample: &Binary, specificity: f64) -> Result<f64> {
    rate("the specificity", specificity)?;
    Ok(at(Rates::of(sample)?.by_specificity(), specificity))
}

/// The specificity where the curve has this sensitivity, likewise; the largest where the curve is level there.
///
/// # Errors
///
/// As [`sensitivity_at_specificity`].
pub fn specificity_at_sensitivity(sample: &Binary, sensitivity: f64) -> Result<f64> {
    rate("the sensitivity", sensitivity)?;
    Ok(at(Rates::of(sample)?.by_sensitivity(), sensitivity))
}

/// (specificity, sensitivity) along the curve, from (1, 0) to (0, 1).
struct Rates(Vec<(f64, f64)>);

impl Rates {
    fn of(sample: &Binary) -> Result<Self> {
        let Steps { steps, positives, negatives } = Steps::of(sample)?;
        // Not 1 - false positive rate: 90 of 100 has to be the same number as 0.9.
        let rest = steps
            .iter()
            .map(|step| ((negatives - step.false_positives) / negatives, step.true_positives / positives));
        Ok(Self(std::iter::once((1.0, 0.0)).chain(rest).collect()))
    }

    /// With x falling and y rising.
    fn by_specificity(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.iter().copied()
    }

    /// With x falling and y rising.
    fn by_sensitivity(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.iter().rev().map(|(specificity, sensitivity)| (*sensitivity, *specificity))
    }
}

/// The integral of y over x from `from` to `to`; x falls from 1 to 0.
fn area(points: impl Iterator<Item = (f64, f64)>, from: f64, to: f64) -> f64 {
    let (mut sum, mut before) = (0.0, None);
    for point in points {
        if let Some(before) = before.replace(point) {
            let (right, left) = (to.min(before.0), from.max(point.0));
            if left < right {
                sum += (right - left) * (on_line(before, point, left) + on_line(before, point, right)) / 2.0;
            }
        }
    }
    sum
}

/// The largest y at an x; x falls from 1 to 0.
fn at(points: impl Iterator<Item = (f64, f64)>, x: f64) -> f64 {
    let mut before = (1.0, 0.0);
    for point in points {
        if point.0 < x {
            return if before.0 == x { before.1 } else { on_line(before, point, x) };
        }
        before = point;
    }
    before.1
}

/// y at an x between two points of different x.
fn on_line(a: (f64, f64), b: (f64, f64), x: f64) -> f64 {
    a.1 + (b.1 - a.1) * ((a.0 - x) / (a.0 - b.0))
}

fn bounds(range: Range) -> Result<(f64, f64)> {
    let (Range::Specificity { from, to } | Range::Sensitivity { from, to }) = range;
    rate("the lower bound", from)?;
    rate("the upper bound", to)?;
    if from < to {
        Ok((from, to))
    } else {
        Err(Undefined::Parameter { what: "the upper bound", value: to, domain: "above the lower bound" })
    }
}

fn rate(what: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(Undefined::Parameter { what, value, domain: "from 0 to 1" })
    }
}
