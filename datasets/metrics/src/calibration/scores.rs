//! Proper scores, and whether they are what the forecasts themselves promise.
//!
//! Ties are nothing special. Weights multiply each row's share. Standard errors: of a mean over rows, or over clusters where
//! they were given ([`Forecasts`] weights as inverse probabilities); they need two rows or clusters.

use super::Forecasts;
use crate::distributions::normal_two_sided;
use crate::{Estimate, Result, Test, Undefined};

/// The Brier score: the mean of (p - y)². Brier, Monthly Weather Review 78 (1950) 1, for one of his two classes.
///
/// # Errors
///
/// [`Undefined::TooFew`] below two rows (clusters): no standard error.
///
/// ```
/// use uvid_metrics::{Binary, calibration::{Forecasts, brier}};
/// let forecasts = Forecasts::new(Binary::new(&[0.1, 0.8], &[false, true])?)?;
/// assert!((brier(&forecasts)?.value - (0.01 + 0.04) / 2.0).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn brier(forecasts: &Forecasts) -> Result<Estimate> {
    let squares: Vec<f64> = forecasts.rows().map(|(p, y, _)| (p - y) * (p - y)).collect();
    forecasts.mean(&squares)
}

/// 1 - Brier / (o (1 - o)), o the share of the outcome: 1 is perfect, 0 no better than announcing o to everyone; it may be
/// below 0. Steyerberg et al., Epidemiology 21 (2010) 128.
///
/// # Errors
///
/// [`Undefined::OneClass`], where o (1 - o) is 0.
pub fn scaled_brier(forecasts: &Forecasts) -> Result<f64> {
    let prevalence = forecasts.mixed_prevalence()?;
    let score = forecasts.sum(|p, y| (p - y) * (p - y)) / forecasts.sum(|_, _| 1.0);
    Ok(1.0 - score / (prevalence * (1.0 - prevalence)))
}

/// The mean of -ln of the probability that was given to what happened, in nats.
///
/// # Errors
///
/// [`Undefined::Value`] where a forecast of 0 or 1 was wrong in a row of some weight: the score is infinite (scikit-learn clips instead; see
/// [`Forecasts::clipped`]). [`Undefined::TooFew`] as [`brier`].
pub fn log_loss(forecasts: &Forecasts) -> Result<Estimate> {
    let mut losses = Vec::with_capacity(forecasts.sample().len());
    for (row, (p, y, weight)) in forecasts.rows().enumerate() {
        let loss = match (weight > 0.0, y == 1.0) {
            (false, _) => 0.0,
            (true, true) => -p.ln(),
            (true, false) => -(-p).ln_1p(),
        };
        if !loss.is_finite() {
            let domain = "above 0 and below 1 where it was wrong (see Forecasts::clipped)";
            return Err(Undefined::Value { what: "the probability", row, value: p, domain });
        }
        losses.push(loss);
    }
    forecasts.mean(&losses)
}

/// Spiegelhalter's z: the Brier score against what it would be, on average, if every forecast were right. Spiegelhalter,
/// Statistics in Medicine 5 (1986) 421: the sum of (y - p)(1 - 2p) over the root of the sum of (1 - 2p)² p (1 - p);
/// with weights w and w². Rows are taken to be independent: clusters are not looked at.
///
/// # Errors
///
/// [`Undefined::Degenerate`] where every forecast is 0, 0.5 or 1.
pub fn spiegelhalter(forecasts: &Forecasts) -> Result<Test> {
    let excess = forecasts.sum(|p, y| (y - p) * (1.0 - 2.0 * p));
    let variance: f64 = forecasts.rows().map(|(p, _, w)| w * w * (1.0 - 2.0 * p).powi(2) * p * (1.0 - p)).sum();
    if variance <= 0.0 {
        return Err(Undefined::Degenerate("Spiegelhalter's z: every probability is 0, 0.5 or 1"));
    }
    let statistic = excess / variance.sqrt();
    Ok(Test { statistic, p: normal_two_sided(statistic) })
}
