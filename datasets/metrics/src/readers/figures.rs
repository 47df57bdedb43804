//! The figures of merit of all readers under all modalities.

use super::study::below;
use super::{FigureOfMerit, Study, delong, resampling};
use crate::{Result, Undefined};

/// A figure of merit for each modality and reader, with their covariances over cases.
///
/// Invariants: at least one modality and one reader; all numbers finite; the covariances symmetric.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    modalities: usize,
    readers: usize,
    /// `[modality * readers + reader]`.
    values: Vec<f64>,
    /// A square over the same places, row by row.
    covariance: Vec<f64>,
}

impl Figures {
    /// The AUCs, with covariances by DeLong, DeLong & Clarke-Pearson 1988; where the study has clusters, by Obuchowski 1997
    /// (Biometrics 53, 567), which is DeLong's where every cluster has one case.
    ///
    /// # Errors
    ///
    /// [`Undefined::TooFew`] where one class has fewer than two cases, or than two clusters.
    pub fn delong(study: &Study) -> Result<Self> {
        let (values, covariance) = delong::covariance(study)?;
        Ok(Self { modalities: study.modalities(), readers: study.readers(), values, covariance })
    }

    /// Any figure of merit, with covariances by the jackknife over units: `(n - 1) / n` times the sum of products of
    /// deviations from the mean of the figures without one unit.
    ///
    /// # Errors
    ///
    /// [`Undefined::TooFew`] units, or where the figure does not exist for all units or without one of them;
    /// [`FigureOfMerit::jackknifed`].
    pub fn jackknife<F: FigureOfMerit>(merit: &F) -> Result<Self> {
        let values = resampling::whole(merit)?;
        let without = resampling::without_each(merit)?;
        let n = without.len() as f64;
        Ok(Self::with(merit, values, resampling::products(&without, (n - 1.0) / n)))
    }

    /// Any figure of merit, with covariances over `replicates` bootstrap samples of units, drawn within strata.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for fewer than 2 replicates or more than 1,000,000, or where the figure does not exist for
    /// all units or for one sample of them.
    pub fn bootstrap<F: FigureOfMerit>(merit: &F, replicates: usize, seed: u64) -> Result<Self> {
        let values = resampling::whole(merit)?;
        let samples = resampling::bootstrap(merit, replicates, seed)?;
        let n = samples.len() as f64;
        Ok(Self::with(merit, values, resampling::products(&samples, 1.0 / (n - 1.0))))
    }

    /// From numbers found elsewhere: `values[modality * readers + reader]` and a square of covariances over the same
    /// places, row by row.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], [`Undefined::Length`], [`Undefined::Value`] where a number is not finite, and
    /// [`Undefined::Degenerate`] where the square is not symmetric.
    pub fn new(modalities: usize, readers: usize, values: &[f64], covariance: &[f64]) -> Result<Self> {
        if modalities == 0 || readers == 0 {
            return Err(Undefined::Empty("modalities or readers"));
        }
        let places = values.len();
        if modalities.checked_mul(readers) != Some(places) {
            let expected = modalities.saturating_mul(readers);
            return Err(Undefined::Length { what: "figures of merit", expected, found: places });
        }
        crate::sample::same_length("covariances", places * places, covariance.len())?;
        crate::sample::finite("the figure of merit", values)?;
        crate::sample::finite("the covariance", covariance)?;
        if (0..places).any(|a| (0..a).any(|b| covariance[a * places + b] != covariance[b * places + a])) {
            return Err(Undefined::Degenerate("the covariances are not symmetric"));
        }
        Ok(Self { modalities, readers, values: values.to_vec(), covariance: covariance.to_vec() })
    }

    fn with<F: FigureOfMerit>(merit: &F, values: Vec<f64>, covariance: Vec<f64>) -> Self {
        Self { modalities: merit.modalities(), readers: merit.readers(), values, covariance }
    }

    /// Modalities.
    pub fn modalities(&self) -> usize {
        self.modalities
    }

    /// Readers.
    pub fn readers(&self) -> usize {
        self.readers
    }

    /// A reader's figure under a modality.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where there is none such.
    pub fn value(&self, modality: usize, reader: usize) -> Result<f64> {
        self.place(modality, reader).map(|place| self.values[place])
    }

    /// The covariance over cases of two (modality, reader).
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where there is none such.
    pub fn covariance(&self, one: (usize, usize), other: (usize, usize)) -> Result<f64> {
        let (one, other) = (self.place(one.0, one.1)?, self.place(other.0, other.1)?);
        Ok(self.covariance[one * self.values.len() + other])
    }

    fn place(&self, modality: usize, reader: usize) -> Result<usize> {
        below("the modality", modality, self.modalities)?;
        below("the reader", reader, self.readers)?;
        Ok(modality * self.readers + reader)
    }

    /// As [`Self::value`], for numbers that are known to be in range.
    pub(super) fn theta(&self, modality: usize, reader: usize) -> f64 {
        self.values[modality * self.readers + reader]
    }

    /// The largest figure, whatever its sign.
    pub(super) fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |largest, value| value.abs().max(largest))
    }

    /// As [`Self::covariance`], for numbers that are known to be in range.
    pub(super) fn cov(&self, (i, j): (usize, usize), (k, l): (usize, usize)) -> f64 {
        self.covariance[(i * self.readers + j) * self.values.len() + k * self.readers + l]
    }
}
