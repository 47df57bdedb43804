//! The F1 score of the RSNA 2022 challenge (screening mammography breast cancer detection): probabilistic, and at a
//! threshold.
//!
//! ```text
//! pTP = sum of p over rows with the outcome     precision = pTP / (pTP + pFP)
//! pFP = sum of p over rows without              recall    = pTP / rows with the outcome
//! pF1 = 2 precision recall / (precision + recall) = 2 pTP / (pTP + pFP + rows with the outcome)
//! ```
//!
//! p is the predicted probability (Yacouby and Axman 2020, Probabilistic extension of precision, recall, and F1 score).
//! With p of 0 or 1 this is the ordinary F1. The challenge scored breasts, each by one number; whether that is the mean
//! or the largest of its images is the caller's choice, made before the rows come here.
//!
//! pF1 is no proper score: it rewards probabilities pushed to 0 and 1 over honest ones, and like all F scores it changes
//! with the prevalence. It is here to compare with the challenge.
//!
//! Undefined: no row with the outcome (no recall); nothing called positive, all p being 0 or the threshold above every
//! score (no precision), where the challenge's code has 0. Where something is called positive and nothing of it has the
//! outcome, F1 is 0, by the last form of the formula. A weight counts a row that many times. p outside 0 to 1 is an error,
//! where the challenge's code cut it off.

use crate::roc::Steps;
use crate::sample::probabilities;
use crate::{Binary, Result, Undefined};

/// The probabilistic F1, 0 to 1, of scores that are probabilities.
///
/// ```
/// use uvid_metrics::{Binary, rsna};
///
/// let sample = Binary::new(&[0.9, 0.5, 0.3, 0.1], &[true, true, false, false])?;
/// assert!((rsna::probabilistic_f1(&sample)? - 2.8 / 3.8).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Value`] for a score outside 0 to 1, [`Undefined::Empty`] with no row with the outcome, and
/// [`Undefined::Degenerate`] where all probabilities are 0.
pub fn probabilistic_f1(sample: &Binary) -> Result<f64> {
    probabilities("the probability", sample.scores())?;
    f1(sample, |score| score)
}

/// The F1, 0 to 1, of calling rows positive whose score is at least `threshold`; any scores will do.
///
/// # Errors
///
/// [`Undefined::Empty`] with no row with the outcome, [`Undefined::Degenerate`] where no score reaches the threshold,
/// [`Undefined::Parameter`] for a threshold that is no number.
pub fn f1_at_threshold(sample: &Binary, threshold: f64) -> Result<f64> {
    if threshold.is_nan() {
        return Err(Undefined::Parameter { what: "the threshold", value: threshold, domain: "a number" });
    }
    f1(sample, |score| f64::from(u8::from(score >= threshold)))
}

/// The best F1 that a threshold gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// Rows whose score is at least this are called positive; a score of the sample.
    pub threshold: f64,
    /// The F1 there, 0 to 1.
    pub f1: f64,
}

/// The best F1 over all thresholds that the sample has; the highest of equally good thresholds.
///
/// Chosen on the very rows that it is judged on: on others, expect less.
///
/// ```
/// use uvid_metrics::{Binary, rsna};
///
/// let sample = Binary::new(&[0.9, 0.5, 0.3, 0.1], &[true, true, false, false])?;
/// assert_eq!(rsna::best_f1(&sample)?, rsna::Best { threshold: 0.5, f1: 1.0 });
/// assert_eq!(rsna::f1_at_threshold(&sample, 0.3)?, 0.8);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::OneClass`]; [`Undefined::Degenerate`] where a class has no weight, or weights overflow.
pub fn best_f1(sample: &Binary) -> Result<Best> {
    let Steps { steps, positives, .. } = Steps::of(sample)?;
    let all = steps.iter().map(|step| {
        let called = step.true_positives + step.false_positives;
        Best { threshold: step.threshold, f1: 2.0 * step.true_positives / (called + positives) }
    });
    let best = all.reduce(|best, next| if next.f1 > best.f1 { next } else { best });
    best.ok_or(Undefined::Empty("rows"))
}

/// F1 of how far each row is called positive, 0 to 1.
fn f1(sample: &Binary, called: impl Fn(f64) -> f64) -> Result<f64> {
    let (mut true_positives, mut false_positives, mut positives) = (0.0, 0.0, 0.0);
    for (row, (score, positive)) in sample.scores().iter().zip(sample.positive()).enumerate() {
        let weight = sample.weight(row);
        if *positive {
            true_positives += weight * called(*score);
            positives += weight;
        } else {
            false_positives += weight * called(*score);
        }
    }
    if positives == 0.0 {
        return Err(Undefined::Empty("rows with the outcome"));
    }
    if true_positives + false_positives == 0.0 {
        return Err(Undefined::Degenerate("nothing is called positive: there is no precision"));
    }
    let denominator = true_positives + false_positives + positives;
    if !denominator.is_finite() {
        return Err(Undefined::Degenerate("the weights are too large to be added"));
    }
    // Halves of sums that are finite: twice one of them need not be.
    Ok(true_positives / (denominator / 2.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_has_no_number_says_why() {
        let of = |scores: &[f64], positive: &[bool]| Binary::new(scores, positive).unwrap();
        let check = |found: Result<f64>, expected: Undefined| assert_eq!(found, Err(expected));
        let none = Undefined::Degenerate("nothing is called positive: there is no precision");
        check(probabilistic_f1(&of(&[0.5], &[false])), Undefined::Empty("rows with the outcome"));
        check(probabilistic_f1(&of(&[0.0, 0.0], &[true, false])), none.clone());
        check(f1_at_threshold(&of(&[0.5, 0.4], &[true, false]), 0.6), none);
        let outside = |value| Undefined::Value { what: "the probability", row: 1, value, domain: "from 0 to 1" };
        check(probabilistic_f1(&of(&[0.5, 1.5], &[true, false])), outside(1.5));
        assert!(f1_at_threshold(&of(&[0.5], &[true]), f64::NAN).is_err());
        assert_eq!(probabilistic_f1(&of(&[0.0, 0.5], &[true, false])), Ok(0.0));
        assert_eq!(f1_at_threshold(&of(&[0.5], &[true]), f64::NEG_INFINITY), Ok(1.0));
        assert_eq!(f1_at_threshold(&of(&[7.0, 3.0], &[true, false]), 7.0), Ok(1.0));
    }

    proptest! {
        #[test]
        fn the_best_threshold_is_the_best_of_all(
            rows in proptest::collection::vec((0u8..8, any::<bool>(), 1u8..4), 2..40),
        ) {
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
            let sample = Binary::new(&scores, &positive).unwrap().weighted(&weights).unwrap();
            prop_assume!(sample.both_classes().is_ok());
            let best = best_f1(&sample).unwrap();
            prop_assert!((f1_at_threshold(&sample, best.threshold).unwrap() - best.f1).abs() < 1e-15);
            for threshold in &scores {
                let found = f1_at_threshold(&sample, *threshold).unwrap();
                prop_assert!(found <= best.f1 + 1e-15);
                prop_assert!(found < best.f1 - 1e-15 || *threshold <= best.threshold);
            }
        }

        /// Certain predictions make the probabilistic score the ordinary one.
        #[test]
        fn of_zeros_and_ones_it_is_f1(rows in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..30)) {
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.0))).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let sample = Binary::new(&scores, &positive).unwrap();
            prop_assert_eq!(probabilistic_f1(&sample), f1_at_threshold(&sample, 1.0));
        }
    }
}
