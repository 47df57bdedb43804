//! The part of the crop that the network sees: 2944 x 1920 pixels, never resampled.

use uvid_exam::{Affine, Mammogram, Side, Slot, View};

use super::Recipe;
use super::crop::{Crop, NoBreast, crop};
use crate::regions::right_half_is_fuller;

/// The crop, mirrored so that the chest wall is on the left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upright {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Row-major.
    pub pixels: Vec<u16>,
}

/// What the network sees of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Row-major, of the recipe's window size, 0 outside the crop.
    pub pixels: Vec<u16>,
    /// From window coordinates to pixel coordinates of the image.
    pub to_image: Affine,
}

/// Crop, mirror, centre, cut.
///
/// Air must be exactly 0 for the crop, so the image's smallest value (padding left out) is taken off every pixel: in
/// images whose air is 0, and after standardisation, that changes nothing.
pub fn prepare(image: &Mammogram, slot: Slot, recipe: &Recipe) -> Result<Window, NoBreast> {
    let mut pixels = image.without_padding().into_owned();
    let air = pixels.iter().copied().min().unwrap_or(0);
    pixels.iter_mut().for_each(|v| *v -= air);
    let in_air = pixels.iter().filter(|v| **v == 0).count();
    if (in_air as f64) < recipe.air_share_min * pixels.len() as f64 {
        return Err(NoBreast::NoAir);
    }
    let (rows, columns) = (image.pixels.rows(), image.pixels.columns());
    let points_to = points_to(&pixels, columns);
    let found = crop(&pixels, rows, columns, points_to, recipe)?;
    let upright = upright(&pixels, columns, &found, points_to);
    let (centre_row, centre_column) = best_centre(&upright, &found, slot.view(), recipe.window);
    Ok(cut(&upright, (centre_row, centre_column), slot.view(), recipe.window).placed(&found, &upright, points_to))
}

/// Away from the half of the image that holds more pixels above air: the chest wall is there.
pub fn points_to(pixels: &[u16], columns: usize) -> Side {
    if right_half_is_fuller(pixels, columns, |v| *v > 0) { Side::Left } else { Side::Right }
}

/// The cropped pixels with the chest wall on the left.
pub fn upright(pixels: &[u16], columns: usize, crop: &Crop, points_to: Side) -> Upright {
    let b = crop.bounds;
    let mut out = Vec::with_capacity((b.bottom - b.top) * (b.right - b.left));
    for row in pixels.chunks_exact(columns).take(b.bottom).skip(b.top) {
        let row = &row[b.left..b.right];
        match points_to {
            Side::Right => out.extend_from_slice(row),
            Side::Left => out.extend(row.iter().rev()),
        }
    }
    Upright { rows: b.bottom - b.top, columns: b.right - b.left, pixels: out }
}

/// The centre (row, column) of the window; may lie outside the crop, even below 0.
pub fn best_centre(image: &Upright, crop: &Crop, view: View, window: [usize; 2]) -> (i64, i64) {
    let (half_rows, half_columns) = ((window[0] / 2) as i64, (window[1] / 2) as i64);
    let column = crop.rightmost.1 as i64 - half_columns - 1;
    if view == View::MedioLateralOblique {
        let from = image.columns.saturating_sub(window[1]);
        let last = image.pixels.chunks_exact(image.columns).rposition(|row| row[from..].iter().any(|v| *v > 0));
        let bottom = last.map_or(crop.bottommost.0, |row| row.min(crop.bottommost.0));
        return (bottom as i64 - half_rows - 1, column);
    }
    (best_row(image, column, window), column)
}

/// Among the rows where the window fits, the one whose window holds most pixels above air; nearest to the middle, then
/// the smallest, among equals.
fn best_row(image: &Upright, column: i64, window: [usize; 2]) -> i64 {
    let (rows, middle) = (image.rows, (image.rows / 2) as i64);
    let half = window[0] / 2;
    if window[0] >= rows {
        return middle;
    }
    // A window that begins left of the image is moved in, and cut where it leaves the image on the right.
    let left = (column - (window[1] / 2) as i64).max(0) as usize;
    let right = (left + window[1]).min(image.columns);
    let left = left.min(right);
    let mut above = vec![0u64; rows + 1];
    for (i, row) in image.pixels.chunks_exact(image.columns).enumerate() {
        above[i + 1] = above[i] + row[left..right].iter().filter(|v| **v > 0).count() as u64;
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

/// The window around `centre`, with where it came from in the upright crop.
pub fn cut(image: &Upright, centre: (i64, i64), view: View, window: [usize; 2]) -> Cut {
    let axis = |centre: i64, size: usize, window: usize, pad_before: usize| {
        // (first pixel of the padded image that is seen, padding before the image)
        if size < window {
            return (0, pad_before);
        }
        let first = (centre - (window / 2) as i64).clamp(0, (size - window) as i64);
        (first as usize, 0)
    };
    let missing = window[0].saturating_sub(image.rows);
    let pad_above = if view == View::MedioLateralOblique { 0 } else { missing / 2 };
    let (top, pad_above) = axis(centre.0, image.rows, window[0], pad_above);
    let (left, _) = axis(centre.1, image.columns, window[1], 0);
    let mut pixels = vec![0u16; window[0] * window[1]];
    let width = window[1].min(image.columns - left);
    for (i, row) in image.pixels.chunks_exact(image.columns).skip(top).take(window[0] - pad_above).enumerate() {
        let start = (pad_above + i) * window[1];
        pixels[start..start + width].copy_from_slice(&row[left..left + width]);
    }
    Cut { pixels, row: top as f64 - pad_above as f64, column: left as f64 }
}

/// A window with its place in the upright crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Row-major.
    pub pixels: Vec<u16>,
    /// Row of the crop at the window's first row; negative under padding.
    pub row: f64,
    /// Column of the crop at the window's first column.
    pub column: f64,
}

impl Cut {
    fn placed(self, crop: &Crop, upright: &Upright, points_to: Side) -> Window {
        let in_crop = Affine::scale_then_move(1.0, 1.0, self.row, self.column);
        let unmirrored = match points_to {
            Side::Right => in_crop,
            Side::Left => in_crop.then(&Affine::mirror(upright.columns)),
        };
        let b = crop.bounds;
        let to_image = unmirrored.then(&Affine::scale_then_move(1.0, 1.0, b.top as f64, b.left as f64));
        Window { pixels: self.pixels, to_image }
    }
}

/// Subtracts the mean and divides by the standard deviation (population, at least 1e-5) of the whole window.
pub fn standardise(pixels: &[u16]) -> Vec<f32> {
    let n = pixels.len() as f64;
    // Sums of integers: exact, whatever the order.
    let sum: u64 = pixels.iter().map(|v| u64::from(*v)).sum();
    let squares: u128 = pixels.iter().map(|v| u128::from(u64::from(*v) * u64::from(*v))).sum();
    let mean = sum as f64 / n;
    let variance = (squares as f64 / n - mean * mean).max(0.0);
    let (mean, std) = (mean as f32, variance.sqrt().max(1e-5) as f32);
    pixels.iter().map(|v| (f32::from(*v) - mean) / std).collect()
}
