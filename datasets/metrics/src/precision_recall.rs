//! Precision and recall at each threshold, and average precision.
//!
//! A row is called positive where its score is at least the threshold. Precision is the share of rows called positive that
//! have the outcome; recall is the share of rows with the outcome that are called positive. Equal scores make one step.
//! A weight counts a row that many times; rows of weight 0 make no step.
//!
//! The area by trapezoids is not offered: between two thresholds precision does not follow a straight line but a curve
//! below it, so that the trapezoid promises what no threshold gives (Davis and Goadrich 2006, The relationship between
//! precision-recall and ROC curves). [`average_precision`] sums steps instead.
//!
//! Unlike a ROC curve, all of this changes with the prevalence: numbers from samples of different [`prevalence`] must not be
//! compared.

use crate::roc::{Step, Steps};
use crate::{Binary, Result, Undefined};

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Rows whose score is at least this are called positive; a score of the sample.
    pub threshold: f64,
    /// 0 to 1.
    pub precision: f64,
    /// 0 to 1.
    pub recall: f64,
}

/// A point for each distinct score, highest first, so that recall rises to 1.
///
/// There is no point at recall 0 unless the highest scores are without the outcome: where no row is called positive
/// there is no precision. (scikit-learn adds precision 1 there, and runs the other way.)
///
/// ```
/// use uvid_metrics::{Binary, precision_recall};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// let points = precision_recall::curve(&sample)?;
/// let rates: Vec<_> = points.iter().map(|p| (p.threshold, p.precision, p.recall)).collect();
/// assert_eq!(rates, [(0.9, 1.0, 0.5), (0.4, 2.0 / 3.0, 1.0), (0.1, 0.5, 1.0)]);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::OneClass`]: with no row of one class precision is 0 or 1 whatever the scores. [`Undefined::Degenerate`]
/// where a class has no weight, or weights overflow.
pub fn curve(sample: &Binary) -> Result<Vec<Point>> {
    let Steps { steps, positives, .. } = Steps::of(sample)?;
    Ok(steps.iter().map(|step| point(step, positives)).collect())
}

/// Average precision: each threshold's precision, weighted by how much recall rises from the threshold before.
///
/// ```text
/// AP = sum over thresholds n, highest first, of (R_n - R_(n-1)) P_n,   R_0 = 0
/// ```
///
/// ```
/// use uvid_metrics::{Binary, precision_recall};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// assert!((precision_recall::average_precision(&sample)? - 5.0 / 6.0).abs() < 1e-15);
/// assert_eq!(precision_recall::prevalence(&sample)?, 0.5);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`curve`].
pub fn average_precision(sample: &Binary) -> Result<f64> {
    let Steps { steps, positives, .. } = Steps::of(sample)?;
    let (mut sum, mut before) = (0.0, 0.0);
    for step in &steps {
        // Differences of counts, not of recalls: without weights they are exact.
        sum += (step.true_positives - before) * precision(step);
        before = step.true_positives;
    }
    Ok((sum / positives).min(1.0))
}

/// The share of rows with the outcome, by weight: the precision of calling all rows positive, and what the average precision
/// of scores without information tends to in large samples.
///
/// # Errors
///
/// As [`curve`].
pub fn prevalence(sample: &Binary) -> Result<f64> {
    let Steps { positives, negatives, .. } = Steps::of(sample)?;
    Ok(positives / (positives + negatives))
}

/// The point of largest precision among those with at least this recall; of equal ones the one with the most recall.
///
/// The threshold is chosen on the very rows that it is judged on: on others, expect less.
///
/// # Errors
///
/// As [`curve`]; [`Undefined::Parameter`] for a recall outside 0 to 1.
pub fn precision_at_recall(sample: &Binary, recall: f64) -> Result<Point> {
    rate("the recall", recall)?;
    let enough = curve(sample)?.into_iter().filter(|point| point.recall >= recall);
    // Never missing: the lowest threshold has a recall of 1.
    let best = enough.max_by(|a, b| a.precision.total_cmp(&b.precision).then(a.recall.total_cmp(&b.recall)));
    best.ok_or(Undefined::Degenerate("no threshold has this recall"))
}

