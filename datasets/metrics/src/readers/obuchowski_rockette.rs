//! The analysis of Obuchowski & Rockette 1995 with the degrees of freedom of Hillis 2007 (Statistics in Medicine 26, 596) and
//! the intervals of Hillis, Obuchowski & Berbaum 2011 (Academic Radiology 18, 129).
//!
//! With I modalities, J readers, figures θ, mean squares `MS(T)` of modalities, `MS(R)` of readers and `MS(TR)` of both, and
//! mean covariances `Var` (itself), `Cov1` (same reader, other modality), `Cov2` (same modality, other reader), `Cov3` (both
//! other), the variance of a difference of two modalities' means is `2 / J` times
//!
//! | generalises to | | degrees of freedom |
//! |---|---|---|
//! | readers and cases | `MS(TR) + J max(Cov2 - Cov3, 0)` | `that² / (MS(TR)² / ((I - 1)(J - 1)))` |
//! | cases | `Var - Cov1 + (J - 1) max(Cov2 - Cov3, 0)` | infinite |
//! | readers | `MS(TR)` | `(I - 1)(J - 1)` |
//!
//! and F is `MS(T)` over it. The variance of one modality's mean, from that modality alone, is `1 / J` times
//! `MS(R) + J max(Cov2, 0)` with `that² / (MS(R)² / (J - 1))`; `Var + (J - 1) max(Cov2, 0)`, infinite; `MS(R)` with `J - 1`.
//!
//! With one reader, only cases can be generalised to; the difference of two modalities is then the paired test of DeLong
//! (or of whatever gave the covariances).

use super::study::below;
use super::{FTest, Figures, StudentEstimate};
use crate::distributions::{chi_squared_upper, f_upper};
use crate::{Result, Undefined};

/// What is smaller, relative to the numbers that it is a difference of, is their rounding.
const ROUNDING: f64 = 1e-13;

/// What a study's readers and cases are samples of: for whom its conclusion holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Random {
    /// For other readers and other cases.
    ReadersAndCases,
    /// For these readers and other cases.
    Cases,
    /// For other readers and these cases.
    Readers,
}

/// Mean squares and mean covariances; those that need two modalities or two readers are `None` where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Components {
    /// Mean square of modalities.
    pub modalities: Option<f64>,
    /// Mean square of readers.
    pub readers: Option<f64>,
    /// Mean square of modalities by readers.
    pub interaction: Option<f64>,
    /// Mean variance of a figure over cases.
    pub variance: f64,
    /// Mean covariance of one reader's figures under two modalities.
    pub covariance_1: Option<f64>,
    /// Mean covariance of two readers' figures under one modality.
    pub covariance_2: Option<f64>,
    /// Mean covariance of two readers' figures under two modalities.
    pub covariance_3: Option<f64>,
}

impl Figures {
    /// Mean squares and mean covariances.
    pub fn components(&self) -> Components {
        let (modalities, readers) = (self.modalities(), self.readers());
        let grand = self.row_means().iter().sum::<f64>() / modalities as f64;
        let rows = self.row_means();
        let columns: Vec<f64> =
            (0..readers).map(|j| (0..modalities).map(|i| self.theta(i, j)).sum::<f64>() / modalities as f64).collect();
        let square = |x: f64| self.deviation(x).powi(2);
        let (mut t, mut r, mut tr) = (0.0, 0.0, 0.0);
        for (i, row) in rows.iter().enumerate() {
            t += readers as f64 * square(row - grand);
            tr += columns.iter().enumerate().map(|(j, c)| square(self.theta(i, j) - row - c + grand)).sum::<f64>();
        }
        r += columns.iter().map(|c| modalities as f64 * square(c - grand)).sum::<f64>();
        let (of_t, of_r) = (modalities as f64 - 1.0, readers as f64 - 1.0);
        let over = |sum: f64, degrees: f64| (degrees > 0.0).then(|| sum / degrees);
        let [variance, covariance_1, covariance_2, covariance_3] = self.mean_covariances();
        Components {
            modalities: over(t, of_t),
            readers: over(r, of_r),
            interaction: over(tr, of_t * of_r),
            variance: variance.unwrap_or(0.0),
            covariance_1,
            covariance_2,
            covariance_3,
        }
    }

    /// The mean of the readers under a modality, from that modality's figures alone.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where there is no such modality, [`Undefined::TooFew`] where readers are random and there is
    /// only one.
    pub fn modality(&self, modality: usize, random: Random) -> Result<StudentEstimate> {
        below("the modality", modality, self.modalities())?;
        let readers = self.readers();
        let n = readers as f64;
        let mean = self.row_means()[modality];
        let (mut variance, mut covariance) = (0.0, 0.0);
        for j in 0..readers {
            variance += self.cov((modality, j), (modality, j)) / n;
            for k in (0..readers).filter(|k| *k != j) {
                covariance += self.cov((modality, j), (modality, k)) / (n * (n - 1.0));
            }
        }
        let spread: f64 = (0..readers).map(|j| self.deviation(self.theta(modality, j) - mean).powi(2)).sum();
        let (total, degrees) = match random {
            Random::Cases => (variance + (n - 1.0) * covariance.max(0.0), None),
            Random::ReadersAndCases => {
                let mean_square = spread / self.several_readers()?;
                satterthwaite(mean_square, n * covariance.max(0.0), n - 1.0)
            }
            Random::Readers => (spread / self.several_readers()?, Some(n - 1.0)),
        };
        StudentEstimate::new(mean, total / n, degrees)
    }

