//! Areas beside each other.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::delong::{Deviations, delong};
use crate::distributions::{chi_squared_upper, t_two_sided};
use crate::{Binary, Estimate, Result, Test, Undefined};

/// Two areas on the same rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The first area.
    pub first: Estimate,
    /// The second.
    pub second: Estimate,
    /// Their covariance.
    pub covariance: f64,
    /// First less second.
    pub difference: Estimate,
}

impl Paired {
    /// Whether the areas differ: DeLong's test, two-sided; the statistic is z = difference / SE.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the standard error of the difference is 0: both rank all rows alike, say.
    pub fn test(&self) -> Result<Test> {
        self.difference.test(0.0)
    }
}

/// Compares two scores of the same rows (DeLong 1988); by cluster where the samples have clusters (Obuchowski 1997).
///
/// ```
/// use uvid_metrics::{Binary, roc};
///
/// let cancer = [true, true, true, false, false, false];
/// let first = Binary::new(&[0.9, 0.4, 0.7, 0.4, 0.1, 0.6], &cancer)?;
/// let second = Binary::new(&[0.2, 0.4, 0.7, 0.4, 0.1, 0.6], &cancer)?;
/// let both = roc::paired(&first, &second)?;
/// assert!((both.difference.value - 2.0 / 9.0).abs() < 1e-15);
/// assert!((both.test()?.statistic - 1.0).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`delong`], and where rows, outcomes or clusters of the two differ.
pub fn paired(first: &Binary, second: &Binary) -> Result<Paired> {
    same_rows(first, second)?;
    let (first, second) = (Deviations::of(first)?, Deviations::of(second)?);
    Ok(Paired {
        first: first.estimate(),
        second: second.estimate(),
        covariance: first.covariance(&second),
        difference: first.minus(&second).estimate(),
    })
}

/// Two areas on different rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unpaired {
    /// The first area.
    pub first: Estimate,
    /// The second.
    pub second: Estimate,
    /// First less second.
    pub difference: Estimate,
    units: (usize, usize),
}

/// The outcome of Welch's test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// The statistic is t = difference / SE, and p two-sided.
    pub test: Test,
    /// Degrees of freedom, not whole.
    pub degrees: f64,
}

impl Unpaired {
    /// Whether the areas differ, two-sided, by the normal approximation; the statistic is z = difference / SE.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where both standard errors are 0.
    pub fn test(&self) -> Result<Test> {
        self.difference.test(0.0)
    }

    /// The same statistic against Student's distribution with Welch and Satterthwaite's degrees of freedom, as pROC has it:
    ///
    /// ```text
    /// (V1 + V2)^2 / (V1^2/(N1 - 1) + V2^2/(N2 - 1)),   N = rows of both classes, or clusters
    /// ```
    ///
    /// The degrees treat an area as a mean of N values, which it is not; the difference to [`Self::test`] shows only in
    /// small samples.
    ///
    /// # Errors
    ///
    /// As [`Self::test`].
    pub fn welch(&self) -> Result<Welch> {
        let statistic = self.test()?.statistic;
        // Shares of the variance: their squares do not underflow where the variance itself is tiny.
        let share = |area: &Estimate| (area.standard_error / self.difference.standard_error).powi(2);
        let part = |area: &Estimate, units: usize| share(area).powi(2) / (units - 1) as f64;
        let degrees = (part(&self.first, self.units.0) + part(&self.second, self.units.1)).recip();
        Ok(Welch { test: Test { statistic, p: t_two_sided(statistic, degrees) }, degrees })
    }
}

/// Compares areas of two groups that share no rows: women screened at two sites, say. Clusters are honoured within each
/// group; no patient may be in both, which nothing here can see.
///
/// # Errors
///
/// As [`delong`], for either.
pub fn unpaired(first: &Binary, second: &Binary) -> Result<Unpaired> {
    let units = |sample: &Binary| sample.clusters().map_or(sample.len(), |clusters| clusters.count());
    let units = (units(first), units(second));
    let (first, second) = (delong(first)?, delong(second)?);
    let standard_error = first.standard_error.hypot(second.standard_error);
    let difference = Estimate { value: first.value - second.value, standard_error };
    Ok(Unpaired { first, second, difference, units })
}

/// Several areas on the same rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlated {
    /// The areas, in the order given.
    pub areas: Vec<f64>,
    /// Their covariance matrix.
    pub covariance: DMatrix<f64>,
}

/// The outcome of the overall test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overall {
    /// The statistic is chi-squared.
    pub test: Test,
    /// Degrees of freedom: one less than there are areas.
    pub degrees: usize,
}

