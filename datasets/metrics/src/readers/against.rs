//! A program that reads alone, against the mean of readers on the same cases.
//!
//! Each reader's difference to the program is a figure of merit of one modality; its mean over readers is judged as a
//! single modality is (Hillis, Obuchowski & Berbaum 2011; Obuchowski & Rockette's model with one treatment): for random
//! readers and cases the variance is `(MS(R) + J max(Cov2, 0)) / J` with `(MS(R) + J max(Cov2, 0))² / (MS(R)² / (J - 1))` degrees
//! of freedom, where `Cov2` is the mean covariance of two readers' differences. The program varies with the cases alone.

use super::study::below;
use super::{Figures, Random, StudentEstimate, Study};
use crate::sample::same_length;
use crate::{Result, Undefined};

/// A program beside readers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// The program's figure of merit.
    pub program: f64,
    /// The readers' mean.
    pub readers: f64,
    /// The program's less the readers' mean.
    pub difference: StudentEstimate,
}

/// The AUC of a program's `scores` (one a case of the study) less the mean AUC of the study's readers under `modality`, with
/// DeLong's covariances (Obuchowski's for clusters).
///
/// ```
/// use uvid_metrics::readers::{Random, Study, against};
///
/// let readers = vec![vec![3., 4., 2., 1., 2., 3.], vec![5., 3., 4., 2., 1., 4.]];
/// let study = Study::new(&[readers], &[true, true, true, false, false, false])?;
/// let found = against(&study, 0, &[0.9, 0.8, 0.4, 0.1, 0.5, 0.2], Random::ReadersAndCases)?;
/// assert!((found.program - 8.0 / 9.0).abs() < 1e-12);
/// let not_worse = found.difference.non_inferiority(0.1)?;
/// assert!(not_worse.p < 0.5);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// Those of [`Figures::delong`] and [`Figures::modality`], and [`Undefined::Length`] or [`Undefined::Value`] for the scores.
pub fn against(study: &Study, modality: usize, scores: &[f64], random: Random) -> Result<Against> {
    below("the modality", modality, study.modalities())?;
    same_length("scores of the program", study.cases(), scores.len())?;
    crate::sample::finite("the program's score", scores)?;
    let mut all: Vec<Vec<f64>> = (0..study.readers()).map(|reader| study.of(modality, reader).to_vec()).collect();
    all.push(scores.to_vec());
    let mut joined = Study::new(&[all], study.positive())?;
    if let Some(clusters) = study.clusters() {
        joined = joined.clustered(clusters.clone())?;
    }
    Figures::delong(&joined)?.against(0, study.readers(), random)
}

impl Figures {
    /// `program`, which is one of the readers here, less the mean of the others under `modality`: for any figure of merit.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where there is none such, [`Undefined::TooFew`] where no other reader is left, or only one and
    /// readers are random.
    pub fn against(&self, modality: usize, program: usize, random: Random) -> Result<Against> {
        below("the modality", modality, self.modalities())?;
        below("the program", program, self.readers())?;
        let others: Vec<usize> = (0..self.readers()).filter(|reader| *reader != program).collect();
        if others.is_empty() {
            return Err(Undefined::TooFew { what: "readers beside the program", found: 0, needed: 1 });
        }
        let own = self.theta(modality, program);
        let cov = |a: usize, b: usize| self.cov((modality, a), (modality, b));
        let values: Vec<f64> = others.iter().map(|reader| own - self.theta(modality, *reader)).collect();
        let mut covariance = Vec::with_capacity(others.len() * others.len());
        for a in &others {
            for b in &others {
                covariance.push(cov(program, program) + cov(*a, *b) - (cov(program, *a) + cov(program, *b)));
            }
        }
        let difference = Self::new(1, others.len(), &values, &covariance)?.modality(0, random)?;
        Ok(Against { program: own, readers: own - difference.value, difference })
    }
}
