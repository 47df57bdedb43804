//! Not worse, or the same, up to a margin that was set beforehand.

use crate::distributions::normal_cdf;
use crate::{Estimate, Result, Test, Undefined};

/// Whether a difference (new less reference, larger is better) is above -margin: one-sided, by the normal approximation.
///
/// The statistic is (difference + margin) / SE; p is the probability of one at least as large at a true difference of
/// -margin. p <= 0.025 exactly where the lower end of the 0.95 interval is at or above -margin. A margin of 0 asks for
/// superiority.
///
/// ```
/// use uvid_metrics::{Binary, roc};
///
/// let cancer = [true, true, true, true, false, false, false, false];
/// let new = Binary::new(&[0.9, 0.8, 0.7, 0.3, 0.4, 0.1, 0.2, 0.0], &cancer)?;
/// let old = Binary::new(&[0.8, 0.9, 0.6, 0.3, 0.5, 0.1, 0.2, 0.0], &cancer)?;
/// let difference = roc::paired(&new, &old)?.difference;
/// assert_eq!(difference.value, 0.0);
/// assert_eq!(difference.test(0.0).is_err(), difference.standard_error == 0.0);
/// let shifted = uvid_metrics::Estimate { value: -0.01, standard_error: 0.02 };
/// assert!((roc::non_inferiority(&shifted, 0.05)?.p - 0.022750131948179207).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Parameter`] for a margin that is negative or not finite; [`Undefined::Degenerate`] where the standard
/// error is 0.
pub fn non_inferiority(difference: &Estimate, margin: f64) -> Result<Test> {
    check(difference, margin)?;
    let statistic = (difference.value + margin) / difference.standard_error;
    Ok(Test { statistic, p: normal_cdf(-statistic) })
}

/// Two one-sided tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// That the difference is above -margin.
    pub above: Test,
    /// That it is below the margin.
    pub below: Test,
    /// The larger of both p values: that of equivalence.
    pub p: f64,
}

/// Whether a difference lies between -margin and margin: two one-sided tests (Schuirmann 1987), by the normal
/// approximation. p <= 0.05 exactly where the 0.90 interval lies within the margins.
///
/// # Errors
///
/// As [`non_inferiority`], and [`Undefined::Parameter`] for a margin of 0: nothing lies within.
pub fn equivalence(difference: &Estimate, margin: f64) -> Result<Equivalence> {
    if margin == 0.0 {
        return Err(Undefined::Parameter { what: "the margin", value: margin, domain: "above 0 and finite" });
    }
    let above = non_inferiority(difference, margin)?;
    let statistic = (difference.value - margin) / difference.standard_error;
    let below = Test { statistic, p: normal_cdf(statistic) };
    Ok(Equivalence { above, below, p: above.p.max(below.p) })
}

fn check(difference: &Estimate, margin: f64) -> Result<()> {
    if !(margin.is_finite() && margin >= 0.0) {
        return Err(Undefined::Parameter { what: "the margin", value: margin, domain: "finite and not negative" });
    }
    if difference.standard_error == 0.0 {
        return Err(Undefined::Degenerate("the standard error is 0: there is nothing to test against"));
    }
    Ok(())
}
