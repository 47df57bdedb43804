//! What was marked in images.

use std::path::PathBuf;

use super::cohort::Series;

/// Something that was marked in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesion {
    /// The set's name of it, unique in the image.
    pub id: String,
    /// What it is.
    pub kind: LesionKind,
    /// Cancer or not; `None` is "not known".
    pub malignant: Option<bool>,
    /// Where it is.
    pub shape: Shape,
}

/// What was marked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LesionKind {
    /// A mass.
    Mass,
    /// Calcifications.
    Calcification,
    /// An architectural distortion.
    Distortion,
    /// An asymmetry of any kind.
    Asymmetry,
    /// The set's own word.
    Other(String),
}

impl LesionKind {
    /// A word for tables: `mass`, `calcification`, `distortion`, `asymmetry`, or the set's own.
    pub fn name(&self) -> &str {
        match self {
            Self::Mass => "mass",
            Self::Calcification => "calcification",
            Self::Distortion => "distortion",
            Self::Asymmetry => "asymmetry",
            Self::Other(text) => text,
        }
    }
}

/// Where a lesion is, in pixels of the stored image. The first pixel's outer corner is (0, 0).
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A box; `right` and `bottom` are the first column and row outside it. Not inverted, unless the set's table is.
    Box {
        /// First column.
        left: f64,
        /// First row.
        top: f64,
        /// The column after the last.
        right: f64,
        /// The row after the last.
        bottom: f64,
    },
    /// The points of a closed line, as (row, column). One point is a point.
    Outline(Vec<(f64, f64)>),
    /// An image in which the lesion is not zero. Of several files the one that has the size of the mammogram is meant.
    MaskFile {
        /// Where it may lie, relative to the root, the likeliest first.
        candidates: Vec<PathBuf>,
        /// The DICOM series that may hold it, the likeliest first.
        series: Vec<Series>,
    },
    /// Not given.
    None,
}
