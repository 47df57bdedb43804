//! Logistic regression by Newton's method, with frequencies, fractions as outcomes, and an offset.
//!
//! Maximises the sum of w (y eta - ln(1 + exp eta)), eta = offset + X beta. McCullagh & Nelder, Generalized Linear Models
//! (1989), section 4.4. Where the classes are separated there is no maximum (Albert & Anderson, Biometrika 71 (1984) 1);
//! Newton's steps then gain a factor e each, and the fit ends in `NoConvergence` or with a matrix that is singular.

use nalgebra::{DMatrix, DVector};

use super::forecasts::{cluster_sums, expit};
use crate::rounding::settled;
use crate::{Binary, Result, Undefined};

/// More steps than any sample needs that has a maximum; too few for one that has none to look as if it had.
const STEPS_MAX: usize = 30;
/// Twice the log likelihood that another step would gain, where weights have the mean 1.
const GAIN_MIN: f64 = 1e-18;
/// The smallest pivot of the information matrix, columns scaled to 1: below it they are taken to be dependent.
const PIVOT_MIN: f64 = 1e-12;

/// What is fitted to what. Lists are as long as the columns.
pub(crate) struct Model<'a> {
    /// The columns of the design, an intercept among them where one is wanted.
    pub columns: &'a [Vec<f64>],
    /// The outcomes, each from 0 to 1.
    pub outcomes: &'a [f64],
    /// A frequency for each row.
    pub weights: &'a [f64],
    /// Added to the linear predictor.
    pub offset: Option<&'a [f64]>,
}

/// A fit.
pub(crate) struct Fit {
    /// A coefficient for each column.
    pub coefficients: Vec<f64>,
    /// The inverse of the Fisher information.
    pub covariance: DMatrix<f64>,
    /// The sum of w (y eta - ln(1 + exp eta)).
    pub log_likelihood: f64,
}

impl Model<'_> {
    /// The coefficients of greatest likelihood.
    pub fn fit(&self) -> Result<Fit> {
        // The likelihood grows with the weights, and when to stop must not depend on their unit.
        let mean = self.weights.iter().sum::<f64>() / self.weights.len() as f64;
        if !(mean.is_normal() && mean > 0.0) {
            return Err(Undefined::Degenerate("the regression: its weights have no mean above 0"));
        }
        let weights: Vec<f64> = self.weights.iter().map(|weight| weight / mean).collect();
        let found = Model { weights: &weights, ..*self }.newton()?;
        Ok(Fit { covariance: found.covariance / mean, log_likelihood: found.log_likelihood * mean, ..found })
    }

    fn newton(&self) -> Result<Fit> {
        let mut beta = DVector::zeros(self.columns.len());
        let mut likelihood = self.log_likelihood(&beta);
        for _ in 0..STEPS_MAX {
            let (score, information) = self.derivatives(&beta);
            let covariance = inverse(&information)?;
            let step = &covariance * &score;
            let gain = score.dot(&step);
            if gain.is_nan() {
                return Err(Undefined::Degenerate("the regression: its columns are too large to be squared"));
            }
            if gain <= GAIN_MIN {
                // The step that is too short to need another is still taken: it doubles the digits.
                let coefficients = (beta + step).iter().copied().collect();
                return Ok(Fit { coefficients, covariance, log_likelihood: likelihood });
            }
            (beta, likelihood) = self.advance(&beta, &step, likelihood);
        }
        Err(Undefined::NoConvergence { what: "the logistic regression (are the classes separated?)", steps: STEPS_MAX })
    }

    /// The covariance that does not believe the model: inverse information around the squares of the scores, summed over
    /// clusters first. Liang & Zeger, Biometrika 73 (1986) 13, times G / (G - 1). The scores of all clusters sum to 0, so that
    /// there must be more clusters than columns.
    ///
    /// It is computed as the sum of squares of inverse information times a cluster's scores, which cannot come out below 0.
    pub fn sandwich(&self, fit: &Fit, sample: &Binary) -> Result<DMatrix<f64>> {
        let eta = self.predictor(&DVector::from_column_slice(&fit.coefficients));
        let residual = |row: usize| self.weights[row] * (self.outcomes[row] - expit(eta[row]));
        let scores: Vec<Vec<f64>> = self
            .columns
            .iter()
            .map(|column| column.iter().enumerate().map(|(row, x)| x * residual(row)).collect())
            .collect();
        let width = self.columns.len();
        let (sums, factor) = cluster_sums(sample, &scores, (width + 1).max(2))?;
        let influence = |sum: &Vec<f64>, column: usize| {
            let terms = || (0..width).map(|j| fit.covariance[(column, j)] * sum[j]);
            settled(terms().sum(), terms().map(f64::abs).sum())
        };
        let moved: Vec<Vec<f64>> = sums.iter().map(|sum| (0..width).map(|i| influence(sum, i)).collect()).collect();
        Ok(DMatrix::from_fn(width, width, |i, j| factor * moved.iter().map(|v| v[i] * v[j]).sum::<f64>()))
    }

    /// The step, halved until the likelihood does not fall.
    fn advance(&self, beta: &DVector<f64>, step: &DVector<f64>, before: f64) -> (DVector<f64>, f64) {
        let mut share = 1.0;
        loop {
            let next = beta + step * share;
            let likelihood = self.log_likelihood(&next);
            // Near the maximum the likelihood is flat and rounding decides; a step that short is taken.
            if likelihood >= before - 1e-12 * before.abs() || share < 1e-6 {
                return (next, likelihood);
            }
            share /= 2.0;
        }
    }

    fn predictor(&self, beta: &DVector<f64>) -> Vec<f64> {
        let mut eta = self.offset.map_or_else(|| vec![0.0; self.outcomes.len()], <[f64]>::to_vec);
        for (column, coefficient) in self.columns.iter().zip(beta.iter()) {
            eta.iter_mut().zip(column).for_each(|(eta, x)| *eta += coefficient * x);
        }
        eta
    }

    fn log_likelihood(&self, beta: &DVector<f64>) -> f64 {
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let eta = self.predictor(beta);
        (0..eta.len()).map(|row| self.weights[row] * (self.outcomes[row] * eta[row] - softplus(eta[row]))).sum()
    }

    fn derivatives(&self, beta: &DVector<f64>) -> (DVector<f64>, DMatrix<f64>) {
        let width = self.columns.len();
        let (mut score, mut information) = (DVector::zeros(width), DMatrix::zeros(width, width));
        for (row, eta) in self.predictor(beta).into_iter().enumerate() {
            let p = expit(eta);
            let residual = self.weights[row] * (self.outcomes[row] - p);
            // p (1 - p) as a product of two tails, which stays above 0 where 1 - p would round to 0.
            let variance = self.weights[row] * p * expit(-eta);
            for i in 0..width {
                let x = self.columns[i][row];
                score[i] += residual * x;
                for j in 0..=i {
                    information[(i, j)] += variance * x * self.columns[j][row];
                }
            }
        }
        information.fill_upper_triangle_with_lower_triangle();
        (score, information)
    }
}

