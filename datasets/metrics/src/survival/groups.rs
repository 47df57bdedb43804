//! Calibration at a horizon: what was announced to a group, and what Kaplan and Meier saw of it.

use super::times::check_horizon;
use super::{At, KaplanMeier, Survival};
use crate::calibration::{equal_mass, grouped};
use crate::sample::probabilities;
use crate::{Confidence, Interval, Result, Undefined};

/// Rows of like risk.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskGroup {
    /// Rows.
    pub rows: usize,
    /// The mean risk by the horizon.
    pub predicted: f64,
    /// The group's Kaplan-Meier curve at the horizon; an error where nobody was seen so long.
    pub curve: Result<At>,
}

impl RiskGroup {
    /// The share with the event by the horizon.
    ///
    /// # Errors
    ///
    /// Where nobody of the group was seen so long.
    pub fn observed(&self) -> Result<f64> {
        Ok(1.0 - self.curve.clone()?.survival)
    }

    /// Its interval: the log-log one of the curve, turned round.
    ///
    /// # Errors
    ///
    /// As [`RiskGroup::observed`]; where none or all had the event.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval> {
        let survival = self.curve.clone()?.interval(confidence)?;
        Ok(Interval { lower: 1.0 - survival.upper, upper: 1.0 - survival.lower })
    }

    /// Observed over expected.
    ///
    /// # Errors
    ///
    /// As [`RiskGroup::observed`]; where every risk is 0.
    pub fn ratio(&self) -> Result<f64> {
        let ratio = self.observed()? / self.predicted;
        if ratio.is_finite() {
            Ok(ratio)
        } else {
            Err(Undefined::Degenerate("observed over expected: every risk is 0, or as good as 0"))
        }
    }
}

/// Rows in groups of equal mass by their risk of the event by a horizon, lowest first, as
/// [`crate::calibration::Binning::EqualMass`]: equal risks together, empty groups left out. One group is all rows.
/// Crowson, Atkinson & Therneau, Statistical Methods in Medical Research 25 (2016) 1692.
///
/// # Errors
///
/// Risks that are no probabilities, no groups, a horizon that is no time. Where a group alone has no answer, it says so.
///
/// ```
/// use uvid_metrics::survival::{Survival, by_risk_group};
/// let survival = Survival::new(&[1.0, 2.0, 3.0, 4.0], &[true, false, true, false])?;
/// let groups = by_risk_group(&survival, 3.0, &[0.6, 0.2, 0.4, 0.2], 2)?;
/// assert_eq!((groups[0].observed()?, groups[1].observed()?), (0.0, 1.0));
/// assert_eq!(groups[1].ratio()?, 2.0);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn by_risk_group(survival: &Survival, horizon: f64, risks: &[f64], count: usize) -> Result<Vec<RiskGroup>> {
    survival.check_risks(risks)?;
    probabilities("the risk", risks)?;
    check_horizon(horizon)?;
    if count == 0 {
        return Err(Undefined::Parameter { what: "the number of groups", value: 0.0, domain: "1 or more" });
    }
    let groups = grouped(equal_mass(risks, |_| 1.0, count));
    let group = |rows: &Vec<usize>| RiskGroup {
        rows: rows.len(),
        predicted: rows.iter().map(|row| risks[*row]).sum::<f64>() / rows.len() as f64,
        curve: survival.of_rows(rows).and_then(|own| KaplanMeier::of(&own).at(horizon)),
    };
    Ok(groups.iter().map(group).collect())
}