/// The point of largest recall among those with at least this precision; of equal ones the one with the most precision.
///
/// ```
/// use uvid_metrics::{Binary, Undefined, precision_recall};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// assert_eq!(precision_recall::recall_at_precision(&sample, 0.6)?.threshold, 0.4);
/// let upside_down = Binary::new(&[0.1, 0.9], &[true, false])?;
/// assert!(matches!(precision_recall::recall_at_precision(&upside_down, 0.6), Err(Undefined::Degenerate(_))));
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`curve`]; [`Undefined::Degenerate`] where no threshold has this precision; [`Undefined::Parameter`] for a precision
/// outside 0 to 1.
pub fn recall_at_precision(sample: &Binary, precision: f64) -> Result<Point> {
    rate("the precision", precision)?;
    let enough = curve(sample)?.into_iter().filter(|point| point.precision >= precision);
    let best = enough.max_by(|a, b| a.recall.total_cmp(&b.recall).then(a.precision.total_cmp(&b.precision)));
    best.ok_or(Undefined::Degenerate("no threshold has this precision"))
}

fn point(step: &Step, positives: f64) -> Point {
    Point { threshold: step.threshold, precision: precision(step), recall: step.true_positives / positives }
}

fn precision(step: &Step) -> f64 {
    step.true_positives / (step.true_positives + step.false_positives)
}

fn rate(what: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(Undefined::Parameter { what, value, domain: "from 0 to 1" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_has_no_number_says_why() {
        for (positive, positives) in [(true, 2), (false, 0)] {
            let sample = Binary::new(&[0.1, 0.2], &[positive; 2]).unwrap();
            let error = Undefined::OneClass { positives, negatives: 2 - positives };
            assert_eq!(average_precision(&sample), Err(error.clone()));
            assert_eq!(curve(&sample), Err(error));
        }
        let sample = Binary::new(&[0.1, 0.2], &[true, false]).unwrap();
        for bad in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(precision_at_recall(&sample, bad), Err(Undefined::Parameter { .. })));
            assert!(matches!(recall_at_precision(&sample, bad), Err(Undefined::Parameter { .. })));
        }
        assert!(matches!(average_precision(&sample.weighted(&[0.0, 1.0]).unwrap()), Err(Undefined::Degenerate(_))));
    }

    #[test]
    fn the_point_that_was_asked_for() {
        let sample = Binary::new(&[0.9, 0.8, 0.7, 0.6, 0.5], &[true, false, true, true, false]).unwrap();
        let threshold = |point: Result<Point>| point.unwrap().threshold;
        assert_eq!(threshold(precision_at_recall(&sample, 0.0)), 0.9);
        // 0.75 at a recall of 1 beats 2/3 at a recall of 2/3.
        assert_eq!(threshold(precision_at_recall(&sample, 0.5)), 0.6);
        assert_eq!(threshold(recall_at_precision(&sample, 0.7)), 0.6);
        assert_eq!(threshold(recall_at_precision(&sample, 0.8)), 0.9);
        assert_eq!(threshold(recall_at_precision(&sample, 0.0)), 0.6);
    }

    proptest! {
        /// AP is the mean, over rows with the outcome, of the precision at their own score.
        #[test]
        fn average_precision_is_as_defined_row_by_row(
            rows in proptest::collection::vec((0u8..8, any::<bool>(), 0u8..4), 2..40),
        ) {
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
            let total = |with: bool, least: f64| -> f64 {
                (0..rows.len()).filter(|i| positive[*i] == with && scores[*i] >= least).map(|i| weights[i]).sum()
            };
            prop_assume!(total(true, 0.0) > 0.0 && total(false, 0.0) > 0.0);
            let sample = Binary::new(&scores, &positive).unwrap().weighted(&weights).unwrap();
            let mut sum = 0.0;
            for i in (0..rows.len()).filter(|i| positive[*i] && weights[*i] > 0.0) {
                sum += weights[i] * total(true, scores[i]) / (total(true, scores[i]) + total(false, scores[i]));
            }
            let found = average_precision(&sample).unwrap();
            prop_assert!((found - sum / total(true, 0.0)).abs() <= 1e-12);
            prop_assert!(curve(&sample).unwrap().iter().all(|p| (0.0..=1.0).contains(&p.precision)));
        }
    }
}
