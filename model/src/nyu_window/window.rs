//! The part of the crop that a network sees: a window of fixed size, placed by the breast's outline.

use std::ops::Range;

use uvid_exam::{Side, View};
use uvid_kernels::prepare::{Air, Frame, Preparation, Source, Steps, Unsound};

use super::crop::Crop;
use crate::regions::Mask;

/// A picture of the crop with the chest wall on the left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upright<T = u16> {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Row-major.
    pub pixels: Vec<T>,
}

impl<T: Copy + Default> Upright<T> {
    /// The `size` (rows, columns) pixels from `corner` (row, column) on, row-major; 0 where that leaves the picture.
    pub fn window(&self, corner: (i64, i64), size: [usize; 2]) -> Vec<T> {
        let mut out = vec![T::default(); size[0] * size[1]];
        let (rows, columns) = (seen(corner.0, size[0], self.rows), seen(corner.1, size[1], self.columns));
        if columns.is_empty() {
            return out;
        }
        for row in rows {
            let start = ((row as i64 - corner.0) as usize) * size[1] + (columns.start as i64 - corner.1) as usize;
            let line = &self.pixels[row * self.columns..][columns.clone()];
            out[start..start + line.len()].copy_from_slice(line);
        }
        out
    }
}

/// Which of `size` pixels a window of `n` from `corner` on covers.
fn seen(corner: i64, n: usize, size: usize) -> Range<usize> {
    let within = |at: i64| at.clamp(0, size as i64) as usize;
    within(corner)..within(corner + n as i64)
}

/// Away from the half of the image that holds more pixels above air: the chest wall is there.
pub fn points_to(above: &Mask) -> Side {
    if above.right_half_is_fuller() { Side::Left } else { Side::Right }
}

/// The cropped pixels with the chest wall on the left, each made by `pixel`.
pub fn upright(
    pixels: &[u16],
    columns: usize,
    crop: &Crop,
    points_to: Side,
    pixel: impl Fn(u16) -> u16 + Copy,
) -> Upright {
    let b = crop.bounds;
    let mut out = Vec::with_capacity((b.bottom - b.top) * (b.right - b.left));
    for row in pixels.chunks_exact(columns).take(b.bottom).skip(b.top) {
        let start = out.len();
        out.extend(row[b.left..b.right].iter().map(|v| pixel(*v)));
        if points_to == Side::Left {
            out[start..].reverse();
        }
    }
    Upright { rows: b.bottom - b.top, columns: b.right - b.left, pixels: out }
}

/// What a window's place is chosen by: how much of a picture, with the chest wall on the left, is above air.
pub trait AboveAir {
    /// Rows and columns.
    fn size(&self) -> (usize, usize);

    /// How many of a row's pixels are above air within these columns.
    fn above_air(&self, row: usize, columns: Range<usize>) -> usize;
}

impl AboveAir for Upright {
    fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn above_air(&self, row: usize, columns: Range<usize>) -> usize {
        self.pixels[row * self.columns..][columns].iter().filter(|v| **v > 0).count()
    }
}

/// The centre (row, column) of a window of `window` rows and columns; may lie outside the crop, even below 0.
pub fn best_centre(image: &impl AboveAir, crop: &Crop, view: View, window: [usize; 2]) -> (i64, i64) {
    let (half_rows, half_columns) = ((window[0] / 2) as i64, (window[1] / 2) as i64);
    let column = crop.rightmost.1 as i64 - half_columns - 1;
    if view == View::MedioLateralOblique {
        let (rows, columns) = image.size();
        let from = columns.saturating_sub(window[1]);
        let last = (0..rows).rev().find(|row| image.above_air(*row, from..columns) > 0);
        let bottom = last.map_or(crop.bottommost.0, |row| row.min(crop.bottommost.0));
        return (bottom as i64 - half_rows - 1, column);
    }
    (best_row(image, column, window), column)
}

/// Among the rows where the window fits, the one whose window holds most pixels above air; nearest to the middle, then
/// the smallest, among equals.
fn best_row(image: &impl AboveAir, column: i64, window: [usize; 2]) -> i64 {
    let (rows, columns) = image.size();
    let middle = (rows / 2) as i64;
    let half = window[0] / 2;
    if window[0] >= rows {
        return middle;
    }
    // A window that begins left of the image is moved in, and cut where it leaves the image on the right.
    let left = (column - (window[1] / 2) as i64).max(0) as usize;
    let right = (left + window[1]).min(columns);
    let left = left.min(right);
    let mut above = vec![0u64; rows + 1];
    for row in 0..rows {
        above[row + 1] = above[row] + image.above_air(row, left..right) as u64;
    }
    let count = |y: usize| above[y - half + window[0]] - above[y - half];
    let last = rows - (window[0] - half);
    let better = |best: usize, y: usize| {
        let distance = |y: usize| (y as i64 - middle).abs();
        let key = |y: usize| (std::cmp::Reverse(count(y)), distance(y), y);
        if key(y) < key(best) { y } else { best }
    };
    (half..=last).fold(half, better) as i64
}

/// The corner (row, column) of the window around `centre` in a picture of `size` (rows, columns): moved inside where it
/// fits. Where it does not, it begins with the first column, and with the first row of an MLO; a CC lies in its middle.
pub fn place(size: (usize, usize), centre: (i64, i64), view: View, window: [usize; 2]) -> (i64, i64) {
    let axis = |centre: i64, size: usize, window: usize| {
        let room = size as i64 - window as i64;
        if room < 0 { None } else { Some((centre - (window / 2) as i64).clamp(0, room)) }
    };
    let above = if view == View::MedioLateralOblique { 0 } else { window[0].saturating_sub(size.0) / 2 };
    let row = axis(centre.0, size.0, window[0]).unwrap_or(-(above as i64));
    (row, axis(centre.1, size.1, window[1]).unwrap_or(0))
}

