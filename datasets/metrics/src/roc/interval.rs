//! Intervals of an area beside the plain one.

use crate::{Confidence, Estimate, Interval, Result, Undefined};

/// The interval of an area on the logit scale, which stays within 0 and 1:
///
/// ```text
/// logit(AUC) +- z SE / (AUC (1 - AUC)),   turned back by 1/(1 + exp(-x))
/// ```
///
/// (Pepe 2003, The Statistical Evaluation of Medical Tests, 5.2.4, by the delta method.) It covers better than the plain
/// interval near 1 and in small samples.
///
/// There is none where the area is 1 or 0 or its standard error 0: such a sample says nothing of how far the area may be
/// from there. The plain interval, [`Estimate::interval`], is then a single point, and must not be read as certainty.
///
/// ```
/// use uvid_metrics::{Confidence, Estimate, roc};
///
/// let interval = roc::logit_interval(&Estimate { value: 0.95, standard_error: 0.03 }, Confidence::P95)?;
/// assert!((interval.lower - 0.846309688103821).abs() < 1e-12 && (interval.upper - 0.984966893506888).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Degenerate`] as above; [`Undefined::Parameter`] for a value outside 0 to 1 or a standard error that is
/// negative or no number.
pub fn logit_interval(area: &Estimate, confidence: Confidence) -> Result<Interval> {
    let Estimate { value, standard_error } = *area;
    check_area(value)?;
    if !(standard_error.is_finite() && standard_error >= 0.0) {
        let domain = "finite and not negative";
        return Err(Undefined::Parameter { what: "the standard error", value: standard_error, domain });
    }
    if value == 0.0 || value == 1.0 {
        return Err(Undefined::Degenerate("the area is 0 or 1: its logit is infinite"));
    }
    if standard_error == 0.0 {
        return Err(Undefined::Degenerate("the standard error is 0: the sample shows no variation"));
    }
    let middle = (value / (1.0 - value)).ln();
    let Interval { lower, upper } = Interval::wald(middle, standard_error / (value * (1.0 - value)), confidence);
    let back = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    Ok(Interval { lower: back(lower), upper: back(upper) })
}

/// The standard error that an area has under exponential scores, from the numbers of rows alone (Hanley and McNeil 1982,
/// Radiology 143:29, equations 1 and 2): for planning; [`delong`](super::delong) is for data.
///
/// ```text
/// (A (1 - A) + (m - 1)(Q1 - A^2) + (n - 1)(Q2 - A^2)) / (m n),   Q1 = A/(2 - A),   Q2 = 2 A^2/(1 + A)
/// ```
///
/// ```
/// use uvid_metrics::roc::hanley_mcneil;
///
/// // Table II's example of the paper: 51 abnormal and 58 normal images, an area of 0.893.
/// let expected = hanley_mcneil(0.893, 51, 58)?;
/// assert!((expected.standard_error - 0.032).abs() < 0.001);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Parameter`] for an area outside 0 to 1; [`Undefined::OneClass`].
pub fn hanley_mcneil(auc: f64, positives: usize, negatives: usize) -> Result<Estimate> {
    check_area(auc)?;
    if positives == 0 || negatives == 0 {
        return Err(Undefined::OneClass { positives, negatives });
    }
    let (m, n) = (positives as f64, negatives as f64);
    let square = auc * auc;
    let (q1, q2) = (auc / (2.0 - auc), 2.0 * square / (1.0 + auc));
    let pairs = auc * (1.0 - auc) + (m - 1.0) * (q1 - square) + (n - 1.0) * (q2 - square);
    // At 0 and 1 the terms cancel, and may leave a negative last bit.
    Ok(Estimate { value: auc, standard_error: (pairs.max(0.0) / m / n).sqrt() })
}

fn check_area(value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(Undefined::Parameter { what: "the area", value, domain: "from 0 to 1" })
    }
}
