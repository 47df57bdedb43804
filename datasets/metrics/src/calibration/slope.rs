//! Calibration slope and intercept.
//!
//! Cox, Two further applications of a model for binary regression, Biometrika 45 (1958) 562: the logistic regression of the
//! outcome on the log odds of the forecast, logit P(y = 1) = a + b logit(p). Perfect is a = 0, b = 1; b below 1 says that
//! forecasts are too extreme. Calibration in the large: a with b held at 1 (the log odds as offset).
//!
//! Ties are nothing special. Undefined: a probability of 0 or 1; one class; separated classes; forecasts all the same (the
//! slope).

use nalgebra::DMatrix;

use super::Forecasts;
use super::logistic::Model;
use crate::{Estimate, Result};

/// Where the standard errors of a regression come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardErrors {
    /// The Fisher information: rows are independent, weights are frequencies. Clusters are not looked at.
    Model,
    /// The sandwich of Liang & Zeger (1986), times G / (G - 1): clusters (rows, where there are none) are independent,
    /// weights are inverse probabilities of having been sampled. There must be more clusters than coefficients.
    Sandwich,
}

/// Slope and intercept, fitted together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cox {
    /// The intercept a; 0 is perfect. It is read with the slope; alone, see [`in_the_large`].
    pub intercept: Estimate,
    /// The slope b; 1 is perfect.
    pub slope: Estimate,
    /// The covariance of both.
    pub covariance: f64,
}

/// The regression of the outcome on the log odds.
///
/// # Errors
///
/// Probabilities of 0 or 1, one class, separated classes, forecasts that are all the same.
///
/// ```
/// use uvid_metrics::Binary;
/// use uvid_metrics::calibration::{Forecasts, StandardErrors, cox};
/// // One in ten where one in five was announced, nine in ten where it was four in five: not extreme enough.
/// let p: Vec<f64> = (0..20).map(|row| if row < 10 { 0.2 } else { 0.8 }).collect();
/// let y: Vec<bool> = (0..20).map(|row| row == 0 || row > 10).collect();
/// let found = cox(&Forecasts::new(Binary::new(&p, &y)?)?, StandardErrors::Model)?;
/// assert!((found.slope.value - 9f64.ln() / 4f64.ln()).abs() < 1e-12);
/// assert!(found.intercept.value.abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn cox(forecasts: &Forecasts, errors: StandardErrors) -> Result<Cox> {
    let logits = forecasts.logits()?;
    let ones = vec![1.0; logits.len()];
    let (value, covariance) = regress(forecasts, &[ones, logits], None, errors)?;
    let estimate = |i: usize| Estimate { value: value[i], standard_error: covariance[(i, i)].sqrt() };
    Ok(Cox { intercept: estimate(0), slope: estimate(1), covariance: covariance[(0, 1)] })
}

/// Calibration in the large: the intercept with the slope held at 1. Above 0, there are more than were announced.
///
/// # Errors
///
/// Probabilities of 0 or 1, one class.
pub fn in_the_large(forecasts: &Forecasts, errors: StandardErrors) -> Result<Estimate> {
    let logits = forecasts.logits()?;
    let ones = vec![1.0; logits.len()];
    let (value, covariance) = regress(forecasts, &[ones], Some(&logits), errors)?;
    Ok(Estimate { value: value[0], standard_error: covariance[(0, 0)].sqrt() })
}

fn regress(
    forecasts: &Forecasts,
    columns: &[Vec<f64>],
    offset: Option<&[f64]>,
    errors: StandardErrors,
) -> Result<(Vec<f64>, DMatrix<f64>)> {
    forecasts.mixed_prevalence()?;
    let (outcomes, weights): (Vec<f64>, Vec<f64>) = forecasts.rows().map(|(_, y, w)| (y, w)).unzip();
    let model = Model { columns, outcomes: &outcomes, weights: &weights, offset };
    let fit = model.fit()?;
    let covariance = match errors {
        StandardErrors::Model => fit.covariance,
        StandardErrors::Sandwich => model.sandwich(&fit, forecasts.sample())?,
    };
    Ok((fit.coefficients, covariance))
}
