//! The curve and the area under it.

use super::order::{Step, Steps, both_weigh, mass, sorted, tied};
use super::slots::Slots;
use crate::{Binary, Result};

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Rows whose score is at least this are called positive; `None` where no row is.
    pub threshold: Option<f64>,
    /// 1 - specificity, 0 to 1.
    pub false_positive_rate: f64,
    /// Sensitivity, 0 to 1.
    pub true_positive_rate: f64,
}

/// The curve, from (0, 0), which has no threshold, to (1, 1): a point for each distinct score, highest first.
///
/// Equal scores make one step, which is slanted where they are of both classes. Rows of weight 0 make none.
///
/// ```
/// use uvid_metrics::{Binary, roc};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// let points = roc::curve(&sample)?;
/// let rates: Vec<_> = points.iter().map(|p| (p.threshold, p.false_positive_rate, p.true_positive_rate)).collect();
/// assert_eq!(rates, [(None, 0.0, 0.0), (Some(0.9), 0.0, 0.5), (Some(0.4), 0.5, 1.0), (Some(0.1), 1.0, 1.0)]);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::OneClass`](crate::Undefined::OneClass), and
/// [`Undefined::Degenerate`](crate::Undefined::Degenerate) where a class has no weight or weights overflow.
pub fn curve(sample: &Binary) -> Result<Vec<Point>> {
    let steps = Steps::of(sample)?;
    Ok(points(&steps, &steps.steps))
}

/// The same curve without the points that lie on the straight line between the ones kept: less to draw.
///
/// # Errors
///
/// As [`curve`].
pub fn corners(sample: &Binary) -> Result<Vec<Point>> {
    let steps = Steps::of(sample)?;
    let mut kept: Vec<Step> = Vec::new();
    for step in &steps.steps {
        // Counts are whole numbers, so that without weights this compares exactly.
        while let Some(last) = kept.last() {
            let from = kept.len().checked_sub(2).map_or((0.0, 0.0), |before| counts(&kept[before]));
            let (old, new) = (minus(counts(last), from), minus(counts(step), from));
            if old.0 * new.1 != old.1 * new.0 {
                break;
            }
            kept.pop();
        }
        kept.push(*step);
    }
    Ok(points(&steps, &kept))
}

/// The area under the curve; see the [module](super) for its meaning. Ties count half; weights are honoured.
///
/// Exact up to the last division for up to 10^8 rows without weights.
///
/// ```
/// use uvid_metrics::{Binary, Undefined, roc};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// assert_eq!(roc::auc(&sample)?, 0.875);
///
/// let cancers_only = Binary::new(&[0.9, 0.4], &[true, true])?;
/// assert_eq!(roc::auc(&cancers_only), Err(Undefined::OneClass { positives: 2, negatives: 0 }));
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`curve`].
pub fn auc(sample: &Binary) -> Result<f64> {
    if sample.weights().is_none() {
        let [without, with] = Slots::of(sample)?.tallies();
        return Ok(with.area(&without));
    }
    sample.both_classes()?;
    let entries = sorted(sample);
    // Halves of whole numbers: exact in f64 as long as pairs are fewer than 2^52.
    let (mut wins, mut positives, mut negatives) = (0.0, 0.0, 0.0);
    for group in tied(&entries) {
        let (with, without) = mass(sample, group);
        wins += with * (negatives + without / 2.0);
        positives += with;
        negatives += without;
    }
    both_weigh(positives, negatives)?;
    // Sums of weights are rounded: the quotient may pass 1 by a last bit.
    Ok((wins / (positives * negatives)).min(1.0))
}

fn points(all: &Steps, steps: &[Step]) -> Vec<Point> {
    let first = Point { threshold: None, false_positive_rate: 0.0, true_positive_rate: 0.0 };
    let rest = steps.iter().map(|step| Point {
        threshold: Some(step.threshold),
        false_positive_rate: step.false_positives / all.negatives,
        true_positive_rate: step.true_positives / all.positives,
    });
    std::iter::once(first).chain(rest).collect()
}

fn counts(step: &Step) -> (f64, f64) {
    (step.false_positives, step.true_positives)
}

fn minus(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0 - b.0, a.1 - b.1)
}
