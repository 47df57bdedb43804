//! Logistic regression by maximum likelihood.

use nalgebra::{DMatrix, DVector};

use crate::sample::{finite, same_length};
use crate::{Estimate, Result, Undefined};

/// Steps after which a fit is given up. Newton's method takes about ten where there is a maximum; where there is none
/// (separated classes) a coefficient grows by about 1 each step for ever.
const STEPS: usize = 40;

/// A change of the coefficients, in units of the (scaled) columns, that counts as none.
const CONVERGED: f64 = 1e-8;

/// A pivot of the scaled information matrix below this means that columns are combinations of each other.
const COLLINEAR: f64 = 1e-12;

/// A fitted model: `logit P(positive) = sum of coefficient times column`.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// The coefficient of each column, with its standard error (from the inverse information).
    pub coefficients: Vec<Estimate>,
    /// The log likelihood at its maximum, at most 0.
    pub log_likelihood: f64,
}

impl Logistic {
    /// Fits by Newton's method, which is iteratively reweighted least squares. An intercept is a column of ones, which the
    /// caller adds.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], [`Undefined::Length`], [`Undefined::Value`]; [`Undefined::OneClass`];
    /// [`Undefined::Degenerate`] for columns that are combinations of each other; [`Undefined::NoConvergence`] where the
    /// likelihood has no maximum because a combination of the columns separates the classes: never a number.
    ///
    /// ```
    /// use uvid_metrics::subgroups::Logistic;
    /// let (ones, score) = ([1.0; 6], [0.1, 0.4, 0.35, 0.8, 0.7, 0.2]);
    /// let fit = Logistic::fit(&[&ones, &score], &[false, false, true, true, false, false])?;
    /// assert!(fit.coefficients[1].value > 0.0);
    /// assert!(Logistic::fit(&[&ones, &score], &[false, false, false, true, true, false]).is_err());
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    pub fn fit(columns: &[&[f64]], positive: &[bool]) -> Result<Self> {
        let rows = positive.len();
        if columns.is_empty() || rows == 0 {
            return Err(Undefined::Empty(if rows == 0 { "rows" } else { "columns" }));
        }
        for column in columns {
            same_length("a column", rows, column.len())?;
            finite("the covariate", column)?;
        }
        let positives = positive.iter().filter(|positive| **positive).count();
        if positives == 0 || positives == rows {
            return Err(Undefined::OneClass { positives, negatives: rows - positives });
        }
        // Columns are scaled to a root mean square of 1, so that one limit suits all.
        let largest = |column: &[f64]| column.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let scales: Vec<f64> = columns
            .iter()
            .map(|column| {
                let most = largest(column);
                most * (column.iter().map(|x| (x / most).powi(2)).sum::<f64>() / rows as f64).sqrt()
            })
            .collect();
        if scales.iter().any(|scale| !scale.is_normal()) {
            return Err(Undefined::Degenerate("a column is 0 throughout, or too large: it has no coefficient"));
        }
        let design = DMatrix::from_fn(rows, columns.len(), |row, column| columns[column][row] / scales[column]);
        let (scaled, inverse) = newton(&design, positive)?;
        let coefficients = (0..columns.len()).map(|column| Estimate {
            value: scaled[column] / scales[column],
            standard_error: inverse[(column, column)].sqrt() / scales[column],
        });
        let coefficients: Vec<Estimate> = coefficients.collect();
        if coefficients.iter().any(|found| !(found.value.is_finite() && found.standard_error.is_finite())) {
            return Err(Undefined::Degenerate("a coefficient is too large for a number"));
        }
        Ok(Self { coefficients, log_likelihood: log_likelihood(&(&design * scaled), positive) })
    }
}

/// The coefficients and the inverse of the information.
fn newton(design: &DMatrix<f64>, positive: &[bool]) -> Result<(DVector<f64>, DMatrix<f64>)> {
    let mut found = DVector::zeros(design.ncols());
    let mut reached = log_likelihood(&(design * &found), positive);
    let mut last = f64::INFINITY;
    for step in 0..STEPS {
        let linear = design * &found;
        let probability = linear.map(|x| 1.0 / (1.0 + (-x).exp()));
        let residual = DVector::from_fn(positive.len(), |row, _| {
            // 1 - p as the other tail, so that nothing cancels where p is near 1.
            if positive[row] { 1.0 / (1.0 + linear[row].exp()) } else { -probability[row] }
        });
        let weight = linear.map(|x| 1.0 / (1.0 + (-x).exp()) / (1.0 + x.exp()));
        let weighted =
            DMatrix::from_fn(design.nrows(), design.ncols(), |row, column| design[(row, column)] * weight[row]);
        let Some(inverse) = inverse(&(design.transpose() * weighted)) else {
            return Err(match step {
                0 => Undefined::Degenerate("columns are combinations of each other: they have no coefficients"),
                _ => separated(),
            });
        };
        // Newton's steps square the error: the one after a small step leaves none that could be seen.
        if last <= CONVERGED * (1.0 + found.amax()) {
            return Ok((found, inverse));
        }
        let mut change = &inverse * (design.transpose() * residual);
        // The likelihood is concave; a step that lowers it went too far.
        let mut next = log_likelihood(&(design * (&found + &change)), positive);
        for _ in 0..30 {
            if next >= reached - 1e-9 * reached.abs() {
                break;
            }
            change /= 2.0;
            next = log_likelihood(&(design * (&found + &change)), positive);
        }
        last = change.amax();
        found += change;
        reached = next;
    }
    Err(separated())
}

fn separated() -> Undefined {
    Undefined::NoConvergence {
        what: "the logistic regression (a combination of columns separates the classes)",
        steps: STEPS,
    }
}

/// The inverse of a positive definite matrix, by Cholesky of the matrix scaled to a diagonal of ones; `None` where it is
/// singular.
fn inverse(matrix: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let scale = matrix.diagonal().map(|x| 1.0 / x.sqrt());
    if scale.iter().any(|scale| !scale.is_finite()) {
        return None;
    }
    let scaled = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)] * scale[i] * scale[j]);
    let cholesky = scaled.cholesky()?;
    let least = cholesky.l_dirty().diagonal().iter().fold(f64::INFINITY, |least, pivot| least.min(pivot * pivot));
    let inverse = (least > COLLINEAR).then(|| cholesky.inverse())?;
    Some(DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| inverse[(i, j)] * scale[i] * scale[j]))
}

fn log_likelihood(linear: &DVector<f64>, positive: &[bool]) -> f64 {
    // ln(1 / (1 + e^-x)) without overflow.
    let ln = |x: f64| x.min(0.0) - (-x.abs()).exp().ln_1p();
    linear.iter().zip(positive).map(|(x, positive)| ln(if *positive { *x } else { -x })).sum()
}
