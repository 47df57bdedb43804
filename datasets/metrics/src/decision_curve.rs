//! Net benefit over threshold probabilities.
//!
//! Who acts at a probability t weighs a false positive as t / (1 - t) of a true one. So (Vickers & Elkin, Med Decis Making
//! 2006; 26: 565-574), with sensitivity e and specificity p at the threshold t, and prevalence v:
//!
//! - model: `e v - (1 - p)(1 - v) t / (1 - t)`; at the sample's own prevalence this is `TP / n - FP / n * t / (1 - t)`
//! - act on all: `v - (1 - v) t / (1 - t)`; on none: 0
//! - standardised: divided by v, the largest that there is
//! - interventions avoided: `(model - all) / (t / (1 - t))`, per case
//!
//! A row is acted on where its probability is at or above t. Weights are summed ([`Totals`]); clusters change no value.
//! Scores must be probabilities, and calibrated ones: a shifted model is judged at other thresholds than it says.

use crate::operating_point::{Rate, Totals};
use crate::sample::probabilities;
use crate::{Binary, Result, Undefined};

/// One threshold of the curve. Net benefits are in true positives per case.
#[derive(Debug, Clone, PartialEq)]
pub struct NetBenefit {
    /// The threshold probability.
    pub threshold: f64,
    /// Of acting by the model; at most the prevalence.
    pub model: f64,
    /// Of acting on all. That of acting on none is 0.
    pub all: f64,
    /// Of the model, divided by the prevalence: at most 1. [`Undefined::Degenerate`] where the prevalence is 0.
    pub standardised: Result<f64>,
    /// Cases, per case, that are spared by the model against acting on all, at no loss of true positives.
    pub interventions_avoided: f64,
}

/// The curve at these threshold probabilities, in their order; at the sample's own prevalence, or at a stated one.
///
/// # Errors
///
/// [`Undefined::Value`] for a score that is no probability or a threshold that is not above 0 and below 1;
/// [`Undefined::Empty`] for no thresholds. With a stated prevalence: [`Undefined::Parameter`] where it is not above 0 and
/// below 1, [`Undefined::OneClass`], and [`Undefined::Degenerate`] where all weights of a class are 0.
///
/// ```
/// use uvid_metrics::{Binary, decision_curve::net_benefit};
/// let sample = Binary::new(&[0.8, 0.3, 0.1, 0.05], &[true, false, false, false])?;
/// let at = &net_benefit(&sample, &[0.2], None)?[0];
/// assert!((at.model - (0.25 - 0.25 * 0.25)).abs() < 1e-12);
/// assert!((at.interventions_avoided - 0.5).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn net_benefit(sample: &Binary, thresholds: &[f64], prevalence: Option<f64>) -> Result<Vec<NetBenefit>> {
    probabilities("the probability", sample.scores())?;
    if thresholds.is_empty() {
        return Err(Undefined::Empty("thresholds"));
    }
    if let Some(value) = prevalence {
        if !(value > 0.0 && value < 1.0) {
            return Err(Undefined::Parameter { what: "the prevalence", value, domain: "above 0 and below 1" });
        }
        sample.both_classes()?;
    }
    let at = |(row, &threshold): (usize, &f64)| {
        let odds = threshold / (1.0 - threshold);
        if !(threshold > 0.0 && threshold < 1.0) {
            let domain = "above 0 and below 1";
            return Err(Undefined::Value { what: "the threshold", row, value: threshold, domain });
        }
        let totals = Totals::at(sample, threshold)?;
        let (found, false_alarms, prevalence) = match prevalence {
            None => {
                let cases = totals.positives() + totals.negatives();
                let found = totals.rate(Rate::DetectionRate)?;
                (found, totals.false_positives / cases, totals.rate(Rate::Prevalence)?)
            }
            Some(prevalence) => {
                totals.rate(Rate::Specificity)?;
                let false_alarms = totals.false_positives / totals.negatives();
                (totals.rate(Rate::Sensitivity)? * prevalence, false_alarms * (1.0 - prevalence), prevalence)
            }
        };
        let standardised = match prevalence > 0.0 {
            true => Ok((found - false_alarms * odds) / prevalence),
            false => Err(Undefined::Degenerate("the prevalence is 0: there is no benefit to be had")),
        };
        Ok(NetBenefit {
            threshold,
            model: found - false_alarms * odds,
            all: prevalence - (1.0 - prevalence) * odds,
            standardised,
            // (model - all) / odds, without the cancellation: true negatives less false negatives at their price.
            interventions_avoided: (1.0 - prevalence - false_alarms) - (prevalence - found) / odds,
        })
    };
    let curve = thresholds.iter().enumerate().map(at).collect::<Result<Vec<_>>>()?;
    let finite = curve.iter().all(|at| at.interventions_avoided.is_finite());
    finite.then_some(curve).ok_or(Undefined::Degenerate("a threshold is so near 0 that its odds have no reciprocal"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_probability_is_refused() {
        let sample = Binary::new(&[0.5, 1.5], &[true, false]).unwrap();
        assert!(net_benefit(&sample, &[0.5], None).is_err());
        let sample = Binary::new(&[0.5, 0.5], &[false, false]).unwrap();
        for threshold in [0.0, 1.0, f64::NAN, 1e-320] {
            let one_class = Binary::new(&[0.5, 0.0], &[true, true]).unwrap();
            assert!(net_benefit(&one_class, &[threshold], None).is_err(), "{threshold}");
        }
        assert!(net_benefit(&sample, &[], None).is_err());
        assert_eq!(net_benefit(&sample, &[0.5], Some(0.01)), Err(Undefined::OneClass { positives: 0, negatives: 2 }));
        let at = &net_benefit(&sample, &[0.5], None).unwrap()[0];
        assert_eq!((at.model, at.all), (-1.0, -1.0));
        assert!(at.standardised.is_err());
    }

    proptest! {
        #[test]
        fn as_by_the_paper(
            rows in prop::collection::vec((0..=10_u8, any::<bool>(), 1..5_u8), 1..40),
            threshold in 0.01..0.99_f64,
        ) {
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 10.0).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
            let sample = Binary::new(&scores, &positive).unwrap().weighted(&weights).unwrap();
            let sum = |flagged: bool, outcome: bool| -> f64 {
                let rows = (0..scores.len()).filter(|row| (scores[*row] >= threshold, positive[*row]) == (flagged, outcome));
                rows.map(|row| weights[row]).sum()
            };
            let n: f64 = weights.iter().sum();
            let odds = threshold / (1.0 - threshold);
            let at = &net_benefit(&sample, &[threshold], None).unwrap()[0];
            let model = (sum(true, true) - sum(true, false) * odds) / n;
            prop_assert!((at.model - model).abs() < 1e-12 * odds.max(1.0));
            prop_assert!((at.interventions_avoided - (model - at.all) / odds).abs() < 1e-9 / odds.min(1.0));
            let prevalence = (sum(true, true) + sum(false, true)) / n;
            if let Ok(same) = net_benefit(&sample, &[threshold], Some(prevalence)) {
                prop_assert!((same[0].model - at.model).abs() < 1e-12 * odds.max(1.0));
            }
        }
    }
}
