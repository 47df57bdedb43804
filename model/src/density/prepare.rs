//! From stored pixels to the network's input.
//!
//! rnd(x) = floor(x + 0.5). All arithmetic is f64 up to the last step.
//!
//! 1. Stored values, larger = brighter, padding set to the smallest other value; no VOI transformation, no rescale: all
//!    steps are invariant to v -> a v + b with a > 0. p = pixel width / pixel height.
//! 2. Resampling is the [area average](crate::resample).
//! 3. Small picture: the whole image to 320 rows and max(1, rnd(320 * columns * p / rows)) columns.
//! 4. Percentile q of n sorted values u: r = q/100 * (n-1), i = floor(r): u\[i\] + (u\[min(i+1, n-1)\] - u\[i\]) * (r-i).
//! 5. Mask: above b + 0.05 (t - b), b and t the percentiles 1 and 99; the first and last two rows never; the largest
//!    4-connected component, the first met in raster order among equals.
//! 6. Chest wall to the left: if the last half of the columns (floor of the width) holds more mask than the first,
//!    mask and image are mirrored.
//! 7. Box around the mask.
//! 8. s = min(256 / height, 160 / width); size = rnd of the box times s, at least 1, at most the input.
//! 9. Image and mask averaged over the box to that size; a cell is breast if at least 0.4999 of it is (0.5 would leave
//!    exact ties to rounding).
//! 10. z = clip((v - lo) / max(hi - lo, 1e-6), 0, 1), lo and hi the percentiles 2 and 99.5 of the breast.
//! 11. At the top left of a 256 x 160 canvas: 0.1 + 0.9 z in the breast, 0 elsewhere, cast to f32.
//!
//! Between steps 6 and 7 the recipe's [`Gate`](super::Gate) refuses what shows no breast on a dark background.

use uvid_exam::{Affine, Mammogram};

use super::Recipe;
use crate::regions::{Bounds, Mask};
use crate::resample::{Picture, area_average};

/// The image shows no breast on a dark background.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoBreast {
    /// Too few pixels, or a stripe.
    #[error("an image of {0} x {1} pixels is no mammogram")]
    Size(usize, usize),
    /// Nothing is brighter than anything else.
    #[error("no pixel stands out from the air")]
    NoContrast,
    /// What stands out is a speck, or nearly everything.
    #[error("what stands out from the air covers {:.1} % of the image; is its background dark?", .0 * 100.0)]
    Share(f64),
    /// What stands out lies all around the image, where air should be.
    #[error("the image's border is bright nearly all around; is the image inverted?")]
    BrightBorder,
}

/// The network's input and the way it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Row-major, of the recipe's input size.
    pub values: Vec<f32>,
    /// How it lies in the image.
    pub geometry: Geometry,
    /// The breast on the canvas, row-major.
    pub mask: Vec<bool>,
}

/// How the input lies in the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Rows and columns of the image.
    pub image: (usize, usize),
    /// Rows and columns of the small picture.
    pub work: (usize, usize),
    /// Whether it was mirrored.
    pub mirrored: bool,
    /// The box around the breast in the (mirrored) small picture.
    pub bounds: Bounds,
    /// Rows and columns of the breast's box on the canvas.
    pub size: (usize, usize),
}

impl Geometry {
    /// From canvas coordinates to pixel coordinates of the image.
    pub fn canvas_to_image(&self) -> Affine {
        let Bounds { top: y0, bottom: y1, left: x0, right: x1 } = self.bounds;
        let rows = self.image.0 as f64 / self.work.0 as f64;
        let columns = self.image.1 as f64 / self.work.1 as f64;
        let scale_row = (y1 - y0) as f64 / self.size.0 as f64 * rows;
        let scale_column = (x1 - x0) as f64 / self.size.1 as f64 * columns;
        let map = Affine::scale_then_move(scale_row, scale_column, y0 as f64 * rows, x0 as f64 * columns);
        if self.mirrored { map.then(&Affine::mirror(self.image.1)) } else { map }
    }
}

/// Applies the recipe to one image.
pub fn prepare(image: &Mammogram, recipe: &Recipe) -> Result<Input, NoBreast> {
    let pixels = image.without_padding();
    let (rows, columns) = (image.pixels.rows(), image.pixels.columns());
    let aspect = image.spacing.map_or(1.0, |s| s.column_mm / s.row_mm);
    prepare_pixels(&pixels, rows, columns, aspect, recipe)
}

