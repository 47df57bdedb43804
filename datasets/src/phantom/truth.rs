//! What a phantom's image really shows.
//!
//! Invariants: masks are in file pixel coordinates, (row, column), pixel (r, c) covering [r, r+1) x [c, c+1); every
//! lesion mask lies within the breast mask; outside the breast and the foreign mask every pixel is air, 0 in
//! MONOCHROME2.

use uvid_exam::Side;

use super::spec::Lesion;

/// A set of pixels within a rectangle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// First row of the rectangle.
    pub top: usize,
    /// First column of the rectangle.
    pub left: usize,
    /// Rows of the rectangle.
    pub rows: usize,
    /// Columns of the rectangle.
    pub columns: usize,
    /// Whether a pixel belongs to the set, row-major within the rectangle.
    pub bits: Vec<bool>,
}

impl Mask {
    /// An empty set over a rectangle.
    pub(super) fn empty(top: usize, left: usize, rows: usize, columns: usize) -> Self {
        Self { top, left, rows, columns, bits: vec![false; rows * columns] }
    }

    fn index(&self, row: usize, column: usize) -> Option<usize> {
        let (r, c) = (row.checked_sub(self.top)?, column.checked_sub(self.left)?);
        (r < self.rows && c < self.columns).then(|| r * self.columns + c)
    }

    /// Whether the pixel of the image belongs to the set.
    pub fn contains(&self, row: usize, column: usize) -> bool {
        self.index(row, column).and_then(|i| self.bits.get(i)).copied().unwrap_or(false)
    }

    /// Puts a pixel into the set; one outside the rectangle is ignored.
    pub(super) fn insert(&mut self, row: usize, column: usize) {
        if let Some(bit) = self.index(row, column).and_then(|i| self.bits.get_mut(i)) {
            *bit = true;
        }
    }

    /// Number of pixels.
    pub fn area(&self) -> usize {
        self.bits.iter().filter(|b| **b).count()
    }

    /// The set's pixels, (row, column).
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let columns = self.columns.max(1);
        self.bits
            .iter()
            .enumerate()
            .filter(|(_, b)| **b)
            .map(move |(i, _)| (self.top + i / columns, self.left + i % columns))
    }

    /// Mirrors left and right in an image of so many columns.
    pub(super) fn mirror(&mut self, columns: usize) {
        self.left = columns.saturating_sub(self.left + self.columns);
        for row in self.bits.chunks_exact_mut(self.columns.max(1)) {
            row.reverse();
        }
    }
}

/// A lesion as one image shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct LesionTruth {
    /// What was asked for.
    pub lesion: Lesion,
    /// (row, column) of its centre.
    pub center: (f64, f64),
    /// A closed polygon of (row, column) around it; the last vertex is not the first again.
    pub outline: Vec<(f64, f64)>,
    /// Its pixels, those outside the breast left out; never empty.
    pub mask: Mask,
}

/// What the image shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The breast, pectoral muscle and axilla included.
    pub breast: Mask,
    /// The pectoral muscle; empty in CC.
    pub pectoral: Mask,
    /// Markers, paddle edge and padded border.
    pub foreign: Mask,
    /// The lesions of this breast, in the order asked for.
    pub lesions: Vec<LesionTruth>,
    /// Dense pixels divided by the breast's pixels, pectoral muscle left out of both.
    pub dense_fraction: f64,
    /// (row, column) of the nipple.
    pub nipple: (f64, f64),
    /// Where the chest wall is.
    pub chest_wall: Side,
}
