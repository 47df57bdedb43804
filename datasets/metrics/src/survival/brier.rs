//! The Brier score at a horizon, under censoring.
//!
//! BS(t) is the mean over rows of (1 - r)² / G(t_i) for those with the event by t, r² / G(t) for those seen longer than t,
//! and 0 for those censored by t, at t itself too; r is the risk of the event by t. Graf et al., Statistics in Medicine 18 (1999) 2529.
//! Integrated: by the trapezoidal rule over horizons, over their range.
//!
//! Where G is 0 at a time that is needed there is no score; scikit-survival leaves such rows out of the sum.

use super::auc::ascending;
use super::times::check_horizon;
use super::{Censoring, Survival};
use crate::sample::probabilities;
use crate::{Result, Undefined};

/// The Brier score at a horizon of the risks of the event by then.
///
/// # Errors
///
/// Risks that are no probabilities; G 0 or unknown at the horizon, where a row is seen longer, or at an event before it;
/// [`Undefined::Parameter`] for a horizon from the last follow-up on.
///
/// ```
/// use uvid_metrics::survival::{Censoring, Survival, brier};
/// let survival = Survival::new(&[1.0, 2.0, 3.0, 4.0], &[true, false, true, false])?;
/// let found = brier(&survival, &Censoring::of(&survival), 2.5, &[0.5, 0.9, 0.2, 0.1])?;
/// assert!((found - (0.25 + 0.04 * 1.5 + 0.01 * 1.5) / 4.0).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn brier(survival: &Survival, censoring: &Censoring, horizon: f64, risks: &[f64]) -> Result<f64> {
    survival.check_risks(risks)?;
    probabilities("the risk", risks)?;
    check_horizon(horizon)?;
    if survival.times().iter().all(|time| *time <= horizon) {
        let domain = "before the last follow-up";
        return Err(Undefined::Parameter { what: "the horizon", value: horizon, domain });
    }
    let beyond = 1.0 / censoring.at(horizon)?;
    let mut sum = 0.0;
    for (row, risk) in risks.iter().enumerate() {
        let time = survival.times()[row];
        if time > horizon {
            sum += risk * risk * beyond;
        } else if survival.events()[row] {
            sum += (1.0 - risk) * (1.0 - risk) / censoring.at(time)?;
        }
    }
    Ok(sum / risks.len() as f64)
}

/// The mean over time of Brier scores at (horizon, score), horizons ascending.
///
/// # Errors
///
/// [`Undefined::TooFew`] below two horizons; [`Undefined::Parameter`] where they do not ascend, or a score is no finite
/// number, 0 or more.
///
/// ```
/// use uvid_metrics::survival::integrated_brier;
/// let found = integrated_brier(&[(1.0, 0.1), (2.0, 0.2), (4.0, 0.2)])?;
/// assert!((found - (0.15 + 0.4) / 3.0).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn integrated_brier(scores: &[(f64, f64)]) -> Result<f64> {
    ascending(scores)?;
    if let Some((_, score)) = scores.iter().find(|(_, score)| !(score.is_finite() && *score >= 0.0)) {
        return Err(Undefined::Parameter { what: "the Brier score", value: *score, domain: "finite and not negative" });
    }
    if scores.len() < 2 {
        return Err(Undefined::TooFew { what: "horizons", found: scores.len(), needed: 2 });
    }
    let range = scores[scores.len() - 1].0 - scores[0].0;
    Ok(scores.windows(2).map(|pair| (pair[1].0 - pair[0].0) / range * (pair[0].1 / 2.0 + pair[1].1 / 2.0)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined() {
        let survival = Survival::new(&[1.0, 2.0, 3.0], &[true, false, true]).unwrap();
        let censoring = Censoring::of(&survival);
        let score = |horizon, risk| brier(&survival, &censoring, horizon, &[risk, 0.2, 0.1]);
        assert!(score(2.0, 0.3).is_ok());
        assert!(matches!(score(2.0, 1.3), Err(Undefined::Value { row: 0, .. })));
        assert!(matches!(score(3.0, 0.3), Err(Undefined::Parameter { .. })));
        assert!(matches!(score(-1.0, 0.3), Err(Undefined::Parameter { .. })));
        let short = Censoring::of(&Survival::new(&[0.5, 0.6], &[true, false]).unwrap());
        assert!(matches!(brier(&survival, &short, 1.5, &[0.3, 0.2, 0.1]), Err(Undefined::Degenerate(_))));
        assert!(matches!(integrated_brier(&[(1.0, 0.1)]), Err(Undefined::TooFew { .. })));
        assert!(matches!(integrated_brier(&[(1.0, 0.1), (2.0, f64::NAN)]), Err(Undefined::Parameter { .. })));
    }
}