/// Subtracts the mean and divides by the standard deviation (population, at least 1e-5) of all values; both are summed
/// in f64 and applied in f32.
pub fn standardise<T: Copy + Into<f64>>(values: &[T]) -> Vec<f32> {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| (*v).into()).sum::<f64>() / n;
    let variance = values.iter().map(|v| ((*v).into() - mean).powi(2)).sum::<f64>() / n;
    let (mean, deviation) = (mean as f32, variance.sqrt().max(1e-5) as f32);
    values.iter().map(|v| ((*v).into() as f32 - mean) / deviation).collect()
}

impl Upright {
    /// [`standardise`] of [`Upright::window`], in one go. Sums of pixels and of their squares are whole numbers and
    /// exact in whatever order; the variance is rounded once.
    pub fn standardised(&self, corner: (i64, i64), size: [usize; 2]) -> Vec<f32> {
        let (rows, columns) = (seen(corner.0, size[0], self.rows), seen(corner.1, size[1], self.columns));
        let lines = self.pixels.chunks_exact(self.columns.max(1)).take(rows.end).skip(rows.start);
        let lines = lines.map(|line| &line[columns.clone()]);
        let n = size[0] * size[1];
        let (mean, deviation) = moments(lines.clone(), n);
        let standard = |v: u16| (f32::from(v) - mean) / deviation;
        let around = standard(0);
        let mut out = Vec::with_capacity(n);
        let (above, left) = (rows.start as i64 - corner.0, columns.start as i64 - corner.1);
        if !rows.is_empty() && !columns.is_empty() {
            out.resize(above as usize * size[1], around);
            for line in lines {
                let end = out.len() + size[1];
                out.resize(out.len() + left as usize, around);
                out.extend(line.iter().map(|v| standard(*v)));
                out.resize(end, around);
            }
        }
        out.resize(n, around);
        out
    }
}

/// The mean and the standard deviation (population, at least 1e-5) of the lines' pixels and of zeros, `n` together.
fn moments<'a>(lines: impl Iterator<Item = &'a [u16]>, n: usize) -> (f32, f32) {
    let (sum, squares) = lines.fold((0u64, 0u64), |(sum, squares), line| {
        // As many as 65536 values of 16 bits have a sum of 32.
        line.chunks(1 << 16).fold((sum, squares), |(sum, squares), line| {
            let part: u32 = line.iter().map(|v| u32::from(*v)).sum();
            let part_squares: u64 = line.iter().map(|v| u64::from(u32::from(*v) * u32::from(*v))).sum();
            (sum + u64::from(part), squares + part_squares)
        })
    });
    let (count, sum, squares) = (n as u128, u128::from(sum), u128::from(squares));
    // n times the sum of squares is never less than the square of the sum.
    let spread = (count * squares).saturating_sub(sum * sum);
    let variance = spread as f64 / (n as f64 * n as f64);
    ((sum as f64 / n as f64) as f32, variance.sqrt().max(1e-5) as f32)
}

/// [`Upright::standardised`] of the breast's stored pixels, left to the device.
pub fn deferred(breast: &Source, air: Air, corner: (i64, i64), size: [usize; 2]) -> Result<Preparation, Unsound> {
    let (source, frame) = framed(breast, corner, size)?;
    Preparation::new(source, Steps::Window { air, frame })
}

/// What of a picture a window of `size` from `corner` on shows, and where in the window it lies.
pub(crate) fn framed(picture: &Source, corner: (i64, i64), size: [usize; 2]) -> Result<(Source, Frame), Unsound> {
    let rows = seen(corner.0, size[0], picture.rows());
    let columns = seen(corner.1, size[1], picture.columns());
    if rows.is_empty() || columns.is_empty() {
        return Ok((picture.part(0..0, 0..0)?, Frame { size, at: [0, 0] }));
    }
    let at = [(rows.start as i64 - corner.0) as usize, (columns.start as i64 - corner.1) as usize];
    Ok((picture.part(rows, columns)?, Frame { size, at }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_window_shows_the_picture_and_0_around_it() {
        let picture = Upright { rows: 2, columns: 3, pixels: vec![1u16, 2, 3, 4, 5, 6] };
        let check = |corner, size, expected: &[u16]| assert_eq!(picture.window(corner, size), expected, "{corner:?}");
        check((0, 0), [2, 3], &[1, 2, 3, 4, 5, 6]);
        check((-1, 1), [2, 3], &[0, 0, 0, 2, 3, 0]);
        check((1, -1), [2, 2], &[0, 4, 0, 0]);
        check((5, 5), [1, 2], &[0, 0]);
        check((0, -9), [1, 2], &[0, 0]);
        check((-9, 0), [1, 2], &[0, 0]);
    }

    proptest! {
        #[test]
        fn a_window_is_standardised_as_its_pixels_are(
            rows in 1usize..40, columns in 1usize..40, top in -45i64..45, left in -45i64..45,
            height in 1usize..50, width in 1usize..50, values in prop::collection::vec(any::<u16>(), 1600),
        ) {
            let picture = Upright { rows, columns, pixels: values[..rows * columns].to_vec() };
            let (corner, size) = ((top, left), [height, width]);
            let expected = standardise(&picture.window(corner, size));
            prop_assert_eq!(picture.standardised(corner, size), expected);
        }
    }
}
