//! Making a score a probability.
//!
//! [`Method::fit`] gives a [`Map`]. A map looks better on the rows that it was fitted to than on others: judge it on other
//! rows, or with [`cross_fitted`]. Weights count as frequencies.

use super::folds::folds;
use super::forecasts::{both_classes, expit, logit, logits, strictly_inside};
use super::isotonic::Isotonic;
use super::logistic::{Fit, Model};
use crate::{Binary, Result, Undefined};

/// How a map is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// a + b logit(p), by greatest likelihood (Cox 1958). Of probabilities.
    Logistic,
    /// a + b score, with Platt's targets (N+ + 1)/(N+ + 2) and 1/(N- + 2) instead of 1 and 0, which keep it finite where
    /// the classes are separated. Platt, in: Advances in Large Margin Classifiers (1999). Of any scores.
    Platt,
    /// logit(p) / T. Guo et al., ICML 2017. Of probabilities.
    Temperature,
    /// c + a ln p - b ln(1 - p), with a and b not below 0, by greatest likelihood. Kull, Silva Filho & Flach, Electronic
    /// Journal of Statistics 11 (2017) 5052. Where the free fit has a or b below 0, the better of those at 0 is
    /// taken (the authors' program takes a = 0 first). Of probabilities.
    Beta,
    /// The nearest non-decreasing function. See [`Isotonic`]. Of any scores.
    Isotonic,
}

/// A fitted map from scores to probabilities. All but [`Map::Isotonic`] change no order, if their slope is above 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Map {
    /// Of the log odds: [`Method::Logistic`] and [`Method::Temperature`].
    Logit {
        /// At log odds 0.
        intercept: f64,
        /// Per unit of log odds; 1/T.
        slope: f64,
    },
    /// Of the score: [`Method::Platt`].
    Score {
        /// At score 0.
        intercept: f64,
        /// Per unit of score.
        slope: f64,
    },
    /// Of ln p and -ln(1 - p): [`Method::Beta`].
    Beta {
        /// Of ln p; not below 0.
        a: f64,
        /// Of -ln(1 - p); not below 0.
        b: f64,
        /// The intercept.
        c: f64,
    },
    /// [`Method::Isotonic`].
    Isotonic(Isotonic),
}

impl Method {
    /// Fits a map.
    ///
    /// # Errors
    ///
    /// One class; separated classes (not [`Method::Platt`] and [`Method::Isotonic`]); probabilities that are not above 0 and
    /// below 1 where log odds are needed; scores that are all the same (not [`Method::Isotonic`]).
    ///
    /// ```
    /// use uvid_metrics::{Binary, calibration::Method};
    /// let sample = Binary::new(&[1.0, 2.0, 3.0, 4.0], &[false, true, false, true])?;
    /// assert_eq!(Method::Isotonic.fit(&sample)?.apply(2.5)?, 0.5);
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    pub fn fit(self, sample: &Binary) -> Result<Map> {
        both_classes(sample)?;
        let ones = || vec![1.0; sample.len()];
        match self {
            Self::Logistic => {
                let fit = regress(sample, &[ones(), logits(sample.scores())?], (0.0, 1.0))?;
                Ok(Map::Logit { intercept: fit.coefficients[0], slope: fit.coefficients[1] })
            }
            Self::Platt => {
                let mass = |class: bool| -> f64 {
                    (0..sample.len()).filter(|row| sample.positive()[*row] == class).map(|row| sample.weight(row)).sum()
                };
                let targets = (1.0 / (mass(false) + 2.0), (mass(true) + 1.0) / (mass(true) + 2.0));
                let fit = regress(sample, &[ones(), sample.scores().to_vec()], targets)?;
                Ok(Map::Score { intercept: fit.coefficients[0], slope: fit.coefficients[1] })
            }
            Self::Temperature => {
                let logits = logits(sample.scores())?;
                let largest = logits.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
                let fit = regress(sample, &[logits], (0.0, 1.0))?;
                // A slope of 0 may come out on either side of it.
                if fit.coefficients[0] * largest > 1e-12 {
                    Ok(Map::Logit { intercept: 0.0, slope: fit.coefficients[0] })
                } else {
                    Err(Undefined::Degenerate(
                        "no temperature: the likelihood is greatest where the forecasts are reversed, or say nothing",
                    ))
                }
            }
            Self::Beta => beta(sample),
            Self::Isotonic => Isotonic::fit(sample).map(Map::Isotonic),
        }
    }
}

