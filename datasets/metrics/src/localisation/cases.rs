//! Cases with their lesions and false marks, checked once.

use super::Found;
use crate::sample::same_length;
use crate::{Clusters, Result, Undefined};

/// A case: an image, a breast or an exam, as the question has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// For each lesion the score of the mark that found it; `None` where no mark did. Empty for a normal case.
    pub lesions: Vec<Option<f64>>,
    /// The lesions' weights within the case, for weighted figures: positive, of sum 1. `None` for equal ones.
    pub weights: Option<Vec<f64>>,
    /// The scores of false marks.
    pub false_marks: Vec<f64>,
    /// How many images the case has, at least 1.
    pub images: u32,
}

impl Case {
    /// A case of one image, its lesions of equal weight.
    pub fn new(lesions: &[Option<f64>], false_marks: &[f64]) -> Self {
        Self { lesions: lesions.to_vec(), weights: None, false_marks: false_marks.to_vec(), images: 1 }
    }

    /// A breast or an exam from what was found in each of its images, every lesion of every image by itself.
    pub fn of_images(images: &[Found]) -> Self {
        Self {
            lesions: images.iter().flat_map(|image| image.lesions.iter().copied()).collect(),
            weights: None,
            false_marks: images.iter().flat_map(|image| image.false_marks.iter().copied()).collect(),
            images: images.len() as u32,
        }
    }

    /// The highest false mark; minus infinity where there is none.
    pub(super) fn highest_false(&self) -> f64 {
        self.false_marks.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The highest score of a lesion; minus infinity where none is found.
    pub(super) fn highest_lesion(&self) -> f64 {
        self.lesions.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The weight of a lesion within the case.
    pub(super) fn weight(&self, lesion: usize) -> f64 {
        self.weights.as_ref().map_or(1.0 / self.lesions.len() as f64, |weights| weights[lesion])
    }
}

impl From<Found> for Case {
    fn from(found: Found) -> Self {
        Self { lesions: found.lesions, weights: None, false_marks: found.false_marks, images: 1 }
    }
}

/// All cases of one reader under one modality.
///
/// Invariants: at least one case; scores finite; weights positive and of sum 1 in each case; each case has an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    cases: Vec<Case>,
    clusters: Option<Clusters>,
}

impl Cases {
    /// Checks and keeps them.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], [`Undefined::Length`], and [`Undefined::Value`] with the row of the case.
    pub fn new(cases: Vec<Case>) -> Result<Self> {
        if cases.is_empty() {
            return Err(Undefined::Empty("cases"));
        }
        for (row, case) in cases.iter().enumerate() {
            let scores = case.lesions.iter().flatten().chain(&case.false_marks);
            if let Some(&value) = scores.copied().collect::<Vec<f64>>().iter().find(|score| !score.is_finite()) {
                return Err(Undefined::Value { what: "the mark's score", row, value, domain: "a finite number" });
            }
            if case.images == 0 {
                return Err(Undefined::Value { what: "the number of images", row, value: 0.0, domain: "at least 1" });
            }
            let Some(weights) = &case.weights else { continue };
            same_length("weights of lesions", case.lesions.len(), weights.len())?;
            if let Some(&value) = weights.iter().find(|weight| !(weight.is_finite() && **weight > 0.0)) {
                return Err(Undefined::Value { what: "the lesion's weight", row, value, domain: "finite and above 0" });
            }
            let value: f64 = weights.iter().sum();
            if !weights.is_empty() && (value - 1.0).abs() > 1e-9 {
                return Err(Undefined::Value { what: "the sum of the lesions' weights", row, value, domain: "1" });
            }
        }
        Ok(Self { cases, clusters: None })
    }

    /// With the cluster (the patient) that each case belongs to.
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`].
    pub fn clustered(mut self, clusters: Clusters) -> Result<Self> {
        same_length("clusters", self.cases.len(), clusters.rows())?;
        self.clusters = Some(clusters);
        Ok(self)
    }

    /// The cases.
    pub fn get(&self) -> &[Case] {
        &self.cases
    }

    /// The clusters, where they were given.
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// The unit of each case for the jackknife, and how many there are.
    pub(super) fn units(&self) -> (Vec<usize>, usize) {
        match &self.clusters {
            Some(clusters) => ((0..self.cases.len()).map(|case| clusters.of_row(case)).collect(), clusters.count()),
            None => ((0..self.cases.len()).collect(), self.cases.len()),
        }
    }
}
