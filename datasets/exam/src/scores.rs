//! What a model says about an exam.
//!
//! Invariants: a [`Probability`] lies within 0 and 1 and is a number; every result names the package and the recipe it
//! came from, by digest, and can be recomputed from them.

use crate::{Affine, Laterality, Slot, SopInstanceUid};

/// A number outside 0 to 1, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a probability")]
pub struct InvalidProbability(pub f64);

/// A probability: a number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// Refuses NaN and whatever lies outside 0 to 1.
    pub fn new(value: f64) -> Result<Self, InvalidProbability> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(InvalidProbability(value)) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Which model package, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PackageId {
    /// `density-v0`.
    pub name: String,
    /// The package's own version.
    pub version: String,
    /// SHA-256 over everything in the package that decides a score, hexadecimal.
    pub digest: String,
    /// SHA-256 of the recipe in force (pre-processing, reading and calibration, a site's calibration included).
    pub recipe_digest: String,
    /// Who replaced the package's calibration at this site, and why; `None` where the package's own is in force.
    pub recalibrated: Option<String>,
}

/// One value that a model gives. The kinds do not mix.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A continuous score on the model's own scale: its order means something, its size only to that model.
    Score(f64),
    /// A probability.
    Probability(Probability),
    /// A category of a published scale.
    Category(String),
    /// A published relative risk that belongs to a category; literature, not the model's own estimate.
    RelativeRisk {
        /// The ratio.
        ratio: f64,
        /// Its 95 % confidence interval, where the source gives one that we could check.
        interval: Option<(f64, f64)>,
        /// Against what.
        reference: String,
        /// Where it was published.
        source: String,
    },
}

/// A named value. The package's card says what the name means.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The name, unique within its list.
    pub name: String,
    /// The value.
    pub value: Value,
}

/// A coarse picture of where in the image a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// What the values are, in the package's words.
    pub name: String,
    /// Rows of cells.
    pub rows: usize,
    /// Columns of cells.
    pub columns: usize,
    /// 0 to 1, row-major; NaN where the model says nothing (outside the breast).
    pub values: Vec<f32>,
    /// From cell coordinates (cell (i, j) covers [i, i+1) x [j, j+1)) to pixel coordinates of the file.
    pub to_file: Affine,
}

/// What a model says of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageScores {
    /// The standard view that the image fills.
    pub slot: Slot,
    /// The image.
    pub sop_instance: SopInstanceUid,
    /// Rows and columns of the file that the heat maps' coordinates refer to.
    pub file_size: (usize, usize),
    /// The values.
    pub outputs: Vec<Output>,
    /// Pictures, if the model draws any.
    pub heatmaps: Vec<Heatmap>,
}

/// What a model says of one breast.
#[derive(Debug, Clone, PartialEq)]
pub struct BreastScores {
    /// Which.
    pub laterality: Laterality,
    /// The values.
    pub outputs: Vec<Output>,
}

/// What a model says of an exam.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The model.
    pub package: PackageId,
    /// Per image, in the order of the slots.
    pub images: Vec<ImageScores>,
    /// Per breast that has an image.
    pub breasts: Vec<BreastScores>,
    /// For the exam.
    pub exam: Vec<Output>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probabilities_are_probabilities() {
        for (value, valid) in [
            (0.0, true),
            (1.0, true),
            (0.5, true),
            (-0.0, true),
            (1.0 + f64::EPSILON, false),
            (-1e-300, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
        ] {
            assert_eq!(Probability::new(value).is_ok(), valid, "{value}");
        }
    }
}
