//! Whether a score means the same in all levels of a factor.

use super::Logistic;
use crate::distributions::chi_squared_upper;
use crate::sample::{Clusters, finite, same_length};
use crate::{Result, Test, Undefined};

/// Likelihood ratio tests of nested logistic models. Statistics are twice the difference of log likelihoods, chi-squared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction {
    /// The score: score + factor against factor alone, 1 degree of freedom.
    pub score: Test,
    /// The factor: score + factor against score alone, one degree of freedom fewer than levels. Small p: at the same score
    /// the levels have different risks.
    pub factor: Test,
    /// Score times factor: against score + factor, one degree of freedom fewer than levels. Small p: the score's slope
    /// differs between the levels.
    pub interaction: Test,
    /// Levels of the factor.
    pub levels: usize,
}

/// Tests whether a score's relation to the outcome differs between the levels of a factor. Rows must be independent (one
/// of each patient) and count once each. Which level is the reference changes nothing.
///
/// # Errors
///
/// [`Undefined::Length`], [`Undefined::Value`], [`Undefined::OneClass`]; [`Undefined::TooFew`] for fewer than two levels;
/// [`Undefined::NoConvergence`] where a level has one class only or the score separates the classes in it;
/// [`Undefined::Degenerate`] where the score is constant in a level.
pub fn interaction<L: AsRef<str>>(score: &[f64], factor: &[L], positive: &[bool]) -> Result<Interaction> {
    same_length("outcomes", score.len(), positive.len())?;
    same_length("the factor", score.len(), factor.len())?;
    finite("the score", score)?;
    if score.is_empty() {
        return Err(Undefined::Empty("rows"));
    }
    let groups = Clusters::of(factor.iter().map(AsRef::as_ref));
    let levels = groups.count();
    if levels < 2 {
        return Err(Undefined::TooFew { what: "levels of the factor", found: levels, needed: 2 });
    }
    // Likelihoods do not depend on where the score has its zero; a matrix's condition does.
    let mean = score.iter().map(|x| x / score.len() as f64).sum::<f64>();
    let centred: Vec<f64> = score.iter().map(|x| x - mean).collect();
    let ones = vec![1.0; score.len()];
    let within = |level: usize, values: &[f64]| -> Vec<f64> {
        let rows = values.iter().enumerate();
        rows.map(|(row, value)| if groups.of_row(row) == level { *value } else { 0.0 }).collect()
    };
    let intercepts: Vec<Vec<f64>> = (0..levels).map(|level| within(level, &ones)).collect();
    let slopes: Vec<Vec<f64>> = (0..levels).map(|level| within(level, &centred)).collect();
    let fit = |columns: Vec<&[f64]>| Logistic::fit(&columns, positive).map(|fit| fit.log_likelihood);
    let factor_only = fit(intercepts.iter().map(Vec::as_slice).collect())?;
    let score_only = fit(vec![&ones, &centred])?;
    let both = fit(intercepts.iter().chain([&centred]).map(Vec::as_slice).collect())?;
    let full = fit(intercepts.iter().chain(&slopes).map(Vec::as_slice).collect())?;
    let test = |larger: f64, smaller: f64, degrees: usize| {
        let statistic = (2.0 * (larger - smaller)).max(0.0);
        Test { statistic, p: chi_squared_upper(statistic, degrees as f64) }
    };
    Ok(Interaction {
        score: test(both, factor_only, 1),
        factor: test(both, score_only, levels - 1),
        interaction: test(full, both, levels - 1),
        levels,
    })
}
