//! Do subgroups differ by more than chance?

use crate::distributions::chi_squared_upper;
use crate::proportions::Proportion;
use crate::{Estimate, Result, Test, Undefined};

/// Estimates of the same quantity in independent subgroups, put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heterogeneity {
    /// Cochran's Q, chi-squared with one degree of freedom fewer than subgroups.
    pub q: Test,
    /// Degrees of freedom.
    pub degrees: usize,
    /// I², `max(0, (Q - degrees) / Q)`: the share of the variation that is not chance. 0 where Q is 0.
    pub i_squared: f64,
    /// The mean with weights of inverse variances (fixed effect).
    pub pooled: Estimate,
}

/// Cochran's Q (1954), `sum(w (x - mean)^2)` with `w = 1 / se^2`, and I² (Higgins & Thompson 2002). Subgroups must share no
/// patient. Few subgroups give little power: a large p is no proof of sameness.
///
/// # Errors
///
/// [`Undefined::TooFew`] for fewer than two; [`Undefined::Value`] for a value that is not finite, or a standard error that
/// is not above 0 and finite (a subgroup without variation would outweigh all others).
///
/// ```
/// use uvid_metrics::{Estimate, subgroups::heterogeneity};
/// let found = heterogeneity(&[
///     Estimate { value: 0.90, standard_error: 0.02 },
///     Estimate { value: 0.80, standard_error: 0.02 },
/// ])?;
/// assert!((found.q.statistic - 12.5).abs() < 1e-9 && (found.i_squared - 0.92).abs() < 1e-9);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn heterogeneity(estimates: &[Estimate]) -> Result<Heterogeneity> {
    let found = estimates.len();
    if found < 2 {
        return Err(Undefined::TooFew { what: "subgroups", found, needed: 2 });
    }
    for (row, estimate) in estimates.iter().enumerate() {
        let value = estimate.standard_error;
        if !(value > 0.0 && value.is_finite()) {
            return Err(Undefined::Value { what: "the standard error", row, value, domain: "above 0 and finite" });
        }
        let value = estimate.value;
        if !value.is_finite() {
            return Err(Undefined::Value { what: "the estimate", row, value, domain: "a finite number" });
        }
    }
    let weight = |estimate: &Estimate| estimate.standard_error.powi(-2);
    let total: f64 = estimates.iter().map(weight).sum();
    let mean = estimates.iter().map(|estimate| weight(estimate) * estimate.value).sum::<f64>() / total;
    let statistic: f64 = estimates.iter().map(|e| ((e.value - mean) / e.standard_error).powi(2)).sum();
    if !(mean.is_finite() && statistic.is_finite() && total > 0.0) {
        return Err(Undefined::Degenerate("the standard errors are too unlike each other for numbers"));
    }
    let degrees = found - 1;
    let beyond = (statistic - degrees as f64).max(0.0);
    Ok(Heterogeneity {
        q: Test { statistic, p: chi_squared_upper(statistic, degrees as f64) },
        degrees,
        i_squared: if beyond > 0.0 { beyond / statistic } else { 0.0 },
        pooled: Estimate { value: mean, standard_error: total.sqrt().recip() },
    })
}

/// Pearson's chi-squared test that all proportions are the same: one degree of freedom fewer than proportions. An
/// approximation that wants about five expected events and non-events in each.
///
/// # Errors
///
/// [`Undefined::TooFew`] for fewer than two; [`Undefined::Degenerate`] where all cases have the event, or none.
pub fn homogeneity(proportions: &[Proportion]) -> Result<Test> {
    let found = proportions.len();
    if found < 2 {
        return Err(Undefined::TooFew { what: "proportions", found, needed: 2 });
    }
    let sum = |of: fn(Proportion) -> u64| proportions.iter().map(|p| of(*p) as f64).sum::<f64>();
    let (events, cases) = (sum(Proportion::events), sum(Proportion::of));
    let (mean, rest) = (events / cases, sum(|p| p.complement().events()) / cases);
    if mean == 0.0 || rest == 0.0 {
        return Err(Undefined::Degenerate("all cases have the event, or none: there is nothing to compare"));
    }
    let statistic = proportions.iter().map(|p| p.of() as f64 * (p.value() - mean).powi(2)).sum::<f64>() / (mean * rest);
    Ok(Test { statistic, p: chi_squared_upper(statistic, (found - 1) as f64) })
}
