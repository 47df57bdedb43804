//! One mammographic image as the rest of Uvid sees it.
//!
//! Invariants: larger pixel = brighter, air is dark, whatever the file's photometric interpretation and the sign of its
//! rescale slope; the integers are the stored ones up to that one inversion and an offset, so nothing is lost; no VOI
//! transformation has been applied. [`Mammogram::to_file`] leads every coordinate back to the file.
//!
//! Coordinates are (row, column), continuous; pixel (r, c) covers [r, r+1) x [c, c+1).

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use time::PrimitiveDateTime;

use crate::{
    Acquisition, Implant, Intent, Laterality, Patient, SeriesDescription, SeriesInstanceUid, SopClassUid,
    SopInstanceUid, StudyInstanceUid, View, ViewModifier, Window,
};

/// Why pixels are no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMammogram {
    /// Rows or columns are zero.
    #[error("an image of {rows} rows and {columns} columns has no pixel")]
    Empty {
        /// Rows (0028,0010).
        rows: usize,
        /// Columns (0028,0011).
        columns: usize,
    },
    /// The number of values is not rows times columns.
    #[error("{rows} rows of {columns} columns need {} values, there are {values}", rows * columns)]
    Length {
        /// Rows (0028,0010).
        rows: usize,
        /// Columns (0028,0011).
        columns: usize,
        /// Values found.
        values: usize,
    },
    /// The declared range holds more values than 16 bits can tell apart, or none.
    #[error("stored values from {lo} to {hi} do not fit 16 bits")]
    Range {
        /// Smallest stored value that the file declares.
        lo: i32,
        /// Largest stored value that the file declares.
        hi: i32,
    },
}

/// The pixels of one frame, row-major, larger = brighter.
///
/// Pixel 0 is the darkest value that the file declares, [`Pixels::max`] its brightest: with `lo` and `hi` the smallest
/// and largest stored value that Bits Stored and Pixel Representation allow, a pixel is `stored - lo`, or
/// `hi - stored` where larger stored values are darker.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    rows: usize,
    columns: usize,
    lo: i32,
    hi: i32,
    inverted: bool,
    values: Arc<Vec<u16>>,
}

impl Pixels {
    /// Takes pixels already brought to "larger = brighter" as described above.
    pub fn new(
        rows: usize,
        columns: usize,
        declared: RangeInclusive<i32>,
        inverted: bool,
        values: Vec<u16>,
    ) -> Result<Self, InvalidMammogram> {
        let (lo, hi) = declared.into_inner();
        if rows == 0 || columns == 0 {
            return Err(InvalidMammogram::Empty { rows, columns });
        }
        if rows.checked_mul(columns) != Some(values.len()) {
            return Err(InvalidMammogram::Length { rows, columns, values: values.len() });
        }
        if !hi.checked_sub(lo).is_some_and(|span| (1..=65535).contains(&span)) {
            return Err(InvalidMammogram::Range { lo, hi });
        }
        Ok(Self { rows, columns, lo, hi, inverted, values: Arc::new(values) })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The values, row-major.
    pub fn values(&self) -> &[u16] {
        &self.values
    }

    /// The same, for whoever needs them longer than the image is there.
    pub fn shared(&self) -> Arc<Vec<u16>> {
        Arc::clone(&self.values)
    }

    /// The brightest value that the file declares possible; the darkest is 0.
    pub fn max(&self) -> u16 {
        u16::try_from(self.hi - self.lo).unwrap_or(u16::MAX)
    }

    /// Whether larger stored values are darker.
    pub fn inverted(&self) -> bool {
        self.inverted
    }

    /// The value as stored in the file, before rescale.
    pub fn stored(&self, pixel: u16) -> i32 {
        if self.inverted { self.hi - i32::from(pixel) } else { self.lo + i32::from(pixel) }
    }

    /// The same rows and columns with other values.
    pub fn with_values(&self, values: Vec<u16>) -> Result<Self, InvalidMammogram> {
        Self::new(self.rows, self.columns, self.lo..=self.hi, self.inverted, values)
    }
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pixels({}x{}, {}..={}, inverted: {})", self.rows, self.columns, self.lo, self.hi, self.inverted)
    }
}

