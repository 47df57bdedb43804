//! Multi-reader multi-case studies: several readers read the same cases under each of several modalities.
//!
//! A [`Study`] is fully crossed: a score for every modality, reader and case. A [`FigureOfMerit`] says how good one reader
//! is under one modality ([`Auc`], [`Rate`], [`crate::localisation::Merit`], or the caller's own); [`Figures`] holds those numbers
//! for all modalities and readers with their covariances over cases, by DeLong, the jackknife or the bootstrap. What is
//! concluded from them, and for whom, is said by [`Random`]:
//!
//! - [`Figures::test`], [`Figures::difference`], [`Figures::modality`]: Obuchowski & Rockette with Hillis' degrees of freedom;
//! - [`Pseudovalues`]: Dorfman, Berbaum & Metz, the same answers from an analysis of variance;
//! - [`u_statistics`]: Gallas' unbiased variance of the readers' mean AUC;
//! - [`against`]: a program that reads alone, against the mean of the readers.
//!
//! ```
//! use uvid_metrics::Confidence;
//! use uvid_metrics::readers::{Figures, Random, Study};
//!
//! // scores[modality][reader][case]: two modalities, two readers, three cancers and three normal cases
//! let scores = vec![
//!     vec![vec![3., 4., 2., 1., 2., 1.], vec![5., 3., 4., 2., 1., 4.]],
//!     vec![vec![5., 4., 3., 1., 2., 1.], vec![5., 5., 4., 2., 1., 3.]],
//! ];
//! let study = Study::new(&scores, &[true, true, true, false, false, false])?;
//! let figures = Figures::delong(&study)?;
//! let difference = figures.difference(1, 0, Random::ReadersAndCases)?;
//! assert!(difference.value > 0.0);
//! assert!(difference.interval(Confidence::P95).contains(0.0));
//! # Ok::<(), uvid_metrics::Undefined>(())
//! ```

mod against;
mod auc;
mod dbm;
mod delong;
mod estimate;
mod figures;
mod obuchowski_rockette;
mod rate;
mod resampling;
mod study;
#[cfg(test)]
mod tests;
mod u_statistics;

use crate::Result;

pub use against::{Against, against};
pub use auc::Auc;
pub(crate) use auc::{Entry, Superiority};
pub use dbm::Pseudovalues;
pub use estimate::{FTest, StudentEstimate};
pub use figures::Figures;
pub use obuchowski_rockette::{Components, Random};
pub use rate::Rate;
pub use study::{Reading, Study};
pub use u_statistics::{UStatistics, u_statistics};

/// How good one reader is under one modality, as a function of how often each unit is counted.
///
/// Units are what the jackknife leaves out and the bootstrap draws: cases, or clusters of cases where the study has them.
/// A count of 1 for each gives the figure itself.
pub trait FigureOfMerit: Sync {
    /// Modalities, at least 1.
    fn modalities(&self) -> usize;

    /// Readers, at least 1.
    fn readers(&self) -> usize;

    /// Units.
    fn units(&self) -> usize;

    /// The stratum within which a unit is drawn by the bootstrap; by default there is one.
    fn stratum(&self, _unit: usize) -> usize {
        0
    }

    /// Whether leaving out one unit at a time says how the figure varies; by default it does.
    ///
    /// # Errors
    ///
    /// [`crate::Undefined::Degenerate`] for a figure like a quantile, whose jackknife is inconsistent. The bootstrap does not ask.
    fn jackknifed(&self) -> Result<()> {
        Ok(())
    }

    /// The figure for a modality and a reader with unit `u` counted `counts[u]` times.
    ///
    /// # Errors
    ///
    /// Where the figure does not exist, for example because no positive case is counted.
    fn value(&self, modality: usize, reader: usize, counts: &[u32]) -> Result<f64>;
}
