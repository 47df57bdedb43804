//! Predictive values at another prevalence than the sample's.

use crate::proportions::Bounded;
use crate::{Confidence, Estimate, Interval, Result, Undefined};

/// What a test gives in a population.
#[derive(Debug, Clone, PartialEq)]
pub struct AtPrevalence {
    /// Outcome, of those flagged.
    pub positive_predictive_value: Result<Bounded>,
    /// No outcome, of those not flagged.
    pub negative_predictive_value: Result<Bounded>,
    /// Flagged, of all.
    pub recall_rate: Result<Bounded>,
}

/// Predictive values and recall rate where the outcome has this prevalence, from sensitivity and specificity (Bayes).
///
/// Intervals are by the delta method on the scale of logits (Mercaldo, Lau & Zhou, Stat Med 2007; 26: 2170-2183). With
/// sensitivity e, specificity p and prevalence v:
///
/// - `logit PPV = ln(e v / ((1 - p)(1 - v)))`, variance `(s_e / e)^2 + (s_p / (1 - p))^2`
/// - `logit NPV = ln(p (1 - v) / ((1 - e) v))`, variance `(s_p / p)^2 + (s_e / (1 - e))^2`
/// - `R = e v + (1 - p)(1 - v)`, variance of its logit `((v s_e)^2 + ((1 - v) s_p)^2) / (R (1 - R))^2`
///
/// Each is [`Undefined::Degenerate`] where its logit is not finite: no interval comes from a sample without a single
/// false positive. The prevalence is taken as known.
///
/// # Errors
///
/// [`Undefined::Parameter`] for a prevalence that is not above 0 and below 1, rates outside 0 to 1, and standard errors
/// that are negative or not finite.
///
/// ```
/// use uvid_metrics::{Confidence, operating_point::at_prevalence, proportions::Proportion};
/// let (sensitivity, specificity) = (Proportion::new(80, 100)?.estimate(), Proportion::new(900, 1000)?.estimate());
/// let found = at_prevalence(sensitivity, specificity, 0.006, Confidence::P95)?.positive_predictive_value?;
/// assert!((found.value - 0.0048 / (0.0048 + 0.0994)).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn at_prevalence(
    sensitivity: Estimate,
    specificity: Estimate,
    prevalence: f64,
    confidence: Confidence,
) -> Result<AtPrevalence> {
    if !(prevalence > 0.0 && prevalence < 1.0) {
        return Err(Undefined::Parameter { what: "the prevalence", value: prevalence, domain: "above 0 and below 1" });
    }
    for (what, rate) in [("the sensitivity", sensitivity), ("the specificity", specificity)] {
        if !(0.0..=1.0).contains(&rate.value) {
            return Err(Undefined::Parameter { what, value: rate.value, domain: "from 0 to 1" });
        }
        if !(rate.standard_error >= 0.0 && rate.standard_error.is_finite()) {
            let what = "the standard error";
            return Err(Undefined::Parameter { what, value: rate.standard_error, domain: "finite and not negative" });
        }
    }
    let (e, p, v) = (sensitivity.value, specificity.value, prevalence);
    let (se, sp) = (sensitivity.standard_error, specificity.standard_error);
    let recalled = e * v + (1.0 - p) * (1.0 - v);
    let left = (1.0 - e) * v + p * (1.0 - v);
    Ok(AtPrevalence {
        positive_predictive_value: logit(e * v, (1.0 - p) * (1.0 - v), (se / e).hypot(sp / (1.0 - p)), confidence),
        negative_predictive_value: logit(p * (1.0 - v), (1.0 - e) * v, (sp / p).hypot(se / (1.0 - e)), confidence),
        recall_rate: logit(recalled, left, (v * se).hypot((1.0 - v) * sp) / (recalled * left), confidence),
    })
}

/// `yes / (yes + no)` with the standard error of its logit.
fn logit(yes: f64, no: f64, standard_error: f64, confidence: Confidence) -> Result<Bounded> {
    if yes == 0.0 || no == 0.0 || !standard_error.is_finite() {
        return Err(Undefined::Degenerate("the rate is 0 or 1 in this sample: its logit has no interval"));
    }
    let interval = Interval::wald((yes / no).ln(), standard_error, confidence);
    let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
    let interval = Interval { lower: expit(interval.lower), upper: expit(interval.upper) };
    Ok(Bounded { value: yes / (yes + no), interval })
}