impl Map {
    /// The probability for a score.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a score that is not finite, or not above 0 and below 1 where log odds are needed.
    pub fn apply(&self, score: f64) -> Result<f64> {
        let refuse = |domain| Err(Undefined::Parameter { what: "the score", value: score, domain });
        let inside = score > 0.0 && score < 1.0;
        match self {
            Self::Logit { .. } | Self::Beta { .. } if !inside => refuse("above 0 and below 1"),
            Self::Score { .. } | Self::Isotonic(_) if !score.is_finite() => refuse("a finite number"),
            Self::Logit { intercept, slope } => Ok(expit(intercept + slope * logit(score))),
            Self::Score { intercept, slope } => Ok(expit(intercept + slope * score)),
            Self::Beta { a, b, c } => Ok(expit(c + a * score.ln() - b * (-score).ln_1p())),
            Self::Isotonic(isotonic) => Ok(isotonic.at(score)),
        }
    }
}

/// The probability of each row by a map that was fitted without its fold, hence without its patient: [`folds`].
///
/// # Errors
///
/// As [`folds`], [`Method::fit`] on the rows outside any fold, and [`Map::apply`].
///
/// ```
/// use uvid_metrics::Binary;
/// use uvid_metrics::calibration::{Method, cross_fitted};
/// let p: Vec<f64> = (1..100).map(|i| f64::from(i) / 100.0).collect();
/// let y: Vec<bool> = (1..100).map(|i| (i * 37) % 100 < i).collect();
/// let sample = Binary::new(&p, &y)?;
/// assert_eq!(cross_fitted(Method::Beta, &sample, 5, 1)?.len(), 99);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn cross_fitted(method: Method, sample: &Binary, count: usize, seed: u64) -> Result<Vec<f64>> {
    // Here, where rows have their own numbers; within a fold they have others.
    match method {
        Method::Logistic | Method::Temperature | Method::Beta => strictly_inside(sample.scores())?,
        Method::Platt | Method::Isotonic => {}
    }
    let fold_of = folds(sample, count, seed)?;
    let mut calibrated = vec![0.0; sample.len()];
    for fold in 0..count {
        let outside: Vec<bool> = fold_of.iter().map(|f| *f != fold).collect();
        let map = method.fit(&sample.filtered(&outside)?)?;
        for row in (0..sample.len()).filter(|row| fold_of[*row] == fold) {
            calibrated[row] = map.apply(sample.scores()[row])?;
        }
    }
    Ok(calibrated)
}

fn regress(sample: &Binary, columns: &[Vec<f64>], (negative, positive): (f64, f64)) -> Result<Fit> {
    let outcomes: Vec<f64> = sample.positive().iter().map(|y| if *y { positive } else { negative }).collect();
    let weights: Vec<f64> = (0..sample.len()).map(|row| sample.weight(row)).collect();
    Model { columns, outcomes: &outcomes, weights: &weights, offset: None }.fit()
}

/// The greatest likelihood with a and b not below 0. The likelihood is concave: where the free maximum is outside, the
/// constrained one is on an edge.
fn beta(sample: &Binary) -> Result<Map> {
    strictly_inside(sample.scores())?;
    let ones = || vec![1.0; sample.len()];
    let low = || sample.scores().iter().map(|p| p.ln()).collect::<Vec<f64>>();
    let high = || sample.scores().iter().map(|p| -(-p).ln_1p()).collect::<Vec<f64>>();
    let free = regress(sample, &[ones(), low(), high()], (0.0, 1.0))?;
    if free.coefficients[1] >= 0.0 && free.coefficients[2] >= 0.0 {
        return Ok(Map::Beta { a: free.coefficients[1], b: free.coefficients[2], c: free.coefficients[0] });
    }
    let only_low = regress(sample, &[ones(), low()], (0.0, 1.0))?;
    let only_high = regress(sample, &[ones(), high()], (0.0, 1.0))?;
    let edges = [
        (only_low.coefficients[1], 0.0, only_low.coefficients[0], only_low.log_likelihood),
        (0.0, only_high.coefficients[1], only_high.coefficients[0], only_high.log_likelihood),
    ];
    let best = edges.into_iter().filter(|(a, b, _, _)| *a >= 0.0 && *b >= 0.0).max_by(|x, y| x.3.total_cmp(&y.3));
    match best {
        Some((a, b, c, _)) => Ok(Map::Beta { a, b, c }),
        None => {
            Err(Undefined::Degenerate("beta calibration: the likelihood is greatest where the forecasts are reversed"))
        }
    }
}