/// Distance between pixel centres in the breast's plane, in millimetres: Imager Pixel Spacing (0018,1164) divided by
/// the Estimated Radiographic Magnification Factor (0018,1114).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spacing {
    /// Between rows, mm.
    pub row_mm: f64,
    /// Between columns, mm.
    pub column_mm: f64,
}

/// Rescale Slope (0028,1053) and Intercept (0028,1052).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescale {
    /// Output units per stored unit; never 0.
    pub slope: f64,
    /// Output at stored 0.
    pub intercept: f64,
}

impl Rescale {
    /// What holds where the file says nothing.
    pub const IDENTITY: Self = Self { slope: 1.0, intercept: 0.0 };
}

/// Where something lies in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// At the first column.
    Left,
    /// At the last column.
    Right,
}

/// Lossy Image Compression (0028,2110).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lossy {
    /// `00` or not said, in a lossless transfer syntax.
    No,
    /// `01`, or a lossy transfer syntax.
    Yes,
}

/// An affine map of (row, column) coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Output row = `row[0] * row_in + row[1] * column_in + row[2]`.
    pub row: [f64; 3],
    /// Output column = `column[0] * row_in + column[1] * column_in + column[2]`.
    pub column: [f64; 3],
}

impl Affine {
    /// Leaves everything where it is.
    pub const IDENTITY: Self = Self { row: [1.0, 0.0, 0.0], column: [0.0, 1.0, 0.0] };

    /// Scales rows and columns, then moves the origin to (`row`, `column`).
    pub fn scale_then_move(row_scale: f64, column_scale: f64, row: f64, column: f64) -> Self {
        Self { row: [row_scale, 0.0, row], column: [0.0, column_scale, column] }
    }

    /// Mirrors left and right in an image of so many columns.
    pub fn mirror(columns: usize) -> Self {
        Self { row: [1.0, 0.0, 0.0], column: [0.0, -1.0, columns as f64] }
    }

    /// Where a point goes.
    pub fn apply(&self, row: f64, column: f64) -> (f64, f64) {
        let f = |k: &[f64; 3]| k[0] * row + k[1] * column + k[2];
        (f(&self.row), f(&self.column))
    }

    /// First this map, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let compose = |n: &[f64; 3]| {
            [
                n[0] * self.row[0] + n[1] * self.column[0],
                n[0] * self.row[1] + n[1] * self.column[1],
                n[0] * self.row[2] + n[1] * self.column[2] + n[2],
            ]
        };
        Self { row: compose(&next.row), column: compose(&next.column) }
    }

    /// The way back, or `None` where the map flattens the plane.
    pub fn inverse(&self) -> Option<Self> {
        let ([a, b, e], [c, d, f]) = (self.row, self.column);
        let det = a * d - b * c;
        if !(det.abs() > 0.0 && det.is_finite()) {
            return None;
        }
        let (ia, ib, ic, id) = (d / det, -b / det, -c / det, a / det);
        Some(Self { row: [ia, ib, -(ia * e + ib * f)], column: [ic, id, -(ic * e + id * f)] })
    }
}