impl Correlated {
    /// Whether all areas are equal (DeLong 1988, equation 11, with each area less the last as contrasts; the outcome does not depend
    /// on which).
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the differences' covariance matrix is singular: two scores that rank all rows
    /// alike, or more areas than the rows can tell apart.
    pub fn overall(&self) -> Result<Overall> {
        let degrees = self.areas.len() - 1;
        let last = degrees;
        let s = &self.covariance;
        let spread = DMatrix::from_fn(degrees, degrees, |i, j| s[(i, j)] - s[(i, last)] - s[(last, j)] + s[(last, last)]);
        let singular = Undefined::Degenerate("the covariance matrix of the differences is singular");
        // Scaled to correlations, so that one tolerance fits every size of sample.
        let scale = spread.diagonal().map(|v| v.max(0.0).sqrt());
        if scale.iter().zip(0..).any(|(v, i): (&f64, usize)| *v * *v <= 1e-12 * s[(i, i)].max(s[(last, last)])) {
            return Err(singular);
        }
        let correlation = DMatrix::from_fn(degrees, degrees, |i, j| spread[(i, j)] / scale[i] / scale[j]);
        let difference = DVector::from_fn(degrees, |i, _| (self.areas[i] - self.areas[last]) / scale[i]);
        let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(correlation);
        if eigenvalues.min() <= 1e-10 * eigenvalues.max() {
            return Err(singular);
        }
        let along = eigenvectors.tr_mul(&difference);
        let statistic = along.iter().zip(&eigenvalues).map(|(d, v)| d * d / v).sum();
        Ok(Overall { test: Test { statistic, p: chi_squared_upper(statistic, degrees as f64) }, degrees })
    }

    /// A weighted sum of the areas with its standard error: `[1, -1, 0]` is the first less the second.
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`], and [`Undefined::Value`] for a weight that is no finite number.
    pub fn contrast(&self, weights: &[f64]) -> Result<Estimate> {
        crate::sample::same_length("contrast weights", self.areas.len(), weights.len())?;
        crate::sample::finite("the contrast weight", weights)?;
        let l = DVector::from_row_slice(weights);
        let value = self.areas.iter().zip(weights).map(|(area, weight)| area * weight).sum();
        let variance = l.dot(&(&self.covariance * &l));
        // What is left of scores that rank all rows alike is rounding, and would be taken for a very small error.
        let largest = self.covariance.diagonal().iter().zip(weights).map(|(v, w)| v * w * w).fold(0.0, f64::max);
        let standard_error = if variance <= 1e-13 * largest { 0.0 } else { variance.sqrt() };
        Ok(Estimate { value, standard_error })
    }
}

/// Areas of several scores of the same rows, two or more, with their covariances; by cluster where there are clusters.
///
/// ```
/// use uvid_metrics::{Binary, roc};
///
/// let cancer = [true, true, true, false, false, false];
/// let first = Binary::new(&[0.9, 0.4, 0.7, 0.4, 0.1, 0.6], &cancer)?;
/// let second = Binary::new(&[0.2, 0.4, 0.7, 0.4, 0.1, 0.6], &cancer)?;
/// let third = Binary::new(&[0.2, 0.4, 0.7, 0.5, 0.9, 0.3], &cancer)?;
/// let all = roc::correlated(&[&first, &second, &third])?;
/// assert_eq!(all.overall()?.degrees, 2);
/// assert!((all.contrast(&[1.0, -1.0, 0.0])?.value - 2.0 / 9.0).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`paired`], and [`Undefined::TooFew`] for less than two.
pub fn correlated(samples: &[&Binary]) -> Result<Correlated> {
    if samples.len() < 2 {
        return Err(Undefined::TooFew { what: "scores", found: samples.len(), needed: 2 });
    }
    samples.iter().skip(1).try_for_each(|other| same_rows(samples[0], other))?;
    let deviations = samples.iter().map(|sample| Deviations::of(sample)).collect::<Result<Vec<_>>>()?;
    let covariance = DMatrix::from_fn(samples.len(), samples.len(), |i, j| {
        // The same order of factors on both sides of the diagonal: the matrix is symmetric to the bit.
        deviations[i.min(j)].covariance(&deviations[i.max(j)])
    });
    Ok(Correlated { areas: deviations.iter().map(|d| d.value).collect(), covariance })
}

fn same_rows(first: &Binary, second: &Binary) -> Result<()> {
    crate::sample::same_length("scores to compare", first.len(), second.len())?;
    let differ = |row: &usize| first.positive()[*row] != second.positive()[*row];
    if let Some(row) = (0..first.len()).find(differ) {
        let value = f64::from(u8::from(second.positive()[row]));
        return Err(Undefined::Value { what: "the outcome", row, value, domain: "that of the scores to compare with" });
    }
    if first.clusters() == second.clusters() {
        Ok(())
    } else {
        Err(Undefined::Degenerate("the scores to compare have different clusters"))
    }
}
