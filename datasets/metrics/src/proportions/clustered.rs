//! Proportions where several rows come from one patient.

use crate::rounding::difference;
use crate::sample::{Clusters, finite, same_length};
use crate::{Estimate, Result, Undefined};

/// A ratio of totals over clusters, `R = sum(x) / sum(m)`, with the variance of the ratio estimator (Rao & Scott,
/// Biometrics 1992; 48: 577-585, eq. 1): `k / (k - 1) * sum((x_i - R m_i)^2) / sum(m)^2` over k clusters.
///
/// `numerators` and `denominators` are the totals of each cluster; weights are multiplied in by the caller. A cluster whose
/// denominator is 0 (no cancer in this patient) counts as a cluster of the sample and adds nothing.
///
/// # Errors
///
/// [`Undefined::Length`]; [`Undefined::Value`] for a total that is not finite; [`Undefined::TooFew`] for fewer than two
/// clusters; [`Undefined::Degenerate`] where the denominators sum to 0 or less.
pub fn ratio_of_totals(numerators: &[f64], denominators: &[f64]) -> Result<Estimate> {
    same_length("denominators", numerators.len(), denominators.len())?;
    finite("the numerator", numerators)?;
    finite("the denominator", denominators)?;
    let total: f64 = denominators.iter().sum();
    // Written so that a sum that overflowed is refused as well.
    if !(total > 0.0 && total.is_finite()) {
        return Err(Undefined::Degenerate("the denominators sum to no number above 0"));
    }
    let found = numerators.len();
    if found < 2 {
        return Err(Undefined::TooFew { what: "clusters", found, needed: 2 });
    }
    let value = numerators.iter().sum::<f64>() / total;
    let residual = |(x, m): (&f64, &f64)| {
        let share = difference(*x, value * m) / total;
        share * share
    };
    let squares: f64 = numerators.iter().zip(denominators).map(residual).sum();
    let standard_error = (found as f64 / (found as f64 - 1.0) * squares).sqrt();
    let estimate = Estimate { value, standard_error };
    let finite = value.is_finite() && standard_error.is_finite();
    finite.then_some(estimate).ok_or(Undefined::Degenerate("the totals are too large for a number"))
}

/// The share of rows with the event, with a standard error that allows for rows of one cluster being alike.
///
/// # Errors
///
/// [`Undefined::Length`]; [`Undefined::TooFew`] for fewer than two clusters.
///
/// ```
/// use uvid_metrics::{Clusters, proportions::clustered};
/// let patients = Clusters::of(["a", "a", "b", "b", "c"]);
/// let found = clustered(&[true, true, false, false, true], &patients)?;
/// assert_eq!(found.value, 0.6);
/// // Larger than the 0.22 of five rows that are each by themselves.
/// assert!((found.standard_error - 0.3666).abs() < 1e-4);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn clustered(events: &[bool], clusters: &Clusters) -> Result<Estimate> {
    same_length("clusters", events.len(), clusters.rows())?;
    let (mut numerators, mut denominators) = (vec![0.0; clusters.count()], vec![0.0; clusters.count()]);
    for (row, event) in events.iter().enumerate() {
        numerators[clusters.of_row(row)] += f64::from(u8::from(*event));
        denominators[clusters.of_row(row)] += 1.0;
    }
    if events.is_empty() {
        return Err(Undefined::Empty("rows"));
    }
    ratio_of_totals(&numerators, &denominators)
}