/// One image, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Mammogram {
    /// Study Instance UID.
    pub study: StudyInstanceUid,
    /// Series Instance UID.
    pub series: SeriesInstanceUid,
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// Who.
    pub patient: Patient,
    /// Manufacturer (0008,0070), as the file spells it.
    pub manufacturer: Option<String>,
    /// Series Description (0008,103E).
    pub series_description: Option<SeriesDescription>,
    /// Which breast; `None` if the file does not say (or says both).
    pub laterality: Option<Laterality>,
    /// From where; `None` if the file does not say, or says something that CID 4014 does not know.
    pub view: Option<View>,
    /// CID 4015.
    pub modifiers: Vec<ViewModifier>,
    /// A view modifier is there that CID 4015 does not know: nobody can say that the view is a standard one.
    pub unknown_modifier: bool,
    /// What the pixels are meant for; `None` if the file does not say.
    pub intent: Option<Intent>,
    /// How the image was made.
    pub acquisition: Acquisition,
    /// Whether a breast implant is declared.
    pub implant: Implant,
    /// Partial View (0028,1350).
    pub partial_view: bool,
    /// Estimated Radiographic Magnification Factor (0018,1114), where declared.
    pub magnification: Option<f64>,
    /// Burned In Annotation (0028,0301) is `YES`.
    pub burned_in_annotation: bool,
    /// Whether anything was lost in compression.
    pub lossy: Lossy,
    /// When the image was acquired, as the file says (no time zone).
    pub acquired: Option<PrimitiveDateTime>,
    /// Where the file's Patient Orientation (0020,0020) puts the chest wall, in these pixels.
    pub chest_wall: Option<Side>,
    /// Where the pixels themselves show it, if they show it clearly: the half of the image that is much brighter.
    pub seen_chest_wall: Option<Side>,
    /// Pixel spacing in the breast's plane, where declared.
    pub spacing: Option<Spacing>,
    /// The modality's rescale, for windows; it is not applied to the pixels.
    pub rescale: Rescale,
    /// What the file offers for display, in its order.
    pub windows: Vec<Window>,
    /// Pixel Padding Value and Range Limit (0028,0120/0121), as pixels (after inversion).
    pub padding: Option<RangeInclusive<u16>>,
    /// The image.
    pub pixels: Pixels,
    /// From these pixels' coordinates to those of the file; the identity unless the image was turned upright.
    pub to_file: Affine,
    /// The file's Rows and Columns.
    pub file_size: (usize, usize),
    /// Contradictions among the file's attributes; any of them stops the study.
    pub contradictions: Vec<crate::Reason>,
    /// What was odd and tolerated, for the record, without any patient identity.
    pub notes: Vec<String>,
}

impl Mammogram {
    /// An image of which nothing is known but its pixels and its place: full-field, whole, lossless, upright, of nobody.
    pub fn of_pixels(
        (study, series): (StudyInstanceUid, SeriesInstanceUid),
        (sop_class, sop_instance): (SopClassUid, SopInstanceUid),
        pixels: Pixels,
    ) -> Self {
        Self {
            study,
            series,
            sop_instance,
            sop_class,
            patient: Patient::default(),
            manufacturer: None,
            series_description: None,
            laterality: None,
            view: None,
            modifiers: vec![],
            unknown_modifier: false,
            intent: None,
            acquisition: Acquisition::Ffdm,
            implant: Implant::NotSaid,
            partial_view: false,
            magnification: None,
            burned_in_annotation: false,
            lossy: Lossy::No,
            acquired: None,
            chest_wall: None,
            seen_chest_wall: None,
            spacing: None,
            rescale: Rescale::IDENTITY,
            windows: vec![],
            padding: None,
            to_file: Affine::IDENTITY,
            file_size: (pixels.rows(), pixels.columns()),
            pixels,
            contradictions: vec![],
            notes: vec![],
        }
    }

    /// The smallest and the largest value that is no padding; `None` of an image of nothing but padding.
    pub fn extremes(&self) -> Option<(u16, u16)> {
        extremes(self.pixels.values(), self.padding.as_ref())
    }

    /// The pixels with padding set to the smallest other value: outside the collimated field there is air.
    ///
    /// An image of nothing but padding is all air.
    pub fn without_padding(&self) -> Cow<'_, [u16]> {
        let values = self.pixels.values();
        let Some(padding) = &self.padding else { return Cow::Borrowed(values) };
        match self.extremes() {
            Some((air, _)) => Cow::Owned(values.iter().map(|&v| if padding.contains(&v) { air } else { v }).collect()),
            None => Cow::Owned(vec![0; values.len()]),
        }
    }
}