/// The inverse of an information matrix.
fn inverse(information: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    const SINGULAR: Undefined = Undefined::Degenerate(
        "the regression has no single answer: its columns are dependent, or the classes separated",
    );
    let scale = information.diagonal().map(|d| 1.0 / d.sqrt());
    if !scale.iter().all(|s| s.is_finite()) {
        return Err(SINGULAR);
    }
    let scaled = DMatrix::from_fn(scale.len(), scale.len(), |i, j| information[(i, j)] * scale[i] * scale[j]);
    let cholesky = scaled.cholesky().ok_or(SINGULAR)?;
    let pivots = cholesky.l_dirty().diagonal();
    if !pivots.iter().all(|pivot| pivot * pivot > PIVOT_MIN) {
        return Err(SINGULAR);
    }
    let inverse = cholesky.inverse();
    Ok(DMatrix::from_fn(scale.len(), scale.len(), |i, j| inverse[(i, j)] * scale[i] * scale[j]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(x: &[f64], outcomes: &[f64]) -> Result<Fit> {
        let columns = [vec![1.0; x.len()], x.to_vec()];
        Model { columns: &columns, outcomes, weights: &vec![1.0; x.len()], offset: None }.fit()
    }

    #[test]
    fn two_by_two_table() {
        // With one column of 0 and 1 the answer is known: log odds 1/3, log odds ratio (3/1) / (1/3).
        let x = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let fit = fit(&x, &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]).unwrap();
        assert!((fit.coefficients[0] + 3f64.ln()).abs() < 1e-12);
        assert!((fit.coefficients[1] - 9f64.ln()).abs() < 1e-12);
        // Woolf: the variance of a log odds ratio is the sum of the inverse cells.
        assert!((fit.covariance[(1, 1)] - (1.0 + 1.0 / 3.0 + 1.0 / 3.0 + 1.0)).abs() < 1e-12);
    }

    #[test]
    fn the_unit_of_weights_is_no_matter() {
        let x: Vec<f64> = (0..60).map(|row| f64::from(row * 37 % 23) / 7.0).collect();
        let y: Vec<f64> = (0..60).map(|row| f64::from(u8::from(row * 37 % 23 + row * 11 % 17 > 20))).collect();
        let columns = [vec![1.0; 60], x];
        let fit = |unit: f64, y: &[f64]| {
            Model { columns: &columns, outcomes: y, weights: &vec![unit; y.len()], offset: None }.fit()
        };
        let plain = fit(1.0, &y).unwrap();
        for unit in [1e-20, 1e-6, 1e14, 1e60] {
            let found = fit(unit, &y).unwrap();
            assert!((found.coefficients[1] / plain.coefficients[1] - 1.0).abs() < 1e-9, "{unit}");
            assert!((found.covariance[(1, 1)] * unit / plain.covariance[(1, 1)] - 1.0).abs() < 1e-9, "{unit}");
            assert!((found.log_likelihood / unit / plain.log_likelihood - 1.0).abs() < 1e-9, "{unit}");
        }
        let columns = [vec![1.0; 4], vec![1.0, 2.0, 3.0, 4.0]];
        let outcomes = &[0.0, 0.0, 1.0, 1.0];
        for unit in [1e-20, 1e-6, 1.0, 1e14] {
            let model = Model { columns: &columns, outcomes, weights: &[unit; 4], offset: None };
            assert!(model.fit().is_err(), "{unit}: the classes are separated");
        }
    }

    #[test]
    fn no_answer() {
        let undefined = |x: &[f64], y: &[f64]| {
            let error = fit(x, y).map(|fit| fit.coefficients).unwrap_err();
            assert!(matches!(error, Undefined::NoConvergence { .. } | Undefined::Degenerate(_)), "{error}");
        };
        undefined(&[1.0, 2.0, 3.0, 4.0], &[0.0, 0.0, 1.0, 1.0]);
        undefined(&[1e-6, 2e-6, 3e-6, 4e-6], &[1.0, 1.0, 0.0, 0.0]);
        undefined(&[1.0, 2.0, 2.0, 4.0], &[0.0, 0.0, 1.0, 1.0]);
        undefined(&[2.0, 2.0, 2.0, 2.0], &[0.0, 1.0, 1.0, 1.0]);
        undefined(&[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0, 1.0, 1.0]);
    }
}
