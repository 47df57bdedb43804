//! Survival made binary at a horizon, the risk literature's way.

use super::Survival;
use super::times::check_horizon;
use crate::{Binary, Result, Undefined};

/// The rows whose outcome by a horizon is known.
#[derive(Debug, Clone, PartialEq)]
pub struct AtHorizon {
    /// Their risks and outcomes: for a ROC curve, a Brier score, a calibration.
    pub sample: Binary,
    /// Which rows of the whole they are, ascending: to bring their weights and clusters along.
    pub rows: Vec<usize>,
    /// How many are left out: censored before the horizon.
    pub excluded: usize,
}

/// Positive: the event by the horizon. Negative: seen until the horizon or longer without it (an event after it is no event
/// by it). Left out: censored before. As Yala et al., Science Translational Medicine 13 (2021) eaba4373, and Mikhael et al.,
/// Journal of Clinical Oncology 41 (2023) 2191, report AUCs for a year. What they count as a year: the module above.
///
/// Leaving out the censored is right only if they are like the others; [`super::dynamic_auc`] weighs instead. The two agree
/// where nobody is censored before the horizon or at it: a row last seen exactly at the horizon is negative here, and neither case
/// nor control there. With whole years as times that is every negative's last year; see the module above.
///
/// # Errors
///
/// [`Undefined::Empty`] where nobody's outcome is known. One class is no error here.
///
/// ```
/// use uvid_metrics::survival::{Survival, at_horizon};
/// let survival = Survival::new(&[1.0, 1.0, 2.0, 3.0], &[true, false, false, true])?;
/// let found = at_horizon(&survival, 2.0, &[0.4, 0.3, 0.2, 0.1])?;
/// assert_eq!(found.rows, [0, 2, 3]);
/// assert_eq!(found.sample.positive(), [true, false, false]);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn at_horizon(survival: &Survival, horizon: f64, risks: &[f64]) -> Result<AtHorizon> {
    survival.check_risks(risks)?;
    check_horizon(horizon)?;
    let positive = |row: usize| survival.events()[row] && survival.times()[row] <= horizon;
    let known = |row: &usize| positive(*row) || survival.times()[*row] >= horizon;
    let rows: Vec<usize> = (0..survival.len()).filter(known).collect();
    if rows.is_empty() {
        return Err(Undefined::Empty("rows with a known outcome at the horizon"));
    }
    let scores: Vec<f64> = rows.iter().map(|row| risks[*row]).collect();
    let outcomes: Vec<bool> = rows.iter().map(|row| positive(*row)).collect();
    let sample = Binary::new(&scores, &outcomes)?;
    Ok(AtHorizon { sample, excluded: survival.len() - rows.len(), rows })
}
