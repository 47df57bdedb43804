//! Cumulative/dynamic AUC: cases are those with the event by a horizon, controls those seen longer.
//!
//! AUC(t) is the sum over cases i and controls j of w_i times 1, 1/2 or 0 for risks of i above, equal to or below those of
//! j, over the sum of w_i, with w_i = 1/G(t_i). Uno et al., JASA 102 (2007) 527; Hung & Chiang, Canadian Journal of
//! Statistics 38 (2010) 8. Rows censored by t, at t itself too, are neither; the weights stand for them. The mean over horizons weighs each by
//! the events that Kaplan and Meier see since the one before: Lambert & Chevret, Statistical Methods in Medical Research 25
//! (2016) 2088, as scikit-survival has it, the first from time 0 on.

use super::times::check_horizon;
use super::{Censoring, KaplanMeier, Survival};
use crate::ranks::order;
use crate::{Result, Undefined};

/// AUC at a horizon. `risks` may be those of the horizon, or the same for all.
///
/// Only the events by the horizon need a weight; scikit-survival refuses samples where a later one has none.
///
/// # Errors
///
/// [`Undefined::OneClass`] without a case or without a control (which a horizon from the last follow-up on never has);
/// G 0 or unknown at a case; risks that are no numbers.
///
/// ```
/// use uvid_metrics::survival::{Censoring, Survival, dynamic_auc};
/// let survival = Survival::new(&[1.0, 2.0, 3.0, 4.0], &[true, false, true, false])?;
/// assert_eq!(dynamic_auc(&survival, &Censoring::of(&survival), 2.0, &[0.5, 0.9, 0.7, 0.1])?, 0.5);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn dynamic_auc(survival: &Survival, censoring: &Censoring, horizon: f64, risks: &[f64]) -> Result<f64> {
    survival.check_risks(risks)?;
    check_horizon(horizon)?;
    let (mut positives, mut negatives) = (0, 0);
    // (weight as a case, 1 for a control)
    let mut roles = vec![(0.0, 0.0); survival.len()];
    for (row, role) in roles.iter_mut().enumerate() {
        let time = survival.times()[row];
        if time > horizon {
            negatives += 1;
            role.1 = 1.0;
        } else if survival.events()[row] {
            positives += 1;
            role.0 = 1.0 / censoring.at(time)?;
        }
    }
    if positives == 0 || negatives == 0 {
        return Err(Undefined::OneClass { positives, negatives });
    }
    let (mut won, mut below, mut weight) = (0.0, 0.0, 0.0);
    for tied in order(risks).chunk_by(|a, b| risks[*a] == risks[*b]) {
        let cases: f64 = tied.iter().map(|row| roles[*row].0).sum();
        let controls: f64 = tied.iter().map(|row| roles[*row].1).sum();
        won += cases * (below + controls / 2.0);
        below += controls;
        weight += cases;
    }
    // Sums of weights are rounded: the quotient may pass 1 by a last bit.
    Ok((won / (weight * below)).min(1.0))
}

/// The mean of AUCs at (horizon, AUC), horizons ascending.
///
/// # Errors
///
/// [`Undefined::Empty`]; [`Undefined::Parameter`] for horizons that do not ascend or an AUC outside 0 to 1;
/// [`Undefined::Degenerate`] without an event by the last.
///
/// ```
/// use uvid_metrics::survival::{Survival, mean_auc};
/// let survival = Survival::new(&[1.0, 2.0, 3.0, 4.0], &[true, true, true, false])?;
/// assert!((mean_auc(&survival, &[(1.0, 0.9), (3.0, 0.6)])? - (0.9 + 0.6 * 2.0) / 3.0).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn mean_auc(survival: &Survival, aucs: &[(f64, f64)]) -> Result<f64> {
    ascending(aucs)?;
    if let Some((_, auc)) = aucs.iter().find(|(_, auc)| !(0.0..=1.0).contains(auc)) {
        return Err(Undefined::Parameter { what: "the AUC", value: *auc, domain: "from 0 to 1" });
    }
    // With one horizon there is nothing to weigh.
    if let [(_, auc)] = aucs {
        return Ok(*auc);
    }
    let curve = KaplanMeier::of(survival);
    let (mut sum, mut before) = (0.0, 1.0);
    for (horizon, auc) in aucs {
        let now = curve.at(*horizon)?.survival;
        sum += auc * (before - now);
        before = now;
    }
    if before < 1.0 {
        Ok((sum / (1.0 - before)).min(1.0))
    } else {
        Err(Undefined::Degenerate("the mean AUC: no event by the last horizon"))
    }
}

/// Refuses an empty list, and horizons that do not ascend.
pub(super) fn ascending(values: &[(f64, f64)]) -> Result<()> {
    if values.is_empty() {
        return Err(Undefined::Empty("horizons"));
    }
    values.iter().try_for_each(|(horizon, _)| check_horizon(*horizon))?;
    match values.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        Some(pair) => {
            Err(Undefined::Parameter { what: "the horizon", value: pair[1].0, domain: "after the one before it" })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_ranking_has_1() {
        let times = [1.0, 12.0, 5.0, 9.0, 5.0, 9.0];
        let survival = Survival::new(&times, &[true, false, false, false, true, false]).unwrap();
        let auc = dynamic_auc(&survival, &Censoring::of(&survival), 6.5, &times.map(|time| -time)).unwrap();
        assert!(auc <= 1.0 && auc > 1.0 - 1e-15, "{auc:e}");
        assert!(mean_auc(&survival, &[(6.5, auc)]).is_ok());
    }

    #[test]
    fn undefined() {
        let survival = Survival::new(&[1.0, 2.0, 3.0], &[true, false, true]).unwrap();
        let censoring = Censoring::of(&survival);
        let auc = |horizon| dynamic_auc(&survival, &censoring, horizon, &[0.3, 0.2, 0.1]);
        assert_eq!(auc(2.5).unwrap(), 1.0);
        assert!(matches!(auc(0.5), Err(Undefined::OneClass { positives: 0, .. })));
        assert!(matches!(auc(3.0), Err(Undefined::OneClass { negatives: 0, .. })));
        assert!(matches!(auc(f64::INFINITY), Err(Undefined::Parameter { .. })));
        // G is 0 at 3 in a sample whose last row is censored before.
        let short = Censoring::of(&Survival::new(&[0.5, 0.6], &[true, false]).unwrap());
        assert!(matches!(dynamic_auc(&survival, &short, 2.0, &[0.3, 0.2, 0.1]), Err(Undefined::Degenerate(_))));
        assert!(mean_auc(&survival, &[]).is_err());
        assert!(mean_auc(&survival, &[(2.0, 0.5), (2.0, 0.5)]).is_err());
        assert!(mean_auc(&survival, &[(0.1, 0.5), (0.2, 0.5)]).is_err());
        assert!(mean_auc(&survival, &[(1.0, 0.5), (2.0, f64::NAN)]).is_err());
    }
}