/// The smallest and the largest value outside of `padding`; `None` if there is none.
pub fn extremes(values: &[u16], padding: Option<&RangeInclusive<u16>>) -> Option<(u16, u16)> {
    let (from, to) = padding.map_or((1, 0), |range| (*range.start(), *range.end()));
    // Without a branch: every pixel is asked.
    let padded = |v: u16| (from <= v) & (v <= to);
    let (low, high) = (|v: u16| if padded(v) { u16::MAX } else { v }, |v: u16| if padded(v) { 0 } else { v });
    let (lines, rest) = values.as_chunks::<32>();
    // As many beside each other as vectors hold.
    let (mut least, mut most) = ([u16::MAX; 32], [0; 32]);
    for line in lines {
        least.iter_mut().zip(line).for_each(|(least, v)| *least = low(*v).min(*least));
        most.iter_mut().zip(line).for_each(|(most, v)| *most = high(*v).max(*most));
    }
    let least = least.into_iter().chain(rest.iter().map(|v| low(*v))).min()?;
    let most = most.into_iter().chain(rest.iter().map(|v| high(*v))).max()?;
    let found = (least, most);
    (found.0 <= found.1).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pixels_lead_back_to_stored_values() {
        let check = |declared: RangeInclusive<i32>, inverted: bool, pixel: u16, stored: i32| {
            let pixels = Pixels::new(1, 1, declared, inverted, vec![pixel]).expect("valid");
            assert_eq!(pixels.stored(pixel), stored);
        };
        check(0..=4095, false, 17, 17);
        check(0..=4095, true, 0, 4095);
        check(-2048..=2047, false, 0, -2048);
        check(-2048..=2047, true, 0, 2047);
        check(0..=65535, true, 65535, 0);
    }

    #[test]
    fn pixels_must_be_an_image() {
        let check = |rows, columns, declared, n: usize, expected| {
            assert_eq!(Pixels::new(rows, columns, declared, false, vec![0; n]).err(), Some(expected));
        };
        check(0, 3, 0..=1, 0, InvalidMammogram::Empty { rows: 0, columns: 3 });
        check(2, 3, 0..=1, 5, InvalidMammogram::Length { rows: 2, columns: 3, values: 5 });
        check(1, 1, 0..=65536, 1, InvalidMammogram::Range { lo: 0, hi: 65536 });
        check(1, 1, i32::MIN..=i32::MAX, 1, InvalidMammogram::Range { lo: i32::MIN, hi: i32::MAX });
    }

    proptest! {
        #[test]
        fn extremes_are_the_least_and_the_most_that_is_no_padding(
            values in prop::collection::vec(0u16..60, 0..150), from in 0u16..60, more in 0u16..60, padded: bool,
        ) {
            let padding = padded.then_some(from..=from + more);
            let seen = || values.iter().copied().filter(|v| padding.as_ref().is_none_or(|p| !p.contains(v)));
            prop_assert_eq!(extremes(&values, padding.as_ref()), seen().min().zip(seen().max()));
        }

        #[test]
        fn an_affine_map_and_its_inverse_cancel(k in prop::array::uniform6(-8.0f64..8.0), r in -1e4f64..1e4, c in -1e4f64..1e4) {
            let map = Affine { row: [k[0], k[1], k[2]], column: [k[3], k[4], k[5]] };
            prop_assume!((k[0] * k[4] - k[1] * k[3]).abs() > 0.1);
            let back = map.then(&map.inverse().expect("invertible")).apply(r, c);
            prop_assert!((back.0 - r).abs() < 1e-6 && (back.1 - c).abs() < 1e-6);
        }
    }
}