    /// The mean of the readers under modality `one` less that under `other`; the noise is pooled over all modalities.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where there is no such modality or both are the same, [`Undefined::TooFew`] where readers are
    /// random and there is only one.
    pub fn difference(&self, one: usize, other: usize, random: Random) -> Result<StudentEstimate> {
        below("the modality", one, self.modalities())?;
        below("the modality", other, self.modalities())?;
        if one == other {
            let what = "the other modality";
            return Err(Undefined::Parameter { what, value: other as f64, domain: "another one" });
        }
        let (noise, degrees) = self.noise(random)?;
        let means = self.row_means();
        StudentEstimate::new(means[one] - means[other], 2.0 / self.readers() as f64 * noise, degrees)
    }

    /// Whether the modalities differ.
    ///
    /// # Errors
    ///
    /// [`Undefined::TooFew`] modalities or, where readers are random, readers; [`Undefined::Degenerate`] where nothing varies.
    pub fn test(&self, random: Random) -> Result<FTest> {
        let (noise, denominator) = self.noise(random)?;
        f_test(self.components().modalities, noise, self.modalities() as f64 - 1.0, denominator)
    }

    /// The denominator of F and its degrees of freedom.
    fn noise(&self, random: Random) -> Result<(f64, Option<f64>)> {
        if self.modalities() < 2 {
            return Err(Undefined::TooFew { what: "modalities", found: self.modalities(), needed: 2 });
        }
        let (i, j) = (self.modalities() as f64, self.readers() as f64);
        let parts = self.components();
        // Those that are None have a factor of 0 here.
        let among_readers = parts.covariance_2.unwrap_or(0.0) - parts.covariance_3.unwrap_or(0.0);
        let among_readers = if among_readers > ROUNDING * parts.variance { among_readers } else { 0.0 };
        let degrees = (i - 1.0) * (j - 1.0);
        Ok(match random {
            Random::Cases => {
                let own = parts.variance - parts.covariance_1.unwrap_or(0.0);
                let own = if own > ROUNDING * parts.variance { own } else { 0.0 };
                (own + (j - 1.0) * among_readers, None)
            }
            Random::ReadersAndCases => {
                self.several_readers()?;
                satterthwaite(parts.interaction.unwrap_or(0.0), j * among_readers, degrees)
            }
            Random::Readers => {
                self.several_readers()?;
                (parts.interaction.unwrap_or(0.0), Some(degrees))
            }
        })
    }

    /// A difference of figures, 0 where it is rounding: equal readers must not get a tiny standard error.
    fn deviation(&self, difference: f64) -> f64 {
        let largest = self.largest();
        if difference.abs() > ROUNDING * largest { difference } else { 0.0 }
    }

    /// Readers less one.
    fn several_readers(&self) -> Result<f64> {
        match self.readers() {
            found @ 0..2 => Err(Undefined::TooFew { what: "readers", found, needed: 2 }),
            readers => Ok(readers as f64 - 1.0),
        }
    }

    fn row_means(&self) -> Vec<f64> {
        let readers = self.readers();
        let mean = |i| (0..readers).map(|j| self.theta(i, j)).sum::<f64>() / readers as f64;
        (0..self.modalities()).map(mean).collect()
    }

    /// Means of the covariances: of a figure with itself, another modality, another reader, both.
    fn mean_covariances(&self) -> [Option<f64>; 4] {
        let places: Vec<(usize, usize)> =
            (0..self.modalities()).flat_map(|i| (0..self.readers()).map(move |j| (i, j))).collect();
        let mut sums = [(0.0, 0.0); 4];
        for one in &places {
            for other in &places {
                let kind = usize::from(one.0 != other.0) + 2 * usize::from(one.1 != other.1);
                sums[kind].0 += self.cov(*one, *other);
                sums[kind].1 += 1.0;
            }
        }
        sums.map(|(sum, count)| (count > 0.0).then(|| sum / count))
    }
}

/// `mean_square + rest`, and its degrees of freedom where the first has `degrees` and the second infinitely many.
pub(super) fn satterthwaite(mean_square: f64, rest: f64, degrees: f64) -> (f64, Option<f64>) {
    let total = mean_square + rest;
    let share = mean_square / total;
    // Beyond, Student's distribution is the normal one to 3e-8, which is nearer than it can be computed.
    let found = degrees / (share * share);
    (total, (found.is_finite() && found < 1e8).then_some(found))
}

pub(super) fn f_test(between: Option<f64>, noise: f64, numerator: f64, denominator: Option<f64>) -> Result<FTest> {
    let Some(between) = between else {
        return Err(Undefined::TooFew { what: "modalities", found: 1, needed: 2 });
    };
    if noise <= 0.0 {
        return Err(Undefined::Degenerate("the noise that F divides by is 0"));
    }
    let statistic = between / noise;
    if !statistic.is_finite() {
        return Err(Undefined::Degenerate("the figures are too large to be squared, or the noise is as good as 0"));
    }
    let p = match denominator {
        Some(denominator) => f_upper(statistic, numerator, denominator),
        None => chi_squared_upper(numerator * statistic, numerator),
    };
    Ok(FTest { statistic, numerator, denominator, p })
}