/// Applies the recipe to pixels whose width is `aspect` times their height.
pub fn prepare_pixels(
    pixels: &[u16],
    rows: usize,
    columns: usize,
    aspect: f64,
    recipe: &Recipe,
) -> Result<Input, NoBreast> {
    let wide = columns as f64 * aspect > recipe.gate.aspect_max * rows as f64;
    if wide || rows.min(columns) < recipe.gate.side_min {
        return Err(NoBreast::Size(rows, columns));
    }
    let work_columns = rnd(recipe.work_rows as f64 * columns as f64 * aspect / rows as f64).max(1);
    let whole = ((0.0, rows as f64), (0.0, columns as f64));
    let work = area_average(pixels, columns, whole.0, whole.1, (recipe.work_rows, work_columns));
    let mut mask = breast_mask(&work, recipe).ok_or(NoBreast::NoContrast)?;
    // Step 6.
    let mirrored = mask.right_half_is_fuller();
    let mut source = std::borrow::Cow::Borrowed(pixels);
    if mirrored {
        mask = mask.mirrored();
        source.to_mut().chunks_exact_mut(columns).for_each(<[u16]>::reverse);
    }
    gate(&mask, recipe)?;
    let bounds = mask.bounds().ok_or(NoBreast::NoContrast)?;
    let work = (recipe.work_rows, work_columns);
    let geometry = Geometry { image: (rows, columns), work, mirrored, bounds, size: fit(bounds, recipe) };
    canvas(&source, &mask, geometry, recipe).ok_or(NoBreast::Share(0.0))
}

/// Step 5.
fn breast_mask(work: &Picture, recipe: &Recipe) -> Option<Mask> {
    let mut sorted = work.values.clone();
    sorted.sort_by(f64::total_cmp);
    let air = percentile(&sorted, recipe.air_percentile);
    let bright = percentile(&sorted, recipe.bright_percentile);
    if bright - air < recipe.gate.contrast_min {
        return None;
    }
    let threshold = air + recipe.mask_share * (bright - air);
    let mut mask = Mask::of(&work.values, work.columns, |v| *v > threshold);
    let border = recipe.border_rows.min(work.rows);
    mask.clear(0..border);
    mask.clear(work.rows - border..work.rows);
    mask.largest_component()
}

/// Step 4.
fn percentile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = q / 100.0 * last as f64;
    let i = (place.floor() as usize).min(last);
    let j = (i + 1).min(last);
    sorted[i] + (sorted[j] - sorted[i]) * (place - i as f64)
}

/// Whether what stands out can be a breast on a dark background.
fn gate(mask: &Mask, recipe: &Recipe) -> Result<(), NoBreast> {
    let share = mask.share();
    let [least, most] = recipe.gate.breast_share;
    if !(least..=most).contains(&share) {
        return Err(NoBreast::Share(share));
    }
    if mask.border_share(recipe.border_rows) > recipe.gate.border_share_max {
        Err(NoBreast::BrightBorder)
    } else {
        Ok(())
    }
}

/// Step 8.
fn fit(b: Bounds, recipe: &Recipe) -> (usize, usize) {
    let [rows, columns] = recipe.input_size;
    let (height, width) = ((b.bottom - b.top) as f64, (b.right - b.left) as f64);
    let scale = (rows as f64 / height).min(columns as f64 / width);
    (rnd(height * scale).clamp(1, rows), rnd(width * scale).clamp(1, columns))
}

/// Steps 9 to 11; `None` if no cell of the canvas is breast.
fn canvas(source: &[u16], mask: &Mask, geometry: Geometry, recipe: &Recipe) -> Option<Input> {
    let Bounds { top: y0, bottom: y1, left: x0, right: x1 } = geometry.bounds;
    let (rows, columns) = (geometry.image.0 as f64, geometry.image.1 as f64);
    let (work_rows, work_columns) = (geometry.work.0 as f64, geometry.work.1 as f64);
    let box_rows = (y0 as f64 * rows / work_rows, y1 as f64 * rows / work_rows);
    let box_columns = (x0 as f64 * columns / work_columns, x1 as f64 * columns / work_columns);
    let cell = area_average(source, geometry.image.1, box_rows, box_columns, geometry.size);
    let share: Vec<u8> = mask.values().map(u8::from).collect();
    let share = area_average(&share, geometry.work.1, (y0 as f64, y1 as f64), (x0 as f64, x1 as f64), geometry.size);
    let inside: Vec<bool> = share.values.iter().map(|v| *v >= recipe.mask_cell_share).collect();

    let mut breast: Vec<f64> = cell.values.iter().zip(&inside).filter(|(_, m)| **m).map(|(v, _)| *v).collect();
    breast.sort_by(f64::total_cmp);
    if breast.is_empty() {
        return None;
    }
    let [lo, hi] = recipe.stretch_percentiles.map(|q| percentile(&breast, q));
    let [input_rows, input_columns] = recipe.input_size;
    let mut input = Input {
        values: vec![0.0; input_rows * input_columns],
        geometry,
        mask: vec![false; input_rows * input_columns],
    };
    for (i, (value, inside)) in cell.values.iter().zip(&inside).enumerate() {
        let at = i / geometry.size.1 * input_columns + i % geometry.size.1;
        if *inside {
            let z = ((value - lo) / (hi - lo).max(1e-6)).clamp(0.0, 1.0);
            input.values[at] = (recipe.floor + (1.0 - recipe.floor) * z) as f32;
            input.mask[at] = true;
        }
    }
    Some(input)
}

fn rnd(x: f64) -> usize {
    (x + 0.5).floor() as usize
}
