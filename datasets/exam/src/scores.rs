//! What a model says about an exam.
//!
//! A network's own number ([`RawScore`]), a calibrated [`Probability`] and a [`Percentile`] are three types that do not
//! turn into one another by accident.
//!
//! Invariants: each of them is a number within its range; every result names the package and the recipe it came from,
//! by digest, and the backend that computed it, and can be recomputed from them.

use crate::{Affine, Laterality, Slot, SopInstanceUid};

/// A number outside 0 to 1, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a probability")]
pub struct InvalidProbability(pub f64);

/// No number at all: a network's output that is NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is no finite number")]
pub struct NotFinite(pub f64);

/// A model's own number. Its order means something, its size only to that model, even where it lies between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct RawScore(f64);

impl RawScore {
    /// Refuses NaN and infinity.
    pub fn new(value: f64) -> Result<Self, NotFinite> {
        if value.is_finite() { Ok(Self(value)) } else { Err(NotFinite(value)) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// The share of a reference population whose score is not above this one: a number from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percentile(f64);

impl Percentile {
    /// Where `score` lies among `reference`: the scores of a reference population at equally spaced percentiles, the
    /// first at 0, the last at 100, rising. Interpolated between two; the middle of several that are equal to the
    /// score; 0 below the first, 100 above the last. `None` where there are fewer than two or they do not rise.
    pub fn among(score: RawScore, reference: &[f64]) -> Option<Self> {
        let steps = reference.len().checked_sub(1).filter(|n| *n > 0)?;
        if !reference.iter().all(|v| v.is_finite()) || !reference.is_sorted() {
            return None;
        }
        let below = reference.partition_point(|v| *v < score.0);
        let not_above = reference.partition_point(|v| *v <= score.0);
        let place = if below < not_above {
            // Equal to one or several: their middle.
            (below + not_above - 1) as f64 / 2.0
        } else if below == 0 {
            0.0
        } else if below > steps {
            steps as f64
        } else {
            let (lo, hi) = (reference[below - 1], reference[below]);
            (below - 1) as f64 + (score.0 - lo) / (hi - lo)
        };
        Some(Self((place / steps as f64 * 100.0).clamp(0.0, 100.0)))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A calibrated probability: a number from 0 to 1 that is meant as a frequency.
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
    /// A raw score.
    Score(RawScore),
    /// A calibrated probability.
    Probability(Probability),
    /// The calibrated probability that a cancer is diagnosed within so many years.
    Risk {
        /// From the exam on.
        years: u8,
        /// Of a diagnosis by then.
        probability: Probability,
    },
    /// A place among a reference population.
    Percentile(Percentile),
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

impl Value {
    /// The number that an operating point can cut, if the value is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Score(score) => Some(score.get()),
            Self::Probability(p) | Self::Risk { probability: p, .. } => Some(p.get()),
            Self::Percentile(p) => Some(p.get()),
            Self::Category(_) | Self::RelativeRisk { .. } => None,
        }
    }
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

/// A place in the image that the model points at.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// What for, in the package's words: the class of a saliency map, or `patch`.
    pub name: String,
    /// How strongly: the highest value within, or the weight of a patch.
    pub score: RawScore,
    /// The outline as (row, column) in the file's pixel coordinates, within the image; the last point joins the first.
    pub outline: Vec<(f64, f64)>,
}

/// What one operating point says.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// The operating point's name.
    pub point: String,
    /// The output that it cuts.
    pub output: String,
    /// The breast, or `None` for the exam.
    pub laterality: Option<Laterality>,
    /// Flagged at or above.
    pub threshold: f64,
    /// Whether the output is.
    pub flagged: bool,
    /// Who set the threshold at this site, and why; `None` where the package's own is in force.
    pub set_by: Option<String>,
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
    /// Places that it points at, the strongest first, if it points at any.
    pub regions: Vec<Region>,
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
    /// What computed it: two runs on the same backend give the same bits.
    pub backend: String,
    /// Per image, in the order of the slots.
    pub images: Vec<ImageScores>,
    /// Per breast that has an image.
    pub breasts: Vec<BreastScores>,
    /// For the exam.
    pub exam: Vec<Output>,
    /// What the operating points in force say.
    pub flags: Vec<Flag>,
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

    #[test]
    fn a_percentile_is_a_place_among_the_reference() {
        let check = |score: f64, reference: &[f64], expected: Option<f64>| {
            let found = Percentile::among(RawScore::new(score).expect("finite"), reference).map(Percentile::get);
            assert_eq!(found, expected, "{score} among {reference:?}");
        };
        check(0.0, &[0.0, 1.0, 2.0], Some(0.0));
        check(-1.0, &[0.0, 1.0, 2.0], Some(0.0));
        check(3.0, &[0.0, 1.0, 2.0], Some(100.0));
        check(1.0, &[0.0, 1.0, 2.0], Some(50.0));
        check(0.5, &[0.0, 1.0, 2.0], Some(25.0));
        check(1.0, &[0.0, 1.0, 1.0, 1.0, 2.0], Some(50.0));
        check(1.0, &[1.0, 1.0], Some(50.0));
        check(1.0, &[], None);
        check(1.0, &[1.0], None);
        check(1.0, &[2.0, 1.0], None);
        check(1.0, &[1.0, f64::NAN], None);
    }

    #[test]
    fn a_raw_score_is_finite() {
        for (value, valid) in [(0.0, true), (-1e300, true), (f64::NAN, false), (f64::NEG_INFINITY, false)] {
            assert_eq!(RawScore::new(value).is_ok(), valid, "{value}");
        }
    }
}
